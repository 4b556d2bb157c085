"""What rooms hand each other has a type: no ``Any`` in what a room exports, but where this page says why."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import overtone

HOUSE = Path(overtone.__file__).parent
ROOMS = sorted(path.parent.name for path in HOUSE.glob("*/__init__.py"))

OF_ARRAYS = r"(np\.)?(NDArray|ndarray|floating|integer)\[Any(, Any)?\]"
"""Element types of arrays, for which numpy has no other word."""
OPEN = r"(dict|Mapping)\[str, Any\]"
"""A mapping with values of any kind."""
OPEN_NAMES = ("settings", "values")
"""Parameters and fields that may be open mappings: names and values that a settings class checks."""
JSON = ("to_dict", "from_dict")
"""Methods that may return and take an open mapping: a JSON document."""

EXCEPTIONS: dict[str, str] = {
    "media.Backbone.preprocessing": "an entry of the JSON document of a recipe",
    "media.Backbone.prepare.medium": "an image, frames, a sound or a text: whichever kind the backbone takes",
    "media.read_record": "the JSON document beside a file of features",
    "methods.Method.ablations": "settings of each variant",
    "methods.Method.controls": "settings of each control",
    "methods.Method.parameter_groups": "what torch.optim takes",
    "methods.TrainingDefaults.extra": "settings of the loop",
    "training.Run.info": "the JSON document run.json",
    "training.RunContext.info": "the JSON document run.json",
    "training.split_settings": "a method's settings, not yet checked",
    "experiments.split_head_settings": "each loss's settings, not yet checked",
}
"""Room, name and parameter or field, or all of a function, to the reason."""


def untyped(room: str, module: Any) -> Iterator[str]:
    """Parameters, results and fields of what a room exports that are ``Any``."""
    for name in getattr(module, "__all__", ()):
        thing = getattr(module, name)
        if inspect.isclass(thing):
            for field, annotation in vars(thing).get("__annotations__", {}).items():
                if not field.startswith("_") and not allowed(str(annotation), field in OPEN_NAMES):
                    yield f"{room}.{name}.{field}"
        for path, function in functions(name, thing):
            signature = inspect.signature(function)
            last = path.rpartition(".")[2]
            for parameter in signature.parameters.values():
                open_mapping = parameter.name in OPEN_NAMES or last in JSON
                given_on = parameter.kind is inspect.Parameter.VAR_KEYWORD
                if not given_on and not allowed(str(parameter.annotation), open_mapping):
                    yield f"{room}.{path}.{parameter.name}"
            if not allowed(str(signature.return_annotation), last in JSON):
                yield f"{room}.{path} -> {signature.return_annotation}"


def functions(name: str, thing: Any) -> Iterator[tuple[str, Any]]:
    """A function, or a class's public methods; a dataclass's ``__init__`` repeats its fields and is left out."""
    if inspect.isfunction(thing):
        yield name, thing
    elif inspect.isclass(thing) and thing.__module__.startswith("overtone."):
        for method, value in vars(thing).items():
            function = getattr(value, "__func__", None) or getattr(value, "fget", None) or value
            own = method == "__init__" and not hasattr(thing, "__dataclass_fields__")
            if inspect.isfunction(function) and (own or not method.startswith("_")):
                yield f"{name}.{method}", function


def allowed(annotation: str, open_mapping: bool) -> bool:
    """Whether an annotation says what comes, or may leave it open."""
    left = re.sub(OF_ARRAYS, "", annotation)
    if open_mapping:
        left = re.sub(OPEN, "", left)
    return not re.search(r"\bAny\b", left)


def excused(found: str) -> bool:
    """Whether an exception covers it: itself, or all of its function."""
    place = found.partition(" -> ")[0]
    return place in EXCEPTIONS or place.rpartition(".")[0] in EXCEPTIONS


@pytest.mark.parametrize("room", ROOMS)
def test_what_a_room_exports_has_a_type(room: str) -> None:
    module = importlib.import_module(f"overtone.{room}")
    assert [found for found in untyped(room, module) if not excused(found)] == []


def test_every_exception_is_needed() -> None:
    found = [one for room in ROOMS for one in untyped(room, importlib.import_module(f"overtone.{room}"))]
    covered = {
        place for one in found for place in (one.partition(" -> ")[0], one.partition(" -> ")[0].rpartition(".")[0])
    }
    assert EXCEPTIONS.keys() - covered == set()


def test_checker_sees_what_is_untyped() -> None:
    def bad(run: Any, details: dict[str, Any] | None, settings: dict[str, Any], **options: Any) -> dict[str, Any]:
        raise NotImplementedError

    def good(settings: dict[str, Any] | None, names: list[str]) -> int:
        raise NotImplementedError

    class Result:
        rows: int
        found: dict[str, Any]

        def to_dict(self) -> dict[str, Any]:
            raise NotImplementedError

    room = SimpleNamespace(__all__=["bad", "good", "Result"], bad=bad, good=good, Result=Result)
    assert list(untyped("room", room)) == [
        "room.bad.run",
        "room.bad.details",
        "room.bad -> dict[str, Any]",
        "room.Result.found",
    ]
