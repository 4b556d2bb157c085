"""The house stands only while its arrows point down: every import in src/overtone is checked against the plan."""

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
    "api": 6,
    "cli": 7,
}
"""Room -> floor, as docs/architecture.md draws it. A room imports itself and the floors below it, nothing else."""


def room_of(path: Path, house: Path) -> str:
    """The room a file belongs to; the package's own ``__init__`` is part of the public verbs."""
    first = path.relative_to(house).parts[0].removesuffix(".py")
    return {"__init__": "api", "__main__": "cli"}.get(first, first)


def imported_rooms(path: Path, house: Path) -> Iterator[tuple[int, str]]:
    """Line and room of every import of our own, wherever it stands (functions and type-checking blocks too)."""
    package = ("overtone", *path.relative_to(house).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            origin = ".".join(part for part in (base, node.module) if part)
            names = [f"{origin}.{alias.name}" for alias in node.names] if origin == "overtone" else [origin]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module") and node.args:
            names = [str(node.args[0].value)] if isinstance(node.args[0], ast.Constant) else []
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "overtone" and len(parts) > 1 and parts[1] in FLOORS:
                yield node.lineno, parts[1]


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
            for line, other in imported_rooms(path, house)
            if other != room and FLOORS[other] >= FLOORS[room]
        ]
    return wrong


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
