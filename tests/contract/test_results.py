"""Every result prints a few lines, shows itself in a notebook, and gives its rows for a data frame."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pytest
import torch

import overtone
from overtone import api
from overtone.api.build_result import Build, BuildStage
from overtone.api.catalogue import Catalogue
from overtone.core import InputError
from overtone.core.results import Result
from overtone.diagnosis import Greediness, WatchReport, variance, watch
from overtone.evaluation import evaluate
from overtone.experiments import Comparison, CorpusComparison, Diagnosis, MethodResult, SeedScore, Tuning, TuningTrial
from overtone.features import Features, PairedFeatures
from overtone.features import inspect as inspect_source
from overtone.graphs import Graph
from overtone.interactions.missing_events import MissingEvent, MissingEvents
from overtone.plots import Plot
from overtone.search.audit import Audit, AuditedSearch
from overtone.search.clips import Clip
from overtone.search.duplicates import DuplicateGroup, Duplicates
from overtone.search.hits import Hit, StoreInfo
from overtone.search.labelling import LabelledClip, Labelling
from overtone.search.mismatched import Mismatch, Mismatches
from overtone.search.outliers import Outlier, Outliers
from overtone.search.result import Indexing, QueryHits, SearchResult
from overtone.training import Run

MANY = 400
"""Rows of every example: far more than anyone wants to see."""
NASTY = "<script>alert(1)</script>\x1b[31m\nb"
BASES = {"Experiment", "HubModel", "TrainingRecord"}
"""What only other results are made of."""
OTHERS = {
    "dict[str, Tensor]": "embeddings by modality",
    "Path": "where something was written",
    "list[Path]": "files that were written",
    "Found": "duplicates, outliers or mismatches",
    "Explorer": "a running server, which a notebook shows as a page",
    "None": "nothing",
}
"""What verbs return besides results, and what it is."""


@runtime_checkable
class Drawable(Protocol):
    """A result with a picture."""

    def plot(self) -> Plot: ...


def clip(number: int) -> Clip:
    return Clip(f"{NASTY} {number}", {"audio": "a.wav"}, {"id": number, "note": NASTY})


def examples() -> dict[str, Result]:
    """One of every kind of result, each with many rows."""
    torch.manual_seed(0)
    numbers, random = range(MANY), np.random.default_rng(0)
    rows, y = random.standard_normal((MANY, 4)), [f"{NASTY} {number % 200}" for number in numbers]
    views = {name: torch.randn(MANY, 4) for name in ("audio", "visual")}
    ids = tuple(f"clip-{number}" for number in numbers)
    codes = torch.arange(MANY) % 4
    about: dict[str, Any] = {"ids": ids, "labels": codes, "label_kind": "single", "metadata": {"id": tuple(numbers)}}
    about["splits"] = {"train": torch.arange(300), "test": torch.arange(300, MANY)}
    scores = {"map": SeedScore({"a2v": 0.5, "v2a": 0.4}, 0.45, (0.4, 0.5), 0.01)}
    per_query = {"map": {"a2v": torch.rand(30000)}}
    methods = {f"method {number}": MethodResult(scores, (0.4, 0.5), per_query=per_query) for number in numbers}
    clips = tuple(map(clip, numbers))
    store = StoreInfo("flat:x", "flat", MANY, {"audio": 4}, {f"c{number}": "string" for number in numbers})
    events = tuple(MissingEvent(f"c{n}", NASTY, 0.9, {"audio": 0.5}, ("dog",), None) for n in numbers)
    hits = tuple(Hit(f"{NASTY} {n}", 0.5, {"score": n}, 1.0) for n in numbers)
    mask = np.triu(np.ones((40, 40), bool), 1)
    series = [float(n) for n in numbers]
    greed = Greediness(list(numbers), *[series] * 5, [0, 10], [1.0, 0.5], [0.1, 0.2], [0.1, 0.2])
    with watch(lambda z: (z * z).mean()) as watched:
        for _ in numbers[:12]:
            watched(torch.randn(4, 2, requires_grad=True)).backward()
        watched.epoch()
    losses = {
        f"loss {n}": {"map": n / MANY, "intra_variance": 0.1, "series": {"loss": series, "updates": series}}
        for n in numbers
    }
    run = overtone.train("dcca", PairedFeatures(views, **about), settings={"epochs": 1, "batch_size": 128})
    found = [
        evaluate(rows, rows, y, bootstrap=0),
        Comparison(corpus=NASTY, seeds=(0, 1), methods=methods, queries=MANY),
        CorpusComparison.of({name: Comparison(name, methods=methods) for name in (NASTY, "other")}),
        Diagnosis.from_dict({"corpus": NASTY, "seeds": [0], "losses": losses}),
        Graph(
            tuple(map(str, range(40))), mask, mask & False, mask * 0.5, mask, 1.0, tuple(map(str, range(40))), 1.0, {}
        ),
        SearchResult("flat:x", ("audio",), ("visual",), MANY, MANY, (QueryHits("q", hits),), 0.1),
        Indexing(store, MANY, 1.0),
        store,
        Duplicates(("audio",), MANY, (DuplicateGroup(clips, 0.1, 0.5),), MANY, 1.0, 0.05, 3.0),
        Outliers(("audio",), MANY, tuple(Outlier(one, "audio", 3.0, 0.1) for one in clips), 1.0, 0.05),
        Mismatches(("a", "v"), MANY, tuple(Mismatch(one, 0.1, 0.9) for one in clips), 1.0, 0.05, 0.1, 0.01, 0.9),
        Labelling(
            ("a",), "neighbours", 9, tuple(LabelledClip(one, "a", "a", 0.9) for one in clips), 0.1, 0.5, 0.1, 0.9
        ),
        Audit(10, tuple(AuditedSearch("audio", n, 9, 1.0, 0.0, NASTY) for n in numbers), "All answers are exact."),
        MissingEvents(events, 0.9, MANY, {"dog": 3.0}),
        Build("videos", Path("place"), Path("f.npz"), Path("run"), stages=(BuildStage("train", "a", "b"),) * MANY),
        Catalogue({f"m{n}": "What it does." for n in numbers}),
        inspect_source("split-digits"),
        Features({"audio": views["audio"]}, **about),
        PairedFeatures(views, **about),
        variance(rows, y),
        greed,
        watched.report(),
        Tuning(
            "cca", NASTY, "val_map", ("ridge=0..1",), (TuningTrial(0, {"ridge": 0.1}, "done", 0.5),) * MANY, {}, 0.5
        ),
        run,
    ]
    return {type(one).__name__: one for one in found}


RESULTS = examples()


def kinds(base: type[Result] = Result) -> set[type[Result]]:
    """Every class of results in the package."""
    return {base, *(kind for sub in base.__subclasses__() for kind in kinds(sub))}


def test_every_class_of_results_has_an_example() -> None:
    for module in pkgutil.walk_packages(overtone.__path__, "overtone."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    names = {kind.__name__ for kind in kinds() if kind.__module__.startswith("overtone.")}
    assert names - {"Result", *BASES} == set(RESULTS)


def test_what_a_verb_returns_is_a_result() -> None:
    verbs = [getattr(api, name) for name in api.__all__]
    returned = {
        part.strip()
        for verb in verbs
        if inspect.isfunction(verb)
        for part in str(inspect.signature(verb).return_annotation).split("|")
    }
    assert returned - OTHERS.keys() - {"ModuleType"} <= set(RESULTS)


@pytest.mark.parametrize("name", sorted(RESULTS))
def test_a_result_prints_a_few_lines(name: str) -> None:
    text = repr(RESULTS[name])
    assert text.startswith(f"{name}(")
    assert len(text.splitlines()) < 20
    assert len(text) < 2000
    assert "\x1b" not in text


@pytest.mark.parametrize("name", sorted(RESULTS))
def test_a_notebook_shows_a_result_and_runs_nothing_of_it(name: str) -> None:
    html = RESULTS[name]._repr_html_()
    assert name in html
    assert len(html) < 20_000
    assert "<script" not in html
    assert "\x1b" not in html


@pytest.mark.parametrize("name", sorted(RESULTS))
def test_a_result_gives_its_rows_as_a_data_frame(name: str) -> None:
    pandas = pytest.importorskip("pandas")
    result = RESULTS[name]
    records = result.records()
    frame = result.to_frame("pandas")
    assert isinstance(frame, pandas.DataFrame)
    assert len(frame) == len(records)
    assert len(records) > 0
    assert set(frame.columns) == {key for record in records for key in record}
    json.dumps(records)


@pytest.mark.parametrize("name", sorted(name for name in RESULTS if isinstance(RESULTS[name], Drawable)))
def test_a_result_that_draws_returns_a_picture(name: str) -> None:
    result = RESULTS[name]
    assert isinstance(result, Drawable)
    picture = result.plot()
    assert picture.svg.startswith("<svg")
    assert "<script" not in picture.svg
    assert len(repr(picture).splitlines()) == 1


def test_a_run_with_a_damaged_folder_still_prints(tmp_path: Path) -> None:
    run = RESULTS["Run"]
    assert isinstance(run, Run)
    broken = replace(run, folder=tmp_path, stored={"history", "evaluation"})
    (tmp_path / "evaluation.json").write_text("{")
    assert str(tmp_path) in repr(broken)


def test_every_result_that_is_exported_is_short() -> None:
    assert isinstance(RESULTS["WatchReport"], WatchReport)
    assert all(type(result).__repr__ is Result.__repr__ for result in RESULTS.values())


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (lambda: RESULTS["Run"].plot("lsos"), "unknown column of the history 'lsos'.*did you mean 'loss'"),
        (lambda: overtone.train("cca", "split-digits").plot(), "cca has no loss to draw"),
        (lambda: evaluate(np.eye(3), np.eye(3)).plot(by="class"), "no classes to draw"),
        (lambda: RESULTS["Comparison"].plot("mpa"), "unknown metric of the comparison 'mpa'"),
        (lambda: RESULTS["Diagnosis"].plot("nothing"), "unknown curve of the diagnosis 'nothing'"),
        (lambda: RESULTS["Greediness"].plot("nothing"), "unknown series 'nothing'"),
        (lambda: watch(print, live="nothing"), "unknown series to watch 'nothing'"),
    ],
)
def test_what_cannot_be_drawn_is_said(draw: Callable[[], object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        draw()


def test_a_watched_curve_is_drawn_anew_after_each_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    module = sys.modules["overtone.diagnosis.watch"]  # on the package, the class has this name
    monkeypatch.setattr(module, "in_notebook", lambda: True)
    monkeypatch.setattr("overtone.core.notebooks.LiveOutput.update", lambda self, html: shown.append(html))
    with watch(lambda z: (z * z).mean(), live="loss") as watched:
        for _ in range(3):
            watched(torch.randn(4, 2, requires_grad=True)).backward()
            watched.epoch()
    assert len(shown) == 3
    assert all(one.startswith("<svg") for one in shown)
