"""Colours of what is drawn; those of the page are the theme's."""

from __future__ import annotations

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
