"""Files as others lay them out: read as what they mean, or what was left out is said with the reason."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.io

from overtone.core import InputError
from overtone.features import inspect, load, load_views

ROWS = 60
RANDOM = np.random.default_rng(0)
IMAGE = RANDOM.normal(size=(ROWS, 8)).astype(np.float32)
TEXT = RANDOM.normal(size=(ROWS, 6)).astype(np.float32)
Y = np.arange(ROWS) % 4


def write(path: Path, **columns: object) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_fields_of_structs_in_parquet_are_columns(tmp_path: Path) -> None:
    image = pa.array([{"emb": {"v": row}, "path": "x"} for row in IMAGE.tolist()])
    data = load(write(tmp_path / "a.parquet", image=image, text=TEXT.tolist()))
    assert (data.names, data.shapes) == (("image.emb.v", "text"), ((8,), (6,)))


def test_tensors_in_parquet_are_features(tmp_path: Path) -> None:
    image = pa.FixedShapeTensorArray.from_numpy_ndarray(IMAGE.reshape(ROWS, 2, 4))
    data = load(write(tmp_path / "a.parquet", image=image, text=TEXT.tolist()))
    assert data.names == ("image", "text")


def test_null_in_place_of_a_list_is_a_missing_modality(tmp_path: Path) -> None:
    rows = [None if row == 3 else values for row, values in enumerate(IMAGE.tolist())]
    path = write(tmp_path / "a.parquet", image=rows, text=TEXT.tolist())
    with pytest.raises(InputError, match=r"'image', row 3: NaN .*--missing nan"):
        load(path)
    data = load(path, missing="nan")
    assert data.has("image").nonzero().flatten().tolist() == [row for row in range(ROWS) if row != 3]


@pytest.mark.parametrize("names", [("train", "test"), ("tr", "te"), ("training", "testing")])
def test_groups_of_splits_are_parts_of_a_column(names: tuple[str, str], tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, rows in zip(names, (slice(0, 40), slice(40, ROWS))):
            for key, values in (("audio", IMAGE), ("visual", TEXT), ("labels", Y)):
                file[f"{name}/{key}"] = values[rows]
    data = load(tmp_path / "a.h5")
    assert {name: len(rows) for name, rows in data.splits.items()} == {"train": 40, "test": 20}
    assert data.labels.tolist() == Y.tolist()


def test_the_layout_of_wikipedia_is_read(tmp_path: Path) -> None:
    parts = {"I_tr": IMAGE[:40], "T_tr": TEXT[:40], "I_te": IMAGE[40:], "T_te": TEXT[40:]}
    scipy.io.savemat(tmp_path / "a.mat", {**parts, "trainCat": Y[:40], "testCat": Y[40:]})
    found = inspect(tmp_path / "a.mat")
    assert (list(found.modalities), found.splits) == (["I", "T"], {"train": 40, "test": 20})
    assert found.unused.keys() == {"trainCat", "testCat"}


@pytest.mark.parametrize("target", ["/nowhere", "/audio"])
def test_links_in_hdf5_are_not_passed_over_in_silence(target: str, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["audio"], file["visual"] = IMAGE, h5py.SoftLink(target)
    found = inspect(tmp_path / "a.h5")
    assert found.unused["visual"] == f"a link to '{target}', which is not followed"
    with pytest.raises(InputError, match="holds one view, 'audio'"):
        load(tmp_path / "a.h5")


def test_what_cannot_be_read_is_named_where_nothing_else_is_there(tmp_path: Path) -> None:
    structs = np.zeros(5, [("audio", object), ("visual", object)])
    for row in range(5):
        structs[row] = (IMAGE[row], TEXT[row])
    scipy.io.savemat(tmp_path / "a.mat", {"clips": structs})
    with pytest.raises(InputError, match=r"got no keys; not used: 'clips' \(an array of 5 structs; save its fields"):
        load_views(tmp_path / "a.mat")


def test_numbered_archives_are_one_table(tmp_path: Path) -> None:
    for number in range(3):
        rows = slice(20 * number, 20 * number + 20)
        np.savez(tmp_path / f"part-{number:05d}.npz", audio=IMAGE[rows], visual=TEXT[rows], y=Y[rows])
    assert load(tmp_path).labels.tolist() == Y.tolist()
    (tmp_path / "part-00001.npz").unlink()
    with pytest.raises(InputError, match="number 1 is missing"):
        load(tmp_path)


@pytest.mark.parametrize("lacking", [0, 1])
def test_a_key_that_one_numbered_file_lacks_is_named(lacking: int, tmp_path: Path) -> None:
    for number in range(2):
        rows = slice(30 * number, 30 * number + 30)
        labels = {} if number == lacking else {"label": Y[rows]}
        write(tmp_path / f"train-{number}-of-2.parquet", image=IMAGE[rows].tolist(), text=TEXT[rows].tolist(), **labels)
    with pytest.raises(InputError, match=rf"train-{lacking}-of-2.parquet: no key 'label', which .*train-{1 - lacking}"):
        load(tmp_path)


def test_classes_that_differ_in_capital_letters_are_warned_of(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", audio=IMAGE, visual=TEXT, y=np.array(["Cat", "cat", "dog", "owl"])[Y])
    (said,) = load(tmp_path / "a.npz").provenance.warnings
    assert "1 classes differ in capital letters only; got 'Cat' and 'cat'" in said


def test_rows_of_different_lengths_in_hdf5_are_said_to_be_that(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "clips.h5", "w") as file:
        ragged = file.create_dataset("audio", (12,), dtype=h5py.vlen_dtype("f4"))
        for row in range(12):
            ragged[row] = np.ones(row + 1)
        file["visual"] = np.random.default_rng(0).normal(size=(12, 3))
    with pytest.raises(InputError, match=r"holds one view"):
        load(tmp_path / "clips.h5")
    found = inspect(tmp_path / "clips.h5")
    assert any("not used: 'audio' (rows of different lengths" in note for note in found.notes)


LARGE = 1 << 60
"""Whole numbers from here on, as of posts and databases, are not told apart as floats."""


def numbers_with_a_gap(gap: int = 3) -> pa.Array:
    return pa.array([None if row == gap else LARGE + row // 2 for row in range(ROWS)])


def test_null_among_large_whole_numbers_costs_no_digits(tmp_path: Path) -> None:
    columns = {"image": IMAGE.tolist(), "text": TEXT.tolist()}
    data = load(write(tmp_path / "a.parquet", **columns, groups=numbers_with_a_gap()))
    assert data.groups == tuple("" if row == 3 else str(LARGE + row // 2) for row in range(ROWS))
    labelled = load(write(tmp_path / "a.parquet", **columns, y=numbers_with_a_gap()))
    assert (labelled.classes, labelled.class_names[1]) == (30, str(LARGE + 1))
    assert (labelled.labels < 0).nonzero().flatten().tolist() == [3]


@pytest.mark.parametrize("ids", [pa.array([None if row == 2 else row for row in range(ROWS)]), ["a", "b", *[""] * 58]])
def test_a_clip_without_an_id_is_named(ids: object, tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", image=IMAGE.tolist(), text=TEXT.tolist(), ids=ids)
    with pytest.raises(InputError, match=r"key 'ids', row 2: without an id \((1|58) such rows\); give each clip one"):
        load(path)


def test_null_among_numbers_of_groups_is_a_clip_of_its_own(tmp_path: Path) -> None:
    groups = [None if row % 2 else row // 4 for row in range(ROWS)]
    wanted = tuple("" if group is None else str(group) for group in groups)
    path = write(tmp_path / "a.parquet", image=IMAGE.tolist(), text=TEXT.tolist(), groups=pa.array(groups))
    assert load(path).groups == wanted
    floats = np.array([np.nan if group is None else group for group in groups])
    np.savez(tmp_path / "a.npz", audio=IMAGE, visual=TEXT, groups=floats)
    assert load(tmp_path / "a.npz").groups == wanted


def test_whole_numbers_that_are_stored_as_floats_name_clips_as_whole_numbers(tmp_path: Path) -> None:
    ids = np.arange(ROWS) + 1000
    scipy.io.savemat(tmp_path / "a.mat", {"audio": IMAGE, "visual": TEXT, "y": Y, "ids": ids.astype(float)})
    assert load(tmp_path / "a.mat").ids == tuple(map(str, ids))
    own = {"ids_audio": ids, "ids_visual": ids[::-1].astype(float)}
    np.savez(tmp_path / "a.npz", audio=IMAGE, visual=TEXT, **own)
    assert load(tmp_path / "a.npz").ids == tuple(map(str, ids))


def test_null_among_flags_is_a_clip_without_a_label_and_no_split(tmp_path: Path) -> None:
    columns = {"image": IMAGE.tolist(), "text": TEXT.tolist()}
    flags = pa.array([None if row == 3 else row >= 40 for row in range(ROWS)])
    data = load(write(tmp_path / "a.parquet", **columns, y=flags))
    assert data.labels.tolist() == [-1 if row == 3 else int(row >= 40) for row in range(ROWS)]
    with pytest.raises(InputError, match=r"'is_test': not flags; got nan \(1 such rows: 3\); valid: true or false"):
        load(write(tmp_path / "a.parquet", **columns, is_test=flags))


@pytest.mark.parametrize("kind", ["npz", "h5"])
@pytest.mark.parametrize("key", ["y", "groups"])
def test_text_that_is_not_utf8_is_refused_and_not_merged(kind: str, key: str, tmp_path: Path) -> None:
    names = np.array([b"caf\xe9", b"caf\xe8", b"x", b"z"])[Y]
    if kind == "npz":
        np.savez(tmp_path / "a.npz", audio=IMAGE, visual=TEXT, **{key: names})
    else:
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["audio"], file["visual"], file[key] = IMAGE, TEXT, names
    with pytest.raises(InputError, match=rf"key '{key}': text that is not UTF-8.*; got 'caf\\udce9'; save the text as"):
        load(tmp_path / f"a.{kind}")


@pytest.mark.parametrize("kind", ["h5", "mat"])
def test_an_empty_dataset_of_hdf5_is_passed_over_and_said(kind: str, tmp_path: Path) -> None:
    with h5py.File(tmp_path / f"a.{kind}", "w") as file:
        file["audio"], file["visual"] = (IMAGE, TEXT) if kind == "h5" else (IMAGE.T, TEXT.T)
        file.create_dataset("nothing", data=h5py.Empty("f4"))
    assert inspect(tmp_path / f"a.{kind}").unused == {"nothing": "empty"}


def test_a_single_value_is_no_column_of_labels(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", audio=IMAGE, visual=TEXT, y=np.array(3))
    assert "key 'y': 0 rows but" in inspect(tmp_path / "a.npz").problems[0]


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    columns = [pa.array(IMAGE.tolist()), pa.array(IMAGE.tolist()), pa.array(TEXT.tolist())]
    pq.write_table(pa.Table.from_arrays(columns, ["audio", "audio", "visual"]), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="a.parquet: columns 1 and 2 are both called 'audio'; give each a name"):
        load(tmp_path / "a.parquet")
    np.savez(tmp_path / "a.npz", audio=IMAGE, visual=TEXT)
    (tmp_path / "m.csv").write_text("film,n,film\n" + "a,1,b\n" * ROWS)
    with pytest.raises(InputError, match="m.csv: columns 1 and 3 are both called 'film'"):
        load(tmp_path / "a.npz", metadata=tmp_path / "m.csv")


def test_a_modality_cannot_be_the_labels_too(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", audio=IMAGE, visual=TEXT, y=Y)
    with pytest.raises(InputError, match="key 'audio' is a modality, and cannot be the labels too"):
        load(tmp_path / "a.npz", label_key="audio")


@pytest.mark.parametrize("names", ["ant\nbee\nant \ncat\n", '["ant", "bee", "ant", "cat"]'])
def test_names_of_classes_are_unique_in_a_file_too(names: str, tmp_path: Path) -> None:
    file = tmp_path / ("names.json" if names.startswith("[") else "names.txt")
    file.write_text(names)
    np.savez(tmp_path / "a.npz", audio=IMAGE, visual=TEXT, y=Y)
    with pytest.raises(InputError, match=r"names.*, name 3: class name 'ant' occurs twice; give each class its own"):
        load(tmp_path / "a.npz", class_names=file)
