"""Backbones: the descriptor against scikit-image, the small network, towers against the library's own processing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from torch import Tensor

from overtone.core import InputError
from overtone.media import backbones, make_backbone
from overtone.media.backbones.hog_color import colour, hog

IMAGES = arrays.arrays(np.uint8, st.tuples(st.integers(16, 40), st.integers(16, 40), st.just(3)))


def planes(image: np.ndarray[Any, Any]) -> Tensor:
    return torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float()


@given(IMAGES, st.sampled_from([(8, 9), (5, 6), (4, 3)]))
def test_hog_is_that_of_scikit_image(image: np.ndarray[Any, Any], sizes: tuple[int, int]) -> None:
    reference = pytest.importorskip("skimage.feature")
    cell, orientations = sizes
    # In double precision: at a border between two bins a rounding decides, and the reference's is that of float64.
    ours = hog(planes(image).double(), cell, orientations)[0]
    theirs = reference.hog(
        image.astype(np.float64),
        orientations=orientations,
        pixels_per_cell=(cell, cell),
        cells_per_block=(2, 2),
        channel_axis=-1,
    )
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-5, atol=1e-6)  # it sums a cell in single precision


def test_hog_of_an_edge() -> None:
    """A vertical edge has a horizontal gradient: the first bin, in all cells, and four equal cells of norm 1."""
    image = torch.zeros(1, 3, 16, 16)
    image[..., 4:] = 100
    image[..., 12:] = 0
    found = hog(image, 8, 9).view(4, 9)
    torch.testing.assert_close(found[:, 0], torch.full((4,), 0.5))
    assert found[:, 1:].abs().max() == 0


def test_flat_images_have_no_gradients_and_no_nan() -> None:
    assert hog(torch.full((2, 3, 32, 32), 77.0)).abs().max() == 0
    assert colour(torch.zeros(1, 3, 8, 8)).isfinite().all()


def colour_by_loops(image: Tensor, grid: int, hues: int) -> list[float]:
    """The colours of a (3, side, side) image as the docs describe them, pixel by pixel with the standard library."""
    import colorsys

    step = image.shape[1] // grid
    values = []
    for down in range(grid):
        for across in range(grid):
            cell = image[:, down * step : (down + 1) * step, across * step : (across + 1) * step].flatten(1).T.tolist()
            votes = [0.0] * hues
            for pixel in cell:
                turn = colorsys.rgb_to_hsv(*pixel)[0]
                votes[int(turn * hues) % hues] += (max(pixel) - min(pixel)) / len(cell)
            channels = np.array([((r + g + b) / 3, r - g, (r + g) / 2 - b) for r, g, b in cell])
            values += [math.sqrt(vote) for vote in votes] + [*channels.mean(axis=0)] + [*channels.std(axis=0)]
    return values


def test_colours_are_those_of_the_standard_library() -> None:
    """Pure hues, where the hexagon of colorsys and the circle of the descriptor agree on the bin."""
    generator = torch.Generator().manual_seed(0)
    pure = torch.tensor([(1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 1, 1), (0, 0, 1), (1, 0, 1), (1, 1, 1)]).float()
    choice = torch.randint(7, (8, 8), generator=generator)
    strength = 0.25 + 0.75 * torch.rand(8, 8, 1, generator=generator)
    image = (pure[choice] * strength).permute(2, 0, 1)
    for grid, hues in ((1, 5), (2, 7), (4, 11)):  # no border between two bins at a sixth of a turn
        np.testing.assert_allclose(
            colour(image[None], grid, hues)[0].numpy(), colour_by_loops(image, grid, hues), atol=2e-4
        )


@pytest.mark.parametrize("settings", [{}, {"side": 32, "cell": 8, "orientations": 6, "grid": 2, "hues": 4}])
def test_hog_color_has_the_documented_size(settings: dict[str, int]) -> None:
    tower = make_backbone("hog-color", settings)
    side, cell, bins, grid, hues = tower.settings.model_dump().values()
    images = torch.randint(256, (3, side, side, 3), dtype=torch.uint8)
    found = tower.embed(images)
    assert found.shape == (3, (side // cell - 1) ** 2 * 4 * bins + grid**2 * (hues + 6))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found[1:2], tower.embed(images[1:2]))


def test_hog_color_of_grey_images_has_gradients_and_no_hue() -> None:
    tower = make_backbone("hog-color")
    grey = Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 30), dtype=np.uint8)).convert("RGB")
    found = tower.embed(torch.from_numpy(tower.prepare(grey).copy())[None])[0]
    cells = found[324:].view(16, 14)
    assert cells[:, :8].abs().max() == 0
    assert found[:324].max() > 0


def test_hog_color_too_small() -> None:
    with pytest.raises(InputError, match=r"no two cells.*side 16, cell 16"):
        make_backbone("hog-color", {"side": 16})


@pytest.mark.parametrize(
    ("spec", "settings", "said"),
    [
        ("hog-colour", {}, "did you mean 'hog-color'"),
        ("hog-color:x", {}, r"takes no argument; valid: .*transformers:MODEL"),
        ("hog-color", {"sides": 3}, "did you mean 'side'"),
        ("transformers", {}, "which model"),
        ("transformers:", {}, "takes no argument"),
    ],
)
def test_backbones_that_are_none(spec: str, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        make_backbone(spec, settings)


def test_device_that_is_not_there() -> None:
    with pytest.raises(InputError, match="setting 'device': cuda:77 is not there"):
        make_backbone("hog-color", device="cuda:77")


def test_every_setting_is_described() -> None:
    for name, kind in backbones.items():
        assert kind.name == name
        assert [row[0] for row in kind.settings_type.table() if not row[3].strip()] == []
