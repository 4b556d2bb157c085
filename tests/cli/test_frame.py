"""The frame of every command: exit codes, what goes to which stream, help."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from overtone.cli.app import app
from overtone.cli.output import Terminated, results
from overtone.core import InputError
from toys import wait_until

from .conftest import Cli

COMMANDS = ["demo", "extract", "inspect", "train", "embed", "evaluate", "compare", "methods"]


def program(*words: str, cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    """The program as its own process."""
    command = [sys.executable, "-m", "overtone", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env={**os.environ, **more}, check=False)


def test_help_lists_every_command_and_imports_nothing_heavy() -> None:
    called = program("--help")
    assert called.returncode == 0
    assert [name for name in COMMANDS if f"\n  {name} " not in called.stdout] == []
    heavy = ("torch", "numpy", "scipy", "plotly", "rich")
    code = f"import sys, overtone.cli.app; print([name for name in {heavy} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert loaded == "[]"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_json(cli: Cli, name: str) -> None:
    called = cli(name, "--help")
    assert called.code == 0
    assert "--json" in called.out
    undescribed = [
        parameter.name
        for parameter in typer.main.get_command(app).commands[name].params
        if not getattr(parameter, "help", None)
    ]
    assert undescribed == []


def test_version(cli: Cli) -> None:
    import overtone

    assert cli("--version").out == f"overtone {overtone.__version__}\n"


def test_program_without_words_shows_its_help() -> None:
    called = program()
    assert "Commands:" in called.stdout + called.stderr
    assert called.returncode == 2


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (
            InputError("clips.npz, key 'a', row 3: NaN", fix="drop it"),
            2,
            "overtone: clips.npz, key 'a', row 3: NaN; drop it.\n",
        ),
        (KeyboardInterrupt(), 130, "overtone: interrupted\n"),
        (
            MemoryError("too much"),
            2,
            "overtone: not enough memory (too much); take fewer rows, smaller settings or a lower memory_mb.\n",
        ),
        (
            PermissionError(13, "Permission denied", "a.npz"),
            2,
            "overtone: a.npz: cannot be read or written (Permission denied); check the path and its permissions.\n",
        ),
        (Terminated(), 143, "overtone: terminated\n"),
        (RuntimeError("first\nsecond"), 1, "overtone: RuntimeError: first (OVERTONE_TRACEBACK=1 shows where)\n"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_exceptions_become_codes(
    error: BaseException, code: int, said: str, as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    def command() -> None:
        with results(as_json) as output:
            output.document({"half": "done"})
            raise error

    with pytest.raises(typer.Exit) as ended:
        command()
    assert ended.value.exit_code == code
    assert capsys.readouterr() == ("", said)


def test_traceback_on_request(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("OVERTONE_TRACEBACK", "1")
    with pytest.raises(typer.Exit), results(False):
        raise RuntimeError("deep down")
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert said.endswith("overtone: RuntimeError: deep down\n")


def test_stopped_training_speaks_for_itself(capsys: pytest.CaptureFixture[str]) -> None:
    from overtone.training import TrainingStopped

    with pytest.raises(typer.Exit) as ended, results(False):
        raise TrainingStopped("training diverged in epoch 3.")
    assert ended.value.exit_code == 2  # the data or a setting made it diverge
    assert capsys.readouterr().err == "overtone: training diverged in epoch 3.\n"


def test_json_keeps_standard_output_for_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    with results(True) as output:
        print("a library talks")  # noqa: T201
        output.say("for people")
        output.document({"value": float("nan"), "path": Path("a")})
    out, err = capsys.readouterr()
    assert json.loads(out) == {"value": None, "path": "a"}
    assert "a library talks" in err
    assert "for people" in err


def test_only_the_first_of_several_processes_speaks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RANK", "1")
    with results(True) as output:
        output.say("for people")
        output.document({})
    assert capsys.readouterr() == ("", "")


def test_square_brackets_in_names_are_not_markup(capsys: pytest.CaptureFixture[str]) -> None:
    with results(False) as output:
        output.say("file [bold]clips[/bold].npz")
    assert capsys.readouterr().out == "file [bold]clips[/bold].npz\n"


def test_wrong_input_in_a_process_of_its_own(tmp_path: Path) -> None:
    called = program("inspect", "nowhere.npz", cwd=tmp_path)
    assert called.returncode == 2
    assert "Traceback" not in called.stderr
    assert "nowhere.npz" in called.stdout + called.stderr


def test_interruption_ends_clean(tmp_path: Path) -> None:
    """Ctrl-C in the middle of a training: 130, one line, and a run that can be resumed."""
    words = ["train", "dcca", "split-digits", "--out", "run", "--set", "epochs=100000", "--set", "checkpoint_seconds=0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "overtone", *words],
        cwd=tmp_path,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.default_int_handler
        ),  # a shell's background job ignores it
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until((tmp_path / "run" / "checkpoint.safetensors").exists, process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert (tmp_path / "run" / "checkpoint.safetensors").exists()


def test_a_table_wider_than_the_terminal_loses_no_digit(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    from overtone.cli.tables import table

    numbers = [f"0.{number}" for number in range(1000, 1020)]
    with results(False) as output:
        output._people = Console(width=40)
        output.say(table([f"column {number}" for number in range(20)], [numbers]))
    shown = capsys.readouterr().out
    assert [number for number in numbers if number not in shown] == []
