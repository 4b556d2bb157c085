"""Near-duplicates, outliers and mismatched pairs in words."""

from __future__ import annotations

from overtone.report.words import listed, number, percent, plural
from overtone.search.duplicates import Duplicates
from overtone.search.listing import Found
from overtone.search.outliers import Outliers

_RECOGNISED = 0.7
"""Share of right pairs that are recognised, below which weak pairs look like wrong ones."""


def title_of(found: Found) -> str:
    """What the table of a result shows."""
    if isinstance(found, Duplicates):
        return "Near-duplicates"
    return "Outliers" if isinstance(found, Outliers) else "Mismatched pairs"


def found_in_words(found: Found) -> list[str]:
    """How many were found among how many clips, how many chance explains, and what else to keep in mind."""
    among = f"Among {plural(found.clips, 'clip')} ({listed(found.modalities)})"
    if isinstance(found, Duplicates):
        return _duplicates(found, among)
    if isinstance(found, Outliers):
        return _outliers(found, among)
    said = [
        f"{among} an estimated {percent(found.wrong_share, 1)} (± {percent(found.wrong_share_error, 1)}) of the pairs "
        f"are wrong: {plural(round(found.wrong_share * found.clips), 'clip')}."
    ]
    if found.mismatches:
        said.append(
            f"{plural(len(found.mismatches), 'pair')} listed, of which {number(round(found.expected))} are expected to "
            "be right after all. rank: share of wrong pairs whose halves agree less; chance: that the pair is wrong."
        )
    else:
        said.append("No pair is sure enough to be listed; a larger --fdr lists more.")
    if found.recognised < _RECOGNISED:
        said.append(
            f"Only {percent(found.recognised)} of the right pairs can be told from wrong ones here, because the two "
            "modalities share little. A weak pair then looks like a wrong one: use the order, not the numbers."
        )
    return said


def _duplicates(found: Duplicates, among: str) -> list[str]:
    if not found.groups:
        return [f"{among} no two are nearer than chance explains."]
    return [
        f"{among} {found.found:,} are near-duplicates, in {plural(len(found.groups), 'group')}; chance explains "
        f"{number(found.expected)} of them.",
        "distance: from 0 for copies to 2 for opposites; expected: clips with so near a neighbour by chance.",
    ]


def _outliers(found: Outliers, among: str) -> list[str]:
    if not found.outliers:
        return [f"{among} none is farther out than chance explains."]
    return [
        f"{among} {plural(len(found.outliers), 'is', 'are')} farther from the others than chance explains, but for "
        f"{number(found.expected)}.",
        "distance: to the tenth nearest clip, 1 for the median clip; expected: clips as far out by chance.",
    ]
