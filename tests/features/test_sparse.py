"""Sparse matrices are read as they are: the same rows as from the dense array, whoever wrote them, damage refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.io import savemat

from overtone.core import InputError
from overtone.features import Features, from_arrays, inspect, load, load_views

ROWS = 12
FORMATS = ("csr", "csc", "bsr", "coo", "dia")
DTYPES = ("float64", "float32", "float16", ">f8", "int64", "uint8", "bool")
PARTS = ("data", "indices", "indptr", "shape")

matrices = st.sampled_from(DTYPES).flatmap(
    lambda dtype: arrays.arrays(
        dtype,
        st.tuples(st.integers(2, 8), st.integers(1, 9)),
        elements=st.sampled_from([0, 0, 0, 1, 1 if dtype in ("bool", "uint8") else -2.5 if "f" in dtype else -3]),
        fill=st.just(0),
    )
)
quick = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def words(seed: int = 0, rows: int = ROWS, columns: int = 40) -> sp.csr_matrix:
    """Counts, a tenth of which are not zero; no row without one."""
    random = np.random.default_rng(seed)
    dense = random.poisson(3, (rows, columns)) * (random.random((rows, columns)) < 0.1)
    dense[:, 0] = np.arange(1, rows + 1)
    return sp.csr_matrix(dense.astype(np.float64))


def prefixed(prefix: str, matrix: sp.csr_matrix) -> dict[str, Any]:
    return {f"{prefix}{part}": getattr(matrix, part) for part in PARTS}


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


def without(part: str) -> Callable[[dict[str, Any]], None]:
    return lambda parts: parts.pop(f"x_{part}")


def put(part: str, at: int | None, value: Any) -> Callable[[dict[str, Any]], None]:
    """Replace one entry of a part, or all of it."""

    def change(parts: dict[str, Any]) -> None:
        parts[f"x_{part}"] = np.array(parts[f"x_{part}"] if at is not None else value)
        if at is not None:
            parts[f"x_{part}"][at] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        put("indices", 3, 40),
        put("indices", 3, -1),
        put("indices", 3, 2**30),
        put("indptr", 1, 99),
        put("indptr", 0, 1),
        put("indptr", -1, 10**6),
        put("indptr", None, np.arange(5)),
        put("indices", None, np.arange(3)),
        put("indices", None, np.full(ROWS, 0.5)),
        put("indptr", None, np.zeros((2, 2), int)),
        put("data", None, np.ones(3)),
        put("shape", None, [ROWS]),
        put("shape", None, [-ROWS, 40]),
        put("shape", None, [float(ROWS), 40.0]),
        put("shape", None, [ROWS + 1, 40]),
        put("format", None, b"csv"),
        put("format", None, b"coo"),
        without("shape"),
    ],
)
def test_damage_is_one_sentence(tmp_path, change):
    parts = {**prefixed("x_", words()), "x_format": b"csr"}
    change(parts)
    np.savez(tmp_path / "clips.npz", **parts)
    with pytest.raises(
        InputError, match=r"clips.npz, key 'x': a damaged sparse matrix \([^\n]+\); save it again"
    ) as info:
        load_views(tmp_path / "clips.npz", modalities=("x",))
    assert str(info.value).count("\n") == 0


@given(st.sampled_from(PARTS[:3]), st.integers(0, 10**6), st.integers(-(2**31), 2**31))
@quick
def test_any_changed_number_is_read_or_refused(tmp_path: Path, part: str, at: int, value: int) -> None:
    parts = prefixed("x_", words())
    parts[f"x_{part}"] = parts[f"x_{part}"].astype(np.int64)
    parts[f"x_{part}"][at % len(parts[f"x_{part}"])] = value
    np.savez(tmp_path / "clips.npz", **parts)
    found = inspect(tmp_path / "clips.npz")
    assert bool(found.problems) != (found.modalities.keys() == {"x"})
    assert all("clips.npz" in problem for problem in found.problems)


def test_coo_out_of_bounds_is_refused(tmp_path):
    matrix = words().tocoo()
    matrix.col[0] = 40
    sp.save_npz(tmp_path / "words.npz", matrix)
    with pytest.raises(InputError, match="a damaged sparse matrix"):
        load_views(tmp_path / "words.npz")


def test_pickled_parts_are_refused(tmp_path):
    np.savez(tmp_path / "clips.npz", **{**prefixed("x_", words()), "x_data": np.array([{}] * words().nnz)})
    with pytest.raises(InputError, match=r"Python objects \(a pickle\), which are never loaded"):
        load_views(tmp_path / "clips.npz", modalities=("x",))


def test_what_does_not_fit_into_memory_is_refused(tmp_path, monkeypatch):
    sp.save_npz(tmp_path / "words.npz", words())
    monkeypatch.setattr("overtone.features.checks.memory_bytes", lambda: 2 * 4 * ROWS * 40)
    assert load_views(tmp_path / "words.npz").shapes == ((40,),)
    monkeypatch.setattr("overtone.features.checks.memory_bytes", lambda: 2 * 4 * ROWS * 40 - 2)
    with pytest.raises(
        InputError, match=r"key 'words': a sparse matrix too large .*; got .* GiB; valid: up to .*; reduce"
    ):
        load_views(tmp_path / "words.npz")


def test_a_huge_shape_is_refused_before_anything_is_made(tmp_path):
    empty = np.zeros(0, np.int64)
    np.savez(tmp_path / "x.npz", data=empty, row=empty, col=empty, shape=[10**12, 10**6], format=b"coo")
    with pytest.raises(InputError, match="too large to be read"):
        load_views(tmp_path / "x.npz")


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
