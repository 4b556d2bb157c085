"""The report of a diagnosis: what each loss does to the space, how its gradient is distributed, which one to take."""

from __future__ import annotations

from collections.abc import Sequence

from overtone.experiments import FROZEN, GRADIENT, QUANTITIES, RETRIEVAL, SPACE, Diagnosis, Measured, Quantity, quantity
from overtone.report.diagnosis_classes import class_variances, maps
from overtone.report.diagnosis_curves import gradient_over_time, retrieval_over_time, space_over_time
from overtone.report.diagnosis_figures import styles_of
from overtone.report.diagnosis_verdict import choice, verdicts
from overtone.report.markup import Child, Columns, Markup, el, markup, table, texts
from overtone.report.page import FEW_QUERIES, Headed, Section, answer, folded, page, provenance, section, summary, tile
from overtone.report.palette import key_of_losses, named
from overtone.report.quantities import write
from overtone.report.words import corpus_name, duration, listed, p_value, plural, prose, significant, span

_TABLES = {"Retrieval": RETRIEVAL, "The embedding space": SPACE, "The gradient": GRADIENT}


def diagnosis_report(diagnosis: Diagnosis) -> str:
    """The report of a diagnosis, as one HTML file that needs no network.

    Args:
        diagnosis: The diagnosis; what it does not have is left out of the page. ``Diagnosis.from_dict`` reads one from
            the JSON document that ``overtone diagnose --json`` prints, or from one that was put together by hand.

    Returns:
        HTML; the same for the same input.
    """
    names, styles = list(diagnosis.ranked()), styles_of(diagnosis)
    what = names[0] if len(names) == 1 else plural(len(names), "loss", "losses") if names else FROZEN
    lead, calm = in_words(diagnosis), "Nothing looks suspicious."
    return page(
        title=f"{what} {'on' if names else 'of'} {corpus_name(diagnosis.corpus)}",
        kind="diagnosis",
        head=summary(lead, _tiles(diagnosis), doubts(diagnosis), calm=calm),
        sections=answer(SECTIONS, diagnosis),
        key=key_of_losses({name: styles[name] for name in diagnosis.spaces()}) if names else None,
    )


def in_words(diagnosis: Diagnosis) -> str:
    """Which losses were trained on what, which retrieves best, and which makes classes compact or keeps them wide."""
    names, corpus = list(diagnosis.ranked()), corpus_name(diagnosis.corpus)
    if not names:
        return f"The {FROZEN} of {corpus}. No loss was trained on them."
    trained = f"{len(names)} losses each trained" if len(names) > 1 else f"{names[0]} trained"
    rows, classes = diagnosis.rows.get("test"), diagnosis.classes.get("test")
    counted = plural(rows, "test row") if rows else "the test rows"
    counted += f" of {plural(classes, 'class', 'classes')}" if classes else ""
    unseen = ", none of which was trained on" if diagnosis.class_disjoint else ""
    return prose(
        f"{trained} a head on the {FROZEN} of {corpus}, with {plural(len(diagnosis.seeds), 'seed')}.",
        f"Retrieval is evaluated {_protocol(diagnosis)}, on {counted}{unseen}.",
        _best(diagnosis, names),
        _variances(diagnosis),
    )


def _protocol(diagnosis: Diagnosis) -> str:
    """Of what modality queries and gallery are: ``"within image"`` or ``"from audio to visual and back"``."""
    if diagnosis.protocol == "across":
        return f"from {diagnosis.modalities[0]} to {diagnosis.modalities[1]} and back"
    return f"within {listed(diagnosis.modalities) or 'one modality'}"


def _best(diagnosis: Diagnosis, names: list[str]) -> str:
    about, top = quantity(diagnosis.metric), diagnosis.measured(names[0], diagnosis.metric)
    if top.mean is None:
        return ""
    before = _frozen(diagnosis, diagnosis.metric).mean
    against = "" if before is None else f" ({FROZEN}: {write(about, before)})"
    value = f"{write(about, top.mean)}{against}"
    if len(names) == 1:
        return f"Its {about.name} is {value}."
    if champion(diagnosis, diagnosis.metric) == names[0]:
        return f"{names[0]} is best: its {about.name} is {value}."
    doubt = "its lead over at least one other loss is not significant"
    if len(diagnosis.seeds) < 2:
        doubt = "with one seed no test of its lead was possible"
    return f"{names[0]} has the highest {about.name}, {value}, but {doubt}."


