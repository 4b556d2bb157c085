"""Small instances of every layout: tiny images whose colour says their class, so that a mix-up shows."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from PIL import Image
from scipy.io import savemat

from synthetic_clips import RATE, tone

from .tiny_models import stored as stored

SIDE = 16
NAMES = ("ant", "bee", "cow", "dog")
COLOURS = np.array([(250, 10, 10), (10, 250, 10), (10, 10, 250), (250, 250, 10)], dtype=np.uint8)

Build = Callable[[Path], Path]


def picture(number: int, seed: int = 0, side: int = SIDE) -> np.ndarray[Any, Any]:
    """(side, side, 3) pixels in the colour of a class, with a little noise."""
    noise = np.random.default_rng(1000 * number + seed).integers(0, 6, (side, side, 3), dtype=np.uint8)
    return COLOURS[number] - noise


def encoded(pixels: np.ndarray[Any, Any], kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def write(path: Path, number: int, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(number, seed)).save(path)
    return path


def folder(root: Path) -> Path:
    for split, count in (("train", 3), ("test", 2)):
        for number, name in enumerate(NAMES):
            for seed in range(count):
                write(root / split / name / f"{seed}.png", number, seed + 10 * (split == "test"))
    return root


def cifar10(root: Path, per_file: int = 4) -> Path:
    root.mkdir(parents=True)
    (root / "batches.meta.txt").write_text("\n".join(NAMES) + "\n\n")
    for at, stem in enumerate([*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]):
        rows = [
            bytes([row % 4]) + picture(row % 4, at * 10 + row, 32).transpose(2, 0, 1).tobytes()
            for row in range(per_file)
        ]
        (root / f"{stem}.bin").write_bytes(b"".join(rows))
    return root


def cifar100(root: Path) -> Path:
    root.mkdir(parents=True)
    (root / "fine_label_names.txt").write_text("\n".join(NAMES) + "\n")
    (root / "coarse_label_names.txt").write_text("insect\nmammal\n")
    for stem, count in (("train", 8), ("test", 4)):
        rows = [
            bytes([row % 4 // 2, row % 4]) + picture(row % 4, row, 32).transpose(2, 0, 1).tobytes()
            for row in range(count)
        ]
        (root / f"{stem}.bin").write_bytes(b"".join(rows))
    return root


def idx_bytes(values: np.ndarray[Any, Any]) -> bytes:
    return bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes() + values.tobytes()


def idx(root: Path, *, zipped: bool = True) -> Path:
    root.mkdir(parents=True)
    for part, count in (("train", 8), ("t10k", 4)):
        numbers = (np.arange(count) % 4).astype(np.uint8)
        pixels = np.stack([np.full((28, 28), 60 * number, np.uint8) for number in numbers])
        for name, values in ((f"{part}-images-idx3-ubyte", pixels), (f"{part}-labels-idx1-ubyte", numbers)):
            if zipped:
                (root / f"{name}.gz").write_bytes(gzip.compress(idx_bytes(values)))
            else:
                (root / name).write_bytes(idx_bytes(values))
    return root


def tiny_imagenet(root: Path) -> Path:
    root.mkdir(parents=True)
    wnids = [f"n0{number}" for number in (3, 1, 2, 0)]  # not in alphabetical order: the list's order counts
    (root / "wnids.txt").write_text("\n".join(wnids) + "\n")
    words = ["ant, emmet", "bee", "cow", "bee"]
    (root / "words.txt").write_text("".join(f"{wnid}\t{word}\n" for wnid, word in zip(wnids, words)))
    for number, wnid in enumerate(wnids):
        for seed in range(3):
            write(root / "train" / wnid / "images" / f"{wnid}_{seed}.JPEG", number, seed)
    for row in range(4):
        write(root / "val" / "images" / f"val_{row}.JPEG", row, 20)
    lines = [f"val_{row}.JPEG\t{wnids[row]}\t0\t0\t1\t1\n" for row in range(4)]
    (root / "val" / "val_annotations.txt").write_text("".join(lines))
    write(root / "test" / "images" / "test_0.JPEG", 0)
    return root


def cub(root: Path) -> Path:
    root.mkdir(parents=True)
    classes = [f"{number + 1:03d}.{name}" for number, name in enumerate(NAMES)]
    files = [
        (number, f"{classes[number]}/{name}_{seed}.jpg", seed) for number, name in enumerate(NAMES) for seed in range(3)
    ]
    for number, file, seed in files:
        write(root / "images" / file, number, seed)
    (root / "classes.txt").write_text("".join(f"{at} {name}\n" for at, name in enumerate(classes, 1)))
    (root / "images.txt").write_text("".join(f"{at} {file}\n" for at, (_, file, _) in enumerate(files, 1)))
    labels = "".join(f"{at} {number + 1}\n" for at, (number, _, _) in enumerate(files, 1))
    (root / "image_class_labels.txt").write_text(labels)
    split = "".join(f"{at} {int(seed < 2)}\n" for at, (_, _, seed) in enumerate(files, 1))
    (root / "train_test_split.txt").write_text(split)
    return root


def cars(root: Path) -> Path:
    root.mkdir(parents=True)
    kind = [("relative_im_path", "O"), ("class", "O"), ("test", "O")]
    entries = np.empty((1, 12), dtype=kind)
    for row in range(12):
        file = f"car_ims/{row:06d}.jpg"
        write(root / file, row % 4, row)
        entries[0, row] = (file, row % 4 + 1, int(row >= 8))
    names = np.empty((1, 4), dtype=object)
    names[0, :] = NAMES
    savemat(root / "cars_annos.mat", {"annotations": entries, "class_names": names})
    return root


def cars_kit(root: Path, *, with_labels: bool = True) -> Path:
    (root / "devkit").mkdir(parents=True)
    names = np.empty((1, 4), dtype=object)
    names[0, :] = NAMES
    savemat(root / "devkit" / "cars_meta.mat", {"class_names": names})
    for folder, count in (("cars_train", 8), ("cars_test", 4)):
        known = folder == "cars_train" or with_labels
        entries = np.empty((1, count), dtype=[("class", "O"), ("fname", "O")] if known else [("fname", "O")])
        for row in range(count):
            file = f"{row:05d}.jpg"
            write(root / folder / file, row % 4, row)
            entries[0, row] = (row % 4 + 1, file) if known else (file,)
        suffix = "_annos.mat" if folder == "cars_train" else f"_annos{'_withlabels' * with_labels}.mat"
        savemat(root / "devkit" / f"{folder}{suffix}", {"annotations": entries})
    return root


FEATURES = {
    "image": {"_type": "Image"},
    "kind": {"_type": "ClassLabel", "names": ["insect", "mammal"]},
    "label": {"_type": "ClassLabel", "names": list(NAMES)},
}


def rows_of(count: int) -> pa.Table:
    """Rows as the hub's library stores them, what it noted about the columns included."""
    images = [{"bytes": encoded(picture(row % 4, row)), "path": f"{row}.png"} for row in range(count)]
    table = pa.table(
        {
            "image": pa.array(images, pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
            "kind": pa.array([row % 4 // 2 for row in range(count)]),
            "label": pa.array([row % 4 for row in range(count)]),
        }
    )
    return table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": FEATURES}})})


def hugging_face(root: Path) -> Path:
    """What ``DatasetDict.save_to_disk`` leaves."""
    root.mkdir(parents=True)
    (root / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    for split, count in (("train", 8), ("test", 4)):
        (root / split).mkdir()
        (root / split / "dataset_info.json").write_text(json.dumps({"features": FEATURES}))
        (root / split / "state.json").write_text(json.dumps({"_split": split}))
        table = rows_of(count).replace_schema_metadata(None)  # the notes stand beside the file
        with pa.ipc.new_stream(str(root / split / "data-00000-of-00001.arrow"), table.schema) as stream:
            stream.write_table(table, max_chunksize=3)
    return root


def hub_parquet(root: Path) -> Path:
    """What the hub stores: Parquet files named after their split."""
    (root / "data").mkdir(parents=True)
    for split, count in (("train", 8), ("validation", 4)):
        pq.write_table(rows_of(count), root / "data" / f"{split}-00000-of-00001.parquet", row_group_size=3)
    return root


def npz_jpeg(root: Path) -> Path:
    root.mkdir(parents=True)
    files = [encoded(picture(row % 4, row), "JPEG") for row in range(12)]
    np.savez(
        root / "images.npz",
        jpeg=np.frombuffer(b"".join(files), np.uint8),
        offset=np.cumsum([0, *map(len, files)]),
        y=np.arange(12) % 4,
        is_test=np.arange(12) >= 8,
        class_names=np.array(NAMES),
    )
    return root / "images.npz"


def npz_pixels(root: Path) -> Path:
    root.mkdir(parents=True)
    images = np.stack([picture(row % 4, row) for row in range(12)])
    split = np.array(["train"] * 8 + ["test"] * 4)
    np.savez_compressed(root / "images.npz", images=images, y=np.array(NAMES)[np.arange(12) % 4], split=split)
    return root / "images.npz"


LAYOUTS: dict[str, tuple[str, Build]] = {
    "folder": ("folder", folder),
    "cifar-10": ("cifar", cifar10),
    "cifar-100": ("cifar", cifar100),
    "mnist, compressed": ("idx", idx),
    "mnist": ("idx", lambda root: idx(root, zipped=False)),
    "tiny-imagenet": ("tiny-imagenet", tiny_imagenet),
    "cub": ("cub", cub),
    "cars, one list": ("cars", cars),
    "cars, kit": ("cars", cars_kit),
    "hugging face, saved": ("hugging-face", hugging_face),
    "hugging face, hub": ("hugging-face", hub_parquet),
    "npz of jpeg": ("npz", npz_jpeg),
    "npz of pixels": ("npz", npz_pixels),
}
"""Every instance: the layout it must be recognised as, and what builds it."""


@pytest.fixture(params=list(LAYOUTS))
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str, Path]:
    """Name, layout and place of each instance in turn."""
    layout, build = LAYOUTS[request.param]
    return request.param, layout, build(tmp_path / "source")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Twenty images in folders of splits and classes."""
    return folder(tmp_path / "images")


FEW = {"side": 16, "cell": 8, "grid": 2, "hues": 3}
"""Settings of hog-color that suit tiny images."""


def paired_folder(root: Path) -> Path:
    """Images with a sound and a text of the same name, in a folder for each class."""
    for number, name in enumerate(NAMES):
        for seed in range(3):
            path = write(root / name / f"{seed}.png", number, seed)
            soundfile.write(path.with_suffix(".wav"), tone(300 * (number + 1), 0.5, seed), RATE)
            path.with_suffix(".txt").write_text(f"this is {name}, number {seed}\n")
    return root


def manifest(root: Path) -> Path:
    """A table of the same clips, the words in a column."""
    paired_folder(root)
    rows = [
        {
            "id": f"{name}-{seed}",
            "visual": f"{name}/{seed}.png",
            "audio": f"{name}/{seed}.wav",
            "text": f"this is {name}",
            "label": name,
            "split": "test" if seed == 2 else "train",
            "place": f"shelf {seed}",
        }
        for name in NAMES
        for seed in range(3)
    ]
    (root / "clips.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return root / "clips.jsonl"


PAIRED: dict[str, Build] = {"clips": paired_folder, "manifest": manifest}
"""Layout to what builds an instance of pairs."""
