"""Data sets of the library ``datasets`` become features and back."""

from __future__ import annotations

import sys
from typing import Any, cast

import numpy as np
import pytest
import torch

from overtone.core import InputError
from overtone.features import Features, PairedFeatures, from_arrays, from_dataset, to_dataset


def arrays() -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {
        "audio": random.standard_normal((30, 4)).astype(np.float32),
        "visual": random.standard_normal((30, 2, 3)).astype(np.float32),
        "y": [["dog", "cat", "bell"][row % 3] for row in range(30)],
        "ids": [f"clip-{row}" for row in range(30)],
        "split": ["train"] * 15 + ["val"] * 5 + ["test"] * 10,
        "meta_speaker": ["anna", "ben"] * 15,
    }


def data(**reading: Any) -> PairedFeatures:
    return from_arrays(arrays(), **{"sequences": "keep", **reading})


def same(one: Features, other: Features) -> None:
    assert (one.names, one.ids, one.class_names, one.label_kind) == (
        other.names,
        other.ids,
        other.class_names,
        other.label_kind,
    )
    for name in one.names:
        assert torch.equal(one.modalities[name], other.modalities[name])
    assert one.labels is not None
    assert other.labels is not None
    assert torch.equal(one.labels, other.labels)
    assert {name: rows.tolist() for name, rows in one.splits.items()} == {
        name: rows.tolist() for name, rows in other.splits.items()
    }
    assert one.metadata == other.metadata


def test_there_and_back() -> None:
    datasets = pytest.importorskip("datasets")
    own = data()
    theirs = to_dataset(own)
    assert isinstance(theirs, datasets.DatasetDict)
    assert {name: len(part) for name, part in theirs.items()} == {"train": 15, "validation": 5, "test": 10}
    assert theirs["train"].features["y"].names == ["bell", "cat", "dog"]
    assert np.shape(theirs["test"][0]["visual"]) == (2, 3)
    same(from_dataset(theirs, sequences="keep"), own)


def test_columns_of_vectors_and_lists_are_read() -> None:
    datasets = pytest.importorskip("datasets")
    given = {"a": [[1.0, 2.0], [3.0, 5.0], [5.0, 7.5]], "b": [[0.5], [1.0], [2.0]], "text": ["x", "y", "z"]}
    found = from_dataset(datasets.Dataset.from_dict(given), modalities=("a", "b"))
    assert found.shapes == ((2,), (1,))
    assert set(found.splits) == {"train", "test"}
    one = from_dataset(datasets.Dataset.from_dict({"image": given["a"]}))
    assert one.names == ("image",)
    chosen = datasets.Dataset.from_dict(given).select([2, 0, 1])
    assert from_dataset(chosen, modalities=("a", "b")).modalities["b"].flatten().tolist() == [2.0, 0.5, 1.0]


def test_what_is_no_data_set_is_refused() -> None:
    with pytest.raises(InputError, match="not a data set; got list"):
        from_dataset(cast(Any, [1, 2]))
    datasets = pytest.importorskip("datasets")
    ragged = datasets.Dataset.from_dict({"audio": [[1.0], [2.0, 3.0]], "visual": [[1.0], [2.0]]})
    with pytest.raises(InputError, match="a list of another length than row 0's"):
        from_dataset(ragged)
    part = datasets.Dataset.from_dict({"audio": [[1.0]], "visual": [[1.0]]})
    with pytest.raises(InputError, match="split 'unsupervised' of the data set is unknown"):
        from_dataset(datasets.DatasetDict({"unsupervised": part}))


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InputError, match=r"overtone\[hub\]"):
        to_dataset(data())
