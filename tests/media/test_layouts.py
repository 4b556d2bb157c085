"""Every layout, from small instances: found by itself, rows, classes, splits and pixels where they belong."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tarfile
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from overtone.core import InputError
from overtone.features.formats import probing
from overtone.media import layouts, read_catalogue
from overtone.media.catalogue import Catalogue
from overtone.media.decoding.images import decode

from . import conftest as make
from .conftest import COLOURS, LAYOUTS, NAMES, PAIRED

Instance = tuple[str, str, Path]


def test_every_layout_has_an_instance() -> None:
    assert {layout for layout, _ in LAYOUTS.values()} | set(PAIRED) == set(layouts)


def test_layout_is_found(instance: Instance) -> None:
    _, layout, source = instance
    found = read_catalogue(source)
    assert found.layout == layout
    assert read_catalogue(source, layout).ids == found.ids


def test_pixels_are_those_of_the_class(instance: Instance) -> None:
    """The colour of each image says its class: labels and images stay together, and channels in their order."""
    name, _, source = instance
    found = read_catalogue(source)
    assert found.labels is not None
    for row, number in enumerate(found.labels.tolist()):
        middle = np.asarray(decode(found.media["image"](row)))[4:12, 4:12].mean(axis=(0, 1))
        if "mnist" in name:
            assert np.allclose(middle, 60 * number)
        else:
            assert np.abs(COLOURS.astype(float) - middle).sum(axis=1).argmin() == number


def test_classes_splits_and_ids(instance: Instance) -> None:
    name, _, source = instance
    found = read_catalogue(source)
    if "mnist" in name:
        assert found.class_names == ("0", "1", "2", "3")
    elif name == "tiny-imagenet":  # two classes called bee are told apart, and the list's order is kept
        assert found.class_names == ("ant", "bee (n01)", "cow", "bee (n00)")
    else:
        assert found.class_names == NAMES
    assert {"train"} < set(found.splits) <= {"train", "val", "test"}
    assert len(set(found.ids)) == len(found.ids) == len(found)
    assert found.labels is not None
    assert np.bincount(found.labels).tolist() == [len(found) // 4] * 4
    for file, other in zip(found.files.get("image", ()), found.ids):
        assert Path(file).is_file()
        assert other in Path(file).as_posix()


def test_an_unpacked_archive_may_bring_a_folder_of_its_own(tmp_path: Path) -> None:
    make.cub(tmp_path / "download" / "CUB_200_2011")
    assert read_catalogue(tmp_path / "download").layout == "cub"


def test_only_birds_and_cars_are_customarily_split_by_class(instance: Instance) -> None:
    _, layout, source = instance
    assert read_catalogue(source).class_disjoint == (layout in ("cub", "cars"))


def test_folder_without_splits_or_classes(tmp_path: Path) -> None:
    make.write(tmp_path / "a" / "one.png", 0)
    make.write(tmp_path / "b" / "deep" / "two.JPG", 1)
    (tmp_path / "notes.txt").write_text("not an image")
    make.write(tmp_path / ".hidden" / "three.png", 1)
    found = read_catalogue(tmp_path)
    assert (found.ids, found.class_names, found.splits) == (("a/one.png", "b/deep/two.JPG"), ("a", "b"), ())
    flat = tmp_path / "flat"
    make.write(flat / "one.png", 0)
    assert read_catalogue(flat).labels is None


def test_folders_of_splits_may_hold_images_without_classes(tmp_path: Path) -> None:
    make.folder(tmp_path)
    shutil.rmtree(tmp_path / "test")
    make.write(tmp_path / "Validation" / "ant" / "1.png", 0)
    make.write(tmp_path / "test" / "unknown.png", 0)
    found = read_catalogue(tmp_path)
    assert found.labels is not None
    assert [found.labels[row] for row, split in enumerate(found.splits) if split == "test"] == [-1]
    assert "val" in found.splits


def test_image_beside_folders_of_classes_is_refused(tmp_path: Path) -> None:
    make.write(tmp_path / "ant" / "1.png", 0)
    stray = make.write(tmp_path / "stray.png", 0)
    with pytest.raises(InputError, match="beside folders of classes") as said:
        read_catalogue(tmp_path)
    assert str(stray) in str(said.value)


def test_cifar_in_pickles_is_refused(tmp_path: Path) -> None:
    for name in ("data_batch_1", "batches.meta"):
        (tmp_path / name).write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(InputError, match=r"python version of CIFAR.*binary version"):
        read_catalogue(tmp_path)


def test_cifar_cut_short(tmp_path: Path) -> None:
    source = make.cifar10(tmp_path / "c")
    file = source / "data_batch_3.bin"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"data_batch_3\.bin: not whole records"):
        read_catalogue(source)
    file.unlink()
    with pytest.raises(InputError, match=r"data_batch_3\.bin: missing"):
        read_catalogue(source)


@pytest.mark.parametrize("zipped", [True, False])
def test_idx_damaged(tmp_path: Path, zipped: bool) -> None:
    source = make.idx(tmp_path / "m", zipped=zipped)
    file = source / ("train-images-idx3-ubyte" + ".gz" * zipped)
    whole = file.read_bytes()
    file.write_bytes(whole[:-9])
    with pytest.raises(InputError, match=r"train-images-idx3-ubyte.*(not whole|read whole)"):
        read_catalogue(source)
    file.write_bytes(whole)
    labels = source / file.name.replace("images-idx3", "labels-idx1")
    labels.unlink()
    with pytest.raises(InputError, match="has no labels beside it"):
        read_catalogue(source)


def test_fashion_mnist_is_told_by_its_folder(tmp_path: Path) -> None:
    found = read_catalogue(make.idx(tmp_path / "FashionMNIST" / "raw"))
    assert found.class_names[:2] == ("T-shirt/top", "Trouser")
    assert found.notes


def test_cars_without_labels_of_the_test_images(tmp_path: Path) -> None:
    found = read_catalogue(make.cars_kit(tmp_path / "cars", with_labels=False))
    assert found.labels is not None
    assert (found.labels == -1).sum() == 4
    assert "4 test images have no label" in found.notes[0]


def test_hugging_face_takes_the_finest_classes_and_images_by_path(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    make.write(tmp_path / "one.png", 2)
    image = pa.array([{"bytes": None, "path": "one.png"}], pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    pq.write_table(pa.table({"picture": image}), tmp_path / "rows.parquet")
    found = read_catalogue(tmp_path, "hugging-face")
    assert found.labels is None
    assert np.asarray(decode(found.media["image"](0))).shape == (make.SIDE, make.SIDE, 3)
    assert "'label'" in read_catalogue(make.hub_parquet(tmp_path / "other")).notes[0]


def test_hugging_face_without_images(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": ["a"], "label": [0]}), tmp_path / "rows.parquet")
    with pytest.raises(InputError, match=r"no column of images; got columns text, label"):
        read_catalogue(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"offset": None}, "without 'offset'"),
        ({"offset": np.array([0, 5, 3])}, "does not fit 'jpeg'"),
        ({"offset": np.array([0, 5, 10**9])}, "does not fit 'jpeg'"),
        ({"y": np.zeros((12, 4))}, "not class numbers"),
        ({"y": np.zeros(3, int)}, "12 images, but labels, splits or files for 3"),
        ({"y": np.full(12, 7)}, "class numbers out of range"),
    ],
)
def test_npz_that_does_not_fit_itself(tmp_path: Path, change: dict[str, np.ndarray | None], said: str) -> None:
    source = make.npz_jpeg(tmp_path / "n")
    with np.load(source, allow_pickle=False) as arrays:
        values = {**arrays, **change}
    np.savez(source, **{key: value for key, value in values.items() if value is not None})
    with pytest.raises(InputError, match=said):
        read_catalogue(source)


def test_sources_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        read_catalogue(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="an empty folder"):
        read_catalogue(tmp_path / "empty")
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.txt").write_text("a")
    with pytest.raises(InputError, match="no known layout") as said:
        read_catalogue(tmp_path / "text")
    assert [name for name in layouts if f"{name} (" not in str(said.value)] == []
    with tarfile.open(tmp_path / "cifar-10-binary.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "text")
    with pytest.raises(InputError, match="unpack it"):
        read_catalogue(tmp_path / "cifar-10-binary.tar.gz")


def test_layout_by_name(tmp_path: Path) -> None:
    source = make.folder(tmp_path / "f")
    with pytest.raises(InputError, match=r"unknown layout 'fodler'.*did you mean 'folder'"):
        read_catalogue(source, "fodler")
    with pytest.raises(InputError, match="not in the layout cub"):
        read_catalogue(source, "cub")
    assert read_catalogue(make.cub(tmp_path / "c"), "folder").layout == "folder"


def test_a_list_that_names_too_few(tmp_path: Path) -> None:
    source = make.cub(tmp_path / "c")
    file = source / "image_class_labels.txt"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(InputError, match=r"image_class_labels\.txt: no line for image 12"):
        read_catalogue(source)
    file.write_text("1\n")
    with pytest.raises(InputError, match="line 1: two words"):
        read_catalogue(source)


def test_damaged_arrow_file(tmp_path: Path) -> None:
    source = make.hugging_face(tmp_path / "h")
    (source / "train" / "data-00000-of-00001.arrow").write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match="not an Arrow or Parquet file"):
        read_catalogue(source)
    (source / "dataset_dict.json").write_text(json.dumps({"splits": []}))
    with pytest.raises(InputError, match=r"no \.arrow or \.parquet"):
        read_catalogue(source)


def test_catalogue_counts(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no images"):
        Catalogue(tmp_path, "folder", (), {"image": lambda row: b""})
    with pytest.raises(InputError, match="splits or files for 1"):
        Catalogue(tmp_path, "folder", ("a", "b"), {"image": lambda row: b""}, splits=("train",))
    with pytest.raises(InputError, match="two image names are the same; got 'a'"):
        Catalogue(tmp_path, "npz", ("a", "b", "a"), {"image": lambda row: b""})
    with pytest.raises(InputError, match="two class names are the same; got 'x'"):
        Catalogue(tmp_path, "npz", ("a", "b"), {"image": lambda row: b""}, np.array([0, 1]), ("x", "x"))


@pytest.mark.parametrize("cut", [20, 150, 400])
def test_cars_with_a_damaged_list_or_the_wrong_one(tmp_path: Path, cut: int) -> None:
    source = make.cars(tmp_path / "cars")
    file = source / "cars_annos.mat"
    whole = file.read_bytes()
    file.write_bytes(whole[:cut])
    with pytest.raises(InputError, match=r"cars_annos\.mat: not a MATLAB file, or a truncated one"):
        read_catalogue(source)
    savemat(file, {"class_names": np.array(["a"], dtype=object), "boxes": np.eye(2)})
    with pytest.raises(InputError, match=r"cars_annos\.mat: no variable 'annotations'; got class_names, boxes"):
        read_catalogue(source)
    savemat(file, {"class_names": np.array(["a"], dtype=object), "annotations": np.eye(2)})
    with pytest.raises(InputError, match=r"'annotations': not a list with one entry per image"):
        read_catalogue(source)
    entries = np.zeros(2, dtype=[("relative_im_path", "O"), ("class", "O")])
    entries["relative_im_path"] = "a.jpg"
    savemat(file, {"class_names": np.array(["a"], dtype=object), "annotations": entries})
    with pytest.raises(InputError, match=r"'annotations': no field 'test'; got relative_im_path, class"):
        read_catalogue(source)
    entries["relative_im_path"] = [np.array(["a.jpg", "b.jpg"], dtype=object)] * 2
    savemat(file, {"class_names": np.array(["a"], dtype=object), "annotations": entries})
    with pytest.raises(InputError, match=r"'annotations': not a list.*got an array of 2 structs"):
        read_catalogue(source)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a crash is survived only in a copy of the process")
def test_cars_whose_list_crashes_the_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make.cars(tmp_path / "cars")
    monkeypatch.setattr(probing.mat_worker, "main", lambda *_: os.kill(os.getpid(), signal.SIGSEGV))
    with pytest.raises(InputError, match=r"cars_annos\.mat: damaged: reading it crashes \(signal 11\)"):
        read_catalogue(source)
