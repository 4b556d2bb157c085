"""Figures are SVG that any reader of XML takes, whatever the names in them."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree

import pytest

from overtone.core import InputError
from overtone.plots import IntervalRow, Line, Plot, draw_cells, draw_intervals, draw_lines, draw_ranks
from overtone.plots.ranks import join_ranks
from overtone.plots.svg import ticks

NASTY = '<script>alert("1")</script> & \x1b[31m'
FIGURES = {
    "intervals": draw_intervals(
        [IntervalRow(NASTY, 0.5, (0.4, 0.6), (0.45, 0.55)), IntervalRow("b", 0.5)],
        axis=NASTY,
        title=NASTY,
        reference=(NASTY, 0.1),
    ),
    "lines": draw_lines(
        [Line(NASTY, [1, 2, 3], [1.0, None, math.nan]), Line("b", [1, 2], [3.0, 3.0]), Line("none", [], [])],
        x_title="epoch",
        y_title=NASTY,
        title=NASTY,
        mark=("kept", 2.0),
    ),
    "cells": draw_cells([NASTY, "b"], ["c", NASTY], [[1.0, -0.5], [0.0, math.nan]], title=NASTY),
    "many cells": draw_cells(["r"] * 90, ["c"] * 90, [[1.0] * 90] * 90, title="large"),
    "ranks": draw_ranks({NASTY: 1.2, "b": 1.9, "c": 2.9}, 0.8, title=NASTY),
    "one rank": draw_ranks({"a": 1.0}, 0.5, title="alone"),
}


def texts(plot: Plot) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(plot.svg).iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_whole_and_harmless(name: str) -> None:
    root = ElementTree.fromstring(FIGURES[name].svg)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    assert 100 < width < 3000
    assert 50 < height < 6000
    assert "nan" not in FIGURES[name].svg
    assert root.find(".//{http://www.w3.org/2000/svg}script") is None


def test_values_stand_where_the_axis_says() -> None:
    plot = draw_intervals([IntervalRow("a", 0.25), IntervalRow("b", 0.75)], axis="x", title="t")
    dots = [
        float(dot.attrib["cx"]) for dot in ElementTree.fromstring(plot.svg).iter("{http://www.w3.org/2000/svg}circle")
    ]
    assert dots[0] < dots[1]
    assert {"a", "b", "0.250", "0.750"} <= set(texts(plot))


def test_bars_join_what_the_critical_difference_does_not_tell_apart() -> None:
    assert join_ranks([1.0, 2.5, 4.0], 1.0) == []
    assert join_ranks([1.0, 1.5, 1.9], 1.0) == [(0, 2)]
    assert join_ranks([1.0, 2.0], 1.0) == []  # a difference as large as the critical one is significant


@pytest.mark.parametrize(("low", "high"), [(0.0, 1e-9), (-3.0, 5.0), (1e5, 9e5), (2.0, 2.0)])
def test_ticks_are_few_and_within_the_range(low: float, high: float) -> None:
    found = ticks(low, high)
    assert len(found) <= 8
    assert all(low - 1e-12 <= tick <= high + 1e-12 for tick in found)


def test_a_figure_is_saved_by_its_suffix(tmp_path: Path) -> None:
    plot = FIGURES["ranks"]
    plot.save(tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text() == plot.svg
    with pytest.raises(InputError, match="there already|exists"):
        plot.save(tmp_path / "a.svg")
    plot.save(tmp_path / "a.svg", overwrite=True)
    plot.save(tmp_path / "a.html")
    assert plot.svg in (tmp_path / "a.html").read_text()
    with pytest.raises(InputError, match=r"valid: \.svg, \.html"):
        plot.save(tmp_path / "a.pdf")
