"""Sparse features that are damaged, pickled or too large end in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from overtone.core import InputError
from overtone.features import inspect, load_views

from .sparse_parts import PARTS, ROWS, prefixed, quick, words


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
