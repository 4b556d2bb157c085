"""The report of a diagnosis: what each loss does to the space, how it spends its gradient, and which to take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from overtone.report.diagnosed import FROZEN, RANKED_BY, Diagnosed
from overtone.report.key import key_of_losses
from overtone.report.markup import Markup, el, markup
from overtone.report.page import Section, answered, fact_list, notes, page, tile
from overtone.report.quantities import quantity
from overtone.report.sections.choice import choice, verdicts
from overtone.report.sections.courses import gradient_over_time, retrieval_over_time, space_over_time
from overtone.report.sections.glossary import glossary
from overtone.report.sections.losses import losses
from overtone.report.sections.maps_of_losses import maps_of_losses
from overtone.report.sections.provenance import recorded, remarks, settings_table
from overtone.report.sections.spread import spread
from overtone.report.summaries import diagnosis_in_words
from overtone.report.words import duration, listed, plural, span

SPOKEN_FOR = frozenset({"embeddings", "labels", "class_names", "notes", "warnings"})
"""Details that have their own place; all others are listed in the last section."""
FEW = 100
"""Test rows below which the numbers are uncertain."""


def provenance(diagnosed: Diagnosed) -> Section:
    """Data, seeds, budget, settings and time: what is needed to do it again."""
    diagnosis, details = diagnosed.diagnosis, diagnosed.details
    splits = [
        f"{split}: {listed([plural(count, noun, many) for count, noun, many in counts])}"
        for split in ("train", "test")
        if (counts := _counts(diagnosed, split))
    ]
    known = [
        ("data", str(diagnosis.get("corpus", "")) or None),
        ("modalities", listed(diagnosed.modalities) or None),
        ("retrieval", diagnosed.retrieval),
        ("rows", "; ".join(splits) or None),
        ("classes", _classes_in_words(diagnosis.get("class_disjoint"))),
        ("seeds", ", ".join(map(str, diagnosed.seeds)) or None),
        ("time", duration(diagnosis.get("seconds")) if diagnosis.get("seconds") is not None else None),
    ]
    rest = {name: value for name, value in details.items() if name not in SPOKEN_FOR}
    settings = [
        [el("h3", title), settings_table(values)]
        for title, values in [
            ("Budget, the same for all losses", diagnosis.get("settings")),
            *((el("code", name), entry.get("settings")) for name, entry in diagnosed.losses.items()),
        ]
        if isinstance(values, Mapping) and values
    ]
    body = [
        fact_list([*known, *recorded(rest)]),
        remarks(details.get("notes") or (), details.get("warnings") or ()),
        settings,
    ]
    return Section("How was this made?", markup(body))


SECTIONS: tuple[Callable[[Diagnosed], Section | None], ...] = (
    choice,
    verdicts,
    losses,
    space_over_time,
    gradient_over_time,
    spread,
    maps_of_losses,
    retrieval_over_time,
    glossary,
    provenance,
)
"""What a diagnosis's report answers, top to bottom. To add a question, put its function into its place here."""


def diagnosis_report(diagnosis: Mapping[str, Any], *, details: Mapping[str, Any] | None = None) -> str:
    """The report of a diagnosis, as one HTML file that needs no network.

    Args:
        diagnosis: What ``overtone diagnose --json`` prints: losses with their numbers, courses and verdicts, the
            frozen features, the recommendation, paired tests. What is not in it is left out of the page.
        details: What is known beside it, all of it optional: ``embeddings`` (loss to (n, d) test rows of the first
            seed), ``labels`` ((n,) class numbers) and ``class_names`` for the maps; ``notes`` and ``warnings``
            (sentences); and anything else worth writing down (versions, checksum), which the last section lists.

    Returns:
        HTML; the same for the same input.
    """
    diagnosed = Diagnosed(diagnosis, details or {})
    names = list(diagnosed.losses)
    what = names[0] if len(names) == 1 else plural(len(names), "loss", "losses") if names else FROZEN
    return page(
        title=f"{what} {'on' if names else 'of'} {diagnosed.corpus}",
        kind="diagnosis",
        head=_head(diagnosed),
        sections=answered(SECTIONS, diagnosed),
        foot="Made by Overtone. This file is whole: it loads nothing from anywhere.",
        key=key_of_losses({name: diagnosed.styles[name] for name in diagnosed.entries}) if names else None,
    )


def doubts(diagnosed: Diagnosed) -> list[str]:
    """What a reader should keep in mind before quoting a number."""
    found = []
    if diagnosed.losses and len(diagnosed.seeds) < 2:
        found.append("One seed only: the order may change with another. Diagnose with at least three.")
    rows = diagnosed.count("rows", "test")
    if rows is not None and rows < FEW:
        found.append(f"There are only {plural(rows, 'test row')}; the numbers may change with others.")
    for key in RANKED_BY:
        if worse := _no_better(diagnosed, key):
            found.append(f"By {quantity(key).name}, not clearly better than the {FROZEN}: {listed(worse)}.")
    return [*found, *(diagnosed.details.get("warnings") or ())]


def _no_better(diagnosed: Diagnosed, key: str) -> list[str]:
    """Losses whose interval, or without one whose mean, does not lie above the frozen features."""
    before = diagnosed.measured(FROZEN, key).mean
    if before is None:
        return []
    reached = {name: diagnosed.measured(name, key) for name in diagnosed.losses}
    return [name for name, one in reached.items() if one.mean is not None and (one.ci95 or (one.mean,))[0] <= before]


def _head(diagnosed: Diagnosed) -> Markup:
    found = doubts(diagnosed)
    return markup(
        el("p", diagnosis_in_words(diagnosed), class_="lead"),
        _tiles(diagnosed),
        notes(
            found, warn=f"{plural(len(found), 'thing')} to keep in mind", calm="Nothing speaks against these numbers."
        ),
    )


def _tiles(diagnosed: Diagnosed) -> Markup | None:
    if not diagnosed.losses:
        return None
    best, about = next(iter(diagnosed.losses)), quantity(diagnosed.metric)
    top, frozen = diagnosed.measured(best, diagnosed.metric), diagnosed.measured(FROZEN, diagnosed.metric)
    hits = sum(len(entry.get("verdict") or ()) for entry in diagnosed.losses.values())
    tiles = [
        tile(about.write(top.mean), f"{about.name}, {best}", span(top.ci95) if top.ci95 else None),
        tile(about.write(frozen.mean), f"{about.name}, {FROZEN}") if frozen.mean is not None else None,
        _extremes(diagnosed),
        tile(str(hits), "findings of the rules"),
        tile(duration(diagnosed.diagnosis.get("seconds")), "in all"),
    ]
    return el("div", tiles, class_="tiles")


def _extremes(diagnosed: Diagnosed) -> list[Markup]:
    """The most compact and the most diverse loss, with their variance."""
    about, order = quantity("intra_variance"), diagnosed.ordered("intra_variance")
    ends = zip(order[:1] + order[1:][-1:], ("most compact", "most diverse") if len(order) > 1 else (None,))
    return [tile(about.write(mean), f"{about.name}, {name}", what) for (mean, name), what in ends]


def _counts(diagnosed: Diagnosed, split: str) -> list[tuple[int, str, str]]:
    counted = [(diagnosed.count("rows", split), "row", "rows"), (diagnosed.count("classes", split), "class", "classes")]
    return [(count, noun, many) for count, noun, many in counted if count is not None]


def _classes_in_words(disjoint: object) -> str | None:
    if disjoint is None:
        return None
    return "tested on classes that were not trained on" if disjoint else "tested on the classes that were trained on"
