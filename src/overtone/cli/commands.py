"""Makes a command from a verb: options, types, defaults and help come from its signature and its docstring."""

from __future__ import annotations

import inspect
import keyword
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import GenericAlias
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

import typer

from overtone.api.parameters import Param, Settable
from overtone.cli.output import Output, results
from overtone.core.annotations import open_annotation
from overtone.core.declarations import settings_fields
from overtone.core.errors import InputError
from overtone.core.plugins import import_plugin

_PLAIN = (bool, int, float, str, Path)
_METAVARS = {"seed": "N", "memory_mb": "MB", "precision": "fp32|bf16", "device": "NAME", "penalty": "C", "seconds": "S"}

Show = Callable[[Output, Any, Mapping[str, Any]], None]
"""Sets the JSON document and prints the result of a verb, called with what the verb was called with."""


@dataclass(frozen=True)
class Command:
    """A command of the program.

    Attributes:
        verb: The function of :mod:`overtone.api`.
        show: Prints its result.
        line: The command's line in ``overtone --help``.
        required: Parameters that the command line wants although Python does not.
        folder: Where results go by default: ``runs/FOLDER-DATA``.
        plugins: Whether methods and losses may come from a file of the user's.
        split: Divides the words of the command line between two positional lists, which no parser can.
    """

    verb: Callable[..., Any]
    show: Show
    line: str
    required: frozenset[str] = field(default=frozenset())
    folder: str | None = None
    plugins: bool = True
    split: Callable[[Sequence[str]], tuple[list[str], list[str]]] | None = None

    def function(self) -> Callable[..., None]:
        """The function that typer turns into a command."""
        text, entries = _documented(self.verb)
        slots = self._slots(entries)

        def run(**given: Any) -> None:
            json, files = given.pop("json"), given.pop("import_", None)
            resumable = given.get("out") is not None and "resume" in given
            with results(json, resumable or self.folder is not None) as output:
                for file in files or ():
                    import_plugin(file)
                arguments = _arguments(slots, given)
                if self.split is not None:
                    arguments["methods"], data = self.split(arguments["methods"])
                    arguments["data"] = data[0] if len(data) == 1 else data
                if self.folder is not None and "out" not in arguments:
                    data = [arguments["data"]] if isinstance(arguments["data"], str) else arguments["data"]
                    arguments["out"] = Path("runs") / "-".join([self.folder, *(Path(one).stem for one in data)])
                self.show(output, self._called(arguments), arguments)

        run.__doc__ = text
        parameters = [slot.parameter() for slot in slots]
        run.__dict__["__signature__"] = inspect.Signature(parameters)
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    def _called(self, arguments: Mapping[str, Any]) -> object:
        """The verb's result; long work shows its progress."""
        if "progress" not in inspect.signature(self.verb).parameters:
            return self.verb(**arguments)
        from overtone.core.progress import display

        with display() as progress:
            return self.verb(**arguments, progress=progress)

    def _slots(self, entries: Mapping[str, str]) -> list[_Slot]:
        """Everything that the command takes, in the order of the verb's signature."""
        slots: list[_Slot] = []
        module = sys.modules[self.verb.__module__]
        for name, parameter in inspect.signature(self.verb).parameters.items():
            kind, marks = open_annotation(parameter.annotation, module)
            if parameter.kind is parameter.VAR_KEYWORD:
                own = {slot.option for slot in slots}  # an option of the verb itself comes first
                slots += [slot for slot in _reading(get_args(kind)[0]) if slot.option not in own]
            for mark in marks:
                if isinstance(mark, Param):
                    made = _Slot.of(name, kind, mark, parameter.default, mark.help or entries[name])
                    positional = parameter.kind is parameter.POSITIONAL_OR_KEYWORD and mark.option is None
                    made = made._replace(positional=positional, required=made.required or name in self.required)
                    if positional and get_origin(made.type) is list:
                        made = made._replace(required=False)  # the verb itself says that one is missing
                    if name == "out" and self.folder:
                        made = made._replace(help=f"{made.help} By default runs/{self.folder}-DATA.")
                    slots.append(made)
                elif isinstance(mark, Settable):
                    slots += _settings(mark)
        if self.split is not None:
            first, second = (slot for slot in slots if slot.positional)
            both = replace(first.mark, metavar=f"{first.mark.metavar}... {second.mark.metavar}")
            slots = [first._replace(mark=both, help=f"{first.help} DATA: {second.help}"), *slots]
            slots = [slot for slot in slots if slot not in (first, second)]
        if self.plugins:
            text = "A file or module of yours that registers methods, losses or metrics; repeatable."
            slots.append(_Slot.of("import_", str, Param("FILE.py", option="--import", many=True), None, text))
        text = "Print one JSON document on standard output and nothing else there."
        return [*slots, _Slot.of("json", bool, Param(), False, text)]


