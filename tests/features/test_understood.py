"""What people's files hold is read, or listed with the reason."""

from __future__ import annotations

import json
import os
import signal

import h5py
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import scipy.io

from overtone.core import InputError
from overtone.features import from_arrays, inspect, load, load_views, views_from_arrays
from overtone.features.formats import probing

RNG = np.random.default_rng(5)
N = 30
A = RNG.normal(size=(N, 4)).astype("f4")
V = RNG.normal(size=(N, 6)).astype("f4")
Y = np.arange(N) % 3
WORDS = np.array(["ant", "bee", "cat"])[Y]


def kinds(found) -> dict[str, int]:
    assert found.labels is not None
    return dict(found.labels.clips)


@pytest.mark.parametrize("key", ["targets", "target", "class_id", "category", "ground_truth"])
def test_common_names_of_labels_are_known_and_others_can_be_named(tmp_path, key: str) -> None:
    np.savez(tmp_path / "a.npz", audio=A, visual=V, **{key: Y})
    assert kinds(inspect(tmp_path / "a.npz")) == {"0": 10, "1": 10, "2": 10}
    np.savez(tmp_path / "b.npz", audio=A, visual=V, kinds=Y, names=[f"c{at}" for at in range(N)], odd=np.ones((2, 2)))
    found = inspect(tmp_path / "b.npz")
    assert set(found.unused) == {"kinds", "names", "odd"}
    assert "not one row per clip" in found.unused["odd"]
    assert any("not used: 'kinds'" in note for note in found.notes)
    (tmp_path / "names.txt").write_text("ant\nbee\ncat\n")
    data = load(tmp_path / "b.npz", label_key="kinds", id_key="names", class_names=tmp_path / "names.txt")
    assert data.class_names == ("ant", "bee", "cat")
    assert data.ids[3] == "c3"
    with pytest.raises(InputError, match="no key 'kind' for --labels"):
        load(tmp_path / "b.npz", label_key="kind")


def test_a_matrix_of_labels_is_no_modality() -> None:
    data = views_from_arrays({"features": A, "marks": np.eye(3)[Y]})
    assert data.names == ("features",)
    assert data.label_kind == "single"
    assert any("took 'marks' as the labels" in note for note in data.provenance.notes)
    both = from_arrays({"one": A, "other": V, "marks": np.eye(3, dtype=bool)[Y]})
    assert both.names == ("one", "other")


