"""Images one by one and in batches: all kinds of files, order, broken ones, memory."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from overtone.media import read_catalogue
from overtone.media.catalogue import Catalogue
from overtone.media.decoding.images import decode
from overtone.media.decoding.kinds import BrokenMedium
from overtone.media.loading import Loader


def test_images_are_decoded_one_batch_ahead_and_no_further(images: Path) -> None:
    """Memory holds two batches, however many images there are."""
    found = read_catalogue(images)
    seen: list[int] = []
    lock = threading.Lock()

    def image(row: int) -> bytes:
        with lock:
            seen.append(row)
        return Path(found.media[row]).read_bytes()

    counted = Catalogue(found.source, found.layout, found.ids, image)
    for number, batch in enumerate(Loader(counted, np.asarray, threads=2).batches(range(20), 4), 1):
        assert len(batch.rows) == 4
        assert len(seen) <= 4 * (number + 1)
    assert sorted(seen) == list(range(20))


@given(st.integers(1, 9), st.sets(st.integers(0, 11)))
@settings(max_examples=15)
def test_loader_keeps_order_and_tells_all(size: int, broken: set[int]) -> None:
    def image(row: int) -> Any:
        return b"broken" if row in broken else np.full((2, 2, 3), row, np.uint8)

    found = Catalogue(Path("toy"), "npz", tuple(map(str, range(12))), image)
    rows, shown, reasons = [], [], {}
    for batch in Loader(found, np.asarray, skip_broken=True).batches(range(12), size):
        rows += batch.rows.tolist()
        shown += batch.images[:, 0, 0, 0].tolist() if len(batch.rows) else []
        reasons |= batch.broken
    assert rows == shown == [row for row in range(12) if row not in broken]
    assert reasons == dict.fromkeys(broken, "not an image")


def stored(image: Image.Image, kind: str = "PNG", **more: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **more)
    return stream.getvalue()


def palette() -> bytes:
    return stored(Image.new("P", (2, 2), 1), "GIF")


def turned() -> bytes:
    image = Image.new("RGB", (2, 1), (255, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = 6
    return stored(image, "JPEG", exif=exif)


@pytest.mark.parametrize(
    ("make_raw", "size", "colour"),
    [
        (lambda: stored(Image.new("L", (3, 2), 77)), (3, 2), (77, 77, 77)),
        (lambda: stored(Image.new("RGBA", (3, 2), (1, 2, 3, 0))), (3, 2), (1, 2, 3)),
        (lambda: stored(Image.fromarray(np.full((2, 3), 51456, np.uint16))), (3, 2), (201, 201, 201)),
        (lambda: np.full((2, 3), 9, np.uint8), (3, 2), (9, 9, 9)),
        (palette, (2, 2), None),
        (turned, (1, 2), None),
    ],
)
def test_images_of_all_kinds(
    make_raw: Callable[[], Any], size: tuple[int, int], colour: tuple[int, ...] | None
) -> None:
    image = decode(make_raw())
    assert (image.mode, image.size) == ("RGB", size)
    assert colour is None or image.getpixel((0, 0)) == colour


def test_values_without_black_and_white_are_refused() -> None:
    with pytest.raises(BrokenMedium, match="32 bits"):
        decode(stored(Image.fromarray(np.zeros((2, 2), np.float32)), "TIFF"))
