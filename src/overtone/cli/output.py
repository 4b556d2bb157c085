"""What a command says and how it ends: results, the JSON document, errors and exit codes, in one place."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import typer

from overtone.core import InputError, is_main_process
from overtone.core.printable import printable, printable_json

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

WRONG_INPUT, FAILED, INTERRUPTED, TERMINATED = 2, 1, 130, 143
_TRACEBACK = "OVERTONE_TRACEBACK"
_WIDTH_WITHOUT_TERMINAL = 110


class Output:
    """Where a command puts its result.

    Args:
        json: Whether standard output is for one JSON document; people's text then goes to standard error.
    """

    def __init__(self, json: bool) -> None:
        self.json = json
        self.silent = not is_main_process()  # under torchrun one process speaks for all
        self.code = 0
        """How the process ends after a result; what goes wrong has codes of its own."""
        self._document: Mapping[str, Any] | None = None
        self._standard = sys.stdout  # while a command runs, standard output may be led elsewhere
        self._people: Console | None = None

    @property
    def people(self) -> Console:
        """The console for people's text."""
        if self._people is None:
            from rich.console import Console

            terminal = (sys.stderr if self.json else sys.stdout).isatty()
            width = None if terminal else _WIDTH_WITHOUT_TERMINAL
            self._people = Console(stderr=self.json, width=width, highlight=False, soft_wrap=False)
        return self._people

    def say(self, *parts: RenderableType) -> None:
        """Show text or tables to people, one below the other; markup in text is not interpreted."""
        if not self.silent:
            for part in parts:
                if isinstance(part, str):
                    self.people.print(printable(part), markup=False, soft_wrap=True)
                else:
                    self._print_whole(part)

    def _print_whole(self, table: RenderableType) -> None:
        """Print a table; one wider than the terminal wraps there, which is ugly, but cut numbers would be wrong."""
        from rich.measure import Measurement

        least = Measurement.get(self.people, self.people.options.update(max_width=10_000), table).minimum
        width = self.people.width
        self.people.width = max(width, least)
        self.people.print(table)
        self.people.width = width

    def document(self, value: Mapping[str, Any]) -> None:
        """Set the JSON document that ``--json`` prints when the command is done."""
        self._document = value

    def finish(self) -> None:
        """Print the document, if it was asked for and is not printed yet, and end with the code."""
        document, self._document = self._document, None
        if self.json and not self.silent and document is not None:
            from overtone.core.files import json_text

            self._standard.write(printable_json(json_text(document, indent=2)) + "\n")
            self._standard.flush()
        if self.code:
            raise typer.Exit(self.code)


@contextlib.contextmanager
def results(json: bool, resumable: bool = False) -> Iterator[Output]:
    """Frame of every command: keeps standard output clean for JSON and turns exceptions into exit codes.

    Wrong input ends with 2 and its sentence, and so does a training that it makes diverge, a file that the system
    refuses and work that is too large for the memory; an interruption ends with 130, a termination with 143, anything
    else with 1 and a short sentence. The environment variable ``OVERTONE_TRACEBACK=1`` adds the traceback to each.

    Args:
        json: Whether standard output is for one JSON document.
        resumable: Whether what was interrupted can be gone on with.
    """
    output = Output(json)
    try:
        # Whatever a library prints on the way must not stand beside the document.
        with contextlib.redirect_stdout(sys.stderr) if json else contextlib.nullcontext(), remarks(output.silent):
            yield output
        output.finish()
    except InputError as error:
        raise stop(str(error), WRONG_INPUT) from None
    except KeyboardInterrupt as error:
        ended = isinstance(error, Terminated)
        sentence = ("terminated" if ended else "interrupted") + ("; go on with --resume" if resumable else "")
        raise stop(sentence, TERMINATED if ended else INTERRUPTED) from None
    except (typer.Exit, typer.Abort, BrokenPipeError):
        raise
    except Exception as error:
        if type(error).__module__.startswith(("click", "typer")):  # a usage error: the framework says it
            raise
        said = str(error).strip().split("\n")[0]
        if (refused := _refused(error, said)) is not None:
            raise stop(refused, WRONG_INPUT) from None
        sentence = f"{type(error).__name__}: {said}" if said else type(error).__name__
        own = type(error).__module__.startswith("overtone.")  # our own exceptions say all there is to say
        hint = "" if _wants_traceback() else f" ({_TRACEBACK}=1 shows where)"
        raise stop(said if own else sentence + hint, FAILED) from None


class Terminated(KeyboardInterrupt):
    """The process was told to end, by ``kill`` or by a scheduler."""


def raise_terminated(*_: object) -> None:
    """A handler of the signal that asks a process to end."""
    raise Terminated


def _refused(error: Exception, said: str) -> str | None:
    """The sentence for what is no mistake of the program's, and no InputError; None for anything else."""
    if type(error).__name__ == "TrainingStopped":  # an import of the class would take seconds
        return said
    if isinstance(error, MemoryError) or "allocate memory" in said or type(error).__name__ == "OutOfMemoryError":
        return f"not enough memory ({said.rstrip('.')}); take fewer rows, smaller settings or a lower memory_mb."
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename is not None else ""
        return f"{where}cannot be read or written ({error.strerror or said}); check the path and its permissions."
    return None


@contextlib.contextmanager
def remarks(silent: bool) -> Iterator[None]:
    """Show what Overtone logs on standard error, as ``note: ...`` and ``warning: ...``."""
    log, handler = logging.getLogger("overtone"), logging.StreamHandler(sys.stderr)
    logging.addLevelName(logging.INFO, "note")
    logging.addLevelName(logging.WARNING, "warning")
    handler.setFormatter(_Printable("%(levelname)s: %(message)s"))
    before = log.level, log.propagate
    log.addHandler(handler)
    log.setLevel(logging.CRITICAL if silent else logging.INFO)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.level, log.propagate = before


class _Printable(logging.Formatter):
    """Formats records so that names in them cannot do anything to a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


def _wants_traceback() -> bool:
    """Whether the user asked for tracebacks."""
    return os.environ.get(_TRACEBACK, "") not in ("", "0")


def stop(sentence: str, code: int) -> typer.Exit:
    """Say on standard error why the command ends; the exception that ends it with ``code``."""
    if _wants_traceback():
        traceback.print_exc(file=sys.stderr)
    typer.echo(f"overtone: {printable(sentence, lines=False)}", err=True)
    return typer.Exit(code)
