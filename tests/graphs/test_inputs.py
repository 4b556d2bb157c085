"""What comes in: moments, tables in files, knowledge, and what is refused, by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import torch

from overtone.core import InputError
from overtone.graphs import learn_graph
from overtone.graphs.moments import from_covariance, moments
from overtone.graphs.reading import read_table

from .conftest import NAMES, edges

TRUE = {("rain", "wet", "directed"), ("sun", "wet", "directed"), ("wet", "mood", "directed")}


def in_chunks(values: Any, size: int) -> Iterator[Any]:
    for at in range(0, len(values), size):
        yield values[at : at + size]


@pytest.mark.parametrize("size", [1, 7, 300])
def test_moments_are_those_of_all_rows_however_they_come(values: Any, size: int) -> None:
    far = values * [1, 1e3, 1e-3, 1] + [0, 1e6, 0, -5]
    for blocks in (True, False):
        covariance, rows = moments(in_chunks(far, size), NAMES, blocks=blocks).covariance()
        assert rows == 300
        np.testing.assert_allclose(covariance, np.cov(far.T, bias=True), rtol=1e-8, atol=1e-12)


def test_blocks_of_few_rows_are_the_rows_and_weights_count_them(values: Any) -> None:
    summed = moments([values], NAMES)
    assert len(summed.blocks) == 300
    weights = summed.draw(np.random.default_rng(1))
    assert weights.sum() == 300
    covariance, rows = summed.covariance(weights)
    assert rows == 300
    # Which block holds which row is the blocks' own affair; their first moments tell.
    row_of = [
        int(np.argmin(np.abs(values - (block[0, 1:] * summed.scale + summed.shift)).sum(1))) for block in summed.blocks
    ]
    assert sorted(row_of) == list(range(300))
    np.testing.assert_allclose(
        covariance, np.cov(values[row_of].T, fweights=weights.astype(int), bias=True), atol=1e-10
    )
    first, second = summed.halve(np.random.default_rng(1))
    assert ((first + second) == 1).all()
    assert first.sum() == 150


def test_many_rows_share_blocks_evenly() -> None:
    rows = np.random.default_rng(0).normal(size=(2500, 3))
    summed = moments(in_chunks(rows, 333), ["a", "b", "c"])
    assert len(summed.blocks) == 1000
    assert set(summed.blocks[:, 0, 0]) == {2, 3}


def test_rows_that_recur_after_each_round_are_spread_over_blocks() -> None:
    summed = moments([np.arange(2000.0)[:, None] % 1000], ["a"])
    first, second = summed.blocks[:, 0, 1], summed.blocks[:, 1, 1]
    assert set(summed.blocks[:, 0, 0]) == {2}
    assert (second - first**2 / 2 > 1e-6).mean() > 0.9  # hardly a block has the same row twice


@pytest.mark.parametrize("kind", ["numpy", "float32", "torch", "lists", "chunks", "covariance"])
def test_every_form_of_the_same_data_gives_the_same_graph(values: Any, kind: str) -> None:
    given: dict[str, Any] = {
        "numpy": values,
        "float32": values.astype(np.float32),
        "torch": torch.from_numpy(values),
        "lists": values.tolist(),
        "chunks": in_chunks(values, 50),
        "covariance": np.cov(values.T),
    }
    rows = 300 if kind == "covariance" else None
    assert edges(learn_graph(given[kind], NAMES, rows=rows)) == TRUE


def write(kind: str, values: Any, folder: Path) -> Path:
    path = folder / f"table.{kind.split('-')[0]}"
    if kind == "npz":
        np.savez(path, data=values, names=np.array(NAMES))
    elif kind == "npz-compressed":
        np.savez_compressed(path, data=values.astype(np.float32), names=np.array(NAMES))
    elif kind == "npz-covariance":
        np.savez(path, covariance=np.cov(values.T, bias=True), rows=300, names=np.array(NAMES))
    elif kind == "csv":
        lines = [",".join(NAMES), *(",".join(f"{value:.17g}" for value in row) for row in values)]
        path.write_text("\n".join(lines) + "\n")
    else:
        pyarrow.parquet.write_table(pyarrow.table({name: values[:, at] for at, name in enumerate(NAMES)}), path)
    return path


@pytest.mark.parametrize("kind", ["npz", "npz-compressed", "npz-covariance", "csv", "parquet"])
def test_tables_are_read_from_files(values: Any, kind: str, tmp_path: Path) -> None:
    table = read_table(write(kind, values, tmp_path))
    assert table.names == tuple(NAMES)
    if table.covariance is None:
        np.testing.assert_allclose(np.concatenate(list(table.chunks())), values, rtol=1e-6)
    else:
        assert table.rows == 300
        np.testing.assert_allclose(table.covariance, np.cov(values.T, bias=True))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "1,2\n3,4\n", "line 1: not a header"),
        ("a.csv", "", "line 1: not a header"),
        ("a.csv", "a,b\n1,2\n3,x\n", "row 1, column 'b': text; got 'x'"),
        ("a.csv", "a,b\n1,2\n3\n", "line 3: 1 values, but there are 2 columns"),
        ("a.csv", "a,b\n1,2\n3,\n5,6\n7,8\n", "row 1, variable 'b': missing"),
        ("a.parquet", "nothing", "not a Parquet file"),
        ("a.npz", "nothing", "not an npz file"),
        ("a.xyz", "nothing", "unknown kind of file"),
    ],
)
def test_damaged_files_are_said(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / name).write_text(content)

    def read_whole() -> None:
        table = read_table(tmp_path / name)
        learn_graph(table.chunks(), table.names)

    with pytest.raises(InputError, match=said):
        read_whole()
    with pytest.raises(InputError, match="no such file"):
        read_table(tmp_path / "other.npz")


def test_an_npz_without_data_says_what_it_has(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", audio=np.zeros((3, 2)))
    with pytest.raises(InputError, match=r"no key 'data'; got keys 'audio'.*--soft"):
        read_table(tmp_path / "a.npz")


def test_a_parquet_column_of_words_is_named(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"a": [1.0], "b": ["x"]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="column 'b': text"):
        read_table(tmp_path / "a.parquet")


def spoiled(values: Any, how: str) -> Any:
    made = values.copy()
    if how == "nan":
        made[17, 2] = np.nan
    elif how == "infinite":
        made[3, 0] = np.inf
    elif how == "constant":
        made[:, 1] = 0.1
    elif how == "duplicate":
        made[:, 3] = made[:, 0]
    elif how == "scaled duplicate":
        made[:, 3] = 7 - 2e3 * made[:, 0]
    return made


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("nan", "row 17, variable 'sun': nan"),
        ("infinite", "row 3, variable 'rain': inf"),
        ("constant", "'wet' is constant"),
        ("duplicate", "'rain' and 'mood' are the same"),
        ("scaled duplicate", "'rain' and 'mood' are the same"),
    ],
)
def test_what_cannot_be_searched_is_named(values: Any, how: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        learn_graph(spoiled(values, how), NAMES)


@pytest.mark.parametrize(
    ("data", "names", "rows", "said"),
    [
        (np.zeros((5, 0)), None, None, "array of numbers"),
        (np.zeros(5), None, None, "array of numbers"),
        (np.array([["a", "b"]]), None, None, "array of numbers"),
        (np.random.default_rng(0).normal(size=(3, 2)), None, None, "at least 4 rows"),
        (np.random.default_rng(0).normal(size=(9, 1)), None, None, "at least two variables"),
        (np.random.default_rng(0).normal(size=(9, 2)), ["a"], None, "one name a variable; got 1 names, 2 variables"),
        (np.random.default_rng(0).normal(size=(9, 2)), ["a", "a"], None, "two variables are called 'a'"),
        (np.eye(3)[:2], None, 100, "square and symmetric"),
        (np.triu(np.ones((3, 3))), None, 100, "square and symmetric"),
        (iter([np.zeros((2, 2))]), None, None, "need the names"),
        (iter([np.zeros((2, 3))]), ["a", "b"], None, "row 0: wrong number of variables"),
        (iter([]), ["a", "b"], None, "there are no rows"),
    ],
)
def test_what_is_no_table_is_refused(data: Any, names: Any, rows: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        learn_graph(data, names, rows=rows)


def test_rows_are_counted_from_the_beginning_of_all_chunks(values: Any) -> None:
    values[117, 1] = np.nan
    with pytest.raises(InputError, match="row 117, variable 'wet': nan"):
        learn_graph(in_chunks(values, 50), NAMES)


def test_a_covariance_has_no_rows_to_draw_again(values: Any) -> None:
    with pytest.raises(InputError, match="only one block"):
        learn_graph(np.cov(values.T), NAMES, rows=300, settings={"bootstrap": 5})
    assert len(from_covariance(np.eye(2), 10, "ab").blocks) == 1


def test_a_sum_of_others_is_found_and_said(values: Any) -> None:
    """A deterministic relation must not draw edges to everybody: only those of the relation are certain."""
    random = np.random.default_rng(1)
    others = random.normal(size=(300, 5))
    total = others[:, :3].sum(1)
    graph = learn_graph(np.column_stack([others, total]), list("abcdes"))
    assert any("a, b, c, s determine each other (1 linear relation)" in note for note in graph.notes)
    joined = graph.adjacency
    assert joined[:3, 5].all()
    assert not joined[3:5].any()


def test_one_doubled_column_up_to_noise_changes_little(oracle: ModuleType) -> None:
    rows, _ = oracle.simulate(20, 4, 500, 3)
    plain = learn_graph(rows)
    doubled = learn_graph(np.column_stack([rows, rows[:, 0] + 1e-3 * np.random.default_rng(0).normal(size=500)]))
    assert len(doubled.edges) <= len(plain.edges) + 8
    assert plain.notes == doubled.notes == ()


def test_fewer_rows_than_variables_is_possible_and_said(oracle: ModuleType) -> None:
    rows, _ = oracle.simulate(40, 2, 25, 0)
    graph = learn_graph(rows, settings={"ebic": 1.0})
    assert any("25 rows are few for 40 variables" in note for note in graph.notes)
    assert graph.dag.sum(0).max() <= 25 // 3
    assert np.isfinite(graph.score)


def test_a_misspelt_setting_is_refused(values: Any) -> None:
    with pytest.raises(InputError, match=r"unknown setting in graph settings 'penalyt'.*did you mean 'penalty'"):
        learn_graph(values, settings={"penalyt": 1})
    with pytest.raises(InputError, match="'penalty'"):
        learn_graph(values, settings={"penalty": "much"})
