"""Every import in src/overtone is checked against the plan: rooms import downwards only, modules never in a circle."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOUSE = ROOT / "src" / "overtone"

FLOORS: dict[str, int] = {
    "core": -1,
    "features": 0,
    "plots": 0,
    "objectives": 1,
    "networks": 1,
    "graphs": 1,
    "evaluation": 1,
    "media": 1,
    "methods": 2,
    "diagnosis": 2,
    "training": 3,
    "interactions": 4,
    "experiments": 4,
    "search": 4,
    "explorer": 5,
    "report": 5,
    "adapters": 5,
    "sklearn": 5,
    "api": 6,
    "cli": 7,
}
"""Room -> floor, as docs/architecture.md draws it. A room imports itself and the floors below it, nothing else."""


def room_of(path: Path, house: Path) -> str:
    """The room a file belongs to; the package's own ``__init__`` is part of the public verbs."""
    first = path.relative_to(house).parts[0].removesuffix(".py")
    return {"__init__": "api", "__main__": "cli"}.get(first, first)


def imports(path: Path, house: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every import of our own, wherever it stands (functions and type-checking blocks too)."""
    package = ("overtone", *path.relative_to(house).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            origin = ".".join(part for part in (base, node.module) if part)
            names = [f"{origin}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module") and node.args:
            names = [str(node.args[0].value)] if isinstance(node.args[0], ast.Constant) else []
        else:
            continue
        yield from ((node.lineno, name) for name in names if name.startswith("overtone."))


def imported_rooms(path: Path, house: Path) -> set[tuple[int, str]]:
    """Line and room of every import of a room."""
    found = ((line, name.split(".")[1]) for line, name in imports(path, house))
    return {(line, room) for line, room in found if room in FLOORS}


def wrong_arrows(house: Path) -> list[str]:
    """A sentence for every import that the plan does not have."""
    wrong = []
    for path in sorted(house.rglob("*.py")):
        room = room_of(path, house)
        if room not in FLOORS:
            wrong.append(f"{path.relative_to(house)}: room {room!r} is not in the plan")
            continue
        wrong += [
            f"{path.relative_to(house)}:{line}: {room} must not import {other}"
            for line, other in sorted(imported_rooms(path, house))
            if other != room and FLOORS[other] >= FLOORS[room]
        ]
    return wrong


def circles(house: Path) -> list[list[str]]:
    """Every set of modules that import each other in a circle, at import time or later."""
    modules = {
        ".".join(("overtone", *path.relative_to(house).with_suffix("").parts)): path for path in house.rglob("*.py")
    }
    modules = {name.removesuffix(".__init__"): path for name, path in modules.items()}
    arrows = {name: {other for _, other in imports(path, house)} for name, path in modules.items()}
    # "from overtone.room import thing" is an import of the module thing, or else of the room's __init__
    arrows = {
        name: {other if other in modules else other.rpartition(".")[0] for other in others} & modules.keys() - {name}
        for name, others in arrows.items()
    }
    reached = {name: _reached(name, arrows) for name in arrows}
    found = {frozenset(other for other in reached[name] if name in reached[other]) for name in arrows}
    return sorted(sorted(circle) for circle in found if circle)


def _reached(start: str, arrows: dict[str, set[str]]) -> set[str]:
    """All modules that a module leads to."""
    found: set[str] = set()
    todo = set(arrows[start])
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo |= arrows[name]
    return found


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circles(HOUSE) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("from overtone.graphs.b import y", "from overtone.graphs.a import x"),
        ("from overtone.graphs import b", "from .a import x"),
        ("from overtone.graphs.b import y", "def f():\n    from overtone.graphs.a import x"),
        ("from .b import y", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .a import x"),
        ("from .b import y", "import overtone.graphs.a"),
    ],
)
def test_checker_sees_a_circle(tmp_path: Path, first: str, second: str) -> None:
    (tmp_path / "graphs").mkdir()
    for name, text in (("a", first), ("b", second), ("c", "from overtone.graphs.a import x"), ("__init__", "")):
        (tmp_path / "graphs" / f"{name}.py").write_text(text, encoding="utf-8")
    assert circles(tmp_path) == [["overtone.graphs.a", "overtone.graphs.b"]]


def test_checker_sees_a_module_that_imports_its_own_room(tmp_path: Path) -> None:
    (tmp_path / "graphs").mkdir()
    (tmp_path / "graphs" / "__init__.py").write_text("from overtone.graphs.a import x", encoding="utf-8")
    (tmp_path / "graphs" / "a.py").write_text("from overtone.graphs import y", encoding="utf-8")
    assert circles(tmp_path) == [["overtone.graphs", "overtone.graphs.a"]]


def test_every_arrow_points_down() -> None:
    assert wrong_arrows(HOUSE) == []


def test_plan_is_the_one_the_docs_draw() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    drawn = {room: int(floor) for room, floor in re.findall(r"^\| `(\w+)` \| (-?\d+) \|", text, flags=re.M)}
    assert drawn == FLOORS


@pytest.mark.parametrize(
    ("place", "line", "said"),
    [
        ("features/bad.py", "from overtone.methods import base", "features must not import methods"),
        ("objectives/bad.py", "import overtone.networks.encoders", "objectives must not import networks"),
        ("objectives/bad.py", "from ..networks import encoders", "objectives must not import networks"),
        ("training/bad.py", "from overtone import report", "training must not import report"),
        ("core/bad.py", "def f():\n    from overtone.features import load", "core must not import features"),
        (
            "training/bad.py",
            "def f():\n    from overtone.interactions.stages import infer",
            "training must not import",
        ),
        (
            "training/bad.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from overtone.report import html",
            "training must not import report",
        ),
        ("experiments/bad.py", "from overtone.interactions import sharing", "experiments must not import interactions"),
        (
            "graphs/bad.py",
            "class A:\n    def f(self):\n        from ..media import load",
            "graphs must not import",
        ),
        ("core/bad.py", "import importlib\nimportlib.import_module('overtone.features')", "core must not import"),
        ("attic/bad.py", "import os", "room 'attic' is not in the plan"),
    ],
)
def test_checker_sees_a_wrong_arrow(tmp_path: Path, place: str, line: str, said: str) -> None:
    path = tmp_path / place
    path.parent.mkdir(parents=True)
    path.write_text(line, encoding="utf-8")
    (found,) = wrong_arrows(tmp_path)
    assert said in found


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("methods/good.py", "from overtone.objectives import dcca"),
        ("methods/good.py", "from .base import Method"),
        ("cli/good.py", "from overtone import report, training"),
        ("features/good.py", "from overtone.core import InputError\nimport torch"),
    ],
)
def test_checker_lets_a_right_arrow_pass(tmp_path: Path, place: str, line: str) -> None:
    path = tmp_path / place
    path.parent.mkdir(parents=True)
    path.write_text(line, encoding="utf-8")
    assert wrong_arrows(tmp_path) == []
