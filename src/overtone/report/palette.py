"""Colours and line styles of what is drawn, and the keys that explain them; the page's own colours are in page.css."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from overtone.objectives.base import metric_losses
from overtone.plots.colours import HUES
from overtone.report.markup import Markup, el

_SHADES = ((0, 0.0), (0, 0.38), (255, 0.42))
"""Past the eighth class the hues come again darker, then lighter: the ground to mix with, and how much of it."""


def class_colour(number: int) -> str:
    """The colour of a class by its number; 24 differ, then they repeat."""
    hue = HUES[number % len(HUES)]
    ground, share = _SHADES[number // len(HUES) % len(_SHADES)]
    mixed = (round(int(hue[at : at + 2], 16) * (1 - share) + ground * share) for at in (1, 3, 5))
    return "#" + "".join(f"{part:02x}" for part in mixed)


@dataclass(frozen=True)
class Style:
    """How everything of one loss is drawn: three marks, any of which is enough to tell it from the others."""

    colour: str
    dash: str  # lengths of strokes and gaps, as SVG writes them; empty for a whole line
    symbol: str  # as Plotly calls it


_DASHES = ("", "8px 3px", "2px 3px", "8px 3px 2px 3px", "14px 4px", "4px 4px", "12px 3px 2px 3px 2px 3px")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "triangle-down")
_LOSS_HUES = (*HUES[:6], "#7f4f24")
"""Brown instead of the darkened yellow, which is no longer told from orange once a dark page brightens both."""


def faded(colour: str) -> str:
    """A colour that lets names be read through it: ``rgba(0,114,178,0.5)`` of ``#0072b2``."""
    return f"rgba({','.join(str(int(colour[at : at + 2], 16)) for at in (1, 3, 5))},0.5)"


def loss_styles(names: Iterable[str]) -> dict[str, Style]:
    """A style for each loss. A registered loss has the same one in every report; others take those that follow."""
    several, styles = list(names), {}
    for number, name in enumerate(dict.fromkeys((*metric_losses(), *several))):
        # Behind the losses that have a hue come its shades; the grey before them is for comparison only.
        colour = _LOSS_HUES[number] if number < len(_LOSS_HUES) else class_colour(number + 1)
        styles[name] = Style(colour, _DASHES[number % len(_DASHES)], SYMBOLS[number % len(SYMBOLS)])
    return {name: styles[name] for name in several}


SHAPES: dict[str, str] = {
    "circle": "M15,1.5 a4.5,4.5 0 1,0 .01,0 z",
    "circle-open": "",
    "square-open": "",
    "square": "M11,2 h8 v8 h-8 z",
    "diamond": "M15,0.5 l5.5,5.5 l-5.5,5.5 l-5.5,-5.5 z",
    "triangle-up": "M15,1 l5,9 h-10 z",
    "triangle-down": "M15,11 l5,-9 h-10 z",
    "cross": "M13.2,1 h3.6 v3.2 h3.2 v3.6 h-3.2 v3.2 h-3.6 v-3.2 h-3.2 v-3.6 h3.2 z",
    "x": "M12,0.8 l3,3 l3,-3 l2.2,2.2 l-3,3 l3,3 l-2.2,2.2 l-3,-3 l-3,3 l-2.2,-2.2 l3,-3 l-3,-3 z",
}
"""Outlines of the symbols in a box of 30 by 12, where Plotly draws its own."""


def group(kind: str, name: str) -> str:
    """What ties the traces of a loss or of a class to its button in the key."""
    return f"{kind}:{name}"


def _swatch(style: Style) -> Markup:
    """A piece of a loss's line with its symbol on it."""
    line = el("line", x1=0, x2=30, y1=6, y2=6, stroke=style.colour, stroke_width=2, stroke_dasharray=style.dash or None)
    shape = el("path", d=SHAPES[style.symbol], fill=style.colour)
    return el("svg", line, shape, class_="swatch", aria_hidden="true")


def named(name: str, styles: Mapping[str, Style]) -> Markup:
    """A loss with its piece of line before it."""
    return el("span", _swatch(styles[name]), name, class_="named")


def key_of_losses(styles: Mapping[str, Style]) -> Markup:
    """The key of all figures: a button per loss, which stays in sight while the page is read."""
    buttons = [_button("loss", name, _swatch(style)) for name, style in styles.items()]
    return el("div", buttons, class_="key sticky", role="group", aria_label="Losses shown in the figures")


def key_of_classes(colours: Mapping[str, str]) -> Markup:
    """The key of the maps: a button per class."""
    buttons = [
        _button("class", name, el("svg", el("circle", cx=6, cy=6, r=5, fill=colour), class_="swatch point"))
        for name, colour in colours.items()
    ]
    return el("div", buttons, class_="key", role="group", aria_label="Classes shown in the maps")


def _button(kind: str, name: str, drawing: Markup) -> Markup:
    return el("button", drawing, name, type="button", data_group=group(kind, name), aria_pressed="true")
