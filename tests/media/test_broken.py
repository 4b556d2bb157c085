"""Images that cannot be decoded: an error that names the file, or left out and listed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from overtone.core import InputError
from overtone.media import extract, read_record

from .conftest import FEW


def spoil(images: Path) -> dict[str, str]:
    """Break three of twenty images: no image, cut short, empty."""
    files = {"train/ant/1.png": b"not an image", "test/bee/0.png": b"", "train/dog/2.png": None}
    for name, content in files.items():
        path = images / name
        path.write_bytes(path.read_bytes()[:100] if content is None else content)
    return {name: str(images / name) for name in files}


def test_broken_image_is_an_error_that_names_the_file(images: Path, tmp_path: Path) -> None:
    broken = spoil(images)
    with pytest.raises(InputError, match=r"cannot be decoded.*without --strict") as said:
        extract(images, tmp_path / "f.npz", settings=FEW, strict=True)
    assert any(path in str(said.value) for path in broken.values())
    assert not (tmp_path / "f.npz").exists()


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_broken_images_are_left_out_and_listed(images: Path, tmp_path: Path, batch_size: int) -> None:
    whole = extract(images, tmp_path / "whole.npz", settings=FEW)
    broken = spoil(images)
    out = tmp_path / "f.npz"
    data = extract(images, out, settings=FEW, batch_size=batch_size)
    assert read_record(out)["broken"].keys() == broken.keys()
    assert all(read_record(out)["broken"].values())
    rows = [row for row, name in enumerate(whole.ids) if name not in broken]
    assert data.ids == tuple(whole.ids[row] for row in rows)
    torch.testing.assert_close(data.modalities["image"], whole.modalities["image"][rows])
    assert data.targets is not None
    assert whole.targets is not None
    assert torch.equal(data.targets, whole.targets[rows])
    assert {name: len(part) for name, part in data.splits.items()} == {"train": 10, "test": 7}
    assert "left out 3 images that cannot be decoded" in data.provenance.notes


def test_a_source_with_nothing_but_broken_images(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    for number in range(3):
        (tmp_path / "f" / f"{number}.png").write_bytes(b"x")
    with pytest.raises(InputError, match="not one of the 3 images can be decoded"):
        extract(tmp_path / "f", tmp_path / "f.npz")
