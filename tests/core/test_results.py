"""Rows as text, as HTML and as data frames; a missing library is said in one sentence."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest

from overtone.core import InputError, Progress, display
from overtone.core.notebooks import in_notebook
from overtone.core.progress import shows_progress
from overtone.core.results import FrameLibrary, html_table, make_frame, text_table


def test_columns_that_a_line_has_no_room_for_are_left_out() -> None:
    rows = [{f"column {number}": "x" * 30 for number in range(9)}]
    head, line = text_table(rows)
    assert head.startswith("column 0")
    assert head.endswith("…")
    assert len(line) < 120


def test_rows_need_not_have_the_same_columns() -> None:
    assert text_table([{"a": 1}, {"b": "x"}]) == ["a  b", "1  –", "–  x"]
    assert html_table([]) == ""
    assert make_frame([{"a": 1}, {"b": 2.5}], "pandas").shape == (2, 2)


def test_the_library_is_the_one_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[dict[str, Any]] = []
    fake = ModuleType("polars")
    vars(fake)["DataFrame"] = lambda columns, strict: made.append(columns)
    fake.__spec__ = importlib.util.spec_from_loader("polars", None)
    monkeypatch.setitem(sys.modules, "polars", fake)
    monkeypatch.delitem(sys.modules, "pandas", raising=False)
    make_frame([{"a": 1}])
    assert made == [{"a": [1]}]


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"neither pandas nor polars.*overtone\[frames\]"):
        make_frame([{"a": 1}])
    with pytest.raises(InputError, match="polars is not installed"):
        make_frame([{"a": 1}], "polars")
    with pytest.raises(InputError, match=r"unknown library of data frames 'arrow'"):
        make_frame([{"a": 1}], cast(FrameLibrary, "arrow"))


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A kernel of IPython as far as Overtone looks at it; what it shows, one entry an update."""
    shown: list[str] = []
    handle = SimpleNamespace(update=shown.append)

    def show(html: str, display_id: bool) -> SimpleNamespace:
        shown.append(html)
        return handle

    kernel, screen = ModuleType("IPython"), ModuleType("IPython.display")
    vars(kernel)["get_ipython"] = lambda: SimpleNamespace(has_trait=lambda name: name == "kernel")
    vars(screen).update(HTML=str, display=show)
    monkeypatch.setitem(sys.modules, "IPython", kernel)
    monkeypatch.setitem(sys.modules, "IPython.display", screen)
    return shown


def test_progress_in_a_notebook_is_one_bar_that_is_drawn_anew(notebook: list[str]) -> None:
    assert in_notebook()
    with display() as progress:
        progress(Progress("<b>training</b>", 1, 4, "epoch", seconds=1.0))
        progress(Progress("<b>training</b>", 4, 4, "epoch", seconds=4.0))
    assert len(notebook) == 2
    assert 'max="4"' in notebook[-1]
    assert "<b>" not in notebook[-1]


def test_a_closed_form_that_is_done_has_a_full_bar_in_a_notebook(notebook: list[str]) -> None:
    with display() as progress:
        progress(Progress("cca", 0, 0, seconds=0.2))
    assert '<progress value="1" max="1"' in notebook[-1]


def test_verbs_show_progress_in_a_notebook_without_being_asked(notebook: list[str]) -> None:
    @shows_progress
    def verb(*, progress: Any = None) -> bool:
        if progress is not None:
            progress(Progress("work", 1, 1, ""))
        return progress is not None

    own: list[Progress] = []
    assert verb()
    assert notebook
    assert verb(progress=own.append)
    assert len(own) == 1


def test_outside_a_notebook_nothing_is_shown() -> None:
    @shows_progress
    def verb(*, progress: Any = None) -> bool:
        return progress is None

    assert not in_notebook()
    assert verb()
