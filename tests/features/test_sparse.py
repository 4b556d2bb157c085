"""Sparse matrices are read as they are: the same rows as from the dense array, whoever wrote them, damage refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.io import savemat

from overtone.core import InputError
from overtone.features import Features, from_arrays, inspect, load, load_views

from .sparse_parts import ROWS, prefixed, quick, words

FORMATS = ("csr", "csc", "bsr", "coo", "dia")
DTYPES = ("float64", "float32", "float16", ">f8", "int64", "uint8", "bool")

matrices = st.sampled_from(DTYPES).flatmap(
    lambda dtype: arrays.arrays(
        dtype,
        st.tuples(st.integers(2, 8), st.integers(1, 9)),
        elements=st.sampled_from([0, 0, 0, 1, 1 if dtype in ("bool", "uint8") else -2.5 if "f" in dtype else -3]),
        fill=st.just(0),
    )
)


def write_group(file: h5py.File, name: str, matrix: Any, **attributes: Any) -> None:
    """As AnnData does: the arrays as datasets, shape and kind as attributes."""
    group = file.create_group(name)
    group.attrs["shape"] = matrix.shape
    group.attrs.update(attributes)
    for part in ("data", "indices", "indptr"):
        group[part] = getattr(matrix, part)


def rows_of(data: Features, name: str) -> np.ndarray[Any, Any]:
    values: np.ndarray[Any, Any] = data.modalities[name].numpy()
    return values


def same(path: Path, dense: np.ndarray[Any, Any], key: str) -> None:
    """The rows of one view are those of the dense array, bit for bit; or refused for the same reason."""
    np.savez(path.with_name("dense.npz"), **{key: dense})
    wanted, got = (inspect(file, modalities=(key,)) for file in (path.with_name("dense.npz"), path))
    assert [problem.partition("key")[2] for problem in got.problems] == [
        problem.partition("key")[2] for problem in wanted.problems
    ]
    if not wanted.problems:
        expected, found = (
            rows_of(load_views(file, modalities=(key,)), key) for file in (path.with_name("dense.npz"), path)
        )
        assert found.dtype == np.float32
        assert np.array_equal(found, expected)


@given(matrices, st.sampled_from(FORMATS), st.booleans(), st.booleans())
@quick
def test_save_npz_round_trip(
    tmp_path: Path, dense: np.ndarray[Any, Any], form: str, compressed: bool, array: bool
) -> None:
    if dense.dtype == np.float16 or not dense.dtype.isnative:
        dense = dense.astype(np.float32)  # SciPy makes no such matrices
    matrix = (sp.csr_array if array else sp.csr_matrix)(dense).asformat(form)
    sp.save_npz(tmp_path / "words.npz", matrix, compressed=compressed)
    same(tmp_path / "words.npz", dense, "words")


@given(matrices, st.sampled_from(["text_", "text.", "text/", "text-"]))
@quick
def test_prefixed_round_trip(tmp_path: Path, dense: np.ndarray[Any, Any], prefix: str) -> None:
    matrix = sp.csr_matrix(dense != 0)
    parts = {**prefixed(prefix, matrix), f"{prefix}data": dense[dense != 0]}
    np.savez(tmp_path / "clips.npz", **parts)
    same(tmp_path / "clips.npz", dense, "text")


@given(matrices, st.sampled_from(["csr", "csc"]), st.sampled_from([None, np.bytes_, str]))
@quick
def test_hdf5_round_trip(
    tmp_path: Path, dense: np.ndarray[Any, Any], form: str, text: Callable[[str], Any] | None
) -> None:
    if dense.dtype == np.float16 or not dense.dtype.isnative:
        dense = dense.astype(np.float64)
    if text is None and dense.shape[0] == dense.shape[1]:
        form = "csr"  # what a square matrix without a word on its format is taken for
    with h5py.File(tmp_path / "cells.h5", "w") as file:
        kind = {} if text is None else {"encoding-type": text(f"{form}_matrix")}
        write_group(file, "mod/rna/X", sp.csr_matrix(dense).asformat(form), **kind)
    same(tmp_path / "cells.h5", dense, "mod/rna/X")


@given(matrices)
@quick
def test_mat_round_trip(tmp_path: Path, dense: np.ndarray[Any, Any]) -> None:
    dense = dense.astype(bool if dense.dtype == bool else np.float64)
    savemat(tmp_path / "words.mat", {"words": sp.csc_matrix(dense), "y": np.arange(len(dense))})
    if 1 not in dense.shape:  # a single column becomes a vector, sparse or not
        same(tmp_path / "words.mat", dense, "words")


def test_two_modalities_in_one_npz(tmp_path):
    first, second = words(0), words(1, columns=30)
    np.savez(tmp_path / "clips.npz", **prefixed("audio_", first), **prefixed("visual_", second), y=np.arange(ROWS) % 3)
    data = load(tmp_path / "clips.npz")
    assert data.shapes == ((40,), (30,))
    assert np.array_equal(rows_of(data, "audio"), first.toarray())
    assert np.array_equal(rows_of(data, "visual"), second.toarray())
    assert data.classes == 3


def test_train_and_test_parts_follow_each_other(tmp_path):
    parts = {
        f"{name}_{split}_": words(seed)
        for seed, (name, split) in enumerate(
            [(name, split) for name in ("audio", "visual") for split in ("train", "test")]
        )
    }
    np.savez(
        tmp_path / "clips.npz", **{k: v for prefix, part in parts.items() for k, v in prefixed(prefix, part).items()}
    )
    data = load(tmp_path / "clips.npz")
    assert {name: len(rows) for name, rows in data.splits.items()} == {"train": ROWS, "test": ROWS}
    assert np.array_equal(rows_of(data, "audio")[ROWS:], parts["audio_test_"].toarray())


def test_one_file_a_modality(tmp_path):
    for name, seed in (("words", 0), ("links", 1)):
        sp.save_npz(tmp_path / f"{name}.npz", words(seed))
    np.save(tmp_path / "y.npy", np.arange(ROWS) % 2)
    np.savez(tmp_path / "more.npz", note=np.arange(3))
    data = load(tmp_path)
    assert data.names == ("links", "words")
    assert np.array_equal(rows_of(data, "words"), words(0).toarray())
    assert "more.npz: left out, no sparse matrix" in data.provenance.notes
    (tmp_path / "y.npy").unlink()
    assert load(tmp_path).targets is None


def test_cells_of_10x_become_rows(tmp_path):
    cells = words()  # one row a cell, as the genes of each cell are stored
    with h5py.File(tmp_path / "filtered.h5", "w") as file:
        for part, values in {
            **prefixed("matrix/", cells),
            "matrix/barcodes": [f"cell{row}" for row in range(ROWS)],
        }.items():
            file[part] = cells.shape[::-1] if part.endswith("shape") else values
    data = load_views(tmp_path / "filtered.h5", modalities=("matrix",))
    assert np.array_equal(rows_of(data, "matrix"), cells.toarray())


def test_mat_cells_columns_and_version_73(tmp_path):
    cell = np.empty((1, 2), dtype=object)
    cell[0, 0], cell[0, 1] = words(0).T.tocsc(), words(1, columns=30).T.tocsc()
    savemat(tmp_path / "views.mat", {"X": cell, "y": np.arange(ROWS) % 3})
    data = load(tmp_path / "views.mat", modalities=("view0", "view1"))
    assert np.array_equal(rows_of(data, "view0"), words(0).toarray())
    assert any("view0, view1: clips are in columns" in note for note in data.provenance.notes)
    with h5py.File(tmp_path / "new.mat", "w") as file:
        columns = words().tocsc()
        group = file.create_group("words")
        group.attrs["MATLAB_sparse"] = np.uint64(ROWS)
        group.attrs["MATLAB_class"] = np.bytes_("double")
        for name, values in {"data": columns.data, "ir": columns.indices, "jc": columns.indptr}.items():
            group[name] = values.astype(np.uint64) if name != "data" else values
        empty = file.create_group("empty")
        empty.attrs["MATLAB_sparse"] = np.uint64(ROWS)
        empty["jc"] = np.zeros(5, np.uint64)
    assert np.array_equal(rows_of(load_views(tmp_path / "new.mat", modalities=("words",)), "words"), words().toarray())
    (problem,) = inspect(tmp_path / "new.mat", modalities=("empty",)).problems
    assert "every row is zero" in problem


@pytest.mark.parametrize("form", FORMATS)
def test_matrices_in_memory(form):
    data = from_arrays({"audio": words(0).asformat(form), "visual": sp.csr_array(words(1)), "y": np.arange(ROWS) % 2})
    assert np.array_equal(rows_of(data, "audio"), words(0).toarray())
    assert np.array_equal(rows_of(data, "visual"), words(1).toarray())


def test_labels_may_be_sparse(tmp_path):
    labels = sp.csr_matrix(np.eye(4, dtype=np.uint8)[np.arange(ROWS) % 4])
    np.savez(tmp_path / "clips.npz", x=words().toarray(), **prefixed("labels_", labels))
    data = load_views(tmp_path / "clips.npz", modalities=("x",))
    assert (data.label_kind, data.classes) == ("single", 4)


@pytest.mark.parametrize(
    ("stored", "of", "shown"), [(12, 1000, "1.2"), (1000, 1000, "100"), (123, 1000, "12"), (1, 9000, "0.011")]
)
def test_inspect_says_how_sparse(tmp_path, stored, of, shown):
    dense = np.zeros(of)
    dense[:stored] = 1
    np.savez(tmp_path / "clips.npz", **prefixed("x_", sp.csr_matrix(dense.reshape(-1, 10))))
    found = inspect(tmp_path / "clips.npz")
    assert found.keys == {"x": f"({of // 10}, 10) float64, sparse, {shown} % of entries"}
    if not found.problems:
        assert f"x: sparse, {shown} % of entries; read as dense float32" in found.notes


def test_arrays_that_only_look_alike_stay_what_they_are(tmp_path):
    np.savez(
        tmp_path / "clips.npz", data=np.ones((4, 2)) * np.arange(4)[:, None], shape=np.arange(4), metadata=np.arange(4)
    )
    assert inspect(tmp_path / "clips.npz").keys.keys() == {"data", "shape", "metadata"}


def test_an_npz_beside_npy_files_is_left_out_and_alone_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "clips.npz", audio=np.ones((4, 2)))
    with pytest.raises(InputError, match=r"a folder without features.*got clips.npz"):
        load(tmp_path)
    for name, width in (("audio", 3), ("visual", 2)):
        np.save(tmp_path / f"{name}.npy", np.random.default_rng(width).random((40, width)))
    data = load(tmp_path)
    assert data.shapes == ((3,), (2,))
    assert "clips.npz: left out, no sparse matrix" in data.provenance.notes
