"""Where the queries find their own partner."""

from __future__ import annotations

import numpy as np

from overtone.report.facts import RunFacts
from overtone.report.figures import counts
from overtone.report.markup import markup
from overtone.report.page import Section, draw, paragraphs
from overtone.report.retrieval import rank_bins, rank_shares
from overtone.report.words import listed, rank

SHARED = "Other items of the same class are good answers too, and may well come first."


def ranks(facts: RunFacts) -> Section:
    """Histogram of the rank of the own partner, beside what chance would give."""
    gallery = len(facts.ids)
    bins = rank_bins(gallery)
    groups = {
        arrow: rank_shares(facts.directions[key].partner_ranks, bins).tolist() for key, arrow in facts.arrows.items()
    }
    chance = np.array([high - low + 1 for low, high in bins]) / gallery
    figure = counts(
        [str(low) if low == high else f"{low:,} to {high:,}" for low, high in bins],
        {**groups, "by chance": chance.tolist()},
        axis="rank of the own partner",
        alt="Histogram of the rank of the own partner in both directions",
    )
    medians = [
        f"{rank(float(np.median(facts.directions[key].partner_ranks)))} for {arrow}"
        for key, arrow in facts.arrows.items()
    ]
    text = (
        f"The strictest question: among {gallery:,} items, where is the query's very own other half? Half of the "
        f"queries have found it by rank {listed(medians)}; a random order needs rank {rank((gallery + 1) / 2)}. "
        f"{SHARED if facts.targets is not None else ''}"
    )
    return Section("Does a query find its own partner?", markup(paragraphs(text), draw(figure)))
