"""Dots with their intervals, a row each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from overtone.plots.colours import FIRST, QUIET
from overtone.plots.plot import Plot
from overtone.plots.svg import Canvas, draw_axis, scale, shorten, text_width

_ROW, _WIDTH, _TOP = 30, 460, 54


class IntervalRow(NamedTuple):
    """One row.

    Attributes:
        name: Beside it.
        value: Where the dot lies.
        interval: Both ends, or None.
        dots: Single measurements, small.
    """

    name: str
    value: float
    interval: tuple[float, float] | None = None
    dots: tuple[float, ...] = ()


def draw_intervals(
    rows: Sequence[IntervalRow], *, axis: str, title: str, reference: tuple[str, float] | None = None
) -> Plot:
    """A dot with its interval and its number per row, top to bottom.

    Args:
        rows: At least one.
        axis: What the horizontal axis shows.
        title: Above the figure.
        reference: Name and place of a dashed line to compare with, such as chance.

    Returns:
        The figure.
    """
    seen = [end for row in rows for end in (row.value, *(row.interval or ()), *row.dots)]
    seen += [] if reference is None else [reference[1]]
    room = 0.05 * ((max(seen) - min(seen)) or 1.0)
    low, high = min(seen) - room, max(seen) + room
    left = 24 + max(text_width(shorten(row.name)) for row in rows)
    bottom = _TOP + _ROW * len(rows)
    canvas = Canvas(left + _WIDTH + 70, bottom + 50)
    canvas.title(left, title)
    place = scale(low, high, left, left + _WIDTH)
    draw_axis(canvas, place, low, high, _TOP - 6, bottom, axis)
    if reference is not None:
        name, value = reference
        canvas.line(place(value), _TOP - 6, place(value), bottom, colour=QUIET, width=1.5, dash="4 3")
        canvas.text(place(value) + 4, _TOP - 10, f"{name} {value:.3f}", colour=QUIET, size=11)
    for number, row in enumerate(rows):
        y = _TOP + _ROW * (number + 0.5)
        canvas.text(left - 12, y + 4, shorten(row.name), anchor="end")
        for dot in row.dots:
            canvas.dot(place(dot), y + 8, colour=QUIET, radius=2.5, said=f"{row.name}, single measurement: {dot:.4g}")
        if row.interval is not None:
            ends = [place(end) for end in row.interval]
            canvas.line(ends[0], y, ends[1], y, colour=FIRST, width=2)
            for end in ends:
                canvas.line(end, y - 5, end, y + 5, colour=FIRST, width=2)
        canvas.dot(place(row.value), y, colour=FIRST, radius=5, said=f"{row.name}: {row.value:.4g}")
        canvas.text(left + _WIDTH + 12, y + 4, f"{row.value:.3f}", size=12)
    return Plot.of(canvas, f"{title}: {', '.join(f'{row.name} {row.value:.3f}' for row in rows)}")
