"""The key of a page: what each colour means, said once, and buttons that take a loss or a class out of all figures."""

from __future__ import annotations

from collections.abc import Mapping

from overtone.report.lines import group
from overtone.report.markup import Markup, el
from overtone.report.palette import Style

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


def swatch(style: Style) -> Markup:
    """A piece of a loss's line with its symbol on it."""
    line = el("line", x1=0, x2=30, y1=6, y2=6, stroke=style.colour, stroke_width=2, stroke_dasharray=style.dash or None)
    shape = el("path", d=SHAPES[style.symbol], fill=style.colour)
    return el("svg", line, shape, class_="swatch", aria_hidden="true")


def named(name: str, styles: Mapping[str, Style]) -> Markup:
    """A loss with its piece of line before it."""
    return el("span", swatch(styles[name]), name, class_="named")


def key_of_losses(styles: Mapping[str, Style]) -> Markup:
    """The key of all figures: a button per loss, which stays in sight while the page is read."""
    buttons = [_button("loss", name, swatch(style)) for name, style in styles.items()]
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
