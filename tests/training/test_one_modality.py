"""A run embeds one modality without the other, to the same rows; what does not fit is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from overtone.core import InputError
from overtone.features import Features
from overtone.training import Run, train


@pytest.mark.parametrize("scaling", ["zscore", "minmax"])
def test_rows_are_those_of_both(data, tmp_path, scaling):
    train("toy", data, out=tmp_path, settings={"scaling": scaling})
    run = Run.load(tmp_path)
    both = run.embed(data)
    for name in run.modalities:
        rows = data.modalities[name]
        assert torch.equal(run.embed_one(name, rows), both[name])
        assert torch.equal(run.embed_one(name, data), both[name])
        assert torch.equal(run.embed_one(name, Features({name: rows}, data.ids)), both[name])
        torch.testing.assert_close(run.embed_one(name, rows[4:5].numpy().astype(np.float64)), both[name][4:5])


def test_variants(data):
    run = train("cca", data)
    raw = train("dcca", data, settings={"epochs": 1, "embedding_dim": 4})
    for name in raw.modalities:
        assert torch.equal(raw.embed_one(name, data, "raw"), raw.embed(data, "raw")[name])
    with pytest.raises(InputError, match="variant of cca 'none-such'"):
        run.embed_one("audio", data, "none-such")


@pytest.mark.parametrize(
    ("modality", "rows", "said"),
    [
        ("sound", lambda x: x, "unknown modality of the run 'sound'; valid: audio, visual"),
        ("audio", lambda x: x[:, :-1], r"audio: does not fit the run of toy \(not stored\); got shape"),
        ("audio", lambda x: x[:0], r"got shape \(0, .*N >= 1"),
        ("audio", lambda x: x[0], "got shape"),
        ("audio", lambda x: x.index_fill(0, torch.tensor([3, 5]), torch.nan), r"audio, row 3: NaN or Inf \(2 such"),
        ("audio", lambda x: Features({"visual": x}, tuple(map(str, range(len(x))))), "unknown modality of arrays"),
    ],
)
def test_what_does_not_fit_is_refused(data, modality, rows, said):
    run = train("toy-closed", data)
    with pytest.raises(InputError, match=said.replace("of toy ", "of toy-closed ")):
        run.embed_one(modality, rows(data.modalities["audio"]))


def test_clips_that_lack_the_modality_are_zeros(data):
    run = train("toy-closed", data)
    rows = data.modalities["audio"].clone()
    has = torch.arange(len(rows)) % 3 > 0
    rows[~has] = torch.nan
    found = run.embed_one("audio", Features({"audio": rows}, data.ids, present={"audio": has}))
    assert torch.equal(found[has], run.embed(data)["audio"][has])
    assert not found[~has].any()
