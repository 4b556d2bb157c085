"""Figures as SVG, for notebooks and papers: drawn from numbers alone, with nothing but the standard library."""

from overtone.plots.cells import draw_cells
from overtone.plots.intervals import IntervalRow, draw_intervals
from overtone.plots.lines import Line, draw_lines
from overtone.plots.plot import Plot
from overtone.plots.ranks import draw_ranks

__all__ = ["IntervalRow", "Line", "Plot", "draw_cells", "draw_intervals", "draw_lines", "draw_ranks"]
