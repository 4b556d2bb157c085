"""``hog-motion``: what the frames of a video show, and what moves between them; no weights."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from overtone.core import Settings
from overtone.media.backbones import Backbone, Prepared, Takes, backbones
from overtone.media.backbones.hog_color import HogColorSettings, colour, hog

if TYPE_CHECKING:
    from overtone.media.decoding import Frames

_LUMINANCE = (0.299, 0.587, 0.114)


class HogMotionSettings(HogColorSettings):
    """What is described: the settings of ``hog-color``, and those of motion."""

    frames: int = Field(default=8, ge=2)
    """Frames of a clip that are compared, evenly spaced among those that were taken from the video."""
    directions: int = Field(default=8, ge=1)
    """Bins of the direction of motion, over a whole turn."""


@backbones.register("hog-motion")
class HogMotion(Backbone):
    """The mean over frames of ``hog-color``, beside histograms of motion by place.

    With g² cells and m directions, motion has g² · (m + 2) numbers after the 548 of ``hog-color``: 160 by default.

    Source:
        Laptev et al., "Learning realistic human actions from movies", CVPR 2008 (histograms of flow beside those of
        gradients); here the flow is the normal flow, which needs no search.
    """

    name: ClassVar[str] = "hog-motion"
    settings_type: ClassVar[type[Settings]] = HogMotionSettings
    kinds: ClassVar[tuple[Takes, ...]] = ("frames",)
    settings: HogMotionSettings

    def prepare(self, medium: Frames) -> Prepared:
        """(frames, side, side, 3) 8-bit pixels; of a clip with fewer frames some are repeated."""
        from PIL import Image

        from overtone.media.decoding.images import resize_square

        chosen = np.linspace(0, len(medium.pixels) - 1, self.settings.frames).round().astype(int)
        return np.stack([resize_square(Image.fromarray(medium.pixels[at]), self.settings.side) for at in chosen])

    def embed(self, batch: Tensor) -> Tensor:
        """(n, frames, side, side, 3) 8-bit pixels to (n, d) descriptors."""
        settings = self.settings
        pixels = batch.permute(0, 1, 4, 2, 3).float()
        flat = pixels.flatten(0, 1)
        looks = torch.cat(
            [
                hog(flat, settings.cell, settings.orientations),
                colour(flat / 255, settings.grid, settings.hues),
            ],
            dim=1,
        )
        looks = looks.view(len(pixels), settings.frames, -1).mean(dim=1)
        return torch.cat([looks, motion(pixels / 255, settings.grid, settings.directions)], dim=1)


def motion(clips: Tensor, grid: int = 4, directions: int = 8) -> Tensor:
    """Histograms of the direction of motion by cell, and mean and standard deviation over time of its amount.

    Between two frames each pixel votes for the direction ``-sign(∂t) · ∇`` of its luminance, in which an edge moves,
    with the size of the change ``|∂t|`` where there is an edge. Bins are square roots of mean votes.

    Args:
        clips: (n, T, 3, height, width), in 0..1, T >= 2.
        grid: Cells along each side.
        directions: Number of bins.

    Returns:
        (n, grid² · (directions + 2)): cell by cell, row-wise; zeros where nothing changes.

    Example:
        >>> motion(torch.zeros(2, 3, 3, 16, 16)).shape
        torch.Size([2, 160])
    """
    light = (clips * clips.new_tensor(_LUMINANCE).view(3, 1, 1)).sum(dim=2)
    change = light[:, 1:] - light[:, :-1]
    mean = (light[:, 1:] + light[:, :-1]) / 2
    down, across = torch.zeros_like(mean), torch.zeros_like(mean)
    down[..., 1:-1, :] = mean[..., 2:, :] - mean[..., :-2, :]
    across[..., 1:-1] = mean[..., 2:] - mean[..., :-2]
    sign = -change.sign()
    angle = torch.atan2(sign * down, sign * across) % (2 * math.pi)
    bins = (angle * (directions / (2 * math.pi))).long().clamp_max_(directions - 1)
    edge = torch.hypot(down, across)
    weight = change.abs() * edge / (edge + 0.05)
    votes = mean.new_zeros(*mean.shape[:2], directions, *mean.shape[2:])
    votes.scatter_(2, bins[:, :, None], weight[:, :, None])
    histogram = F.adaptive_avg_pool2d(votes.mean(dim=1), grid).sqrt()
    amounts = F.adaptive_avg_pool2d(change.abs(), grid)  # n, T - 1, grid, grid
    over_time = torch.stack([amounts.mean(dim=1), amounts.std(dim=1, correction=0)], dim=1)
    return torch.cat([histogram, over_time], dim=1).permute(0, 2, 3, 1).flatten(1)
