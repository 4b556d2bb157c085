"""Colours of all figures, here and in reports."""

from __future__ import annotations

FIRST, SECOND = "#2f7ed8", "#e07b1a"
"""The first and the second modality, and the directions that start at them; told apart by any eye, on any ground."""
QUIET = "#8b93a1"
"""What is there for comparison only."""
HUES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b5a300", "#8c8c8c")
"""Okabe and Ito's colours, which colour-blind readers tell apart; yellow darkened, black replaced, for both grounds."""
INK, GRID = "#24292f", "#d8dee4"
"""Text and axes, and the lines behind them, on white."""
