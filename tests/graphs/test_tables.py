"""Tables as people have them: separators, decimal commas, encodings, index columns, text, missing values, splits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from overtone.core import InputError
from overtone.graphs import learn_graph
from overtone.graphs.columns import TableOptions
from overtone.graphs.reading import read_soft_labels, read_table

RNG = np.random.default_rng(3)
N = 60
X = RNG.normal(size=(N, 3)).round(4)
X[:, 2] += X[:, 0]
X = X.round(4)
NAMES = ("x", "y", "z")


def write(path, header: str, rows: list[str], encoding: str = "utf-8", end: str = "\n"):
    path.write_bytes(end.join([header, *rows, ""]).encode(encoding))
    return path


def joined(separator: str, comma: bool = False, rows: np.ndarray = X) -> list[str]:
    lines = [separator.join(f"{value:.4f}" for value in row) for row in rows]
    return [line.replace(".", ",") for line in lines] if comma else lines


def values(path, **options: Any) -> tuple[tuple[str, ...], np.ndarray, str]:
    table = read_table(path, TableOptions(**options))
    rows = np.concatenate(list(table.chunks()))
    return table.names, rows, " ".join(table.notes)


LAYOUTS: dict[str, tuple[str, str, list[str], Mapping[str, str], str]] = {
    "commas": ("a.csv", "x,y,z", joined(","), {}, ""),
    "blanks after commas": ("a.csv", "x, y, z", joined(", "), {}, ""),
    "semicolons, decimal commas": ("a.csv", "x;y;z", joined(";", True), {}, "semicolons, with decimal commas"),
    "tabs": ("a.tsv", "x\ty\tz", joined("\t"), {}, ""),
    "tabs in txt, decimal commas": ("a.txt", "x\ty\tz", joined("\t", True), {}, "tabs, with decimal commas"),
    "blanks": ("a.txt", "x   y z", joined("   "), {}, "blanks"),
    "bars": ("a.csv", "x|y|z", joined("|"), {}, "bars"),
    "quoted": ("a.csv", '"x","y","z"', [f'"{line}"'.replace(",", '","') for line in joined(",")], {}, ""),
    "Windows line ends": ("a.csv", "x,y,z", joined(","), {"end": "\r\n"}, ""),
    "byte order mark": ("a.csv", "x,y,z", joined(","), {"encoding": "utf-8-sig"}, ""),
    "UTF-16": ("a.csv", "x,y,z", joined(","), {"encoding": "utf-16"}, "read as utf-16"),
    "pandas index": ("a.csv", ",x,y,z", [f"{at},{line}" for at, line in enumerate(joined(","))], {}, "index"),
    "named index": ("a.csv", "index,x,y,z", [f"{at},{line}" for at, line in enumerate(joined(","))], {}, "'index'"),
    "row names": ("a.csv", ",x,y,z", [f"r{at},{line}" for at, line in enumerate(joined(","))], {}, "index"),
    "row names of R": ("a.txt", "x y z", [f"r{at} {line}" for at, line in enumerate(joined(" "))], {}, "index"),
    "trailing comma": ("a.csv", "x,y,z,", [f"{line}," for line in joined(",")], {}, "empty column"),
    "empty column": ("a.csv", "x,y,e,z", [line[::-1].replace(",", ",,", 1)[::-1] for line in joined(",")], {}, "'e'"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_text_table_is_read_however_it_is_written(tmp_path, layout: str) -> None:
    name, header, lines, how, said = LAYOUTS[layout]
    names, rows, notes = values(write(tmp_path / name, header, lines, **how))
    assert names == NAMES
    np.testing.assert_array_equal(rows, X)
    assert said in notes
    assert bool(notes) == bool(said)


@pytest.mark.parametrize(("encoding", "said"), [("cp1252", "cp1252"), ("latin-1", "cp1252"), ("utf-8", "")])
def test_names_in_other_encodings(tmp_path, encoding: str, said: str) -> None:
    names, _rows, notes = values(write(tmp_path / "a.csv", "température,y,größe", joined(","), encoding))
    assert names == ("température", "y", "größe")
    assert said in notes


def test_whole_numbers_first_and_fractions_later(tmp_path) -> None:
    lines = [f"{at % 5}, {at % 3}, {at}" for at in range(120_000)] + ["2.5, 1.5, 0.5"]
    _, rows, _ = values(write(tmp_path / "a.csv", "x, y, z", lines))
    assert rows.shape == (120_001, 3)
    assert rows[-1].tolist() == [2.5, 1.5, 0.5]


COLOURS = np.array(["red", "green", "blue"])[np.arange(N) % 3]


def test_text_columns_are_refused_with_a_remedy_left_out_or_coded(tmp_path) -> None:
    lines = [f"{x:.4f},{y:.4f},{name}" for (x, y, _), name in zip(X, COLOURS)]
    path = write(tmp_path / "a.csv", "x,y,colour", lines)
    with pytest.raises(
        InputError, match=r"row 0, column 'colour': text; got 'red' \(3 different.*--drop colour.*--one-hot"
    ):
        read_table(path)
    assert values(path, drop=("colour",))[0] == ("x", "y")
    assert values(path, only=("y", "x"))[0] == ("x", "y")
    for chosen in (("colour",), ("text",)):
        names, rows, notes = values(path, one_hot=chosen)
        assert names == ("x", "y", "colour=green", "colour=red")
        np.testing.assert_array_equal(rows[:, 3], COLOURS == "red")
        assert "all 0 means 'blue'" in notes
    for value, got in (("", "no values"), ("one", "'one'")):
        empty = write(tmp_path / "empty.csv", "x,y,kind", [f"{x:.4f},{y:.4f},{value}" for x, y, _ in X])
        with pytest.raises(InputError, match=f"column 'kind': nothing to tell apart by codes; got {got}"):
            read_table(empty, TableOptions(only=("x", "y", "kind"), one_hot=("kind",)))
    with pytest.raises(InputError, match="unknown column .*'color'; valid: .*did you mean 'colour'"):
        read_table(path, TableOptions(drop=("color",)))
    table = pyarrow.table({"x": X[:, 0], "flag": X[:, 1] > 0, "colour": pyarrow.array(COLOURS).dictionary_encode()})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(InputError, match="column 'colour': text"):
        read_table(tmp_path / "a.parquet")
    assert values(tmp_path / "a.parquet", one_hot=("text",))[0] == ("x", "flag", "colour=green", "colour=red")


@pytest.mark.parametrize("word", ["NA", "", "nan", "NULL", "?", "n/a", "None", "-", "<NA>"])
def test_missing_values_are_refused_dropped_or_filled_and_counted(tmp_path, word: str) -> None:
    lines = joined(",")
    for row in (4, 9):
        lines[row] = f"{X[row, 0]:.4f},{word},{X[row, 2]:.4f}"
    path = write(tmp_path / "a.csv", "x,y,z", lines)
    with pytest.raises(InputError, match=r"row 4, variable 'y': missing; got 2 such rows.*--missing drop.*impute"):
        list(read_table(path).chunks())
    _, rows, notes = values(path, missing="drop")
    np.testing.assert_array_equal(rows, np.delete(X, (4, 9), axis=0))
    assert f"2 of {N} rows lack a value" in notes
    _, rows, notes = values(path, missing="impute")
    assert rows[4, 1] == pytest.approx(np.delete(X[:, 1], (4, 9)).mean())
    assert "2 missing values were filled" in notes


def test_nulls_in_parquet_and_nan_in_arrays_are_missing(tmp_path) -> None:
    gaps = X.copy()
    gaps[7, 1] = np.nan
    columns = {
        name: [None if value != value else float(value) for value in column] for name, column in zip(NAMES, gaps.T)
    }
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    np.savez(tmp_path / "a.npz", data=gaps, names=NAMES)
    for name in ("a.parquet", "a.npz"):
        with pytest.raises(InputError, match="row 7, variable 'y': missing"):
            list(read_table(tmp_path / name).chunks())
        assert values(tmp_path / name, missing="drop")[1].shape == (N - 1, 3)
    gaps[8, 0] = np.inf
    np.savez(tmp_path / "a.npz", data=gaps, names=NAMES)
    with pytest.raises(InputError, match="row 8, variable 'x': inf"):  # the file's row, though row 7 was dropped
        values(tmp_path / "a.npz", missing="drop")


@pytest.mark.parametrize("mark", [-999.0, 9999.0, -1e6, 99.0])
def test_a_mark_of_missing_values_is_hinted_at(tmp_path, mark: float) -> None:
    marked = X.copy()
    marked[::10, 1] = mark
    np.savez(tmp_path / "a.npz", data=marked, names=NAMES)
    _, _, notes = values(tmp_path / "a.npz")
    assert f"column 'y': {mark:g} occurs 6 times, far outside" in notes
    assert len(notes) < 250
    _, rows, notes = values(tmp_path / "a.npz", missing="drop", missing_values=(f"{mark:g}",))
    assert rows.shape == (N - 6, 3)
    assert "far outside" not in notes


def test_codes_are_hinted_at_and_measurements_are_not(tmp_path) -> None:
    codes = np.arange(N) % 4 + 1
    path = write(tmp_path / "a.csv", "code,y,z", [f"{c},{y},{z}" for c, (_, y, z) in zip(codes, X)])
    assert "column 'code': only the whole numbers 1, 2, 3, 4" in values(path)[2]
    assert values(path, one_hot=("code",))[0] == ("code=2", "code=3", "code=4", "y", "z")
    assert values(write(tmp_path / "b.csv", "x,y,z", joined(",")))[2] == ""


def test_pandas_index_in_parquet_is_left_out(tmp_path) -> None:
    table = pyarrow.table({**dict(zip(NAMES, X.T)), "__index_level_0__": np.arange(N)})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    names, _, notes = values(tmp_path / "a.parquet")
    assert names == NAMES
    assert "holds the rows' index" in notes


@pytest.mark.parametrize("kind", ["csv", "npz"])
@pytest.mark.parametrize("flags", [False, True])
def test_training_rows_alone_are_used_however_the_split_is_given(tmp_path, kind: str, flags: bool) -> None:
    test = np.arange(N) % 3 == 0
    split, key = (test, "is_test") if flags else (np.where(test, "Test", "Train"), "split")
    if kind == "csv":
        write(tmp_path / "a.csv", f"x,y,z,{key}", [f"{line},{word}" for line, word in zip(joined(","), split)])
    else:
        np.savez(tmp_path / "a.npz", data=X, names=NAMES, **{key: split})
    names, rows, notes = values(tmp_path / f"a.{kind}")
    assert names == NAMES
    np.testing.assert_array_equal(rows, X[~test])
    assert "split 'train' alone" in notes
    assert len(values(tmp_path / f"a.{kind}", split="all")[1]) == N
    np.testing.assert_array_equal(values(tmp_path / f"a.{kind}", split="test")[1], X[test])


@pytest.mark.parametrize("how", ["split", "is_test", "words", "parts"])
def test_soft_labels_of_training_rows_alone(tmp_path, how: str) -> None:
    soft, y, test = RNG.random((N, 4)), np.arange(N) % 4, np.arange(N) % 3 == 0
    y[1] = -1
    given: dict[str, Any] = {"audio": soft, "y": y, "ids": [f"c{at}" for at in range(N)]}
    if how == "split":
        given["split"] = np.where(test, "test", "train")
    elif how == "words":
        given["split"] = np.where(test, "TEST ", "Training")
    elif how == "is_test":
        given["is_test"] = test
    else:
        given = {
            f"{key}_{part}": np.asarray(values)[rows]
            for part, rows in (("train", ~test), ("test", test))
            for key, values in given.items()
            if key != "ids"
        }
    np.savez(tmp_path / "a.npz", **given)
    file = read_soft_labels(tmp_path / "a.npz", ("audio",))
    np.testing.assert_array_equal(file.parts["audio"], soft[~test])
    assert file.labels is not None
    assert file.labels.tolist() == y[~test].tolist()


def test_a_graph_is_the_same_in_any_units() -> None:
    factors = np.array([1e7, 1e-7, 1.0])
    offsets = np.array([1e9, 0.0, -3.0])
    plain, other = learn_graph(X, NAMES), learn_graph(X * factors + offsets, NAMES)
    assert [(e.source, e.target, e.kind) for e in plain.edges] == [(e.source, e.target, e.kind) for e in other.edges]
    constant = X.copy()
    for value in (0.0, 0.1, 1e9):
        constant[:, 1] = value
        with pytest.raises(InputError, match="'y' is constant"):
            learn_graph(constant * factors, NAMES)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["x,y", "1,2", "1,2,3"], r"line 3: 3 values, but there are 2 columns"),
        (["1,2", "3,4"], "line 1: not a header"),
        (["x,y", "1,2", "2,1"] * 1 + ["1,oops"], "row 2, column 'y': text; got 'oops'"),
        (["x,x", "1,2", "2,1"], "two variables are called 'x'"),
        (["x,y"], "there are no rows"),
        ([""], "not a header"),
        (["x\0,y", "1,2"], "not a text file"),
    ],
)
def test_what_is_no_table_is_named(tmp_path, lines: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        list(read_table(write(tmp_path / "a.csv", lines[0], lines[1:])).chunks())
    assert len(str(caught.value)) < 400 + len(str(tmp_path))


WRONG_ARRAYS: list[tuple[dict[str, Any], str]] = [
    ({"data": np.zeros((N, 3), "V4")}, r"key 'data': must be \(rows, variables\), of numbers or text"),
    ({"data": X.astype(complex)}, r"key 'data': must be \(rows, variables\), of numbers or text"),
    ({"data": X, "split": np.zeros(N, "V4")}, "key 'split': does not say which rows to train on"),
    ({"data": X, "split": np.full(20, "train")}, "key 'split': does not say which .* valid: 60 words or flags"),
    ({"data": X, "is_test": np.zeros((N, 2))}, "key 'is_test': does not say which rows to train on"),
    ({"covariance": np.eye(3), "rows": "many"}, "key 'rows': must be the number of rows"),
    ({"covariance": np.eye(3), "rows": np.arange(3)}, "key 'rows': must be the number of rows"),
    ({"covariance": np.eye(3), "rows": np.zeros((), "V4")}, "key 'rows': must be the number of rows"),
]


@pytest.mark.parametrize(("arrays", "said"), WRONG_ARRAYS)
def test_arrays_that_are_no_table(arrays: dict[str, Any], said: str, tmp_path) -> None:
    np.savez(tmp_path / "t.npz", **arrays)
    with pytest.raises(InputError, match=said):
        read_table(tmp_path / "t.npz")
