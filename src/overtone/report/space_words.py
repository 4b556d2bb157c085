"""What retrieval figures hide, in words: the gap between modalities, hubs, collapse, each modality alone, leakage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from overtone.report.words import directions_of, listed, number, percent, plural

if TYPE_CHECKING:
    from overtone.evaluation import Hubness, Leakage, SpaceShape

_HUBS = 3.0
"""Skew from which hubs stand in the way."""
_APART, _FAR = 0.5, 0.5
"""Share of the squared distance of counterparts that is the same for all, and distance of the centroids, beyond which
the modalities lie apart: a share of next to no distance says nothing."""
_INFLATES = 0.01
"""Share of leaked test clips from which on figures are taken for inflated."""
_FLAT = 2.0
"""Effective rank up to which a space has collapsed: its rows lie on a line, or nearly so."""


def space_in_words(space: SpaceShape, names: tuple[str, ...], score: float | None = None) -> list[str]:
    """A sentence for the gap, one for hubs, one for dimensions, one for each modality alone.

    Args:
        space: The shape.
        names: The modalities.
        score: mAP across the modalities, to set beside that within each.
    """
    said = [_gap(space, names), _hubs(space.hubness, directions_of((names[0], names[1]))), _dimensions(space.ranks)]
    if space.alone:
        alone = listed([f"{number(value)} within {name}" for name, value in space.alone.items()])
        across = "" if score is None else f"; across them it is {number(score)}"
        said.append(f"Each modality alone: mAP {alone}{across}.")
    return said


def _gap(space: SpaceShape, names: tuple[str, ...]) -> str:
    gap = space.gap
    squared = 2 - 2 * gap.pair_cosine
    share = min(1.0, gap.distance**2 / squared) if squared > 0 else 0.0
    far = share > _APART and gap.distance > _FAR
    most = "The modalities lie apart: most of that distance is the same for all clips."
    return (
        f"Modality gap: the centroids of {names[0]} and {names[1]} are {number(gap.distance, 2)} apart "
        f"({number(gap.by_chance, 2)} by chance), {percent(share)} of the squared distance of counterparts. "
        f"Mean cosine {number(gap.pair_cosine, 2)} of counterparts, {number(gap.shuffled_cosine, 2)} of shuffled pairs."
        f" {most if far else 'No gap to speak of.'}"
    )


def _hubs(hubness: Mapping[str, Hubness], arrows: Mapping[str, str]) -> str:
    parts = [
        f"{arrows[way]} skew {number(hub.skew, 1)}, the most frequent item is found by {percent(hub.largest)} of the "
        f"queries, {percent(hub.never)} of the items by none"
        for way, hub in hubness.items()
    ]
    k = next(iter(hubness.values())).k
    many = any(hub.skew >= _HUBS for hub in hubness.values())
    verdict = "A few items stand before what is right: hubs." if many else "No item stands in the way of others."
    return f"Hubs, among the {k} nearest: {'; '.join(parts)}. {verdict}"


def _dimensions(ranks: Mapping[str, float]) -> str:
    flat = [name for name, value in ranks.items() if value <= _FLAT]
    verdict = f"Nearly collapsed: {listed(flat)} fills hardly more than a line." if flat else "Nothing has collapsed."
    filled = listed([f"{name} {number(value, 1)}" for name, value in ranks.items()])
    return f"Effective rank, the dimensions that rows fill: {filled}. {verdict}"


def leakage_in_words(leakage: Leakage) -> str:
    """A sentence for near-duplicates between the splits, with a verdict."""
    compared = plural(leakage.training, "training clip")
    if leakage.training < leakage.training_of:
        compared = f"{leakage.training:,} of {plural(leakage.training_of, 'training clip')}"
    some = f" of {leakage.tests_of:,}" if leakage.tests < leakage.tests_of else ""
    said = f"Leakage: of {leakage.tests:,}{some} test clips {leakage.found:,} are near-duplicates of one of {compared}"
    if not leakage.found:
        return f"{said}. Nothing leaks from one split into the other."
    pairs = ", ".join(f"{one.test!r} of {one.train!r}" for one in leakage.clips)
    by_chance = f"{leakage.copies:,} of them copies, {number(leakage.expected, 1)} expected by chance"
    much = leakage.share >= _INFLATES
    verdict = "They inflate the figures: keep what belongs together on one side (--group)." if much else "They are few."
    return f"{said} ({by_chance}), such as {pairs}. {verdict}"