def _variances(diagnosis: Diagnosis) -> str:
    about, order = quantity("intra_variance"), diagnosis.ordered("intra_variance")
    if len(order) < 2:
        return ""
    (low, compact), (high, wide) = order[0], order[-1]
    return (
        f"{compact} makes the most compact classes ({about.name} {write(about, low)}). {wide} keeps the most diversity "
        f"within the classes ({write(about, high)})."
    )


def _frozen(diagnosis: Diagnosis, key: str) -> Measured:
    """A quantity of the frozen features, if they have one space."""
    return Measured() if diagnosis.features is None else diagnosis.features.measured(key)


def champion(diagnosis: Diagnosis, key: str) -> str | None:
    """The loss that is significantly better than all others by a quantity; None where no end of it is the better."""
    best = quantity(key).best
    return None if best is None else diagnosis.leader(key, highest=best == "high")


def doubts(diagnosis: Diagnosis) -> list[str]:
    """What a reader should keep in mind before quoting a number."""
    found = []
    if diagnosis.losses and len(diagnosis.seeds) < 2:
        found.append("One seed only: another seed may change the order. Diagnose with at least three.")
    rows = diagnosis.rows.get("test")
    if rows is not None and rows < FEW_QUERIES:
        found.append(f"There are only {plural(rows, 'test row')}, so the numbers may change with other rows.")
    for key in ("map", "recall@1"):
        before, reached = (
            _frozen(diagnosis, key).mean,
            {name: diagnosis.measured(name, key) for name in diagnosis.ranked()},
        )
        # the interval of the loss, or without one its mean, does not lie above the frozen features
        worse = [
            name
            for name, one in reached.items()
            if before is not None and one.mean is not None and (one.ci95 or (one.mean,))[0] <= before
        ]
        if worse:
            found.append(f"By {quantity(key).name}, not significantly better than the {FROZEN}: {listed(worse)}.")
    return [*found, *diagnosis.warnings]


def _tiles(diagnosis: Diagnosis) -> Child:
    best, about = diagnosis.best, quantity(diagnosis.metric)
    if best is None:
        return None
    top, frozen = diagnosis.measured(best, diagnosis.metric), _frozen(diagnosis, diagnosis.metric)
    variance, order = quantity("intra_variance"), diagnosis.ordered("intra_variance")
    ends = zip(order[:1] + order[1:][-1:], ("most compact", "most diverse") if len(order) > 1 else (None,))
    findings = sum(len(result.verdict or ()) for result in diagnosis.losses.values())
    return [
        tile(write(about, top.mean), f"{about.name}, {best}", span(top.ci95) if top.ci95 else None),
        None if frozen.mean is None else tile(write(about, frozen.mean), f"{about.name}, {FROZEN}"),
        [tile(write(variance, mean), f"{variance.name}, {name}", what) for (mean, name), what in ends],
        tile(str(findings), "findings of the rules"),
        tile(duration(diagnosis.seconds), "total time"),
    ]


def losses(diagnosis: Diagnosis) -> Section | None:
    """All quantities at the end of the training, the losses by mAP, the frozen features below them."""
    if not diagnosis.spaces():
        return None
    tables = [_table(diagnosis, title, keys) for title, keys in _TABLES.items()]
    question = "What are the results?" if len(diagnosis.losses) < 2 else "How do the losses compare?"
    return section(question, _how(diagnosis), tables, _tests(diagnosis))


def _table(diagnosis: Diagnosis, title: str, keys: Sequence[str]) -> Child:
    shown = [key for key in keys if diagnosis.has(key)]
    if not shown:
        return None
    timed, styles = keys is RETRIEVAL and bool(diagnosis.losses), styles_of(diagnosis)
    champions = {key: champion(diagnosis, key) for key in shown}
    columns: Columns = ["loss", *(quantity(key).name for key in shown), *(["time"] if timed else [])]
    rows = []
    for name, space in diagnosis.spaces().items():
        measured = {key: space.measured(key) for key in shown}
        if name not in diagnosis.losses and all(one.mean is None for one in measured.values()):
            continue
        cells = [cell(one, quantity(key), champions[key] == name) for key, one in measured.items()]
        seconds = diagnosis.losses[name].seconds if name in diagnosis.losses else None
        rows.append([named(name, styles), *cells, *([duration(seconds)] if timed else [])])
    return [el("h3", title), table(columns, rows)]


def cell(one: Measured, about: Quantity, best: bool = False) -> Markup:
    """A mean with its standard deviation, and the interval below it; bold if it is significantly the best."""
    written = write(about, one.mean)
    if one.mean is not None and one.std is not None:
        written += f" ± {_as_fine(one.std, written)}"
    interval = f"{write(about, one.ci95[0])} to {write(about, one.ci95[1])}" if one.ci95 else None
    return markup(el("b", written) if best else written, el("span", interval, class_="interval") if interval else None)


