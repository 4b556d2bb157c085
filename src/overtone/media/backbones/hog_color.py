"""``hog-color``: gradients and colours by place; no weights, so the same numbers everywhere and nothing to fetch."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from overtone.core import InputError, Settings
from overtone.media.backbones import Backbone, Takes, backbones
from overtone.media.decoding.images import Image, Pixels, resize_square


class HogColorSettings(Settings):
    """What is described."""

    side: int = Field(default=64, ge=8)
    """Images are resized to side × side pixels; nothing is cut off, the aspect ratio is not kept."""
    cell: int = Field(default=16, ge=2)
    """Side of a cell of gradients, in pixels; a pixel that fills no whole cell is left out."""
    orientations: int = Field(default=9, ge=1)
    """Bins of the direction of a gradient, over half a turn."""
    grid: int = Field(default=4, ge=1)
    """Cells of colour along each side."""
    hues: int = Field(default=8, ge=1)
    """Bins of the hue."""


@backbones.register("hog-color")
class HogColor(Backbone):
    """Histograms of oriented gradients beside histograms and moments of colour.

    With c = side // cell cells along a side and o orientations, the gradients have (c-1)² · 4o numbers; with g² cells
    of colour and h hues, the colours have g² · (h + 6): 324 + 224 = 548 by default.

    Source:
        Dalal and Triggs, "Histograms of oriented gradients for human detection", CVPR 2005 (the gradients).
    """

    name: ClassVar[str] = "hog-color"
    settings_type: ClassVar[type[Settings]] = HogColorSettings
    settings: HogColorSettings

    def open(self, wanted: tuple[Takes, ...]) -> Takes:
        """Check that the parts fit into the image."""
        if self.settings.side < 2 * self.settings.cell or self.settings.side < self.settings.grid:
            raise InputError(
                "hog-color: the image has no two cells of gradients along a side, or fewer pixels than cells of colour",
                got=f"side {self.settings.side}, cell {self.settings.cell}, grid {self.settings.grid}",
                fix="take a larger side or smaller cells",
            )
        return super().open(wanted)

    def prepare(self, medium: Image) -> Pixels:
        """The whole image as a square."""
        return resize_square(medium, self.settings.side)

    def embed(self, batch: Tensor) -> Tensor:
        """(n, side, side, 3) 8-bit pixels to (n, d) descriptors."""
        settings = self.settings
        pixels = batch.permute(0, 3, 1, 2).float()
        gradients = hog(pixels, settings.cell, settings.orientations)
        return torch.cat([gradients, colour(pixels / 255, settings.grid, settings.hues)], dim=1)


def hog(images: Tensor, cell: int = 8, orientations: int = 9) -> Tensor:
    """Histograms of oriented gradients of colour images, in overlapping blocks of 2 × 2 cells.

    Per pixel the channel with the largest gradient votes: central differences, the direction modulo half a turn in one
    of the bins, weighted by the magnitude. Cells are means over their pixels, blocks are normalised by L2-Hys
    ``v ← v / √(‖v‖² + ε²)``, clipped at 0.2, and normalised again.

    Args:
        images: (n, channels, height, width), in 0..255.
        cell: Side of a cell in pixels.
        orientations: Number of bins.

    Returns:
        (n, blocks down · blocks across · 4 · orientations), in the order of scikit-image.

    Example:
        >>> hog(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 324])
    """
    down, across = torch.zeros_like(images), torch.zeros_like(images)
    down[:, :, 1:-1] = images[:, :, 2:] - images[:, :, :-2]
    across[..., 1:-1] = images[..., 2:] - images[..., :-2]
    magnitude, strongest = torch.hypot(down, across).max(dim=1, keepdim=True)
    angle = torch.atan2(down.gather(1, strongest), across.gather(1, strongest)) % math.pi
    bins = (angle * (orientations / math.pi)).long().clamp_max_(orientations - 1)
    shape = (len(images), orientations, *images.shape[2:])
    votes = magnitude.new_zeros(shape).scatter_(1, bins, magnitude)
    cells = F.avg_pool2d(votes, cell)
    blocks = torch.stack([cells[..., :-1, :-1], cells[..., :-1, 1:], cells[..., 1:, :-1], cells[..., 1:, 1:]], dim=1)
    blocks = blocks.permute(0, 3, 4, 1, 2).flatten(3)  # n, down, across, 4 cells of orientations
    return _unit(_unit(blocks).clamp_max(0.2)).flatten(1)


def colour(images: Tensor, grid: int = 4, hues: int = 8) -> Tensor:
    """Histogram of hue, and means and standard deviations of intensity and two opponent channels, by cell.

    A pixel votes for its hue with its chroma ``max(r,g,b) − min(r,g,b)``, so grey pixels do not vote; bins are square
    roots of mean votes, which evens out rare and frequent colours. The channels are ``(r+g+b)/3``, ``r−g`` and
    ``(r+g)/2−b``.

    Args:
        images: (n, 3, height, width), in 0..1.
        grid: Cells along each side; cells differ by at most one pixel where the side is no multiple.
        hues: Number of bins.

    Returns:
        (n, grid² · (hues + 6)): cell by cell, row-wise; in it first the histogram, then means, then deviations.

    Example:
        >>> red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
        >>> [round(value, 3) for value in colour(red, grid=1, hues=3)[0].tolist()]
        [1.0, 0.0, 0.0, 0.333, 1.0, 0.5, 0.0, 0.0, 0.0]
    """
    red, green, blue = images.unbind(dim=1)
    chroma = images.amax(dim=1) - images.amin(dim=1)
    hue = torch.atan2(math.sqrt(3) * (green - blue), 2 * red - green - blue) / (2 * math.pi) % 1.0
    bins = (hue * hues).long().clamp_max_(hues - 1)
    votes = images.new_zeros(len(images), hues, *images.shape[2:]).scatter_(1, bins[:, None], chroma[:, None])
    channels = torch.stack([(red + green + blue) / 3, red - green, (red + green) / 2 - blue], dim=1)
    means = F.adaptive_avg_pool2d(channels, grid)
    deviations = (F.adaptive_avg_pool2d(channels.square(), grid) - means.square()).clamp_min(0).sqrt()
    cells = torch.cat([F.adaptive_avg_pool2d(votes, grid).sqrt(), means, deviations], dim=1)
    return cells.permute(0, 2, 3, 1).flatten(1)


def _unit(blocks: Tensor) -> Tensor:
    return blocks / (blocks.square().sum(dim=-1, keepdim=True) + 1e-10).sqrt()
