"""Queries with what they find."""

from __future__ import annotations

import numpy as np

from overtone.report.facts import RunFacts
from overtone.report.markup import Child, Markup, el, link_to_media, markup
from overtone.report.page import Section, paragraphs
from overtone.report.retrieval import Hit, telling
from overtone.report.words import number
from overtone.report.words import rank as written_rank

LENGTH = 10
"""Items shown of a ranking."""


def examples(facts: RunFacts) -> Section:
    """The best, the median and the worst query of each direction with the first items they find."""
    judged = "average precision" if facts.average_precision else "the rank of their own partner"
    text = (
        f"By {judged}: the best, the median and the worst query of each direction, the first of equals. "
        "✓ is relevant; the shaded row is the query's own partner."
    )
    body: list[Child] = [paragraphs(text)]
    for key, arrow in facts.arrows.items():
        chosen = telling(*_scores(facts, key))
        body += [el("h3", arrow), el("div", [_card(facts, key, *one) for one in chosen.items()], class_="cards")]
    return Section("What do queries find?", markup(body))


def _scores(facts: RunFacts, key: str) -> tuple[np.ndarray, np.ndarray]:
    if facts.average_precision:
        return facts.average_precision[key], np.arange(len(facts.ids))
    direction = facts.directions[key]
    return -direction.partner_ranks, direction.rows


def _card(facts: RunFacts, key: str, name: str, row: int) -> Markup:
    asks, answers = facts.modalities if key == "a2v" else facts.modalities[::-1]
    direction = facts.directions[key]
    precision = facts.average_precision.get(key)
    about = [
        f"class {facts.labels[row]}" if facts.labels[row] else "",
        f"AP {number(float(precision[row]))}" if precision is not None else "",
        f"partner at rank {written_rank(direction.partner_rank(row))}",
    ]
    hits = direction.ranking(row, LENGTH)
    head = el(
        "tr",
        el("th", "#", class_="number rank"),
        el("th", "found"),
        el("th", "class") if facts.targets is not None else None,
        el("th", "cosine", class_="number similarity"),
        el("th", "", class_="hit", aria_label="relevant"),
    )
    lines = [_line(facts, row, rank, hit, answers) for rank, hit in enumerate(hits, 1)]
    return el(
        "div",
        el("h4", f"{name.capitalize()}: ", _named(facts, row, asks), title=facts.ids[row]),
        el("p", " · ".join(filter(None, about)), class_="muted"),
        el("table", el("thead", head), el("tbody", lines)),
        class_="card",
    )


def _line(facts: RunFacts, query: int, rank: int, hit: Hit, modality: str) -> Markup:
    relevant = hit.row == query
    if facts.present is not None:
        relevant = bool((facts.present[query] & facts.present[hit.row]).any())
    return el(
        "tr",
        el("td", rank, class_="number rank"),
        el("td", _named(facts, hit.row, modality), title=facts.ids[hit.row]),
        el("td", facts.labels[hit.row], title=facts.labels[hit.row]) if facts.targets is not None else None,
        el("td", number(hit.similarity, 2), class_="number similarity"),
        el("td", "✓" if relevant else "", class_="hit relevant"),
        class_="partner" if hit.row == query else None,
    )


def _named(facts: RunFacts, row: int, modality: str) -> Child:
    paths = facts.media.get(modality)
    return link_to_media(paths[row], facts.ids[row]) if paths and paths[row] else facts.ids[row]
