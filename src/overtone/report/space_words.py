"""The shape of a space in words: the gap between the modalities, hubs, and what each modality finds alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from overtone.report.words import directions_of, listed, number, percent

if TYPE_CHECKING:
    from overtone.evaluation import Hubness, SpaceShape

_HUBS = 3.0
"""Skew from which hubs stand in the way."""
_APART, _FAR = 0.5, 0.5
"""Share of the squared distance of counterparts that is the same for all, and distance of the centroids, beyond which
the modalities lie apart: a share of next to no distance says nothing."""


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
    apart = " The modalities lie apart: most of that distance is the same for all clips." if far else ""
    return (
        f"Modality gap: the centroids of {names[0]} and {names[1]} are {number(gap.distance, 2)} apart "
        f"({number(gap.by_chance, 2)} by chance), {percent(share)} of the squared distance of counterparts. "
        f"Mean cosine {number(gap.pair_cosine, 2)} of counterparts, {number(gap.shuffled_cosine, 2)} of shuffled pairs."
        f"{apart}"
    )


def _hubs(hubness: Mapping[str, Hubness], arrows: Mapping[str, str]) -> str:
    parts = [
        f"{arrows[way]} skew {number(hub.skew, 1)}, the most frequent item is found by {percent(hub.largest)} of the "
        f"queries, {percent(hub.never)} of the items by none"
        for way, hub in hubness.items()
    ]
    k = next(iter(hubness.values())).k
    many = any(hub.skew >= _HUBS for hub in hubness.values())
    verdict = " A few items stand before what is right: hubs." if many else ""
    return f"Hubs, among the {k} nearest: {'; '.join(parts)}.{verdict}"


def _dimensions(ranks: Mapping[str, float]) -> str:
    return f"Effective rank: {listed([f'{name} {number(value, 1)}' for name, value in ranks.items()])} dimensions."
