"""A table of metadata beside the features: read in any usual form, joined by id or by row, and taken along."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from overtone.core import InputError
from overtone.features import add_metadata, from_arrays, inspect, load, save
from overtone.features.metadata import read_metadata, type_words

ROWS = 20
IDS = [f"clip{row}" for row in range(ROWS)]
TITLES = [None if row == 4 else f"title {row}" for row in range(ROWS)]
SECONDS = [row / 4 for row in range(ROWS)]
ORDER = np.random.default_rng(1).permutation(ROWS).tolist()


def arrays(**more: object) -> dict[str, object]:
    random = np.random.default_rng(0)
    return {"audio": random.normal(size=(ROWS, 4)), "visual": random.normal(size=(ROWS, 5)), "ids": IDS, **more}


def write_table(path: Path, separator: str = ",", encoding: str = "utf-8") -> Path:
    decimal = "," if separator == ";" else "."
    lines = [separator.join(("id", "title", "seconds", "länge"))]
    for row in ORDER:
        cells = (IDS[row], TITLES[row] or "", str(SECONDS[row]).replace(".", decimal), str(row))
        lines.append(separator.join(cells))
    path.write_text("\n".join(lines), encoding=encoding)
    return path


def write_lines(path: Path) -> Path:
    rows = ({"id": IDS[row], "title": TITLES[row], "seconds": SECONDS[row], "länge": row} for row in ORDER)
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def write_parquet(path: Path) -> Path:
    rows = [{"id": IDS[row], "title": TITLES[row], "seconds": SECONDS[row], "länge": row} for row in ORDER]
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


WRITERS = {
    "commas": lambda folder: write_table(folder / "m.csv"),
    "semicolons": lambda folder: write_table(folder / "m.csv", ";"),
    "tabs": lambda folder: write_table(folder / "m.tsv", "\t"),
    "latin-1": lambda folder: write_table(folder / "m.csv", ";", "cp1252"),
    "utf-16": lambda folder: write_table(folder / "m.txt", "\t", "utf-16"),
    "json lines": lambda folder: write_lines(folder / "m.jsonl"),
    "parquet": lambda folder: write_parquet(folder / "m.parquet"),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_columns_are_joined_by_id_whatever_the_table(kind: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "clips.npz", **arrays())
    data = load(tmp_path / "clips.npz", metadata=WRITERS[kind](tmp_path))
    assert data.metadata == {"title": tuple(TITLES), "seconds": tuple(SECONDS), "länge": tuple(range(ROWS))}
    assert any("3 columns of metadata, joined by 'id'" in note for note in data.provenance.notes)
    assert not data.provenance.warnings
    part = data.subset([7, 2])
    assert part.metadata["title"] == ("title 7", "title 2")


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".parquet", ".safetensors"])
def test_columns_are_stored_and_found_again(suffix: str, tmp_path: Path) -> None:
    beside = {"title": TITLES, "seconds": SECONDS, "known": [row % 2 == 0 for row in range(ROWS)]}
    (tmp_path / "m.jsonl").write_text(
        "\n".join(json.dumps(dict(zip(("id", *beside), row))) for row in zip(IDS, *beside.values()))
    )
    data = from_arrays(arrays(), metadata=tmp_path / "m.jsonl")
    save(data, tmp_path / f"again{suffix}")
    again = load(tmp_path / f"again{suffix}")
    assert again.metadata == data.metadata
    assert again.provenance.checksum == from_arrays(arrays()).provenance.checksum


def test_without_ids_rows_are_joined_in_order(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("title,n\n" + "\n".join(f"t{row},{row}" for row in range(ROWS)))
    assert from_arrays(arrays(), metadata=tmp_path / "m.csv").metadata["n"] == tuple(range(ROWS))
    (tmp_path / "m.csv").write_text("title\na\nb\n")
    with pytest.raises(InputError, match=r"m.csv: 2 rows, but arrays has 20 clips; bring one row per clip .*'clip0'"):
        from_arrays(arrays(), metadata=tmp_path / "m.csv")


def test_ids_that_do_not_match_are_counted_and_named(tmp_path: Path) -> None:
    table = tmp_path / "m.csv"
    table.write_text("id,n\n" + "\n".join(f"{name},1" for name in [*IDS[3:], "x", "y"]))
    data = from_arrays(arrays(), metadata=table)
    (doubt,) = data.provenance.warnings
    assert "lacks 3 of 20 clips ('clip0', 'clip1', 'clip2') and has 2 rows of no clip ('x', 'y')" in doubt
    assert data.metadata["n"] == (None, None, None, *[1] * (ROWS - 3))
    table.write_text("id,n\na,1\nb,2\n")
    with pytest.raises(InputError, match=r"column 'id': none of the 2 ids .* got 'a', 'b'; valid: ids such as 'clip0'"):
        from_arrays(arrays(), metadata=table)
    table.write_text("id,n\n" + "\n".join(f"{name},1" for name in [*IDS, "clip3", "clip5"]))
    with pytest.raises(InputError, match=r"row 20: id 'clip3' occurs twice \(first in row 3\); got 2 such rows"):
        from_arrays(arrays(), metadata=table)


def test_labels_and_groups_may_be_columns_of_the_table(tmp_path: Path) -> None:
    table = tmp_path / "m.csv"
    table.write_text("clip_id,label,film\n" + "\n".join(f"clip{r},{'ab'[r % 2]},f{r // 4}" for r in ORDER))
    plain = from_arrays(arrays(), metadata=table)
    assert plain.labels is None
    assert any("--labels label" in note for note in plain.provenance.notes)
    data = from_arrays(arrays(), metadata=table, label_key="label", group_key="film")
    assert (data.class_names, data.labels.tolist()) == (("a", "b"), [row % 2 for row in range(ROWS)])
    assert data.groups == tuple(f"f{row // 4}" for row in range(ROWS))


def test_rows_matched_by_the_ids_of_each_modality_keep_their_metadata(tmp_path: Path) -> None:
    given = arrays()
    given.pop("ids")
    given |= {"ids_audio": IDS, "ids_visual": [IDS[row] for row in ORDER], "visual": given["visual"][ORDER]}
    data = from_arrays(given, metadata=write_table(tmp_path / "m.csv"))
    assert data.metadata["title"] == tuple(TITLES)


def test_words_are_typed_by_column(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("code,n,x,flag,text,none\n007,1,1.5,true,'=1+2,\n08,NA,2,false,a,\n")
    found = read_metadata(tmp_path / "m.csv")
    assert found.columns == {
        "code": ("007", "08"),
        "n": (1, None),
        "x": (1.5, 2.0),
        "flag": (True, False),
        "text": ("=1+2", "a"),
    }
    assert found.notes == (f"{tmp_path / 'm.csv'}: no value in 'none': left out",)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("m.xlsx", "", "unknown kind of table; got suffix '.xlsx'"),
        ("m.csv", "", "not a header"),
        ("m.csv", "id,n\n", "there are no rows"),
        ("m.csv", "id,n\na,1,2,3\n", "line 2: 4 values, but there are 2 columns"),
        ("m.jsonl", '{"id": 1}\n{"id"', "line 2: not JSON"),
        ("m.jsonl", "[1]\n", "line 1: not an object; got list"),
        ("m.jsonl", "[" * 100_000, "line 1: not JSON"),
        ("m.parquet", "PAR1", "not a Parquet file"),
    ],
)
def test_tables_that_cannot_be_read_are_refused(name: str, content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError) as refused:
        from_arrays(arrays(), metadata=tmp_path / name)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 500


def test_a_table_in_any_encoding_is_read(tmp_path: Path) -> None:
    rows = b"".join(b"clip%d,%s\n" % (row, b"ok" if row < 15 else b"\xff\xfe\x81") for row in range(ROWS))
    (tmp_path / "m.csv").write_bytes(b"id,t\n" + rows)
    found = from_arrays(arrays(), metadata=tmp_path / "m.csv")
    assert any("not UTF-8: read as latin-1" in note for note in found.provenance.notes)


@pytest.mark.parametrize(
    "text",
    ["# made by hand\nid,n\n{0}", "# id,n\n# id,n\nid,n\n{0}", "#one\n#two\nid n\n{1}", "# made\n#\nid\tn\n{2}"],
)
def test_comments_above_a_table_are_passed_over(text: str, tmp_path: Path) -> None:
    rows = ["\n".join(f"clip{row}{mark}{row}" for row in range(ROWS)) for mark in (",", "   ", "\t")]
    (tmp_path / "m.txt").write_text(text.format(*rows))
    found = from_arrays(arrays(), metadata=tmp_path / "m.txt")
    assert found.metadata["n"] == tuple(range(ROWS))
    assert any("lines of comments above the table are passed over" in note for note in found.provenance.notes)


def test_a_header_that_is_a_comment_is_one(tmp_path: Path) -> None:
    np.savetxt(tmp_path / "m.csv", np.arange(2 * ROWS).reshape(ROWS, 2), delimiter=",", header="x,y", fmt="%d")
    assert from_arrays(arrays(), metadata=tmp_path / "m.csv").metadata["y"] == tuple(range(1, 2 * ROWS, 2))


def test_what_is_nested_is_left_out_and_said(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text('{"id": "clip0", "tags": ["a"], "n": 1}\n{"id": "clip1", "n": 2.5}')
    found = read_metadata(tmp_path / "m.jsonl")
    assert found.columns == {"n": (1.0, 2.5)}
    assert "'tags'" in found.notes[0]


def test_inspect_counts_what_is_known(tmp_path: Path) -> None:
    np.savez(tmp_path / "clips.npz", **arrays())
    assert inspect(tmp_path / "clips.npz", metadata=write_table(tmp_path / "m.csv")).metadata == {
        "title": ROWS - 1,
        "seconds": ROWS,
        "länge": ROWS,
    }


def test_features_in_memory_take_a_table_too(tmp_path: Path) -> None:
    data = add_metadata(from_arrays(arrays()), write_lines(tmp_path / "m.jsonl"))
    assert data.metadata["seconds"] == tuple(SECONDS)


@pytest.mark.parametrize("first", [1700000000000000000, 1 << 60, 1 << 63, 10**19])
def test_whole_numbers_keep_all_their_digits(first: int, tmp_path: Path) -> None:
    numbers = [str(first + row // 2) for row in range(ROWS)]
    (tmp_path / "m.csv").write_text(
        "tag,post\n" + "\n".join(f"{n},{'' if at == 3 else n}" for at, n in enumerate(numbers))
    )
    data = from_arrays(arrays(), metadata=tmp_path / "m.csv", label_key="tag", group_key="post")
    assert data.class_names == tuple(dict.fromkeys(numbers))
    assert data.groups == tuple("" if at == 3 else n for at, n in enumerate(numbers))


def test_numbers_of_any_length_are_words() -> None:
    assert type_words(["9" * 5000, "1"]) == ("9" * 5000, "1")


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize("first", [1 << 60, 1 << 63])
def test_large_numbers_are_ids(first: int, kind: str, tmp_path: Path) -> None:
    ids = first + np.arange(ROWS, dtype=np.uint64)
    lines = {"csv": ["id,n", *(f"{name},{at}" for at, name in enumerate(ids))]}
    lines["jsonl"] = [f'{{"id": {name}, "n": {at}}}' for at, name in enumerate(ids)]
    (tmp_path / f"m.{kind}").write_text("\n".join(lines[kind]))
    data = from_arrays({**arrays(), "ids": ids}, metadata=tmp_path / f"m.{kind}")
    assert data.metadata["n"] == tuple(range(ROWS))
