"""A matrix as cells of one hue."""

from __future__ import annotations

import math
from collections.abc import Sequence

from overtone.plots.colours import FIRST, INK
from overtone.plots.plot import Plot
from overtone.plots.svg import Canvas, shorten, text_width

_NUMBERED = 14
"""Columns up to which cells hold their numbers."""


def draw_cells(rows: Sequence[str], columns: Sequence[str], values: Sequence[Sequence[float]], *, title: str) -> Plot:
    """A matrix: the darker a cell, the larger its number without its sign; cells of nothing stay white.

    Args:
        rows, columns: Names.
        values: A row of numbers for each row.
        title: Above the figure.

    Returns:
        The figure.
    """
    numbered = len(columns) <= _NUMBERED
    size = 44 if numbered else max(4, min(24, 900 // max(1, len(columns))))
    named = size >= 10
    left = 20 + (max((text_width(shorten(name)) for name in rows), default=0) if named else 0)
    top = 44 + (max((text_width(shorten(name)) for name in columns), default=0) if named else 0)
    height = 30 if numbered else size
    canvas = Canvas(left + size * len(columns) + 20, top + height * len(rows) + 16)
    canvas.title(12, title)
    most = max((abs(value) for row in values for value in row if math.isfinite(value)), default=0.0) or 1.0
    for at, column in enumerate(columns if named else ()):
        canvas.text(left + size * (at + 0.5) + 4, top - 6, shorten(column), turned=True, size=12)
    for at, (name, row) in enumerate(zip(rows, values)):
        y = top + height * at
        if named:
            canvas.text(left - 8, y + height / 2 + 4, shorten(name), anchor="end", size=12)
        for place, value in enumerate(row):
            if not math.isfinite(value) or value == 0:
                continue
            share = abs(value) / most
            said = f"{name}, {columns[place]}: {value:.4g}"
            canvas.box(left + size * place, y, size - 1, height - 1, colour=_shade(share), said=said)
            if numbered:
                ink = "#ffffff" if share > 0.6 else INK
                canvas.text(left + size * (place + 0.5), y + 19, f"{value:.2f}", anchor="middle", size=11, colour=ink)
    return Plot.of(canvas, f"{title}: {len(rows)} × {len(columns)} cells")


def _shade(share: float) -> str:
    """A mixture of white and the hue."""
    mixed = (round(255 + (int(FIRST[at : at + 2], 16) - 255) * share) for at in (1, 3, 5))
    return "#" + "".join(f"{part:02x}" for part in mixed)
