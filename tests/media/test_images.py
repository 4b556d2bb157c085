"""Images one by one and in batches: all kinds of files, order, broken ones, memory."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from overtone.core import Settings
from overtone.media import Backbone
from overtone.media.catalogue import Catalogue
from overtone.media.decoding import Sampling
from overtone.media.decoding.images import decode
from overtone.media.decoding.kinds import BrokenMedium
from overtone.media.units import Units, rows_of


@given(st.integers(1, 9), st.sets(st.integers(0, 11)))
@settings(max_examples=15)
def test_units_keep_order_and_tell_all(size: int, broken: set[int]) -> None:
    def image(row: int) -> Any:
        return b"broken" if row in broken else np.full((2, 2, 3), row, np.uint8)

    found = Catalogue(Path("toy"), "npz", tuple(map(str, range(12))), {"image": image})
    units = Units(found, range(12), {"image": MeanColour(Settings(), device=torch.device("cpu"))}, size, Sampling())
    rows, shown, reasons = [], [], {}
    for unit in range(len(units)):
        made = units.embed(units.prepare(unit))
        rows += rows_of(made.tensors, "image").tolist()
        shown += made.tensors["image"][:, 0].tolist() if "image" in made.tensors else []
        states = zip(units.numbers(unit), made.values["states"])
        reasons |= {row: state["image"]["reason"] for row, state in states if state["image"]["reason"]}
    assert rows == shown == [row for row in range(12) if row not in broken]
    assert reasons == dict.fromkeys(broken, "not an image")


class MeanColour(Backbone):
    name = "mean-colour"
    settings_type = Settings

    def prepare(self, image: Any) -> np.ndarray[Any, Any]:
        return np.asarray(image)

    def embed(self, images: torch.Tensor) -> torch.Tensor:
        return images.float().mean(dim=(1, 2))


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
        (lambda: stored(Image.new("RGBA", (3, 2), (1, 2, 3, 255))), (3, 2), (1, 2, 3)),
        (lambda: stored(Image.new("RGBA", (3, 2), (1, 2, 3, 0))), (3, 2), (255, 255, 255)),
        (lambda: stored(Image.new("RGBA", (3, 2), (0, 0, 0, 51))), (3, 2), (204, 204, 204)),
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


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_places_are_white(mode: str, tmp_path: Path) -> None:
    """A black sign on a transparent ground is no black image."""
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[2:6, 2:6, 3] = 255
    image = Image.fromarray(pixels)
    if mode == "P":
        image = image.quantize(4)
        assert "transparency" in image.info or image.has_transparency_data
    else:
        image = image.convert(mode)
    image.save(tmp_path / "a.png")
    found = np.asarray(decode(tmp_path / "a.png"))
    assert found[0, 0].tolist() == [255, 255, 255]
    assert found[3, 3].tolist() == [0, 0, 0]
