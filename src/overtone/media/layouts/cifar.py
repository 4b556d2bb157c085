"""``cifar``: CIFAR-10 and CIFAR-100 in the binary version."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from overtone.core import InputError
from overtone.media.catalogue import IMAGE, Catalogue, chain_rows
from overtone.media.decoding.images import Pixels
from overtone.media.layouts import Layout, layouts, read_lines

SIDE = 32
_TEN = ((tuple(f"data_batch_{number}" for number in range(1, 6)), "train"), (("test_batch",), "test"))
_HUNDRED = ((("train",), "train"), (("test",), "test"))
_PICKLES = ("batches.meta", "data_batch_1", "fine_label_names", "meta")
"""Files that only the python version has."""


def _matches(path: Path) -> bool:
    """Whether the files of either version lie there."""
    binary = (path / "data_batch_1.bin").is_file() or (path / "fine_label_names.txt").is_file()
    return binary or _is_python_version(path)


def _read(source: Path) -> Catalogue:
    """The catalogue, memory-mapped; InputError for the python version, which is made of pickles, or for damage."""
    if _is_python_version(source):
        what = f"{source}: the python version of CIFAR, whose files are pickles, which are never loaded"
        raise InputError(what, fix="fetch the binary version (cifar-10-binary.tar.gz or cifar-100-binary.tar.gz)")
    ten = (source / "data_batch_1.bin").is_file()
    names = read_lines(source / ("batches.meta.txt" if ten else "fine_label_names.txt"))
    files = [(source / f"{stem}.bin", split) for stems, split in (_TEN if ten else _HUNDRED) for stem in stems]
    records = [_records(file, 1 if ten else 2) for file, _ in files]
    record = chain_rows([(len(part), part.__getitem__) for part in records])

    def image(row: int) -> Pixels:
        planes = record(row)[-3 * SIDE * SIDE :].reshape(3, SIDE, SIDE)
        return np.ascontiguousarray(planes.transpose(1, 2, 0))

    return Catalogue(
        source,
        "cifar",
        tuple(f"{file.stem}/{row}" for (file, _), part in zip(files, records) for row in range(len(part))),
        {IMAGE: image},
        labels=np.concatenate([part[:, 0 if ten else 1] for part in records]).astype(np.int64),
        class_names=tuple(name.strip() for name in names),
        splits=tuple(split for (_, split), part in zip(files, records) for _ in range(len(part))),
        notes=() if ten else ("took the 100 fine labels of CIFAR-100",),
    )


def _is_python_version(path: Path) -> bool:
    return any((path / name).is_file() for name in _PICKLES)


def _records(file: Path, labels: int) -> Pixels:
    """(N, labels + 3072) bytes of a file."""
    size = labels + 3 * SIDE * SIDE
    if not file.is_file():
        raise InputError(f"{file}: missing", fix="check that the download is complete")
    if file.stat().st_size == 0 or file.stat().st_size % size:
        got = f"{file.stat().st_size:,} bytes"
        raise InputError(f"{file}: not whole records of {size:,} bytes", got=got, fix="unpack the download again")
    return np.memmap(file, dtype=np.uint8, mode="r").reshape(-1, size)


layouts.register("cifar")(
    Layout(_read, _matches, "data_batch_1.bin, or fine_label_names.txt with train.bin and test.bin")
)