def _as_fine(std: float, mean: str) -> str:
    """A standard deviation with as many places as its mean is written with.

    Example:
        >>> _as_fine(0.01234, "0.512"), _as_fine(12.6, "1,204")
        ('0.012', '13')
    """
    return significant(std, 2) if "×" in mean else f"{std:,.{len(mean.partition('.')[2])}f}"


def _how(diagnosis: Diagnosis) -> str:
    if not diagnosis.losses:
        return "Measured on the test rows, each scaled to length one."
    many, several = len(diagnosis.seeds) > 1, len(diagnosis.losses) > 1
    return prose(
        "Measured on the test rows at the end of the training; the gradient over the last epoch.",
        f"Behind ± is the standard deviation over {len(diagnosis.seeds)} seeds, below it the 95 % interval of the mean."
        if many
        else "With one seed, the effect of the seed is unknown.",
        "Bold: significantly the best, because the interval of its lead over every other loss excludes zero."
        if many and several
        else "",
        "Which space is best depends on the task, so no value is bold there." if several else "",
        f"Below the losses are the {FROZEN}, each row scaled to length one."
        if diagnosis.features or diagnosis.views
        else "",
        "Each modality's features have a space of their own, so there is no retrieval across them."
        if len(diagnosis.views) > 1
        else "",
    )


def _tests(diagnosis: Diagnosis) -> Child:
    """All paired tests, folded away, with a word on how many of them chance alone would make."""
    if not diagnosis.paired_tests:
        return None
    columns: Columns = ["quantity", *texts("first", "second"), "difference", "95 % interval", "p"]
    rows = []
    for test in diagnosis.paired_tests:
        interval = " to ".join(significant(end) for end in test.ci95 or (None, None))
        cells = [significant(test.difference), interval, p_value(test.p_value)]
        rows.append([quantity(test.quantity).name, test.a, test.b, *cells])
    text = (
        "First minus second, trained with the same seeds. If losses do not differ, about five of a hundred tests still "
        "have an interval that excludes zero."
    )
    title = f"All {len(rows)} paired tests" if len(rows) > 1 else "The paired test"
    return folded(title, text, table(columns, rows))


def glossary(diagnosis: Diagnosis) -> Section | None:
    """A line per quantity of this page: how it is measured, its unit, what low and high mean."""
    recorded = [record for one in diagnosis.losses.values() for record in (one.series, one.evaluations)]
    drawn = {key for record in recorded for key, values in record.items() if any(v is not None for v in values or ())}
    shown = [one for key, one in QUANTITIES.items() if diagnosis.has(key) or key in drawn]
    if not shown:
        return None
    columns: Columns = ["quantity", *texts("how it is measured", "low", "high")]
    rows = [[one.name, f"{one.means} ({one.unit})", one.low, one.high] for one in shown]
    text = "All are measured on rows scaled to length one, so that the numbers of different losses can be compared."
    return section("What do the quantities mean?", text, table(columns, rows))


def origin(diagnosis: Diagnosis) -> Section:
    """Data, seeds, budget, settings and time: what is needed to do it again."""
    counts = (("row", "rows", diagnosis.rows), ("class", "classes", diagnosis.classes))
    parts = {
        split: [plural(of[split], one, many) for one, many, of in counts if split in of] for split in ("train", "test")
    }
    disjoint = "classes that were not trained on" if diagnosis.class_disjoint else "the trained classes"
    known = {
        "data": diagnosis.corpus,
        "modalities": listed(diagnosis.modalities),
        "retrieval": _protocol(diagnosis),
        "rows": "; ".join(f"{split}: {listed(part)}" for split, part in parts.items() if part),
        "classes": None if diagnosis.class_disjoint is None else f"tested on {disjoint}",
        "seeds": ", ".join(map(str, diagnosis.seeds)),
        "time": None if diagnosis.seconds is None else duration(diagnosis.seconds),
        "checksum": diagnosis.checksum,
        "versions": diagnosis.versions,
    }
    settings: Headed = {"Budget, the same for all losses": diagnosis.settings} if diagnosis.settings else {}
    settings |= {el("code", name): one.settings for name, one in diagnosis.ranked().items() if one.settings}
    return provenance(known, notes=diagnosis.notes, warnings=diagnosis.warnings, settings=settings)


SECTIONS = (
    choice,
    verdicts,
    losses,
    space_over_time,
    gradient_over_time,
    class_variances,
    maps,
    retrieval_over_time,
    glossary,
    origin,
)
"""What the report answers, top to bottom."""
