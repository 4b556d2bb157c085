import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from overtone.core import InputError
from overtone.features import Inspection, corpora, from_arrays, inspect, load, save_arrays
from overtone.features.hashing import hash_rows
from overtone.features.inspection import LabelSummary


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {
        "audio": generator.standard_normal((20, 3)),
        "visual": generator.standard_normal((20, 4)),
        "y": np.arange(20) % 4,
        "ids": np.array([f"clip{row}" for row in range(20)]),
        "split": np.array(["train"] * 14 + ["test"] * 6),
    }


def changed(values: np.ndarray, where: object, value: object) -> np.ndarray:
    values = values.astype(object).astype(values.dtype) if values.dtype.kind != "U" else values.astype("U20")
    values[where] = value
    return values


FATAL = [
    ("visual", lambda a: a[:-1], r"key 'visual': 19 rows but .*key 'audio' has 20; bring one row per clip"),
    ("y", lambda a: a[:5], r"key 'y': 5 rows but .*key 'audio' has 20"),
    ("split", lambda a: a[:5], r"key 'split': 5 rows but .*key 'audio' has 20"),
    ("ids", lambda a: changed(a, 7, "clip2"), r"key 'ids', row 7: id 'clip2' occurs twice \(first in row 2\)"),
    ("ids", lambda a: np.stack([a, a], axis=1), r"key 'ids': wrong rank; got shape \(20, 2\)"),
    (
        "audio",
        lambda a: changed(a, (5, 1), np.nan),
        r"key 'audio', row 5 \(id 'clip5'\): NaN \(1 such rows: 5 'clip5'\); leave these",
    ),
    (
        "visual",
        lambda a: changed(a, ([3, 9], 0), -np.inf),
        r"key 'visual', row 3 \(id 'clip3'\): Inf \(2 such rows: 3 'clip3', 9 'clip9'\)",
    ),
    (
        "visual",
        lambda a: changed(a, (0, 0), 1e300),
        r"key 'visual', row 0 \(id 'clip0'\): Inf",
    ),  # does not fit into float32
    ("audio", lambda a: a * 0, r"key 'audio': every row is zero, the modality is missing"),
    ("audio", lambda a: a.astype(str), r"key 'audio': features must be numbers; got <U32"),
    ("audio", lambda a: a.astype(complex), r"key 'audio': features must be numbers; got complex128"),
    ("audio", lambda a: a[:, 0], r"key 'audio': wrong rank; got shape \(20,\); valid: \(N, d\) rows or"),
    ("audio", lambda a: a[..., None, None], r"key 'audio': wrong rank; got shape \(20, 3, 1, 1\)"),
    ("audio", lambda a: a[:, :0], r"key 'audio': no values; got shape \(20, 0\)"),
    ("audio", lambda a: a[0, 0], r"key 'audio': wrong rank; got shape \(\)"),
    ("split", lambda a: changed(a, slice(None), "train"), r"key 'split': no row in split 'test'; mark rows"),
    ("split", lambda a: changed(a, slice(None), "test"), r"key 'split': no row in split 'train'"),
    (
        "split",
        lambda a: changed(a, 4, "tets"),
        r"key 'split', row 4 \(id 'clip4'\): unknown split .*; got 'tets'; valid: train",
    ),
    (
        "y",
        lambda a: changed(a, 6, -2),
        r"key 'y', row 6 \(id 'clip6'\): label out of range \(1 such rows\); got -2; valid: whole",
    ),
    ("y", lambda a: a + 0.5, r"key 'y', row 0 \(id 'clip0'\): label out of range \(20 such rows\); got 0.5"),
    ("y", lambda a: a[:, None, None], r"key 'y': not labels; got \(20, 1, 1\) int64"),
    (
        "y",
        lambda a: np.where(np.eye(4)[a] > 0, 2.0, 0),
        r"key 'y', row 0 \(id 'clip0'\): label out of range .*valid: 0 to 1",
    ),
    ("y", lambda a: np.eye(4)[a] * [1, np.nan, 1, 1], r"key 'y', row 0 \(id 'clip0'\): label out of range"),
]


