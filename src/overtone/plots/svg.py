"""A canvas for SVG: marks with their places in pixels, and axes with round numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import Literal

from overtone.core.printable import printable
from overtone.plots.colours import GRID, INK

_FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
SIZE = 13
"""Height of letters in pixels."""
_LONGEST, _TITLE = 40, 110
"""Letters of a name, and of a title."""
Anchor = Literal["start", "middle", "end"]
Scale = Callable[[float], float]
"""From a number to its place in pixels."""


class Canvas:
    """A white sheet.

    Args:
        width, height: In pixels.
    """

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._marks: list[str] = []

    def line(
        self, x1: float, y1: float, x2: float, y2: float, *, colour: str = INK, width: float = 1, dash: str = ""
    ) -> None:
        """A straight line."""
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
        self._marks.append(f'<line {ends} stroke="{colour}" stroke-width="{width:g}"{dashed}/>')

    def path(self, points: Sequence[tuple[float, float]], *, colour: str, dash: str = "") -> None:
        """A line through points."""
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._marks.append(f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="1.8"{dashed}/>')

    def dot(self, x: float, y: float, *, colour: str, radius: float = 4, said: str = "") -> None:
        """A dot, which says something when pointed at."""
        title = f"<title>{clean(said)}</title>" if said else ""
        self._marks.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{colour}">{title}</circle>')

    def box(self, x: float, y: float, width: float, height: float, *, colour: str, said: str = "") -> None:
        """A filled rectangle, which says something when pointed at."""
        title = f"<title>{clean(said)}</title>" if said else ""
        place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
        self._marks.append(f'<rect {place} fill="{colour}">{title}</rect>')

    def text(
        self,
        x: float,
        y: float,
        words: object,
        *,
        anchor: Anchor = "start",
        colour: str = INK,
        size: int = SIZE,
        bold: bool = False,
        turned: bool = False,
    ) -> None:
        """Words on one line; long ones are cut. Turned ones run upwards."""
        weight = ' font-weight="600"' if bold else ""
        turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
        place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}"{weight}{turn}'
        self._marks.append(f"<text {place}>{clean(str(words))}</text>")

    def title(self, x: float, words: str) -> None:
        """The figure's title, at its top; the sheet becomes wide enough for it."""
        shown = words if len(words) <= _TITLE else f"{words[: _TITLE - 1]}…"
        self.width = max(self.width, x + 1.1 * text_width(shown) + 16)
        self.text(x, 20, shown, bold=True)

    def document(self, alt: str) -> str:
        """The whole SVG document."""
        size = f'width="{self.width:.0f}" height="{self.height:.0f}" viewBox="0 0 {self.width:.0f} {self.height:.0f}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{_FONT}">'
        sheet = '<rect width="100%" height="100%" fill="#ffffff"/>'
        return "\n".join([head, f"<title>{clean(alt, longest=400)}</title>", sheet, *self._marks, "</svg>\n"])


def clean(text: str, longest: int = 120) -> str:
    """Text as SVG may hold it, whatever is in a name."""
    shown = printable(text, lines=False)
    return escape(shown if len(shown) <= longest else f"{shown[: longest - 1]}…")


def shorten(name: str) -> str:
    """A name that fits beside a figure."""
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def text_width(text: str, size: int = SIZE) -> float:
    """About how wide a text is, in pixels."""
    return 0.58 * size * len(text)


def ticks(low: float, high: float, most: int = 7) -> list[float]:
    """Round numbers that divide a range into at most so many parts.

    Example:
        >>> ticks(0.0, 1.0), ticks(3.0, 17.0)
        ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0])
    """
    span = (high - low) or 1.0
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(power * size for size in (1, 2, 5, 10, 20) if span / (power * size) <= most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{number * step:.10g}") for number in range(first, last + 1)]


def scale(low: float, high: float, start: float, end: float) -> Scale:
    """A linear scale: ``low`` lies at ``start`` and ``high`` at ``end``."""
    span = (high - low) or 1.0
    return lambda value: start + (value - low) / span * (end - start)


def draw_axis(canvas: Canvas, place: Scale, low: float, high: float, top: float, bottom: float, title: str) -> None:
    """A horizontal axis at the bottom, with a grid up to the top."""
    for tick in ticks(low, high):
        canvas.line(place(tick), top, place(tick), bottom, colour=GRID)
        canvas.text(place(tick), bottom + 17, f"{tick:g}", anchor="middle", size=11)
    canvas.text((place(low) + place(high)) / 2, bottom + 36, title, anchor="middle")
