"""Comparisons and diagnoses in worker processes: the figures of one process, and nothing lost when one is killed."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from overtone.core import InputError, Progress
from overtone.core.workers import WorkerLost
from overtone.experiments import Comparison, compare, diagnose
from overtone.features import PairedFeatures
from overtone.training import TrainingStopped, train

from .conftest import QUICK, views

METHODS = ["toy", "toy-closed", "toy-supervised"]


def figures(result: Any) -> Any:
    """All of a result but times, with every bit of its numbers, and what is kept beside the document."""
    found = json.loads(json.dumps(result.to_dict()), object_hook=untimed)
    if isinstance(result, Comparison):
        found["queries"] = {
            f"{name}/{metric}/{way}": values.tolist()
            for name, method in result.methods.items()
            for metric, ways in method.per_query.items()
            for way, values in ways.items()
        }
    else:
        found["embeddings"] = {name: np.asarray(rows).tolist() for name, rows in result.embeddings.items()}
    return found


def untimed(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name != "seconds"}


def test_a_comparison_has_the_same_figures_with_workers(data: PairedFeatures, tmp_path: Path) -> None:
    options: dict[str, Any] = {"seeds": [0, 1, 2], "ablate": True}
    one = compare(METHODS, data, workers=1, **options)
    assert figures(compare(METHODS, data, workers=3, **options)) == figures(one)
    stored = compare(METHODS, data, workers=2, out=tmp_path, **options)
    assert figures(stored) == figures(one)
    assert len(list(tmp_path.glob("results/**/seed-*.safetensors"))) == 15
    assert figures(compare(METHODS, data, workers=2, out=tmp_path, resume=True, **options)) == figures(one)


def test_a_diagnosis_has_the_same_figures_with_workers() -> None:
    data = views(views=("image", "sound"))
    found = [
        diagnose(data, losses=["triplet", "arcface"], seeds=[0, 1], settings=QUICK, workers=workers)
        for workers in (1, 2)
    ]
    assert figures(found[0]) == figures(found[1])


def test_an_interrupted_comparison_goes_on_unit_by_unit(data: PairedFeatures, tmp_path: Path) -> None:
    options: dict[str, Any] = {"seeds": [0, 1], "out": tmp_path}

    def interrupt(report: Progress) -> None:
        if report.worker == 0 and report.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(METHODS, data, workers=2, progress=interrupt, **options)
    assert len(list(tmp_path.glob("results/**/seed-*.safetensors"))) == 3
    totals = set()
    found = compare(
        METHODS, data, workers=2, resume=True, progress=lambda one: one.worker or totals.add(one.total), **options
    )
    assert totals == {3}
    assert figures(found) == figures(compare(METHODS, data, seeds=[0, 1], workers=1))


def test_a_killed_worker_ends_the_comparison_and_what_is_done_stays(data: PairedFeatures, tmp_path: Path) -> None:
    def fall(method: str, *given: Any, **options: Any) -> Any:
        if method == "toy-closed" and options["settings"]["seed"] == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return train(method, *given, **options)

    said = r"the worker process of toy-closed, seed 1 was killed \(signal 9\).*what is done stays: go on with --resume"
    with pytest.raises(WorkerLost, match=said):
        compare(["toy-closed", "toy"], data, seeds=[0, 1], workers=2, out=tmp_path, train=fall)
    found = compare(["toy-closed", "toy"], data, seeds=[0, 1], workers=2, out=tmp_path, resume=True)
    assert figures(found) == figures(compare(["toy-closed", "toy"], data, seeds=[0, 1], workers=1))


def test_what_one_worker_cannot_do_is_said_as_ever(data: PairedFeatures) -> None:
    with pytest.raises(TrainingStopped, match="not a finite number"):
        compare(["toy"], data, seeds=[0, 1], settings={"breaks": "nan"}, workers=2)
    with pytest.raises(InputError, match="batch_size"):
        compare(["toy"], data, seeds=[0, 1], settings={"batch_size": 1}, workers=2)