@pytest.mark.parametrize(("key", "change", "message"), FATAL)
def test_each_problem_names_file_key_row_and_remedy(tmp_path, arrays, key, change, message):
    np.savez(tmp_path / "clips.npz", **{**arrays, key: change(arrays[key])})
    with pytest.raises(InputError, match=rf"clips\.npz.*{message}") as caught:
        load(tmp_path / "clips.npz", modalities=("audio", "visual"))
    assert "\n" not in str(caught.value)
    problems = inspect(tmp_path / "clips.npz", modalities=("audio", "visual")).problems
    assert str(caught.value) in problems


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (
            {"class_names": ["a", "b", "c"]},
            r"key 'y', row 3 \(id 'clip3'\): label out of range.*0 to 2 \(there are 3 class names\)",
        ),
        ({"class_names": ["a", "b", "c", "a"]}, r"key 'class_names', row 3: class name 'a' occurs twice"),
        ({"labels": np.eye(20), "class_names": ["a", "b"]}, r"key 'labels': 20 classes but 2 class names"),
        (
            {"y": np.array(["a", "z"] * 10), "class_names": ["a", "b"]},
            r"row 1 \(id 'clip1'\): label out of range.*got z; valid: one",
        ),
        (
            {"is_test": np.arange(20), "split": None},
            r"key 'is_test': not flags; got 2 \(18 such rows: 2 .clip2., .*; valid",
        ),
        ({"is_test": ["maybe"] * 20, "split": None}, r"key 'is_test': not flags; got .maybe. \(20 such rows"),
        ({"events_audio": np.eye(19)}, r"key 'events_audio': 19 rows but"),
        ({"events_audio": ["x"] * 20}, r"key 'events_audio': must be numbers"),
        ({"ids_audio": np.arange(20)}, r"ids of one modality only; add 'ids_visual'"),
        (
            {"ids_audio": np.arange(20), "ids_visual": np.arange(2, 22)},
            r"key 'ids_audio': 2 ids are not in the other modality; got 0, 1; leave these clips out",
        ),
        (
            {"ids_audio": np.arange(20), "ids_visual": np.arange(20) // 2},
            r"key 'ids_visual', row 1: id '0' occurs twice",
        ),
    ],
)
def test_problems_between_keys(arrays, extra, message):
    given = {key: value for key, value in {**arrays, **extra}.items() if value is not None}
    with pytest.raises(InputError, match=message):
        from_arrays(given)


def test_problems_name_the_part_and_its_own_row(arrays):
    parts = {
        f"{key}_{split}": arrays[key][rows]
        for key in ("audio", "visual", "y")
        for split, rows in (("train", slice(0, 14)), ("test", slice(14, 20)))
    }
    broken = {**parts, "visual_test": changed(parts["visual_test"], (2, 0), np.nan)}
    with pytest.raises(InputError, match="key 'visual_test', row 2: NaN"):
        from_arrays(broken)
    with pytest.raises(InputError, match="key 'visual_test': 5 rows but arrays, key 'audio_test' has 6"):
        from_arrays({**parts, "visual_test": parts["visual_test"][:5]})
    with pytest.raises(InputError, match="the parts differ in more than their rows; got .14, 4. and .6, 3."):
        from_arrays({**parts, "visual_test": parts["visual_test"][:, :3]})
    with pytest.raises(InputError, match="the parts differ in shape; got .14,. int64 and .6, 1. int64"):
        from_arrays({**parts, "y_test": parts["y_test"][:, None]})


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        (
            "visual",
            lambda a: changed(a, [4, 8], 0),
            r"key 'visual': 2 rows are all zero \(4 'clip4', 8 'clip8'\): a missing visual",
        ),
        ("y", lambda a: a * 0, r"key 'y': all clips are of one class"),
    ],
)
def test_what_is_only_doubtful_is_a_warning(arrays, key, change, message):
    clean = from_arrays(arrays)
    assert clean.provenance.warnings == ()
    data = from_arrays({**arrays, key: change(arrays[key])})
    (warning,) = data.provenance.warnings
    assert re.search(message, warning)


def test_columns_without_information_are_a_note_as_they_do_no_harm(tmp_path, arrays):
    arrays["audio"] = changed(arrays["audio"], (slice(None), 1), 0.1)
    data = from_arrays(arrays)
    assert data.provenance.warnings == ()
    assert any(re.search(r"key 'audio': 1 of 3 columns are constant \(1\)", note) for note in data.provenance.notes)
    np.savez(tmp_path / "clips.npz", **arrays)
    found = inspect(tmp_path / "clips.npz")
    assert found.warnings == ()
    assert any("1 of 3 columns are constant" in note for note in found.notes)


def test_test_rows_that_stand_in_train_are_counted(arrays):
    for key in ("audio", "visual"):
        arrays[key][[15, 18]] = arrays[key][[3, 3]]
    arrays["audio"][16] = arrays["audio"][4]  # in one modality only: another clip
    (warning,) = from_arrays(arrays).provenance.warnings
    assert "2 of 6 test rows also occur in training (rows 15 'clip15', 18 'clip18')" in warning


def test_hashes_tell_rows_apart_and_know_equal_ones():
    rows = torch.randn(5000, 7, generator=torch.Generator().manual_seed(0))
    prints = hash_rows(torch.cat([rows, rows.flip(1), rows]).numpy())
    assert np.array_equal(prints[:5000], prints[10000:])
    assert len(np.unique(prints)) == 10000