def test_equal_rows_on_both_sides_of_a_made_split_are_warned_of_and_kept_together() -> None:
    arrays = {"image": np.repeat(A[:6], 5, axis=0), "text": V}
    warned = from_arrays(arrays)
    assert any("--group image" in text for text in warned.provenance.warnings)
    kept = from_arrays(arrays, group_key="image")
    sides = [set((kept.splits[name] // 5).tolist()) for name in ("train", "test")]
    assert not sides[0] & sides[1]


@pytest.mark.parametrize("train", ["Train", "training", "TRAIN "])
def test_words_for_splits_and_flags(train: str) -> None:
    split = np.where(Y == 0, "Test", np.where(Y == 1, "dev", train))
    data = from_arrays({"audio": A, "visual": V, "split": split})
    assert {name: len(rows) for name, rows in data.splits.items()} == {"train": 10, "val": 10, "test": 10}
    for flags in (np.where(Y == 0, "True", "False"), np.where(Y == 0, "1", "0"), np.where(Y == 0, "yes", "no")):
        assert len(from_arrays({"audio": A, "visual": V, "is_test": flags}).splits["test"]) == 10


def test_padded_sequences_go_by_their_lengths() -> None:
    steps = RNG.normal(size=(N, 5, 4)).astype("f4")
    lengths = 1 + np.arange(N) % 5
    for at, length in enumerate(lengths):
        steps[at, length:] = 0
    warned = from_arrays({"audio": steps, "visual": V})
    assert any("look like padding" in text for text in warned.provenance.warnings)
    data = from_arrays({"audio": steps, "visual": V, "audio_length": lengths})
    wanted = np.stack([row[:length].mean(axis=0) for row, length in zip(steps, lengths)])
    np.testing.assert_allclose(data.modalities["audio"].numpy(), wanted, rtol=1e-5)
    with pytest.raises(InputError, match=r"row 0.*not a number of steps \(30 such rows\); got 9"):
        from_arrays({"audio": steps, "visual": V, "audio_length": np.full(N, 9)})


def test_places_of_pictures_are_averaged() -> None:
    places = RNG.normal(size=(N, 3, 2, 2, 4)).astype("f4")
    data = from_arrays({"audio": A, "visual": places})
    np.testing.assert_allclose(data.modalities["visual"].numpy(), places.mean(axis=(1, 2, 3)), rtol=1e-5, atol=1e-6)


def test_a_constant_modality_and_a_huge_row_are_named() -> None:
    with pytest.raises(InputError, match="key 'visual': constant: all 30 rows are the same"):
        from_arrays({"audio": A, "visual": np.ones((N, 6))})
    huge = A.copy()
    huge[5] *= 1e18
    data = from_arrays({"audio": huge, "visual": V, "ids": [f"clip{at}" for at in range(N)]})
    assert any(r"row 5 (id 'clip5'): values up to" in text for text in data.provenance.warnings)


def test_parquet_columns_of_other_kinds(tmp_path) -> None:
    metadata = {"huggingface": json.dumps({"info": {"features": {"label": {"names": ["ant", "bee", "cat"]}}}})}
    columns = {
        "image": pyarrow.array([row.tobytes() for row in A]),
        "text": pyarrow.array(V.tolist()),
        "label": pyarrow.array(Y),
        "picture": pyarrow.array([{"path": "a"}] * N),
    }
    pyarrow.parquet.write_table(pyarrow.table(columns).replace_schema_metadata(metadata), tmp_path / "a.parquet")
    found = inspect(tmp_path / "a.parquet")
    assert kinds(found) == {"ant": 10, "bee": 10, "cat": 10}
    assert "str" in found.unused["picture.path"]
    np.testing.assert_array_equal(load(tmp_path / "a.parquet").modalities["image"].numpy(), A)
    labels = [pyarrow.array(WORDS).dictionary_encode()]
    if int(pyarrow.__version__.split(".")[0]) >= 21:  # older ones read views of strings from a file, but write none
        labels.append(pyarrow.array(WORDS.tolist(), pyarrow.string_view()))
    for words in labels:
        pyarrow.parquet.write_table(pyarrow.table({**columns, "label": words}), tmp_path / "b.parquet")
        assert kinds(inspect(tmp_path / "b.parquet")) == {"ant": 10, "bee": 10, "cat": 10}
    several = pyarrow.array([["ant"], ["ant", "bee"], []] * 10)
    pyarrow.parquet.write_table(pyarrow.table({**columns, "label": several}), tmp_path / "c.parquet")
    found = inspect(tmp_path / "c.parquet")
    assert found.labels is not None
    assert (found.labels.kind, found.labels.clips, found.labels.without) == ("multi", {"ant": 20, "bee": 10}, 10)


@pytest.mark.parametrize("start", [0, 1])
def test_numbered_files_are_one_table(tmp_path, start: int) -> None:
    for name, rows in (("img_emb", A), ("text_emb", V)):
        (tmp_path / "a" / name).mkdir(parents=True)
        for at in range(3):
            np.save(tmp_path / "a" / name / f"{name}_{at + start}.npy", rows[10 * at : 10 * at + 10])
    data = load(tmp_path / "a")
    assert data.names == ("img_emb", "text_emb")
    np.testing.assert_array_equal(data.modalities["text_emb"].numpy(), V)
    (tmp_path / "b").mkdir()
    for at in range(2):
        rows = slice(15 * at, 15 * at + 15)
        table = pyarrow.table({"image": A[rows].tolist(), "text": V[rows].tolist(), "label": Y[rows]})
        pyarrow.parquet.write_table(table, tmp_path / "b" / f"{('train', 'test')[at]}-00000-of-00001.parquet")
    data = load(tmp_path / "b")
    assert {name: rows.tolist() for name, rows in data.splits.items()} == {
        "train": list(range(15, 30)),  # the files go by their names
        "test": list(range(15)),
    }
    (tmp_path / "b" / "test-00000-of-00001.parquet").rename(tmp_path / "b" / "test-00001-of-00002.parquet")
    with pytest.raises(InputError, match="'test' number"):
        load(tmp_path / "b")


def test_a_single_npy_file_and_a_structured_array(tmp_path) -> None:
    np.save(tmp_path / "image.npy", A)
    np.testing.assert_array_equal(load_views(tmp_path / "image.npy").modalities["image"].numpy(), A)
    table = np.zeros(N, dtype=[("audio", "f4", 4), ("visual", ">f8", 6), ("y", ">u2")])
    table["audio"], table["visual"], table["y"] = A, V, Y
    np.save(tmp_path / "clips.npy", table)
    data = load(tmp_path / "clips.npy")
    assert data.classes == 3
    np.testing.assert_array_equal(data.modalities["visual"].numpy(), V)


def test_one_group_a_clip_is_read(tmp_path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for at in range(N):
            file[f"clip_{at:02}/audio"] = np.tile(A[at], (1 + at % 3, 1))
            file[f"clip_{at:02}/visual"] = V[at]
            file[f"clip_{at:02}/label"] = int(Y[at])
    data = load(tmp_path / "a.h5")
    assert data.ids[2] == "clip_02"
    assert data.classes == 3
    np.testing.assert_allclose(data.modalities["audio"].numpy(), A, rtol=1e-6)
    np.testing.assert_allclose(data.modalities["visual"].numpy(), V)


def test_many_keys_make_a_short_message(tmp_path) -> None:
    np.savez(tmp_path / "a.npz", **{f"array{at}": np.ones((2, 2)) for at in range(300)})
    (problem,) = inspect(tmp_path / "a.npz").problems
    assert "and 290 more" in problem
    assert len(problem) < 1000


def test_matlab_as_people_save_it(tmp_path) -> None:
    words = np.where(Y == 0, "test", "train")
    scipy.io.savemat(tmp_path / "a.mat", {"audio": A, "visual": V, "y": Y, "split": words})
    assert inspect(tmp_path / "a.mat").splits == {"train": 20, "test": 10}
    scipy.io.savemat(tmp_path / "b.mat", {"data": {"audio": A.T, "visual": V.T, "y": Y}})
    assert load(tmp_path / "b.mat").shapes == ((4,), (6,))
    scipy.io.savemat(tmp_path / "c.mat", {"audio": A.T, "visual": V[:, :4].T})
    assert any("--clips columns" in note for note in inspect(tmp_path / "c.mat").notes)
    assert len(load(tmp_path / "c.mat", clips="columns")) == N
    scipy.io.savemat(tmp_path / "d.mat", {"X1": np.ones((N, 2, 2, 3)), "Y": Y})
    assert "has four axes, as images have" in inspect(tmp_path / "d.mat").problems[0]


def test_damaged_files_are_a_sentence_where_processes_cannot_be_copied(tmp_path, monkeypatch) -> None:
    scipy.io.savemat(tmp_path / "a.mat", {"audio": A, "visual": V})
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["audio"], file["visual"] = A, V
    monkeypatch.delattr(os, "fork", raising=False)  # as on Windows: files are then read in this process
    for name in ("a.mat", "a.h5"):
        np.testing.assert_array_equal(load(tmp_path / name).modalities["audio"].numpy(), A)
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:200])
        with pytest.raises(InputError, match=f"{name}: "):
            load(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a crash is survived only in a copy of the process")
def test_what_crashes_or_never_ends_is_a_sentence(tmp_path, monkeypatch) -> None:
    scipy.io.savemat(tmp_path / "a.mat", {"audio": A})
    monkeypatch.setattr(probing.mat_worker, "main", lambda *_: os.kill(os.getpid(), signal.SIGSEGV))
    with pytest.raises(InputError, match=r"reading it crashes \(signal 11\)"):
        load(tmp_path / "a.mat")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["audio"] = A
    monkeypatch.setattr(probing, "_SECONDS", 0.3)
    monkeypatch.setattr(probing, "_walk", lambda _: signal.pause())
    with pytest.raises(InputError, match="nested without end"):
        load(tmp_path / "a.h5")
