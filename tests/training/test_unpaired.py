"""Clips with one modality only in training, embedding and evaluation."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from overtone.core import InputError
from overtone.features import PairedFeatures, load
from overtone.training import Run, train


@pytest.fixture(scope="module")
def weakly_paired() -> PairedFeatures:
    """Split digits with 300 training rows, every third of them whole, and 90 test rows, of which 20 lack a half."""
    data = load("split-digits")
    data = data.subset(torch.cat([data.splits["train"][:300], data.splits["test"][:90]]))
    number = torch.arange(len(data))
    present = {"left": (number % 3 != 1) | (number >= 310), "right": (number % 3 != 2) | (number >= 320)}
    parts = {name: torch.where(present[name][:, None], rows, torch.nan) for name, rows in data.modalities.items()}
    return replace(data, modalities=parts, present=present)


def test_a_method_that_needs_pairs_is_trained_on_them(weakly_paired):
    run = train("cca", weakly_paired)
    train_rows = weakly_paired.split("train")
    alone = train("cca", weakly_paired.subset(weakly_paired.splits["train"][train_rows.paired]))
    assert run.info["unpaired"] == {"rows": int((~train_rows.paired).sum()), "used": False}
    assert run.info["splits"]["train"] == int(train_rows.paired.sum())
    assert any("cca learns from pairs" in note for note in run.info["data"]["notes"]) is False  # the source's notes
    assert run.method.projection.map_first.equal(alone.method.projection.map_first)
    test = weakly_paired.split("test")
    assert run.evaluation.sizes["a2v"] == (
        int(test.has("left").sum()),
        int(test.has("right").sum()),
        int(test.paired.sum()),
    )
    assert np.isfinite(run.evaluation["map"].mean)


def test_embeddings_are_of_what_is_there(weakly_paired):
    run = train("cca", weakly_paired, evaluate=False)
    embeddings = run.embed(weakly_paired)
    for name, rows in embeddings.items():
        assert rows.isfinite().all()
        assert rows.norm(dim=1).gt(0.5).equal(weakly_paired.has(name))
    assert run.variants(weakly_paired)["unscaled"]["left"].isfinite().all()


def test_without_any_pair_nothing_joins_the_modalities(weakly_paired):
    train_rows = weakly_paired.splits["train"]
    lonely = weakly_paired.subset(train_rows[~weakly_paired.paired[train_rows]])
    with pytest.raises(InputError, match="no training row has both modalities; bring some pairs"):
        train("cca", lonely)


def test_presence_and_groups_count_for_a_resume(weakly_paired, tmp_path):
    whole = load("split-digits")
    train("cca", whole, out=tmp_path / "run", evaluate=False)
    stored = Run.load(tmp_path / "run").info["data"]["trained_on"]
    grouped = replace(whole, groups=tuple(str(row // 2) for row in range(len(whole))))
    assert train("cca", grouped, evaluate=False).info["data"]["trained_on"] != stored
    assert train("cca", whole, evaluate=False).info["data"]["trained_on"] == stored
