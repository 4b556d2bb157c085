"""The report of a run: how good its retrieval is, what looks wrong, how it was trained, and what it finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor

from overtone.evaluation import Evaluation, Score, counterpart_recall, find_metric, metric_order
from overtone.features import PairedFeatures
from overtone.report.finding import finding_section
from overtone.report.maps import spaced, views
from overtone.report.markup import Child, Column, Columns, el, table
from overtone.report.page import Section, answer, bullets, draw, folded, page, provenance, section, summary, tile
from overtone.report.run_checks import collapsed, suspicions
from overtone.report.run_events import unannotated_events
from overtone.report.run_figures import class_bars, coloured_classes, curve, pair_map, scale
from overtone.report.run_queries import confusions, counterparts, examples
from overtone.report.run_result import RunResult
from overtone.report.space_words import space_in_words
from overtone.report.words import (
    better_direction,
    corpus_name,
    known,
    listed,
    metric_name,
    number,
    percent,
    plural,
    prose,
    rank,
    span,
    writer,
)
from overtone.search.listing import Found
from overtone.training import Run

_MOST_BARS = 40  # classes drawn as bars; of more, the best and the worst
_MOST_COLOURS = 8  # classes whose colours are easy to tell apart
_COUNTED = frozenset({"epoch", "seconds"})  # what a history counts rather than measures
_LAST = ("val_", "rank_", "gradient_norm", "learning_rate")
"""What comes behind the loss and its terms, in this order; an entry of the name, or all that begin so."""


def run_report(
    run: Run,
    data: PairedFeatures,
    evaluation: Evaluation,
    embeddings: Mapping[str, Tensor],
    found: Sequence[Found] = (),
) -> str:
    """The report of a run on its test rows, as one HTML file that needs no network.

    Args:
        run: The run.
        data: What it was trained on; the rows of its split ``"test"``, or all if it has no splits, are reported.
        evaluation: The evaluation of these rows. With ``confusion=True`` the report says which classes are confused.
        embeddings: Modality to (N, e) embeddings of these rows.
        found: Near-duplicates, outliers and mismatched pairs of the data; each is a section.

    Returns:
        HTML; the same for the same input.

    Raises:
        InputError: The evaluation or the embeddings are of another number of rows.
    """
    result = RunResult.of(run, data, evaluation, embeddings)
    calm = "Nothing looks suspicious: the result was checked against chance, collapse, leaks and the training curve."
    head = summary(in_words(result), _tiles(result), suspicions(result), calm=calm, drawing=scale(result))
    title = f"{run.name} on {corpus_name(data.provenance.source)}"
    *sections, made = answer(SECTIONS, result)
    sections += [*map(finding_section, found), made]
    return page(title=title, kind="run report", head=head, sections=sections)


def in_words(result: RunResult) -> str:
    """What was trained on what, the result on the test rows, and the better direction."""
    labels = "with labels" if result.run.method.supervised else "without labels"
    train, (first, second) = _counts(result).get("train"), result.test.names
    train = result.run.info.get("corpus", {}).get("pairs") or train
    rows = f" on {plural(train, 'training pair')}" if train else ""
    corpus = corpus_name(result.data.provenance.source)
    trained = f"{result.run.name} was trained {labels}{rows} of {corpus}, to map {first} and {second} into one space."
    score = result.scores[result.leading] if result.leading else None
    if collapsed(result):
        return prose(
            trained, "The embeddings have collapsed: all items lie on nearly one line.", _tested(result, score)
        )
    better = better_direction(score.directions, result.test.names) if score else ""
    return prose(trained, _tested(result, score), better)


def _tested(result: RunResult, score: Score | None) -> str:
    tests = plural(len(result.test), "test pair")
    if score is None or not known(score.mean):
        return ""
    if result.leading == "map":
        interval = f" (95 % interval {span(score.ci95)})" if score.ci95 else ""
        chance = "" if result.chance is None else f" Chance would give {number(result.chance)}."
        return f"On {tests}, the mean average precision (mAP) is {number(score.mean)}{interval}.{chance}"
    cutoff = int(str(result.leading).partition("@")[2])
    recall = counterpart_recall(result.evaluation, cutoff)
    assert recall is not None
    return (
        f"Without labels, the result is judged by true counterparts: of {tests}, {percent(score.mean)} find theirs "
        f"among the first {cutoff} items. Chance would give {percent(recall.by_chance, 1)}."
    )


def _tiles(result: RunResult) -> Child:
    tiles: list[Child] = []
    if result.leading:
        score, name = result.scores[result.leading], metric_name(result.leading)
        tiles.append(tile(number(score.mean), f"{name}, mean", span(score.ci95) if score.ci95 else None))
        tiles += [tile(number(score.directions.get(way)), f"{name}, {arrow}") for way, arrow in result.arrows.items()]
    if result.chance is not None:
        tiles.append(tile(number(result.chance), metric_name("chance_map")))
    if "median_rank" in result.scores:
        median = rank(result.scores["median_rank"].mean)
        tiles.append(tile(median, metric_name("median_rank"), f"of {len(result.test):,}"))
    return tiles


def metrics(result: RunResult) -> Section:
    """Every metric of the evaluation, per direction and on average, with its interval where it has one."""
    columns: Columns = ["metric", *result.arrows.values(), "mean", "95 % interval", Column("what it means", "words")]
    rows = []
    for key in sorted(result.scores, key=metric_order):
        score, write = result.scores[key], writer(key)
        values = [write(score.directions.get(way)) for way in result.arrows]
        meaning = metric.explanation if (metric := find_metric(key)) else ""
        rows.append([metric_name(key), *values, write(score.mean), span(score.ci95), meaning])
    (first, second), gallery = result.test.names, result.evaluation.gallery
    relevant = (
        "An item is relevant if it shares a class with the query."
        if result.labelled
        else "Without labels only one item is known to be relevant: the query's true counterpart."
    )
    skipped = [
        f"{plural(count, 'query', 'queries')} of {result.arrows[way]}"
        for way, count in result.evaluation.skipped_queries.items()
        if count
    ]
    text = (
        f"Each test item of one modality is a query; the gallery is all {gallery:,} items of the other, ranked by "
        f"cosine similarity. {first} → {second} means that {first} queries {second}. {relevant} Intervals come from "
        "resampling the queries with replacement."
        f"{f' Skipped, because nothing is relevant: {listed(skipped)}.' if skipped else ''}"
    )
    return section("How good is the retrieval?", text, table(columns, rows))


def shape(result: RunResult) -> Section | None:
    """Whether the modalities share one space: the gap between them, hubs, and what each finds alone."""
    space = result.evaluation.space
    if space is None:
        return None
    score = result.scores["map"].mean if "map" in result.scores else None
    some = "" if space.rows == len(result.test) else f"Measured on {space.rows:,} evenly spaced pairs."
    said = bullets(space_in_words(space, result.test.names, score))
    return section("Do the modalities share one space?", some, said)


def _training_curves(result: RunResult) -> Section | None:
    """Every term over the epochs, one small figure each, since their scales have nothing in common."""
    every = dict.fromkeys(name for record in result.history for name, value in record.items() if known(value))
    measured = sorted((name for name in every if name not in _COUNTED), key=_place)
    if not measured:
        return None
    figures, last = [], max(int(record["epoch"]) for record in result.history)
    for name in measured:
        seen = [(int(record["epoch"]), value) for record in result.history if known(value := record.get(name))]
        figure = curve(_in_plain(name), [epoch for epoch, _ in seen], [value for _, value in seen], result.chosen, last)
        figures.append(draw(figure, _in_plain(name)))
    count = plural(len(result.history), "epoch")
    text = f"{count}. The weights of the last epoch were kept."
    if result.chosen is not None and result.criterion is not None:
        text = (
            f"{count}. The dotted line marks epoch {result.chosen}, whose weights were kept: the best one by "
            f"{_in_plain(result.criterion)}, measured on held-out training rows. The test rows were not used for the "
            "choice."
        )
    return section("How did the training go?", text, el("div", figures, class_="grid"))


def _in_plain(name: str) -> str:
    """What a reader calls an entry of the history.

    Example:
        >>> _in_plain("val_reciprocal_rank"), _in_plain("rank_audio"), _in_plain("gradient_norm")
        ('validation: reciprocal rank', 'effective rank: audio', 'gradient norm')
    """
    for prefix, written in (("val_", "validation: "), ("rank_", "effective rank: ")):
        if name.startswith(prefix):
            return written + name.removeprefix(prefix).replace("_", " ")
    return name.replace("_", " ")


def _place(name: str) -> int:
    if name == "loss":
        return -2
    return next((at for at, start in enumerate(_LAST) if name.startswith(start)), -1)


def places(result: RunResult) -> Section | None:
    """The joined embeddings in two dimensions: modality by shape, class by colour, pairs joined on pointing."""
    total, rows = len(result.test), spaced(len(result.test))
    if len(rows) < 2:
        return None
    maps, share = views(np.concatenate([embedded[rows] for embedded in result.embeddings]))
    some = "" if len(rows) == total else f"{len(rows):,} evenly spaced of {total:,} test pairs. "
    (first, second), labelled = result.test.names, result.labelled
    text = (
        f"{some}Discs are {first}, open diamonds are {second}. Point at one to see its true counterpart. Retrieval "
        f"works where {'both modalities of a class are close' if labelled else 'counterparts are close'}. t-SNE keeps "
        "neighbours together, but its distances and sizes mean nothing. PCA keeps distances, and shows "
        f"{percent(share)} of the variance."
    )
    if collapsed(result):
        text += " The embeddings have collapsed: the map magnifies what little variance is left."
    if len(set(coloured_classes(result, rows))) > _MOST_COLOURS:
        text += " Click a name in the legend to hide a class, twice to see it alone."
    figure = pair_map(result, rows, dict(reversed(maps.items())))
    return section("What does the embedding space look like?", text, draw(figure))


def per_class(result: RunResult) -> Section | None:
    """mAP of each class in both directions, best first."""
    classes = result.evaluation.per_class
    means = {name: score.mean for name, score in classes.items() if known(score.mean)}
    order = sorted(means, key=lambda name: -means[name])
    if not order:
        return None
    unasked = [name for name in classes if name not in means]
    half = _MOST_BARS // 2
    shown = order if len(order) <= _MOST_BARS else order[:half] + order[-half:]
    best, worst = order[0], order[-1]
    ends = f"The best class is {best} (mAP {number(means[best])}), the worst is {worst} ({number(means[worst])})."
    sentences = [
        ends if len(order) > 1 else f"There is one class, {best}.",
        f"Drawn are the {half} best and the {half} worst of {len(order)}." if len(order) > _MOST_BARS else "",
        f"{plural(len(unasked), 'class has', 'classes have')} no test query." if unasked else "",
    ]
    values = {
        arrow: [value if known(value := classes[name].directions.get(way)) else 0.0 for name in shown]
        for way, arrow in result.arrows.items()
    }
    columns: Columns = ["class", *result.arrows.values(), "mean", "queries"]
    scores = {name: classes[name] for name in order + unasked}
    rows = [
        [name, *map(score.directions.get, result.arrows), score.mean, score.queries] for name, score in scores.items()
    ]
    numbers = folded("The same as a table", table(columns, rows))
    bars = draw(class_bars(shown, values))
    return section("How good is the retrieval of each class?", prose(*sentences), bars, numbers)


def _counts(result: RunResult) -> Mapping[str, int]:
    """Rows per split."""
    return result.run.info.get("splits") or {name: len(rows) for name, rows in result.data.splits.items()}


def origin(result: RunResult) -> Section:
    """Data, versions, settings and time: what is needed to do it again."""
    info, source = result.run.info, result.data.provenance
    facts: dict[str, object] = {
        "method": result.run.name,
        "corpus": corpus_name(source.source),
        "modalities": listed(result.test.names),
        "rows": listed([f"{count:,} {name}" for name, count in _counts(result).items()]),
        "source": source.source,
        "read as": source.reader,
        "checksum": source.checksum,
        "dimensions": [" × ".join(map(str, shape)) for shape in info.get("shapes", ())],
        **result.run.decisions,
        "training seconds": info.get("seconds"),
        **{name: info.get(name) for name in ("device", "threads", "processes", "versions")},
    }
    return provenance(facts, notes=source.notes, warnings=source.warnings, settings={None: result.run.settings})


SECTIONS = (
    metrics,
    shape,
    _training_curves,
    places,
    per_class,
    unannotated_events,
    confusions,
    examples,
    counterparts,
    origin,
)
"""What the report answers, top to bottom."""
