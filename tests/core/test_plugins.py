"""A user's own file is imported once, and one that cannot be is refused with a sentence."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from overtone.core import InputError, plugins
from overtone.search import stores


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module that counts how often it is imported."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / "counted_plugin.py"
    path.write_text("import sys\nsys.counted = getattr(sys, 'counted', 0) + 1\n", encoding="utf-8")
    yield path
    sys.modules.pop("counted_plugin", None)
    if hasattr(sys, "counted"):
        del sys.counted


def test_a_file_is_imported_once(file: Path) -> None:
    plugins.import_plugin(file)
    plugins.import_plugin(str(file))
    assert sys.counted == 1


def test_a_file_may_import_its_neighbour(file: Path) -> None:
    (file.parent / "neighbour_of_plugin.py").write_text("VALUE = 1\n", encoding="utf-8")
    file.write_text("import neighbour_of_plugin\n", encoding="utf-8")
    plugins.import_plugin(file)


def test_a_module_is_imported_by_its_name() -> None:
    plugins.import_plugin("json.tool")
    assert "json.tool" in sys.modules


@pytest.mark.parametrize("source", ["nowhere.py", "no_such_module_of_mine"])
def test_what_is_not_there_is_refused(source: str) -> None:
    with pytest.raises(InputError, match=f"--import {source}"):
        plugins.import_plugin(source)


def test_a_file_that_fails_says_why_and_is_not_half_imported(file: Path) -> None:
    file.write_text("raise RuntimeError('deep down')\n", encoding="utf-8")
    with pytest.raises(InputError, match="RuntimeError: deep down"):
        plugins.import_plugin(file)
    assert "counted_plugin" not in sys.modules


def test_a_file_that_ends_the_program_is_refused(file: Path) -> None:
    file.write_text("raise SystemExit(3)\n", encoding="utf-8")
    with pytest.raises(InputError, match="SystemExit: 3"):
        plugins.import_plugin(file)


def test_a_file_does_not_hide_another_module(tmp_path: Path) -> None:
    path = tmp_path / "json.py"
    path.write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="'json' is already in use"):
        plugins.import_plugin(path)


def test_entry_points_are_imported(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(file.parent))
    mine = EntryPoint("mine", "counted_plugin", plugins.GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda group: EntryPoints([mine]) if group == plugins.GROUP else ())
    plugins.import_entry_points.cache_clear()
    assert plugins.has_entry_points()
    plugins.import_entry_points()
    assert sys.counted == 1
    file.write_text("import nothing_of_this_name\n", encoding="utf-8")
    sys.modules.pop("counted_plugin")
    plugins.import_entry_points.cache_clear()
    with pytest.raises(InputError, match=r"plug-in 'mine' \(counted_plugin\).*ModuleNotFoundError"):
        plugins.import_entry_points()
    monkeypatch.undo()
    plugins.import_entry_points.cache_clear()


def test_a_name_of_ours_needs_no_search_for_plug_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[bool] = []
    monkeypatch.setattr("overtone.core.registry.import_entry_points", lambda: searched.append(True))
    assert stores["flat"].__name__ == "FlatStore"
    assert not searched
    with pytest.raises(InputError, match="unknown store"):
        stores["flatt"]
    assert searched
