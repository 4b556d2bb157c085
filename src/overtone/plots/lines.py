"""Curves over a training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from overtone.plots.colours import GRID, HUES, QUIET
from overtone.plots.plot import Plot
from overtone.plots.svg import Canvas, draw_axis, scale, shorten, text_width, ticks

_WIDTH, _HEIGHT, _LEFT, _TOP = 440, 260, 66, 40
_DASHES = ("", "8 3", "2 3", "8 3 2 3")


class Line(NamedTuple):
    """One curve: its name, positions, and as many values; those that are no numbers are left out."""

    name: str
    at: Sequence[float]
    values: Sequence[float | None]

    def points(self) -> list[tuple[float, float]]:
        """Position and value, of values that are finite."""
        pairs = zip(self.at, self.values)
        return [(float(x), float(y)) for x, y in pairs if y is not None and math.isfinite(y)]


def draw_lines(
    lines: Sequence[Line], *, x_title: str, y_title: str, title: str, mark: tuple[str, float] | None = None
) -> Plot:
    """Curves on one pair of axes, with their names beside them.

    Args:
        lines: Curves; those without a number are left out.
        x_title, y_title: What the axes show.
        title: Above the figure.
        mark: Name and place of a dashed upright line, such as the epoch that was chosen.

    Returns:
        The figure.
    """
    drawn = [(line.name, points) for line in lines if (points := line.points())]
    xs = [x for _, points in drawn for x, _ in points] or [0.0, 1.0]
    ys = [y for _, points in drawn for _, y in points] or [0.0, 1.0]
    right = 40 + max((text_width(shorten(name)) for name, _ in drawn), default=0)
    bottom = _TOP + _HEIGHT
    canvas = Canvas(_LEFT + _WIDTH + right + 24, bottom + 50)
    canvas.title(_LEFT, title)
    across = scale(min(xs), max(xs), _LEFT, _LEFT + _WIDTH)
    room = 0.04 * ((max(ys) - min(ys)) or 1.0)
    low, high = min(ys) - room, max(ys) + room
    up = scale(low, high, bottom, _TOP)
    draw_axis(canvas, across, min(xs), max(xs), _TOP, bottom, x_title)
    for tick in ticks(low, high):
        canvas.line(_LEFT, up(tick), _LEFT + _WIDTH, up(tick), colour=GRID)
        canvas.text(_LEFT - 6, up(tick) + 4, f"{tick:g}", anchor="end", size=11)
    canvas.text(16, (_TOP + bottom) / 2, y_title, anchor="middle", turned=True)
    if mark is not None:
        canvas.line(across(mark[1]), _TOP, across(mark[1]), bottom, colour=QUIET, dash="4 3", width=1.5)
        left = across(mark[1]) > _LEFT + 0.8 * _WIDTH
        place = across(mark[1]) + (-4 if left else 4)
        canvas.text(place, _TOP + 12, mark[0], colour=QUIET, size=11, anchor="end" if left else "start")
    for number, (name, points) in enumerate(drawn):
        colour, dash = HUES[number % len(HUES)], _DASHES[number // len(HUES) % len(_DASHES)]
        canvas.path([(across(x), up(y)) for x, y in points], colour=colour, dash=dash)
        if len(points) == 1:
            canvas.dot(across(points[0][0]), up(points[0][1]), colour=colour)
        y = _TOP + 10 + 18 * number
        canvas.line(_LEFT + _WIDTH + 14, y, _LEFT + _WIDTH + 36, y, colour=colour, width=2, dash=dash)
        canvas.text(_LEFT + _WIDTH + 42, y + 4, shorten(name), size=12)
    return Plot.of(canvas, f"{title}: {y_title} by {x_title}")
