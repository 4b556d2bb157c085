"""The critical difference diagram: mean ranks, and which of them do not differ significantly."""

from __future__ import annotations

from collections.abc import Mapping

from overtone.plots.colours import FIRST
from overtone.plots.plot import Plot
from overtone.plots.svg import Canvas, scale, shorten, text_width

_WIDTH, _AXIS, _ROW = 460, 78, 22


def draw_ranks(ranks: Mapping[str, float], critical_difference: float, *, title: str) -> Plot:
    """Methods on an axis of mean ranks, 1 the best, at the left; bars join those closer than the critical difference.

    Args:
        ranks: Method to its mean rank.
        critical_difference: Difference of mean ranks from which on two methods differ significantly.
        title: Above the figure.

    Returns:
        The figure.

    Source:
        Demšar, Statistical comparisons of classifiers over multiple data sets (JMLR 2006), section 3.2.2.
    """
    ordered = sorted(ranks.items(), key=lambda item: item[1])
    side = 24 + max((text_width(shorten(f"{name} 0.00")) for name in ranks), default=0)
    place = scale(1, max(2, len(ranks)), side, side + _WIDTH)
    groups = join_ranks([rank for _, rank in ordered], critical_difference)
    first = _AXIS + 12 + 10 * len(groups) + 14
    half = (len(ordered) + 1) // 2
    widest = max(2 * side + _WIDTH, place(1 + critical_difference) + 24)
    canvas = Canvas(widest, first + _ROW * half + 10)
    canvas.title(16, title)
    reach = place(1 + critical_difference)
    canvas.line(side, 46, reach, 46, width=1.5)
    for end in (side, reach):
        canvas.line(end, 42, end, 50, width=1.5)
    canvas.text(side, 38, f"critical difference {critical_difference:.2f}", size=12)
    canvas.line(side, _AXIS, side + _WIDTH, _AXIS, width=1.5)
    for whole in range(1, max(2, len(ranks)) + 1):
        canvas.line(place(whole), _AXIS - 6, place(whole), _AXIS, width=1.5)
        canvas.text(place(whole), _AXIS - 10, whole, anchor="middle", size=11)
    for number, (start, end) in enumerate(groups):
        y = _AXIS + 10 + 10 * number
        canvas.line(place(ordered[start][1]) - 4, y, place(ordered[end][1]) + 4, y, colour=FIRST, width=5)
    for number, (name, rank) in enumerate(ordered):
        left = number < half
        y = first + _ROW * (number if left else len(ordered) - 1 - number)
        edge = side - 6 if left else side + _WIDTH + 6
        canvas.line(place(rank), _AXIS, place(rank), y)
        canvas.line(place(rank), y, edge, y)
        words = f"{shorten(name)} {rank:.2f}"
        canvas.text(edge - 6 if left else edge + 6, y + 4, words, anchor="end" if left else "start")
    return Plot.of(canvas, f"{title}: {', '.join(f'{name} {rank:.2f}' for name, rank in ordered)}")


def join_ranks(ranks: list[float], critical_difference: float) -> list[tuple[int, int]]:
    """First and last place of every longest run of sorted ranks within the critical difference of each other.

    Example:
        >>> join_ranks([1.0, 1.5, 2.2, 4.0], 1.0)
        [(0, 1), (1, 2)]
    """
    found: list[tuple[int, int]] = []
    for start, rank in enumerate(ranks):
        end = max(at for at, other in enumerate(ranks) if other - rank < critical_difference)
        if end > start and (not found or end > found[-1][1]):
            found.append((start, end))
    return found