class _Slot(NamedTuple):
    """An argument or option of a command."""

    name: str
    option: str
    type: Any
    mark: Param
    default: object
    help: str
    required: bool = False
    positional: bool = False
    group: Literal["argument", "setting", "hidden"] = "argument"
    choices: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str, kind: object, mark: Param, default: object, text: str) -> _Slot:
        """A slot for a parameter."""
        plain, choices = _command_line_type(kind)
        if mark.many:
            plain = GenericAlias(list, (plain,)) if get_origin(plain) is not list else plain
        required, simple = default is inspect.Parameter.empty, default if isinstance(default, _PLAIN) else None
        option = mark.option or "--" + name.replace("_", "-")
        return cls(name, option, plain, mark, simple, text, required, choices=choices)

    @property
    def key(self) -> str:
        """The name of typer's parameter; unlike the verb's it is unique among all options of a command."""
        if self.positional:
            return self.name
        name = self.option.strip("-").replace("-", "_")
        return name + ("_" if self.group == "hidden" or keyword.iskeyword(name) else "")

    def parameter(self) -> inspect.Parameter:
        """As typer reads it from a signature."""
        shared: dict[str, Any] = {"metavar": self.mark.metavar or None, "help": self.help, "min": self.mark.minimum}
        made: Any = typer.Argument(**shared)
        if not self.positional:
            made = typer.Option(self.option, hidden=self.group == "hidden", **shared)
        kind = self.type if self.required or self.type is bool or self.default is not None else self.type | None
        default = inspect.Parameter.empty if self.required else self.default
        return inspect.Parameter(
            self.key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, made]
        )

    def read(self, value: Any) -> object:
        """A value from the command line as the verb takes it; one that it cannot take is refused."""
        if self.name == "modalities":
            return _modalities(value, single="[" in self.mark.metavar)
        if "," in self.mark.metavar and isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        if self.choices and value not in self.choices:
            raise InputError(
                f"{self.name if self.positional else self.option}: no such value",
                got=repr(value),
                valid=", ".join(self.choices),
            )
        return value


def _arguments(slots: Sequence[_Slot], given: Mapping[str, Any]) -> dict[str, Any]:
    """What the verb is called with."""
    from overtone.core.settings import merge_settings, parse_assignments, read_yaml

    arguments: dict[str, Any] = {}
    stored = read_yaml(given["config"]) if given.get("config") is not None else {}
    settings = merge_settings(merge_settings({}, stored), parse_assignments(given.get("set") or []))
    for slot in slots:
        value = given.get(slot.key)
        if value is None and slot.positional and get_origin(slot.type) is list:
            value = []  # not a default of the argument's, which older versions of click refuse
        if slot.key in ("config", "set") or value is None or value is False:
            continue
        if slot.group == "setting":
            settings |= parse_assignments([f"{slot.name}={value}"])
        else:
            arguments[slot.name] = slot.read(value)
    return arguments | ({"settings": settings} if settings else {})


def _settings(mark: Settable) -> list[_Slot]:
    """``--config``, ``--set``, and the settings that have an option of their own."""
    text = "One setting, over those of --config; may be repeated."
    slots = [
        _Slot.of("config", Path, Param("F.yaml"), None, "Settings from a YAML file."),
        _Slot.of("set", str, Param("KEY=VALUE", many=True), None, text),
    ]
    fields = settings_fields(mark.path) if mark.named else {}
    for name, setting in mark.named.items():
        field = fields[setting]
        text = field.description
        if field.default not in ("None", ""):
            text += f"  [default: {field.default.strip(chr(39))}]"
        param = Param(_METAVARS.get(name, "N"), option="--" + name.replace("_", "-"))
        slots.append(_Slot.of(setting, str, param, None, text)._replace(group="setting"))
    return slots


def _reading(kind: type) -> list[_Slot]:
    """The options that say how DATA is read, ``--modalities`` first."""
    module = sys.modules[kind.__module__]
    slots: list[_Slot] = []
    for name in sorted(kind.__annotations__, key=lambda name: name != "modalities"):
        annotated, marks = open_annotation(kind.__annotations__[name], module)
        (mark,) = (mark for mark in marks if isinstance(mark, Param))
        slot = _Slot.of(name, annotated, mark, None, mark.help or "")
        slots.append(slot)
        if mark.old:
            slots.append(slot._replace(option=mark.old, group="hidden"))
    return slots


def _command_line_type(kind: object) -> tuple[Any, tuple[str, ...]]:
    """The type that the command line reads, the first plain one of a union, and the values of a ``Literal``."""
    if get_origin(kind) is Literal:
        return str, get_args(kind)
    if kind in _PLAIN:
        return kind, ()
    origin = get_origin(kind)
    if origin is not None and origin.__name__ == "Sequence":
        return list[str], ()
    for part in get_args(kind) if origin is not tuple else ():
        found, choices = _command_line_type(part)
        if found is not None:
            return found, choices
    return (str, ()) if origin is tuple or kind is Any else (None, ())


def _modalities(text: str, *, single: bool) -> tuple[str, ...]:
    """``"a,b"`` to ``("a", "b")``, and where a single view will do ``"a"`` to ``("a",)``."""
    names = tuple(name.strip() for name in text.split(","))
    if not all(names) or len(set(names)) < len(names) or len(names) not in ((1, 2) if single else (2,)):
        what = "one name or two different ones" if single else "two different names"
        example = "image or audio,visual" if single else "audio,visual"
        raise InputError(f"--modalities takes {what}", got=repr(text), fix=f"write for example {example}")
    return names


def _documented(verb: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    """A docstring's text before ``Args``, and the first sentence of each of its entries."""
    text, _, rest = (inspect.getdoc(verb) or "").partition("\n\nArgs:\n")
    section = re.split(r"^\w+:$", rest, flags=re.M)[0]
    entries = re.findall(r"^    (\w+): (.*\n(?:^      .*\n)*)", section, flags=re.M)
    lines = {name: _readable(" ".join(entry.split())) for name, entry in entries}
    return _readable(text), {name: re.split(r"(?<=\.)\s", line)[0] for name, line in lines.items()}


def _readable(text: str) -> str:
    """Without the marks of reStructuredText."""
    return re.sub(r"``\"?(.*?)\"?``", r"\1", text)
