"""Runs and comparisons made of numbers, and a reader that takes a report apart again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from overtone.evaluation import Evaluation, evaluate
from overtone.features import PairedFeatures, Provenance
from overtone.report import run_report
from overtone.report.maps import unit
from overtone.report.markup import VOID
from overtone.report.run_result import RunResult

Maker = Callable[..., Any]


@dataclass
class Page(HTMLParser):
    """A report taken apart: what a reader sees, and what a browser would load."""

    html: str
    text: list[str] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    figures: list[dict[str, Any]] = field(default_factory=list)
    tables: list[list[list[str]]] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    elements: list[str] = field(default_factory=list)
    unbalanced: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.feed(self.html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.elements.append(tag)
        self.loaded += [str(attributes[name]) for name in ("src", "srcset", "data", "poster") if name in attributes]
        if tag == "link":
            self.loaded.append(str(attributes.get("href")))
        elif tag == "a":
            self.links.append(str(attributes.get("href")))
        elif attributes.get("http-equiv") == "Content-Security-Policy":
            self.policy = attributes["content"]
        elif attributes.get("class") == "plot":
            self.alt = attributes["aria-label"]
        elif tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if tag not in VOID:
            self.open.append((tag, attributes))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1][0] != tag:
            self.unbalanced.append(tag)
            return
        self.open.pop()

    def handle_data(self, data: str) -> None:
        tag, attributes = self.open[-1] if self.open else ("", {})
        if tag == "script" and attributes.get("type") == "application/json":
            self.figures.append({**json.loads(data), "alt": self.alt})
        if tag in ("script", "style"):
            return
        self.text.append(data)
        if tag == "h2":
            self.headings.append(data)
        if any(name in ("td", "th") for name, _ in self.open):
            self.tables[-1][-1][-1] += data

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())

    def row(self, name: str) -> list[str]:
        """The first table row that begins with this name."""
        return next(row for table in self.tables for row in table if row and row[0] == name)


@pytest.fixture
def read() -> Callable[[str], Page]:
    return Page


@pytest.fixture
def make_data() -> Callable[..., PairedFeatures]:
    """Paired features of a few classes whose test rows are every second one."""

    def make(rows: int = 40, classes: int = 4, **changes: Any) -> PairedFeatures:
        generator = torch.Generator().manual_seed(0)
        codes = torch.arange(rows) // 2 % max(classes, 1)  # so that either split has every class
        centres = torch.randn(max(classes, 1), 8, generator=generator) * 2
        sides = [centres[codes] + torch.randn(rows, 8, generator=generator) for _ in range(2)]
        every = torch.arange(rows)
        given: dict[str, Any] = {
            "modalities": {"sound": sides[0], "picture": sides[1]},
            "ids": tuple(f"clip-{row}" for row in range(rows)),
            "labels": torch.eye(classes)[codes] if classes else None,
            "label_kind": "single" if classes else "none",
            "class_names": tuple(f"kind-{number}" for number in range(classes)),
            "splits": {"train": every[::2], "test": every[1::2]},
            "provenance": Provenance("folder/clips.h5", "h5", "c0ffee", ("made a split",), ()),
        }
        return PairedFeatures(**{**given, **changes})

    return make


@pytest.fixture
def make_run() -> Callable[..., Any]:
    """What a report asks of a run."""

    def make(data: PairedFeatures, **changes: Any) -> Any:
        history = [
            {"epoch": epoch, "loss": 2.0 / epoch, "agreement": 1.0 / epoch, "val_correlation": 0.1 * min(epoch, 6),
             "rank_sound": 3.0, "learning_rate": 1e-3, "gradient_norm": 1.0, "seconds": 0.1}
            for epoch in range(1, 9)
        ]  # fmt: skip
        info = {"chosen_epoch": 6, "epochs": 8, "seconds": 75.0, "versions": {"overtone": "0.1.0"}, "device": "cpu",
                "splits": {"train": 18, "val": 2, "test": 20}, "shapes": [[8], [8]]}  # fmt: skip
        given: dict[str, Any] = {
            "name": "some-method",
            "folder": None,
            "method": SimpleNamespace(supervised=False),
            "history": history,
            "settings": {"select": "correlation", "tau": 0.05},
            "info": info,
            "decisions": {"wrong pairs": "at most about 3%"},
        }
        return SimpleNamespace(**{**given, **changes})

    return make


@pytest.fixture
def judge() -> Callable[[PairedFeatures], Any]:
    """The evaluation of the features themselves on the test rows."""

    def make(data: PairedFeatures) -> Any:
        test = data.split("test")
        return evaluate(
            *test.modalities.values(),
            test.targets,
            names=data.names,
            class_names=test.class_names,
            bootstrap=50,
            confusion=True,
        )

    return make


def embedded(data: PairedFeatures) -> dict[str, torch.Tensor]:
    """The features of the test rows themselves."""
    return dict(data.split("test").modalities)


@pytest.fixture
def report(make_data: Maker, make_run: Maker, judge: Maker, read: Maker) -> Callable[..., Page]:
    """The report of the features themselves, taken apart."""

    def make(data: PairedFeatures | None = None, **changes: Any) -> Page:
        data = data or make_data()
        page: Page = read(run_report(make_run(data, **changes), data, judge(data), embedded(data)))
        return page

    return make


@pytest.fixture
def make_result(make_data: Callable[..., PairedFeatures], make_run: Callable[..., Any]) -> Callable[..., RunResult]:
    """The result of a run, a good one unless changed: entries of its evaluation, rows, epochs, warnings."""

    def make(
        rows: int = 120,
        embeddings: tuple[Any, Any] | None = None,
        history: list[dict[str, Any]] | None = None,
        chosen: int = 20,
        warnings: tuple[str, ...] = (),
        info: dict[str, Any] | None = None,
        **entries: Any,
    ) -> RunResult:
        data = make_data(rows, splits={}, provenance=Provenance("c", "h5", "", (), warnings))
        random = np.random.default_rng(0).normal(size=(rows, 6))
        first, second = embeddings or (random, random[::-1])
        evaluation = {
            "modalities": ["sound", "picture"],
            "queries": rows,
            "gallery": rows,
            "skipped_queries": {},
            "map": {"a2v": 0.6, "v2a": 0.58, "mean": 0.59, "ci95": [0.55, 0.63]},
            "chance_map": {"a2v": 0.2, "v2a": 0.2, "mean": 0.2},
            "instance_recall@1": {"a2v": 0.1, "v2a": 0.1, "mean": 0.1},
            "per_class": {"dog": {"a2v": 0.7, "v2a": 0.6, "mean": 0.65, "queries": 60}},
        }
        run = make_run(
            data,
            history=history or [{"epoch": epoch, "loss": 1 / epoch} for epoch in range(1, 31)],
            info={"chosen_epoch": chosen, **(info or {})},
        )
        found = Evaluation.from_dict({**evaluation, **entries})
        return RunResult(run, data, data, found, (unit(first), unit(second)))

    return make


@pytest.fixture
def comparison() -> dict[str, Any]:
    """``Comparison.to_dict()`` of three methods and one ablation."""

    def entry(mean: float, *seeds: float) -> dict[str, Any]:
        spread = {"std": 0.01, "ci95": [mean - 0.03, mean + 0.03]}
        numbers = {"a2v": mean + 0.02, "v2a": mean - 0.02, "mean": mean, **spread}
        return {
            "map": numbers,
            "map_running": {**numbers, "mean": mean + 0.05},
            "median_rank": {"a2v": 4.0, "v2a": 5.0, "mean": 4.5},
            "seeds": list(seeds),
            "seconds": 75.0,
            "variants": {"raw": {"map": {**numbers, "mean": mean - 0.1}}},
        }

    return {
        "corpus": "folder/clips.h5",
        "modalities": ["sound", "picture"],
        "seeds": [0, 1, 2],
        "queries": 540,
        "methods": {
            "plain": entry(0.5, 0.49, 0.5, 0.51),
            "best": entry(0.7, 0.68, 0.7, 0.72),
            "close": entry(0.69, 0.69, 0.69, 0.69),
        },
        "paired_tests": [
            {
                "a": "plain",
                "b": "best",
                "difference": -0.2,
                "ci95": [-0.22, -0.18],
                "p_value": 0.0002,
                "seeds_ahead": 0,
            },
            {"a": "best", "b": "close", "difference": 0.01, "ci95": [-0.01, 0.03], "p_value": 0.3},
        ],
        "ablation": {"best/no-anchor": entry(0.6, 0.58, 0.61, 0.61), "best/no-sail": entry(0.7, 0.69, 0.69, 0.72)},
        "seconds": 4000.0,
        "report": None,
    }
