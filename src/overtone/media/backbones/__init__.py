"""Backbones: each turns media of one kind (images, frames, sounds or texts) into rows of features; by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from overtone.core import InputError, Registry, Settings, unknown_name
from overtone.core.devices import find_device

Takes = Literal["image", "frames", "sound", "text"]
"""A kind of decoded media: an RGB image (PIL), frames of a video with their times, a mono sound, a string."""

MODALITIES: Mapping[str, tuple[Takes, ...]] = {
    "visual": ("image", "frames"),
    "image": ("image",),
    "audio": ("sound",),
    "text": ("text",),
}
"""Modality to the kinds of media that a backbone for it may take; one for images takes a video frame by frame."""

DEFAULTS: Mapping[Takes, str] = {
    "image": "hog-color",
    "frames": "hog-motion",
    "sound": "log-mel",
    "text": "char-ngrams",
}
"""Kind of media to the backbone that needs no weights and nothing to download."""

Prepared: TypeAlias = np.ndarray[Any, Any]
"""One medium as an array of the backbone's one shape and type."""


class Backbone(ABC):
    """A frozen model that turns media of one kind into features.

    Args:
        settings: Of the class's ``settings_type``.
        device: Where :meth:`embed` computes.
        wanted: Kinds of media of which it shall take one; any of its own if None.

    Raises:
        InputError: It takes none of those kinds.
    """

    name: ClassVar[str]
    settings_type: ClassVar[type[Settings]]
    argument: ClassVar[str] = ""
    """The setting that may follow a colon, as in ``transformers:MODEL``; empty for none."""
    kinds: ClassVar[tuple[Takes, ...]] = ("image",)
    """The kinds of media that it can take."""
    version: ClassVar[int] = 1
    """Raised when the same medium and settings give other numbers than before."""
    takes: Takes
    """The one kind that this object takes."""
    window: float | None = None
    """Seconds of the sounds that it takes; longer ones are cut into windows. None for sounds of any length."""

    def __init__(self, settings: Settings, *, device: torch.device, wanted: tuple[Takes, ...] | None = None) -> None:
        self.settings = settings
        self.device = device
        self.takes = self.open(wanted or self.kinds)

    def open(self, wanted: tuple[Takes, ...]) -> Takes:
        """Check the settings, open what they name, and say which of the wanted kinds it takes; once, at the start."""
        kind = next((kind for kind in self.kinds if kind in wanted), None)
        if kind is None:
            others = sorted(name for name, cls in backbones.items() if set(cls.kinds) & set(wanted))
            what = f"backbone {self.name}: takes {' or '.join(self.kinds)}, not {' or '.join(wanted)}"
            raise InputError(what, valid=", ".join(others))
        return kind

    @abstractmethod
    def prepare(self, medium: Any) -> Prepared:
        """One decoded medium of the kind :attr:`takes` as an array of the one shape.

        It runs in threads or in worker processes, so it computes with numpy, not with torch.
        """

    @abstractmethod
    def embed(self, batch: Tensor) -> Tensor:
        """(n, ...) arrays that :meth:`prepare` made, stacked, to (n, d) float32 features."""

    def preprocessing(self) -> dict[str, Any]:
        """What becomes of a medium before the model, as JSON holds it; nothing where the settings say all."""
        return {}

    def checksum(self) -> str:
        """SHA-256 of the weights; empty without weights."""
        return ""


backbones: Registry[type[Backbone]] = Registry("backbone", "overtone.media.backbones")
"""All backbones by name."""


def make_backbone(
    spec: str,
    settings: Mapping[str, Any] | None = None,
    *,
    device: str = "cpu",
    modality: str | None = None,
) -> Backbone:
    """The backbone that ``NAME`` or ``NAME:ARGUMENT`` means.

    Args:
        spec: As on the command line (``"hog-color"``, ``"transformers:models/vit"``).
        settings: Its settings, by name.
        device: As torch names it (``"cpu"``, ``"cuda:1"``), or auto.
        modality: What it is for, of :data:`MODALITIES`; None for whatever the backbone takes first.

    Returns:
        The backbone.

    Raises:
        InputError: There is no such backbone, setting or device, the name takes no argument, or the backbone takes no
            media of that modality.
    """
    name, colon, argument = spec.partition(":")
    kind = backbones[name]
    values = dict(settings or {})
    if colon:
        if not kind.argument or not argument:
            takes = [f"{other}:{found.argument.upper()}" for other, found in backbones.items() if found.argument]
            raise InputError(f"backbone {spec!r}: {name} takes no argument", valid=", ".join([name, *takes]))
        values[kind.argument] = argument
    wanted = None if modality is None else MODALITIES.get(modality)
    if modality is not None and wanted is None:
        raise unknown_name("modality", modality, MODALITIES)
    built = kind.settings_type.build(values, where=f"backbone {name}")
    return kind(built, device=find_device(device), wanted=wanted)
