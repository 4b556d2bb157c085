"""Colours of what is drawn; those of the page are the theme's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

FIRST, SECOND = "#2f7ed8", "#e07b1a"
"""The first and the second modality, and the directions that start at them; told apart by any eye, on any ground."""
QUIET = "#8b93a1"
"""What is there for comparison only."""
HUES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b5a300", "#8c8c8c")
"""Okabe and Ito's colours, which colour-blind readers tell apart; yellow darkened, black replaced, for both grounds."""
SHADES = ((0, 0.0), (0, 0.38), (255, 0.42))
"""Past the eighth class the hues come again darker, then lighter: the ground to mix with, and how much of it."""


def class_colour(number: int) -> str:
    """The colour of a class by its number; 24 differ, then they repeat."""
    hue = HUES[number % len(HUES)]
    ground, share = SHADES[number // len(HUES) % len(SHADES)]
    mixed = (round(int(hue[at : at + 2], 16) * (1 - share) + ground * share) for at in (1, 3, 5))
    return "#" + "".join(f"{part:02x}" for part in mixed)


@dataclass(frozen=True)
class Style:
    """How everything of one loss is drawn: three marks, any of which is enough to tell it from the others.

    Attributes:
        colour: Of lines and points.
        dash: Lengths of strokes and gaps, as SVG writes them; empty for a whole line.
        symbol: Shape of the points, as Plotly calls it.
    """

    colour: str
    dash: str
    symbol: str


DASHES = ("", "8px 3px", "2px 3px", "8px 3px 2px 3px", "14px 4px", "4px 4px", "12px 3px 2px 3px 2px 3px")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "triangle-down")
KNOWN_LOSSES = ("contrastive", "triplet", "n-pair", "infonce", "arcface", "scl", "ccl")
"""Losses that look the same in every report, so that two can be laid side by side."""
LOSS_HUES = (*HUES[:6], "#7f4f24")
"""Brown instead of the darkened yellow, which is no longer told from orange once a dark page brightens both."""


def faded(colour: str) -> str:
    """A colour that lets names be read through it.

    Example:
        >>> faded("#0072b2")
        'rgba(0,114,178,0.5)'
    """
    return f"rgba({','.join(str(int(colour[at : at + 2], 16)) for at in (1, 3, 5))},0.5)"


def loss_styles(names: Iterable[str]) -> dict[str, Style]:
    """A style for each loss: the known ones have theirs, the others take those that follow, in the order given.

    Args:
        names: Names of the losses.
    """
    several = list(names)
    others = [name for name in several if name not in KNOWN_LOSSES]
    numbers = {name: at for at, name in enumerate((*KNOWN_LOSSES, *others))}
    return {name: _style(numbers[name]) for name in several}


def _style(number: int) -> Style:
    # Behind the losses that have a hue come its shades; the grey before them is for comparison only.
    colour = LOSS_HUES[number] if number < len(LOSS_HUES) else class_colour(number + 1)
    return Style(colour, DASHES[number % len(DASHES)], SYMBOLS[number % len(SYMBOLS)])
