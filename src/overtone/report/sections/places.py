"""A map of both modalities."""

from __future__ import annotations

from typing import Any

import numpy as np

from overtone.report.facts import RunFacts
from overtone.report.figures import Figure, label, rounded
from overtone.report.maps import neighbours, principal, spaced
from overtone.report.markup import markup
from overtone.report.page import Section, draw, paragraphs
from overtone.report.palette import FIRST, SECOND, class_colour
from overtone.report.words import percent

SYMBOLS = ("circle", "diamond-open")
"""Of the first and of the second modality: told apart without colour."""


def places(facts: RunFacts) -> Section | None:
    """The joined embeddings in two dimensions: modality by shape, class by colour, pairs joined on pointing."""
    rows = spaced(len(facts.ids))
    if len(rows) < 2:
        return None
    joined = np.concatenate([facts.directions["a2v"].queries[rows], facts.directions["a2v"].gallery[rows]])
    by_variance, share = principal(joined)
    maps = {"directions of most variance (PCA)": by_variance}
    by_neighbours = neighbours(joined)
    if by_neighbours is not None:
        maps = {"neighbourhoods (t-SNE)": by_neighbours, **maps}
    some = "" if len(rows) == len(facts.ids) else f"{len(rows):,} evenly spaced of {len(facts.ids):,} test pairs. "
    first, second = facts.modalities
    text = (
        f"{some}Discs are {first}, open diamonds are {second}; point at one to see its partner. Where "
        f"{'the two lie mixed by class' if facts.targets is not None else 'partners lie close'}, either one finds the "
        "other. t-SNE keeps neighbours together, but its distances and sizes mean "
        f"nothing; the PCA view keeps distances, and shows {percent(share)} of the variance."
    )
    colours = (
        " So many colours are hard to tell apart: click a name in the legend to hide a class, twice to see it alone."
        if len(set(_colour_classes(facts, rows))) > 8
        else ""
    )
    return Section(
        "Where do the two modalities lie?", markup(paragraphs(text + colours), draw(_figure(facts, rows, maps)))
    )


def _colour_classes(facts: RunFacts, rows: np.ndarray[Any, Any]) -> list[int]:
    """The class each row is coloured by: its strongest, -1 for none."""
    if facts.targets is None:
        return [-1] * len(rows)
    chosen = facts.targets[rows]
    return [int(at) if chosen[row, at] > 0 else -1 for row, at in enumerate(chosen.argmax(1))]


def _figure(facts: RunFacts, rows: np.ndarray[Any, Any], maps: dict[str, Any]) -> Figure:
    classes = np.array(_colour_classes(facts, rows))
    present = sorted(set(classes.tolist()))
    # A trace holds all first halves of its class, then all second halves: the page joins point i with point i + n/2.
    members = [np.flatnonzero(classes == number) for number in present]
    members = [np.concatenate([some, some + len(rows)]) for some in members]
    traces = [_trace(facts, rows, number, some) for number, some in zip(present, members)]
    views = {
        name: {axis: [rounded(points[some, at]) for some in members] for at, axis in enumerate("xy")}
        for name, points in maps.items()
    }
    first_view = next(iter(views.values()))
    for at, trace in enumerate(traces):
        trace.update(x=first_view["x"][at], y=first_view["y"][at])
    many = len(present) > 1
    axis = {"showticklabels": False, "zeroline": False, "title": {"text": ""}}
    layout = {
        "xaxis": axis,
        "yaxis": dict(axis),
        "showlegend": many,
        "legend": {
            "itemsizing": "constant",
            "itemclick": "toggle",
            "itemdoubleclick": "toggleothers",
            "orientation": "h",
            "y": -0.02,
        },
        "margin": {"l": 10, "r": 10, "t": 30, "b": 10},
    }
    alt = f"Map of {2 * len(rows)} embeddings of {facts.modalities[0]} and {facts.modalities[1]}"
    return Figure(traces, alt, layout, height=580 + 5 * len(present), views=views if len(views) > 1 else {}, pairs=True)


def _trace(facts: RunFacts, rows: np.ndarray[Any, Any], number: int, members: np.ndarray[Any, Any]) -> dict[str, Any]:
    half = len(members) // 2
    texts = [f"{label(facts.ids[rows[at]])}<br>{label(facts.labels[rows[at]])}" for at in members[:half]]
    name = facts.class_names[number] if number >= 0 else "no class"
    return {
        "type": "scatter",
        "mode": "markers",
        "name": label(name, 24),
        "text": texts * 2,
        "customdata": [facts.modalities[0]] * half + [facts.modalities[1]] * half,
        "marker": {
            "size": 6,
            "color": class_colour(number) if number >= 0 else [FIRST] * half + [SECOND] * half,
            "symbol": [SYMBOLS[0]] * half + [SYMBOLS[1]] * half,
            "opacity": 0.8,
        },
        "hovertemplate": "%{text}<extra>%{customdata}</extra>",
    }
