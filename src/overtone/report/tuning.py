"""The report of a search of settings: what it found, what it cost, and every trial."""

from __future__ import annotations

from itertools import accumulate

from overtone.experiments import Tuning
from overtone.plots.colours import FIRST, QUIET
from overtone.report.figures import LEGEND, Figure, points, rounded, whole_ticks
from overtone.report.markup import Child, Column, Columns, table, texts
from overtone.report.page import Section, answer, bullets, draw, page, provenance, section, summary, tile
from overtone.report.tuning_words import best_in_words, tuning_in_words
from overtone.report.words import corpus_name, duration, metric_name, number, prose


def tuning_report(tuning: Tuning) -> str:
    """The report of a search of settings, as one HTML file that needs no network.

    Args:
        tuning: The search.

    Returns:
        HTML; the same for the same input.
    """
    lead = prose(*tuning_in_words(tuning))
    return page(
        title=f"Settings of {tuning.method} on {corpus_name(tuning.corpus)}",
        kind="search of settings",
        head=summary(lead, _tiles(tuning), _doubts(tuning), calm="No trial has seen the test split."),
        sections=answer((_course, _on_test, _trials, _origin), tuning),
    )


def _tiles(tuning: Tuning) -> Child:
    score = tuning.criterion.removeprefix("val_").replace("_", " ")
    return [
        tile(number(tuning.value), f"{score} on validation rows, best trial"),
        [
            tile(number(one["map"]), f"mAP on the test split, {name} settings")
            for name, one in tuning.test.items()
            if "map" in one
        ],
        tile(number(len(tuning.trials)), "trials"),
        tile(duration(tuning.seconds), "time of the search"),
    ]


def _doubts(tuning: Tuning) -> list[str]:
    """What a reader should keep in mind."""
    found = [f"{note[:1].upper()}{note[1:]}." for note in tuning.notes]
    if tuning.test and "map" in tuning.test["best"] and tuning.test["best"]["map"] <= tuning.test["default"]["map"]:
        found.append("On the test split the best settings are no better than the default ones.")
    if not tuning.test:
        found.append("There is no test split; the validation score of the best of many trials is optimistic.")
    return found


def _course(tuning: Tuning) -> Section:
    """The score of each trial, and the best one so far."""
    known = [trial for trial in tuning.trials if trial.value is not None]
    traces = []
    for state, colour, symbol in (("done", FIRST, "circle"), ("pruned", QUIET, "circle-open"), ("failed", QUIET, "x")):
        some = [trial for trial in known if trial.state == state]
        values = rounded([trial.value or 0.0 for trial in some])
        said = f"trial %{{x}}, {state}: %{{y}}<extra></extra>"
        marker = {"color": colour, "symbol": symbol, "size": 8}
        if some:
            traces.append(points([trial.number for trial in some], values, said, name=state, marker=marker))
    done = [trial for trial in known if trial.state == "done"]
    best = rounded(list(accumulate((trial.value or 0.0 for trial in done), max)))
    line = {"color": FIRST, "width": 2, "shape": "hv"}
    traces.append(points([trial.number for trial in done], best, None, mode="lines", name="best so far", line=line))
    last = max((trial.number for trial in known), default=0)
    axes = {
        "xaxis": {"title": {"text": "trial"}, **whole_ticks(last)},
        "yaxis": {"title": {"text": "validation score"}},
    }
    layout = {**axes, "legend": LEGEND}
    figure = Figure(traces, f"Validation score of {len(known)} trials", layout)
    text = "Each trial is one training; its score is that of its best epoch, on validation rows alone."
    return section("How did the search go?", text, draw(figure))


def _on_test(tuning: Tuning) -> Section | None:
    """The best and the default settings on the test split."""
    if not tuning.test:
        return None
    metrics = list(tuning.test["best"])
    rows = [[f"{name} settings", *(one.get(metric) for metric in metrics)] for name, one in tuning.test.items()]
    if tuning.chance is not None and "map" in metrics:
        rows.append(["chance", *(tuning.chance if metric == "map" else None for metric in metrics)])
    columns: Columns = ["", *(Column(metric_name(metric), best="high") for metric in metrics)]
    text = "Both were trained once, with the same seed, after the search. No trial has seen the test split."
    return section("What is it worth?", text, table(columns, rows), f"Best settings: {best_in_words(tuning)}.")


def _trials(tuning: Tuning) -> Section:
    """Every trial, the best first."""
    names = list(dict.fromkeys(name for trial in tuning.trials for name in trial.settings))
    ranked = sorted(tuning.trials, key=lambda one: (one.state != "done", -(one.value or 0.0), one.number))
    rows = [
        [
            str(one.number),
            one.value,
            one.state,
            *(_plain(one.settings.get(name)) for name in names),
            one.epochs,
            one.seconds,
        ]
        for one in ranked
    ]
    columns: Columns = ["trial", Column("validation score", best="high"), *texts("state", *names), "epochs", "seconds"]
    return section("What was tried?", table(columns, rows), bullets([f"Searched: {one}" for one in tuning.space]))


def _origin(tuning: Tuning) -> Section:
    facts = {"data": tuning.corpus, "method": tuning.method, "criterion": tuning.criterion, "study": tuning.storage}
    return provenance(facts, notes=None, settings={"Best settings": tuning.settings})


def _plain(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
