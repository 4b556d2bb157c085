"""Supervised training keeps one class a clip as a code: no matrix of clips and classes is made."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from overtone.features import from_arrays
from overtone.interactions import InteractionTrainer
from overtone.methods.av_sal import AVSAL
from overtone.methods.base import Batch, CorpusInfo, methods
from overtone.networks import CanonicalProjection
from overtone.objectives.targets import as_targets

CLASSES = 5


def corpus(labels: np.ndarray) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    views = {name: random.normal(size=(len(labels), width)) for name, width in (("audio", 6), ("visual", 7))}
    return {**views, "split": np.where(np.arange(len(labels)) % 4 == 3, "test", "train"), "y": labels}


STEPPING = [
    name
    for name, kind in methods.items()
    if kind.supervised and kind.iterative and not kind.needs_inferred_targets  # these are chances of all classes
]


@pytest.mark.parametrize("name", STEPPING)
def test_a_step_on_codes_is_that_on_one_hot_targets(name: str) -> None:
    kind = methods[name]
    codes = torch.arange(40) % CLASSES
    codes[::6] = -1
    views = torch.randn(40, 6), torch.randn(40, 7)
    values = []
    for labels in (codes, as_targets(codes, CLASSES)):
        torch.manual_seed(0)
        method = kind(kind.settings_type.build(), CorpusInfo(((6,), (7,)), 40, CLASSES)).train()
        generator = torch.Generator().manual_seed(0)
        batch = Batch(torch.arange(40), views, labels, global_size=40, generator=generator, classes=CLASSES)
        method.on_train_start(batch)
        values.append(method.step(batch)["loss"])
    assert torch.equal(*values)


def test_pairs_of_a_class_are_summed_alike_by_codes_and_by_targets() -> None:
    torch.manual_seed(0)
    codes = torch.arange(60) % CLASSES
    codes[::7] = -1
    first, second = torch.randn(60, 6), torch.randn(60, 7)
    by_codes, by_targets = CanonicalProjection((6, 7)), CanonicalProjection((6, 7))
    by_codes.fit(first, second, 0.1, codes)
    by_targets.fit(first, second, 0.1, as_targets(codes, CLASSES))
    for one, other in zip(by_codes.buffers(), by_targets.buffers()):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_prototypes_are_summed_alike_by_codes_and_by_targets() -> None:
    torch.manual_seed(0)
    codes = torch.arange(60) % CLASSES
    codes[::7] = -1
    views = torch.randn(60, 6), torch.randn(60, 7)
    found = []
    for labels in (codes, as_targets(codes, CLASSES)):
        settings = AVSAL.settings_type.build({"feature_reconstruction": 1.0})
        method = AVSAL(settings, CorpusInfo(((6,), (7,)), 60, CLASSES + 1))  # a class that no row has
        method.on_train_start(Batch(torch.arange(60), views, labels, global_size=60, classes=CLASSES))
        found.append(list(method.prototypes))
    for one, other in zip(*found):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-6)
        assert not one[CLASSES:].any()


@pytest.mark.parametrize("head", ["softmax", "sigmoid"])
def test_a_temperature_is_the_same_by_codes_by_targets_and_in_blocks(
    head: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    codes, logits = torch.arange(90) % CLASSES, 3 * torch.randn(90, CLASSES)
    method = AVSAL(AVSAL.settings_type.build({"head": head}), CorpusInfo(((6,), (7,)), 90, CLASSES))
    whole = method.best_temperature(logits, codes)
    assert whole == method.best_temperature(logits, as_targets(codes, CLASSES))
    monkeypatch.setattr("overtone.methods.av_sal._CELLS", 7 * CLASSES)
    assert method.best_temperature(logits, codes) == pytest.approx(whole, rel=1e-6)


TRAINED = {
    "triplet": {"epochs": 1, "validation_fraction": 0.2},
    "cluster-cca": {"validation_fraction": 0.2},
    "av-sal": {"epochs": 1, "validation_fraction": 0.2, "feature_reconstruction": 1.0},
    "interactions": {
        "epochs": 1,
        "validation_fraction": 0.2,
        "folds": 2,
        "teacher": {"epochs": 1, "width": 4, "collapse_rank": 0},
        "inference": {"bootstrap": 0},
        "graph": "soft",
    },
}


@pytest.mark.parametrize("name", TRAINED)
def test_no_matrix_of_all_clips_and_classes_is_made(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(labels: torch.Tensor, classes: int) -> torch.Tensor:
        raise AssertionError(f"a matrix of {tuple(labels.shape)} labels and {classes} classes was made")

    monkeypatch.setattr("overtone.features.base.one_hot", refuse)
    if methods[name].iterative is False or name == "triplet":  # the others' outputs are (rows of a batch, classes)
        monkeypatch.setattr("overtone.methods.base.as_targets", refuse)
    data = from_arrays(corpus(np.arange(240) % 12))
    settings = {"scaling": "zscore", "collapse_rank": 0, **TRAINED[name]}
    run = InteractionTrainer(workers=1).train(name, data, settings=settings)
    assert 0 < run.evaluation["map"].mean <= 1


def test_cluster_cca_of_twenty_thousand_classes_takes_little_memory() -> None:
    """As a matrix the labels alone would take 3 GiB."""
    rows = 20_000
    code = f"""
import resource, torch
from overtone.networks import CanonicalProjection
from overtone.interactions.folds import assign_folds
codes = torch.arange({rows})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
CanonicalProjection((6, 7)).fit(torch.randn({rows}, 6), torch.randn({rows}, 7), 0.1, codes)
assign_folds(codes, 5, 0)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(said) < 100_000
