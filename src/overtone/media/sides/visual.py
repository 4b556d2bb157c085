"""Sides for images and for frames of videos."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from overtone.media.backbones import Prepared
from overtone.media.preprocessing import read_preprocessing
from overtone.media.sides import Choice, Output, Side
from overtone.media.stored_models import PretrainedModel, StoredModel

if TYPE_CHECKING:
    from overtone.media.decoding import Frames
    from overtone.media.decoding.images import Image


class VisualSide(Side):
    """What sides for images and for frames share: how pixels become the model's input."""

    def __init__(self, stored: StoredModel, model: PretrainedModel, lacking: set[str], choice: Choice) -> None:
        super().__init__(stored, model, lacking, choice)
        self.fitting = read_preprocessing(stored.file, stored.name)
        self.mean, self.std = (
            torch.tensor(values, device=model.device).view(3, 1, 1) for values in (self.fitting.mean, self.fitting.std)
        )

    def normalise(self, pixels: Tensor) -> Tensor:
        """(..., height, width, 3) 8-bit pixels to (..., 3, height, width) as the model takes them."""
        return (pixels.movedim(-1, -3).float() * self.fitting.scale - self.mean) / self.std

    def embed(self, batch: Tensor) -> Tensor:
        pixels = self.normalise(batch)
        if self.output == "projected":
            return self.project(pixel_values=pixels)
        model = self.model.vision_model if self.projects else self.model
        return self.take(model(pixel_values=pixels, **self.states))

    def preprocessing(self) -> dict[str, Any]:
        return {**asdict(self.fitting), "output": self.output}


class ImageSide(VisualSide):
    """ViT, DINOv2, ResNet; the image side of CLIP and SigLIP."""

    projection = "get_image_features"

    def outputs(self, lacking: set[str]) -> list[Output]:
        # image sides of image-text models pool without weights of their own for it
        pooler = getattr(self.model, "pooler", None) is not None or hasattr(self.model, "post_layernorm")
        pools = self.projects or (pooler and not lacking)
        return [*(["pooled"] if pools else []), "cls", "mean"]

    def prepare(self, medium: Image) -> Prepared:
        """Resized and cropped as the model's own settings say."""
        return self.fitting(medium)

    def example(self) -> Image:
        from PIL import Image

        return Image.new("RGB", (64, 64))


class FramesSide(VisualSide):
    """VideoMAE; the video side of X-CLIP."""

    projection = "get_video_features"

    def __init__(self, stored: StoredModel, model: PretrainedModel, lacking: set[str], choice: Choice) -> None:
        super().__init__(stored, model, lacking, choice)
        self.frames = int(getattr(model.config, "vision_config", model.config).num_frames)

    def outputs(self, lacking: set[str]) -> list[Output]:
        return [] if self.projects else ["mean"]

    def prepare(self, medium: Frames) -> Prepared:
        """(T, height, width, 3): as many frames as the model takes, evenly spaced; some twice if there are fewer."""
        from PIL import Image

        chosen = np.linspace(0, len(medium.pixels) - 1, self.frames).round().astype(int)
        return np.stack([self.fitting(Image.fromarray(medium.pixels[at])) for at in chosen])

    def example(self) -> Frames:
        from overtone.media.decoding import Frames

        return Frames(np.zeros((self.frames, 64, 64, 3), np.uint8), np.arange(self.frames, dtype=np.float64))

    def preprocessing(self) -> dict[str, Any]:
        return {**super().preprocessing(), "frames": self.frames}
