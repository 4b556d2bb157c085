"""Public names document themselves: what they are, every argument, what comes back, what is raised."""

from __future__ import annotations

import importlib
import inspect
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

import overtone

ROOMS = [
    "overtone",
    *(f"overtone.{path.parent.name}" for path in sorted(Path(overtone.__path__[0]).glob("*/__init__.py"))),
]
IMPLIED = {"self", "cls", "args", "kwargs"}


def public() -> list[tuple[str, Any]]:
    """Every function and class of our own that a room exports."""
    found: dict[str, Any] = {}
    for room in ROOMS:
        module = importlib.import_module(room)
        for name in getattr(module, "__all__", ()):
            thing = getattr(module, name)
            if (inspect.isfunction(thing) or inspect.isclass(thing)) and thing.__module__.startswith("overtone"):
                found.setdefault(f"{thing.__module__}.{thing.__qualname__}", thing)
    return sorted(found.items())


def complaints(thing: Any) -> list[str]:
    """What a docstring lacks."""
    text = inspect.getdoc(thing) or ""
    if not text or (inspect.isclass(thing) and "__doc__" not in vars(thing)):
        return ["has no docstring"]
    if inspect.isclass(thing):
        return class_complaints(thing, text)
    signature = inspect.signature(thing)
    lacking = [
        f"does not document {name!r}"
        for name in signature.parameters
        if name not in IMPLIED and not documents(text, name)
    ]
    returned = str(signature.return_annotation)
    if returned not in ("None", "<class 'inspect._empty'>") and not says_what_comes_back(
        text, bool(signature.parameters)
    ):
        lacking.append("does not say what it returns")
    return lacking + raise_complaints(thing, text)


def class_complaints(kind: type, text: str) -> list[str]:
    """A class documents what its constructor takes, under Args or Attributes; settings describe field by field."""
    if hasattr(kind, "model_fields"):
        fields = kind.model_fields.items()
        return [
            f"does not describe setting {name!r}" for name, field in fields if not (field.description or "").strip()
        ]
    if "__init__" not in vars(kind) or issubclass(kind, BaseException):
        return []
    parameters = [name for name in inspect.signature(kind).parameters if name not in IMPLIED]
    everywhere = text + "\n" + (inspect.getdoc(kind.__init__) or "")
    return [f"does not document {name!r}" for name in parameters if not documents(everywhere, name)]


def documents(text: str, name: str) -> bool:
    """Whether a docstring has an entry for a name in its Args or Attributes."""
    sections = re.findall(r"^(?:Args|Attributes):\n((?:[ \t]+.*\n?|\n)+)", text + "\n", flags=re.M)
    entry = rf"^\s+(?:[\w*]+, )*\*{{0,2}}{re.escape(name)}(?:, [\w*]+)*(?: \([^)]*\))?:"
    return any(re.search(entry, section, flags=re.M) for section in sections)


def says_what_comes_back(text: str, takes_anything: bool) -> bool:
    """A Returns section; a one-liner that *is* the description of the value will do where there are no arguments."""
    return re.search(r"^(Returns|Yields):", text, flags=re.M) is not None or not takes_anything


def raise_complaints(thing: Any, text: str) -> list[str]:
    """A function that itself raises an InputError says so."""
    source = textwrap.dedent(inspect.getsource(thing))
    if re.search(r"raise (InputError|unknown_name)\(", source) and not re.search(r"^Raises:", text, flags=re.M):
        return ["raises an InputError and does not say so"]
    return []


@pytest.mark.parametrize(("name", "thing"), public(), ids=[name for name, _ in public()])
def test_public_name_documents_itself(name: str, thing: Any) -> None:
    assert complaints(thing) == [], name


def test_every_room_says_what_it_exports() -> None:
    silent = [
        room
        for room in ROOMS
        if not importlib.import_module(room).__doc__ or not hasattr(importlib.import_module(room), "__all__")
    ]
    assert silent == []


def good(rows: int, *, seed: int = 0) -> int:
    """Count.

    Args:
        rows: Number of rows.
        seed: The seed.

    Returns:
        A number.
    """
    return rows + seed


def bad(rows: int, seed: int) -> int:
    """Count.

    Args:
        rows: Number of rows; not to be confused with seed: that is missing.
    """
    return rows + seed


def test_checker_tells_good_from_bad() -> None:
    assert complaints(good) == []
    assert complaints(bad) == ["does not document 'seed'", "does not say what it returns"]
