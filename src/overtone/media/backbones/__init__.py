"""Backbones: each turns images into rows of features; registered by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from overtone.core import InputError, ProgressCallback, Registry, Settings
from overtone.core.devices import find_device
from overtone.media.images import Image, Pixels
from overtone.media.loading import Loader


class Backbone(ABC):
    """A frozen model that turns images into features.

    Args:
        settings: Of the class's ``settings_type``.
        device: Where :meth:`embed` computes.
        seed: Of whatever is random.
    """

    name: ClassVar[str]
    settings_type: ClassVar[type[Settings]]
    argument: ClassVar[str] = ""
    """The setting that may follow a colon, as in ``transformers:MODEL``; empty for none."""

    def __init__(self, settings: Settings, *, device: torch.device, seed: int = 0) -> None:
        self.settings = settings
        self.device = device
        self.seed = seed

    @abstractmethod
    def prepare(self, image: Image) -> Pixels:
        """One decoded RGB image (PIL) as (height, width, 3) 8-bit pixels of the one size; called in threads."""

    @abstractmethod
    def embed(self, images: Tensor) -> Tensor:
        """(n, height, width, 3) 8-bit pixels to (n, d) float32 features."""


class TrainedBackbone(Backbone):
    """A backbone that is trained on the training images first."""

    @property
    @abstractmethod
    def ready(self) -> bool:
        """Whether it has learnt already."""

    @abstractmethod
    def fit(self, loader: Loader, rows: Tensor, labels: Tensor | None, progress: ProgressCallback) -> None:
        """Learn from training images: their (n,) row numbers, and class numbers (n,), -1 where unknown, or None."""

    @abstractmethod
    def weights(self) -> dict[str, Tensor]:
        """The trained weights, to be stored."""

    @abstractmethod
    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Take over weights from an earlier training, as :meth:`weights` gave them."""


backbones: Registry[type[Backbone]] = Registry("backbone", "overtone.media.backbones")
"""All backbones by name."""


def make_backbone(
    spec: str, settings: Mapping[str, Any] | None = None, *, device: str = "cpu", seed: int = 0
) -> Backbone:
    """The backbone that ``NAME`` or ``NAME:ARGUMENT`` means.

    Args:
        spec: As on the command line (``"hog-color"``, ``"transformers:models/vit"``).
        settings: Its settings, by name.
        device: As torch names it (``"cpu"``, ``"cuda:1"``), or auto.
        seed: Of whatever is random.

    Returns:
        The backbone.

    Raises:
        InputError: There is no such backbone, setting or device, or the name takes no argument.
    """
    name, colon, argument = spec.partition(":")
    kind = backbones[name]
    values = dict(settings or {})
    if colon:
        if not kind.argument or not argument:
            takes = [f"{other}:{found.argument.upper()}" for other, found in backbones.items() if found.argument]
            raise InputError(f"backbone {spec!r}: {name} takes no argument", valid=", ".join([name, *takes]))
        values[kind.argument] = argument
    return kind(kind.settings_type.build(values, where=f"backbone {name}"), device=find_device(device), seed=seed)
