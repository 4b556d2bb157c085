"""Numbered files of a folder, in the forms that people write them in, are one table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from overtone.core import InputError
from overtone.features import load

EACH, FILES = 20, 3
RANDOM = np.random.default_rng(0)
AUDIO, VISUAL = RANDOM.normal(size=(FILES * EACH, 6)), RANDOM.normal(size=(FILES * EACH, 5))
VIEWS = {"audio": AUDIO, "visual": VISUAL}


def parts(values: np.ndarray) -> list[np.ndarray]:
    return np.split(values, FILES)


def beside(folder: Path, write: Callable[..., None], suffix: str = "npz") -> None:
    """Files of each modality, by its name and a number."""
    for name, values in VIEWS.items():
        for number, part in enumerate(parts(values)):
            write(folder / f"{name}_{number}.{suffix}", part)


def in_folders(folder: Path, write: Callable[..., None], suffix: str = "npz") -> None:
    """A folder for each modality."""
    for name, values in VIEWS.items():
        (folder / name).mkdir()
        for number, part in enumerate(parts(values)):
            write(folder / name / f"{number:05d}.{suffix}", part)


def by_own_names(folder: Path) -> None:
    for name, values in VIEWS.items():
        for number, part in enumerate(parts(values)):
            np.savez(folder / f"{name}-{number}.npz", **{name: part})


def together(folder: Path) -> None:
    for number, (audio, visual) in enumerate(zip(parts(AUDIO), parts(VISUAL))):
        np.savez(folder / f"{number}.npz", audio=audio, visual=visual)


FORMS: dict[str, Callable[[Path], None]] = {
    "both in each": together,
    "a modality by its key": by_own_names,
    "arrays without a name": lambda folder: beside(folder, np.savez),
    "arrays called data": lambda folder: beside(folder, lambda path, part: np.savez(path, data=part)),
    "npy beside each other": lambda folder: beside(folder, np.save, "npy"),
    "npy in folders": lambda folder: in_folders(folder, np.save, "npy"),
    "npz in folders": lambda folder: in_folders(folder, np.savez),
}


@pytest.mark.parametrize("form", FORMS)
def test_numbered_files_are_one_table(form: str, tmp_path: Path) -> None:
    FORMS[form](tmp_path)
    data = load(tmp_path)
    for name, values in VIEWS.items():
        np.testing.assert_allclose(data.modalities[name], values, rtol=1e-6)
    assert any("3 numbered files are one table" in note for note in data.provenance.notes)


@pytest.mark.parametrize("form", ["npz", "npy"])
def test_files_of_one_clip_are_a_row_each_and_name_it(form: str, tmp_path: Path) -> None:
    for row, (audio, visual) in enumerate(zip(AUDIO, VISUAL)):
        if form == "npz":
            np.savez(tmp_path / f"clip{row:03d}.npz", audio=audio, visual=visual, y=row % 3)
            continue
        for name, values in (("audio", audio), ("visual", visual)):
            (tmp_path / name).mkdir(exist_ok=True)
            np.save(tmp_path / name / f"clip{row:03d}.npy", values)
    data = load(tmp_path)
    np.testing.assert_allclose(data.modalities["visual"], VISUAL, rtol=1e-6)
    assert data.ids[:2] == ("clip000", "clip001")
    assert (data.labels is None) == (form == "npy")
    assert any("files of a clip each" in note for note in data.provenance.notes)


def test_folders_called_like_splits_are_these(tmp_path: Path) -> None:
    for split, rows in (("train", slice(0, 40)), ("test", slice(40, 60))):
        (tmp_path / split).mkdir()
        for number, half in enumerate(np.array_split(np.arange(60)[rows], 2)):
            np.savez(tmp_path / split / f"{number}.npz", audio=AUDIO[half], visual=VISUAL[half])
    data = load(tmp_path)
    assert {name: len(rows) for name, rows in data.splits.items()} == {"train": 40, "test": 20}
    np.testing.assert_allclose(data.split("train").modalities["audio"], AUDIO[:40], rtol=1e-6)


def test_numbers_that_are_views_stay_views(tmp_path: Path) -> None:
    for number, values in enumerate(VIEWS.values()):
        np.save(tmp_path / f"view{number}.npy", values)
    assert load(tmp_path).names == ("view0", "view1")


@pytest.mark.parametrize("key", ["data", "arr_0", "own"])
def test_archives_of_one_array_are_beside_each_other(key: str, tmp_path: Path) -> None:
    for name, values in VIEWS.items():
        np.savez(tmp_path / f"{name}.npz", **{name if key == "own" else key: values})
    assert load(tmp_path).names == ("audio", "visual")


def test_archives_with_the_same_keys_are_refused_with_the_remedy(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        np.savez(tmp_path / f"{name}.npz", **VIEWS)
    with pytest.raises(InputError, match="several files of the folder hold 'audio', dog.npz .*or number them"):
        load(tmp_path)


def test_the_name_of_a_folder_may_be_a_key_and_its_value(tmp_path: Path) -> None:
    for name, rows in (("train", slice(0, 40)), ("test", slice(40, 60))):
        (tmp_path / "splits" / f"split={name}").mkdir(parents=True)
        np.savez(tmp_path / "splits" / f"split={name}" / "part-0.npz", audio=AUDIO[rows], visual=VISUAL[rows])
    assert {name: len(rows) for name, rows in load(tmp_path / "splits").splits.items()} == {"train": 40, "test": 20}
    for number, name in enumerate(("a%20cat", "dog", "__HIVE_DEFAULT_PARTITION__")):
        (tmp_path / "classes" / f"y={name}").mkdir(parents=True)
        rows = slice(number * EACH, (number + 1) * EACH)
        np.savez(tmp_path / "classes" / f"y={name}" / "part-0.npz", audio=AUDIO[rows], visual=VISUAL[rows])
    data = load(tmp_path / "classes")
    assert data.class_names == ("a cat", "dog")
    assert data.labels is not None
    assert sorted(data.labels.tolist()) == sorted([-1, 0, 1] * EACH)


@pytest.mark.parametrize("form", FORMS)
def test_files_that_begin_with_a_dot_are_not_the_users(form: str, tmp_path: Path) -> None:
    FORMS[form](tmp_path)
    for file in [path for path in tmp_path.rglob("*") if path.is_file()]:
        file.with_name(f"._{file.name}").write_bytes(b"\0\5\x16\7" + bytes(40))
    assert load(tmp_path).shapes == ((6,), (5,))


def test_hidden_files_of_a_folder_of_arrays_are_passed_over(tmp_path: Path) -> None:
    for name in ("audio", "visual", ".hidden", "._audio"):
        np.save(tmp_path / f"{name}.npy", VIEWS.get(name, np.ones(3)))
    (tmp_path / "._visual.npy").write_bytes(b"\0\5\x16\7")
    data = load(tmp_path)
    assert not any("not used" in note for note in data.provenance.notes)


def test_the_file_whose_rows_have_another_shape_is_named(tmp_path: Path) -> None:
    together(tmp_path)
    np.savez(tmp_path / "1.npz", audio=AUDIO[:EACH, :4], visual=VISUAL[:EACH])
    with pytest.raises(InputError, match=r"1.npz, key 'audio': rows of another shape than in .*0.npz, .*; got \(4,\)"):
        load(tmp_path)
