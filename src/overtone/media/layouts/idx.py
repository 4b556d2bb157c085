"""``idx``: MNIST, FashionMNIST and their like, compressed or not."""

from __future__ import annotations

import gzip
import math
import re
import zlib
from pathlib import Path

import numpy as np

from overtone.core import InputError
from overtone.core.sources import check_declared, require_file
from overtone.media.catalogue import IMAGE, Catalogue, chain_rows
from overtone.media.decoding.images import Pixels
from overtone.media.layouts import Layout, layouts

_PARTS = {"train": "train", "t10k": "test", "test": "test"}
IMAGES = re.compile(r"(?P<before>.*?)(?P<part>train|t10k|test)-images[-.]idx3-ubyte(?P<zipped>\.gz)?")
_FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


def _matches(path: Path) -> bool:
    """Whether a file of images lies there."""
    return path.is_dir() and bool(_images(path))


def _read(source: Path) -> Catalogue:
    """The catalogue; classes are numbers but for FashionMNIST's, which is recognised by the folder's name."""
    images, labels, splits, ids = [], [], [], []
    for file, part in _images(source):
        pixels, numbers = array(file, 3), array(_labels_beside(file), 1)
        if len(pixels) != len(numbers):
            raise InputError(f"{file}: {len(pixels)} images but {len(numbers)} labels", fix="fetch both files again")
        images.append(pixels)
        labels.append(numbers.astype(np.int64))
        splits += [_PARTS[part]] * len(pixels)
        ids += [f"{part}/{row}" for row in range(len(pixels))]
    image = chain_rows([(len(part), part.__getitem__) for part in images])
    joined = np.concatenate(labels)
    fashion = "fashion" in str(source.resolve()).lower() and int(joined.max()) < len(_FASHION)
    names = _FASHION if fashion else tuple(map(str, range(int(joined.max()) + 1)))
    notes = ("took the class names of FashionMNIST because of the folder's name",) if fashion else ()
    return Catalogue(source, "idx", tuple(ids), {IMAGE: image}, joined, names, tuple(splits), notes=notes)


def array(file: Path, rank: int) -> Pixels:
    """The 8-bit values of an idx file with ``rank`` axes; memory-mapped unless compressed."""
    try:
        require_file(file)
        if file.suffix == ".gz":
            values = np.frombuffer(_unzipped(file, 4 + 4 * rank), np.uint8)
        else:
            values = np.memmap(file, dtype=np.uint8, mode="r")
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError(f"{file}: cannot be read whole ({error})", fix="fetch the file again") from None
    head = 4 + 4 * rank
    if len(values) < head or values[:4].tolist() != [0, 0, 8, rank]:
        raise InputError(f"{file}: not an idx file of 8-bit values with {rank} axes", fix="fetch the file again")
    shape = tuple(values[4:head].view(">u4").astype(int).tolist())
    if len(values) - head != math.prod(shape):
        got = f"{len(values) - head:,} bytes for {' × '.join(map(str, shape))} values"
        raise InputError(f"{file}: not whole", got=got, fix="fetch the file again")
    return values[head:].reshape(shape)


def _unzipped(file: Path, head: int) -> bytes:
    """All bytes of a compressed file, but for what comes after the values that its head declares."""
    with gzip.open(file) as stream:
        begin = stream.read(head)
        shape = [int.from_bytes(begin[at : at + 4], "big") for at in range(4, head, 4)]
        check_declared(math.prod(shape), file.stat().st_size, file)
        return begin + stream.read(math.prod(shape) + 1)


def _images(path: Path) -> list[tuple[Path, str]]:
    """Files of images and the part that each is; train first, a plain file before its compressed twin."""
    found: dict[str, Path] = {}
    for file in sorted(path.iterdir()):
        if match := IMAGES.fullmatch(file.name):
            found.setdefault(match["part"], file)
    return [(found[part], part) for part in _PARTS if part in found]


def _labels_beside(images: Path) -> Path:
    name = re.sub(r"images([-.])idx3", r"labels\1idx1", images.name)
    for file in (images.with_name(name), images.with_name(name.removesuffix(".gz")), images.with_name(f"{name}.gz")):
        if file.is_file():
            return file
    raise InputError(f"{images}: has no labels beside it", valid=name, fix="fetch the file of labels too")


layouts.register("idx")(
    Layout(_read, _matches, "train-images-idx3-ubyte, .gz or not, as MNIST and FashionMNIST have them")
)
