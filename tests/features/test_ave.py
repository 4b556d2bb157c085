import shutil
from collections import Counter

import h5py
import numpy as np
import pytest
import torch

from overtone.core import InputError
from overtone.features import inspect, load
from overtone.features.formats.ave import CLASSES, read_annotations
from overtone.features.subsets import SUBSETS


def write(path, values):
    with h5py.File(path, "w") as file:
        file["order" if path.stem.endswith("order") else "avadataset"] = values


def write_folder(folder, kinds, orders, places=7, sizes=(128, 512)):
    """The official layout, small: features of every clip, labels per second, and row numbers of each split."""
    generator = np.random.default_rng(0)
    rows = len(kinds)
    write(folder / "audio_feature.h5", generator.standard_normal((rows, 10, sizes[0])))
    write(folder / "visual_feature.h5", generator.standard_normal((rows, 10, places, places, sizes[1])).astype("f4"))
    seconds = np.zeros((rows, 10, 29))
    seconds[:, :, 28] = 1
    for row, kind in enumerate(kinds):
        seconds[row, 2:9] = np.eye(29)[CLASSES.index(kind)]
    write(folder / "labels.h5", seconds)
    for split, order in orders.items():
        write(folder / f"{split}_order.h5", np.asarray(order))


@pytest.fixture
def folder(tmp_path):
    kinds = [CLASSES[row % 28] for row in range(60)]
    write_folder(
        tmp_path, kinds, {"train": range(40), "val": range(40, 50), "test": [59, 55, 57, 50, 51]}, sizes=(8, 6)
    )
    lines = [f"{kind}&video{row // 2}&good&{row % 2}&10" for row, kind in enumerate(kinds)]
    (tmp_path / "Annotations.txt").write_text("\n".join(["Category&VideoID&Quality&StartTime&EndTime", *lines]))
    return tmp_path


def test_the_official_folder_loads(folder, monkeypatch):
    monkeypatch.setattr("overtone.features.arrays.BLOCK_BYTES", 30_000)  # a few rows of the visual file at a time
    with h5py.File(folder / "visual_feature.h5") as file:
        visual = file["avadataset"][:].mean(axis=(2, 3))
    data = load(folder, sequences="keep")
    assert data.shapes == ((10, 8), (10, 6))
    torch.testing.assert_close(data.modalities["visual"], torch.from_numpy(visual))
    assert {name: len(rows) for name, rows in data.splits.items()} == {"train": 40, "val": 10, "test": 5}
    assert data.splits["test"].tolist() == [50, 51, 55, 57, 59]
    assert data.class_names == CLASSES
    assert data.label_kind == "single"
    assert data.targets.argmax(1).tolist() == [row % 28 for row in range(60)]
    assert data.ids[:2] == ("video0 Church bell 0-10", "video0 Male speech, man speaking 1-10")
    assert load(folder).shapes == ((8,), (6,))


def test_without_annotations_the_official_order_names_the_classes(folder):
    (folder / "Annotations.txt").unlink()
    data = load(folder)
    assert data.class_names == CLASSES
    assert data.ids[1] == "1"
    assert any("official order" in note for note in data.provenance.notes)


def test_annotations_name_the_columns_whatever_their_order(folder):
    with h5py.File(folder / "labels.h5", "r+") as file:
        seconds = file["avadataset"][:]
        file["avadataset"][:] = np.concatenate([seconds[:, :, 27::-1], seconds[:, :, 28:]], axis=2)
    assert load(folder).class_names == CLASSES[::-1]


def test_annotations_of_other_clips_are_refused(folder):
    lines = (folder / "Annotations.txt").read_text().splitlines()
    (folder / "Annotations.txt").write_text("\n".join(lines[:-1]))
    with pytest.raises(InputError, match=r"Annotations.txt: 59 annotations but labels.h5 has 60 rows"):
        load(folder)
    (folder / "Annotations.txt").write_text("\n".join([lines[0], *lines[2:], lines[1]]))
    with pytest.raises(InputError, match=r"label column 3 has clips of two classes; got .* in row 3, .* in row 59"):
        load(folder)
    (folder / "Annotations.txt").write_text("a&b")
    with pytest.raises(InputError, match=r"Annotations.txt, line 1: not an annotation; got 'a&b'"):
        load(folder)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("val_order", [40, 60], r"val_order.h5, key 'order', entry 1: no such row; got 60; valid: 0 to 59"),
        ("val_order", [3], r"val_order.h5, key 'order': row 3 is in split 'train' already"),
        ("labels", np.zeros((60, 29)), r"labels.h5, key 'avadataset': wrong shape; got \(60, 29\)"),
        ("audio_feature", np.ones((59, 10, 8)), r"labels.h5.*: 60 rows but .*audio_feature.h5.* has 59"),
    ],
)
def test_problems_name_the_file(folder, name, values, message):
    write(folder / f"{name}.h5", values)
    with pytest.raises(InputError, match=message):
        load(folder)
    assert inspect(folder).problems


def test_a_missing_file_is_named(folder):
    (folder / "test_order.h5").unlink()
    with pytest.raises(InputError, match=r"test_order.h5: missing"):
        load(folder)


def test_ave_15_is_a_part_of_it(folder, caplog):
    data = load(folder, subset="ave-15")
    assert data.class_names == SUBSETS["ave-15"].classes
    assert len(data.class_names) == 15
    assert all(CLASSES[int(name) % 28] in data.class_names for name in range(60) if f"{name}" in data.ids)
    assert (data.targets.sum(dim=1) == 1).all()
    assert sum(len(rows) for rows in data.splits.values()) <= len(data)
    assert any("'Clock' is the official class 'Goat'" in note for note in data.provenance.notes)
    with caplog.at_level("INFO", "overtone"):
        assert load(folder, view="ave-15").ids == data.ids
    assert caplog.messages == ["'view' is now called 'subset'"]
    with pytest.raises(InputError, match="'view' is the former name of 'subset'; got both"):
        load(folder, subset="ave-15", view="ave-15")
    with pytest.raises(InputError, match="unknown subset 'ave15'.*did you mean 'ave-15'"):
        load(folder, subset="ave15")
    with pytest.raises(InputError, match="the subset needs classes that the data lack: Goat"):
        load("split-digits", subset="ave-15")


@pytest.mark.shared_data
def test_ave_15_has_its_published_counts_on_the_official_annotations_and_order(shared_data, tmp_path):
    labels = shared_data / "labels"
    kinds = [kind for kind, *_ in read_annotations(labels / "ave_Annotations.txt")]
    orders = {}
    for split in ("train", "val", "test"):
        with h5py.File(labels / f"ave_{split}_order.h5") as file:
            orders[split] = file["order"][:]
    write_folder(tmp_path, kinds, orders, places=1, sizes=(4, 3))
    for split in orders:
        shutil.copyfile(labels / f"ave_{split}_order.h5", tmp_path / f"{split}_order.h5")
    shutil.copyfile(labels / "ave_Annotations.txt", tmp_path / "Annotations.txt")
    whole = load(tmp_path)
    assert {name: len(rows) for name, rows in whole.splits.items()} == {"train": 3339, "val": 402, "test": 402}
    assert len(set(whole.ids)) == len(whole) == 4143
    data = load(tmp_path, subset="ave-15")
    assert len(data) == 1955
    assert {name: len(rows) for name, rows in data.splits.items()} == {"train": 1577, "val": 189, "test": 189}
    counts = Counter(kinds)
    as_named = {kind: "Clock" if kind == "Goat" else kind for kind in data.class_names}
    assert sum(counts[kind] for kind in as_named.values()) == 2015, "with the official Clock the counts do not come out"