def test_inspect_collects_all_problems_and_its_result_is_json(tmp_path, arrays):
    arrays["audio"][5, 1] = np.nan
    arrays["visual"] = arrays["visual"][:-1]
    arrays["y"][2] = -3
    np.savez(tmp_path / "clips.npz", **arrays)
    found = inspect(tmp_path / "clips.npz")
    assert json.loads(json.dumps(found.to_dict())) == found.to_dict()
    assert Inspection.from_dict(found.to_dict()) == found
    problems = " ".join(found.problems)
    assert all(part in problems for part in ("row 5 (id 'clip5'): NaN", "19 rows", "got -3"))
    assert found.keys["audio"] == "(20, 3) float64"


def test_inspect_describes_a_sound_source(tmp_path, arrays):
    arrays["audio"][:, 0] = 1.0
    arrays["events_audio"] = np.eye(20)
    np.savez(tmp_path / "clips.npz", **arrays)
    found, data = inspect(str(tmp_path / "clips.npz")), load(tmp_path / "clips.npz")
    assert found.problems == ()
    assert found.warnings == ()
    assert found.labels == LabelSummary("single", 4, dict.fromkeys("0123", 5), 0)
    assert found.splits == {"train": 14, "test": 6}
    assert found.truth == {"events_audio": (20, 20)}
    for name, summary in found.modalities.items():
        rows = data.modalities[name].double()
        assert summary.shape == rows.shape
        figures = [rows.mean(), rows.std(correction=0), rows.min(), rows.max()]
        assert [summary.mean, summary.std, summary.min, summary.max] == pytest.approx([f.item() for f in figures])
    assert found.checksum == data.provenance.checksum
    plain = found.to_dict()
    assert list(plain) == [
        *("source", "reader", "keys", "rows", "paired", "groups", "modalities", "labels", "splits", "ids"),
        *("metadata", "truth"),
        *("training", "checksum", "unused", "notes", "problems", "warnings"),
    ]
    assert plain["labels"] == {"kind": "single", "classes": 4, "clips": dict.fromkeys("0123", 5), "without": 0}
    assert plain["modalities"]["audio"]["shape"] == [20, 3]
    assert Inspection.from_dict(json.loads(json.dumps(plain))) == found


def test_inspect_lists_a_damaged_file_as_a_problem_but_refuses_a_missing_one(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(50))
    found = inspect(tmp_path / "a.h5")
    assert "not an HDF5 file" in found.problems[0]
    assert found.rows is None
    with pytest.raises(InputError, match="no such file"):
        inspect(tmp_path / "b.h5")


@pytest.mark.parametrize("source", ["split-digits", "simulated", "npz", "h5", "parquet", "safetensors"])
def test_inspect_imports_neither_torch_nor_scikit_learn(tmp_path, arrays, source):
    if source not in corpora:
        save_arrays(arrays, tmp_path / f"clips.{source}")
        source = str(tmp_path / f"clips.{source}")
    code = (
        "import sys; from overtone.features import inspect; found = inspect(sys.argv[1]); "
        "print(len(found.problems), *{'torch', 'sklearn', 'scipy'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code, source], capture_output=True, text=True, check=True)
    assert run.stdout == "0\n"


def test_columns_that_float32_rounds_off_are_warned_of(arrays):
    offset = np.array([1e8, 1e12, 0.0])  # of the first some bits are left, of the second none
    (warning,) = from_arrays({**arrays, "audio": arrays["audio"] + offset}).provenance.warnings
    assert "key 'audio': 2 of 3 columns (0, 1) vary by too little beside their size" in warning
    with pytest.raises(InputError, match=r"3 of 3 columns .* subtract the mean of each column before you save it"):
        from_arrays({**arrays, "audio": arrays["audio"] + 1e12})


@pytest.mark.parametrize("train", [14, 12])
def test_a_modality_that_is_constant_in_training_is_refused_before_it(arrays, train):
    arrays["audio"][:12] = arrays["audio"][0]
    split = np.array(["train"] * train + ["test"] * (20 - train))
    if train == 14:
        assert len(from_arrays({**arrays, "split": split})) == 20
        return
    with pytest.raises(InputError, match=r"key 'audio': constant: all 12 training rows are the same"):
        from_arrays({**arrays, "split": split})


@pytest.mark.parametrize("size", [1e-40, 1e30])
def test_values_that_float32_cannot_compute_with_are_refused(arrays, size):
    with pytest.raises(InputError, match=r"key 'audio': float32 can hardly compute .*multiply the features"):
        from_arrays({**arrays, "audio": arrays["audio"] * size})
