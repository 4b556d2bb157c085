"""Parts of media: what a backbone sees of a video or a long sound, and the mean over it."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from overtone.core import InputError, Settings
from overtone.media import Backbone, make_backbone
from overtone.media.decoding import Frames, Sound
from overtone.media.parts import MOST_WINDOWS, embed_parts, prepare_parts


class Windows(Backbone):
    """Takes windows of two seconds and gives the mean of their samples."""

    name = "windows"
    settings_type = Settings
    kinds: ClassVar[Any] = ("sound",)
    window = 2.0

    def prepare(self, medium: Sound) -> Any:
        found = np.zeros(20, np.float32)
        found[: len(medium.samples)] = medium.samples[:20]
        return found

    def embed(self, batch: Tensor) -> Tensor:
        return batch.mean(dim=1, keepdim=True)


def windows() -> Backbone:
    return Windows(Settings(), device=torch.device("cpu"))


def sound(samples: int) -> Sound:
    return Sound(np.arange(samples, dtype=np.float32), 10)


def frames(count: int) -> Frames:
    pixels = np.random.default_rng(count).integers(0, 256, (count, 40, 30, 3), dtype=np.uint8)
    return Frames(pixels, np.arange(count) / 4)


@pytest.mark.parametrize(("samples", "parts"), [(5, 1), (20, 1), (29, 1), (30, 2), (49, 2), (100, 5)])
def test_long_sounds_are_cut_into_windows(samples: int, parts: int) -> None:
    """What is left over is a window of its own from half of a length on."""
    found = prepare_parts(windows(), sound(samples))
    assert found.shape == (parts, 20)
    assert found[:, 0].tolist() == [20.0 * number for number in range(parts)]


def test_windows_of_a_very_long_sound_are_spread_over_it() -> None:
    found = prepare_parts(windows(), sound(20 * 1000))
    assert len(found) == MOST_WINDOWS
    assert found[0, 0] == 0
    assert found[-1, 0] == 20 * 999


def test_rows_are_means_over_the_parts_of_each_medium() -> None:
    media = [prepare_parts(windows(), sound(samples)) for samples in (20, 60, 40)]
    torch.testing.assert_close(embed_parts(windows(), media), torch.tensor([[9.5], [29.5], [19.5]]))
    with pytest.raises(InputError, match="as many steps in every clip; got 1 to 3"):
        embed_parts(windows(), media, sequence=True)


def test_a_backbone_of_images_sees_every_frame() -> None:
    backbone, clip = make_backbone("hog-color"), frames(5)
    parts = prepare_parts(backbone, clip)
    single = [prepare_parts(backbone, Image.fromarray(pixels)) for pixels in clip.pixels]
    assert parts.shape == (5, 64, 64, 3)
    torch.testing.assert_close(embed_parts(backbone, [parts])[0], embed_parts(backbone, single).mean(dim=0))
    torch.testing.assert_close(embed_parts(backbone, [parts], sequence=True)[0], embed_parts(backbone, single))


def test_a_backbone_of_frames_takes_an_image_as_one_frame() -> None:
    backbone, clip = make_backbone("hog-motion"), frames(1)
    image = prepare_parts(backbone, Image.fromarray(clip.pixels[0]))
    np.testing.assert_array_equal(image, prepare_parts(backbone, clip))
    row = embed_parts(backbone, [image])
    looks = embed_parts(make_backbone("hog-color"), [prepare_parts(make_backbone("hog-color"), clip)])
    torch.testing.assert_close(row[:, :548], looks)
    assert row[:, 548:].abs().max() == 0  # nothing moves


def test_rows_do_not_depend_on_what_stands_beside_them() -> None:
    """A query is described alone, the clips were described in batches."""
    backbone = make_backbone("hog-motion")
    media = [prepare_parts(backbone, frames(count)) for count in (3, 8, 20)]
    together = embed_parts(backbone, media)
    for row, one in enumerate(media):
        torch.testing.assert_close(embed_parts(backbone, [one])[0], together[row], atol=1e-5, rtol=0)
