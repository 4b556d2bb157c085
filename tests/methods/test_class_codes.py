"""Supervised training keeps one class a clip as a code: no matrix of clips and classes is made."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from overtone.features import from_arrays
from overtone.methods.base import Batch, CorpusInfo, methods
from overtone.networks import CanonicalProjection
from overtone.objectives.targets import as_targets
from overtone.training import train

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


@pytest.mark.parametrize("name", ["triplet", "cluster-cca"])
def test_many_classes_take_no_matrix_of_clips_and_classes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overtone.methods.cca._SMALL", 0)

    def refuse(labels: torch.Tensor, classes: int) -> torch.Tensor:
        raise AssertionError(f"a matrix of {tuple(labels.shape)} labels and {classes} classes was made")

    monkeypatch.setattr("overtone.methods.base.as_targets", refuse)
    monkeypatch.setattr("overtone.features.base.one_hot", refuse)
    data = from_arrays(corpus(np.arange(240) % 60))
    settings = {"scaling": "zscore", "validation_fraction": 0.2} | ({"epochs": 1} if name == "triplet" else {})
    run = train(name, data, settings=settings)
    assert 0 < run.evaluation["map"].mean <= 1
