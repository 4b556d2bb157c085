"""Training on features that are kept in a file is training on the same features."""

from __future__ import annotations

import pytest
import torch

from overtone.core import scratch
from overtone.features import Scaler
from overtone.features.large import spread_sample
from overtone.training import train
from overtone.training.data import prepare
from overtone.training.settings import TrainingSettings
from toys import same_weights


@pytest.fixture
def small_memory(monkeypatch):
    """Features of more than 1 KiB are large, in blocks of a few rows."""
    monkeypatch.setattr(scratch, "LARGE_BYTES", 1 << 10)
    monkeypatch.setattr("overtone.features.large._BLOCK_BYTES", 256)


@pytest.mark.parametrize("method", ["toy", "infonce", "hsc-mae"])
def test_weights_and_embeddings_are_those_of_features_in_memory(data, monkeypatch, method):
    settings = {"epochs": 2, "scaling": "none", **({} if method == "toy" else {"width": 16, "depth": 1})}
    if method == "hsc-mae":
        settings |= {"embedding_dim": 4, "batch_size": 32, "mining_rows": 10}
    wanted = train(method, data, settings=settings)
    monkeypatch.setattr(scratch, "LARGE_BYTES", 1 << 10)
    monkeypatch.setattr("overtone.features.large._BLOCK_BYTES", 256)
    found = train(method, data, settings=settings)
    assert same_weights(found, wanted)
    for name, rows in wanted.embed(data).items():
        assert torch.equal(found.embed(data)[name], rows)


@pytest.mark.usefixtures("small_memory")
def test_scaled_training_rows_lie_in_a_file(data, make):
    settings = TrainingSettings.build({"select": "last", "scaling": "zscore"})
    found = prepare(make(labels=None, label_kind="none", class_names=()), settings, torch.device("cpu"))
    train = data.splits["train"]
    for rows, (name, raw) in zip(found.train.features, data.modalities.items()):
        assert scratch.in_file(rows)
        assert torch.equal(rows, Scaler.fit("zscore", spread_sample(raw, train))(raw[train]))
        assert torch.equal(found.scalers[name](raw[train]), rows)
    found.train.release()
    assert all(rows.isfinite().all() for rows in found.train.features)


def test_a_scaling_is_chosen_by_the_neighbours_of_the_same_rows(make, monkeypatch):
    """Of modalities of other widths, other numbers of rows are not large."""
    monkeypatch.setattr(scratch, "LARGE_BYTES", 16 << 10)
    settings = TrainingSettings.build({"select": "last", "scaling": "auto"})
    data = make(4000, labels=None, label_kind="none", class_names=())
    train_rows = data.splits["train"]
    assert [len(spread_sample(rows, train_rows)) for rows in data.modalities.values()] == [170, 204]
    for choice in prepare(data, settings, torch.device("cpu")).chosen.values():
        assert min(choice.agreement.values()) > 3


@pytest.mark.usefixtures("small_memory")
def test_rows_that_lack_a_modality_are_zeros_in_a_file_too(make):
    base = make()
    lacks = torch.arange(len(base)) % 5 == 0
    audio = base.modalities["audio"].clone()
    audio[lacks] = torch.nan
    some = make(modalities={**base.modalities, "audio": audio}, present={"audio": ~lacks})
    settings = TrainingSettings.build({"select": "last", "scaling": "zscore"})
    found = prepare(some, settings, torch.device("cpu"), uses_unpaired=True)
    rows = found.train.features[0]
    assert scratch.in_file(rows)
    assert not rows[lacks[some.splits["train"]]].any()
    assert rows.isfinite().all()
