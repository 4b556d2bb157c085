"""A comparison over several corpora in words: whether ranks differ, and whose."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from overtone.report.words import listed, metric_name, number, p_value, prose

if TYPE_CHECKING:  # only named in signatures; a table on a terminal must not wait for what an experiment imports
    from overtone.experiments import CorpusComparison

_FEW = 6
"""Corpora below which only large differences of ranks can be significant."""
_SHOWN = 6
"""Pairs of methods that a sentence names."""


def ranks_in_words(result: CorpusComparison) -> str:
    """The best mean rank, whether ranks differ at all, and which pairs differ."""
    ranking = result.ranking
    if ranking is None:
        return "Ranks need two methods on two corpora."
    level = f"{100 * ranking.alpha:.0f} %"
    test = (
        ""
        if ranking.p_value is None
        else f"Friedman's test over {ranking.corpora} corpora: {p_value(ranking.p_value)}."
    )
    pairs = [f"{a} and {b}" for a, b in combinations(ranking.ranks, 2) if ranking.differ(a, b)]
    named = [*pairs[:_SHOWN], *([f"{len(pairs) - _SHOWN} more pairs"] if len(pairs) > _SHOWN else [])]
    bound = f"Mean ranks {number(ranking.critical_difference, 2)} or more apart differ significantly (Nemenyi, {level})"
    found = f"{bound}: {listed(named)}." if pairs else f"{bound}; no two methods are that far apart."
    few = f"With {ranking.corpora} corpora only large differences can be significant." if ranking.corpora < _FEW else ""
    rank = min(ranking.ranks.values())
    best = [name for name, one in ranking.ranks.items() if one == rank]
    have = "has" if len(best) == 1 else "have"
    return prose(
        f"{listed(best)} {have} the best mean rank by {metric_name(result.metric)}: "
        f"{number(rank, 2)} of {len(ranking.ranks)}.",
        test,
        found,
        few,
    )
