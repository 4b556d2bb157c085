"""Near-duplicates, outliers and mismatched pairs in words."""

from __future__ import annotations

from overtone.report.words import listed, percent, plural, tenths
from overtone.search.duplicates import Duplicates
from overtone.search.listing import Found
from overtone.search.mismatched import LOWEST, MOST_WRONG, Mismatches
from overtone.search.outliers import Outliers

_RECOGNISED = 0.7
"""Share of right pairs that are recognised, below which weak pairs look like wrong ones."""
_LEAST_ERROR = 0.001
"""The smallest standard error of a share that is shown: what is written with one place is not known better."""
_MANY = 0.2
"""Share of near-duplicates from which on they matter for splits."""


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
    return _mismatched(found, among)


def by_chance(expected: float) -> str:
    """How many of the clips or pairs listed chance explains.

    Example:
        >>> by_chance(6.246), by_chance(0.004), by_chance(0.0)
        ('6.2', 'fewer than 0.1', '0')
    """
    return tenths(expected) if expected >= 0.05 else "fewer than 0.1" if expected else "0"


def explained(expected: float) -> str:
    """The same as the end of a sentence."""
    return f"chance explains {by_chance(expected) if expected else 'none'} of them"


def _mismatched(found: Mismatches, among: str) -> list[str]:
    if not found.judged:
        return _unjudged(found, among)
    if not found.wrong_share:
        return [f"{among} no pair looks wrong: none agrees as little as wrong pairs do."]
    said = [
        f"{among} an estimated {_wrong_share(found)} of the pairs are wrong: "
        f"{plural(round(found.wrong_share * found.clips), 'clip')}."
    ]
    if found.mismatches:
        said.append(
            f"{plural(len(found.mismatches), 'pair')} listed, of which {round(found.expected):,} are expected to be "
            "right after all. rank: share of wrong pairs whose halves agree less; chance: that the pair is wrong."
        )
    else:
        said.append("No pair is sure enough to be listed; a larger --fdr lists more.")
    if found.recognised < _RECOGNISED:
        said.append(
            f"Only {percent(found.recognised)} of the right pairs stand out from wrong ones here, because the two "
            "modalities share little: look at the first ones, and doubt the others."
        )
    return said


def _unjudged(found: Mismatches, among: str) -> list[str]:
    """What can be said where a pair's rank does not tell whether it is right."""
    if found.wrong_share > MOST_WRONG:
        said = [
            f"{among} nearly all pairs agree no more than random ones do. Either the rows of the two modalities do not "
            "belong together, or the modalities share nothing that neighbours show; no single pair can be judged."
        ]
    else:
        said = [
            f"{among} single pairs cannot be judged: the two modalities share too little. Only "
            f"{percent(found.recognised)} of the right pairs stand out; the others rank as low as many random ones. "
            f"At most {_wrong_share(found)} of the pairs are wrong."
        ]
    lowest = (
        f"Of random pairs {percent(LOWEST)} rank in the lowest {percent(LOWEST)}, which would be "
        f"{plural(round(LOWEST * found.clips), 'pair')}; of these pairs {found.lowest:,} do."
    )
    if found.mismatches:
        listed = (
            f"Listed: {plural(len(found.mismatches), 'pair')} whose halves agree even less than those of random pairs; "
            f"{explained(found.expected)}."
        )
    else:
        listed = "None agrees less than random pairs do by chance, so none is listed."
    return [*said, f"{lowest} {listed}"]


def _wrong_share(found: Mismatches) -> str:
    return f"{percent(found.wrong_share, 1)} (± {percent(max(found.wrong_share_error, _LEAST_ERROR), 1)})"


def _duplicates(found: Duplicates, among: str) -> list[str]:
    if not found.groups:
        return [f"{among} no two are nearer than chance explains."]
    said = [
        f"{among} {found.found:,} are near-duplicates, in {plural(len(found.groups), 'group')}; "
        f"{explained(found.expected)}.",
        "distance: from 0 for copies to 2 for opposites; expected: clips with so near a neighbour by chance.",
    ]
    if found.found >= _MANY * found.clips:
        said.append(
            f"{percent(found.found / found.clips)} of the clips are near-duplicates: keep one of each group, or give "
            "the data a key groups, so that no split has the same clip on both sides."
        )
    return said


def _outliers(found: Outliers, among: str) -> list[str]:
    if not found.outliers:
        return [f"{among} none is farther out than chance explains."]
    return [
        f"{among} {plural(len(found.outliers), 'lies', 'lie')} far from all others; {explained(found.expected)}.",
        "distance: to the tenth nearest clip, 1 for the median clip; expected: clips as far out by chance.",
    ]
