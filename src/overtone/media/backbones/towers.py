"""``transformers``: models of that library for images, videos, sounds and texts, from a folder or from the hub."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from overtone.core import InputError, Settings
from overtone.core.files import checksum
from overtone.media.backbones import Backbone, Prepared, Takes, backbones


class TowerSettings(Settings):
    """Which model, and which of its outputs."""

    model: str = ""
    """A folder with a stored model, or its name on the hub (openai/clip-vit-base-patch32)."""
    revision: str = "main"
    """Of a model on the hub: branch, tag or commit."""
    output: Literal["auto", "projected", "pooled", "cls", "mean"] = "auto"
    """What becomes the features: the projection into the space shared with another modality, the pooled output, the
    class token, or the mean over the tokens of the last layer; auto takes the first that is usual for the model and
    that it has trained weights for."""
    layer: int | None = Field(default=None, ge=-1000, le=1000)
    """Layer whose tokens are taken, for their mean or the class token: 0 is what goes into the first one, -1 the last,
    -2 the one before; by default the end of the model. Of speech models a middle layer is often the best."""
    tokens: int = Field(default=77, ge=1, le=8192)
    """Texts: longest number of tokens; what comes after is cut off. Never more than the model takes."""
    window: float = Field(default=10.0, ge=0.1, le=60)
    """Sounds: seconds at a time, for models that take waveforms of any length; longer sounds are cut into windows."""


@backbones.register("transformers")
class Tower(Backbone):
    """A stored model, or one side of a stored model of two modalities; weights are safetensors, never pickles."""

    name: ClassVar[str] = "transformers"
    settings_type: ClassVar[type[Settings]] = TowerSettings
    argument: ClassVar[str] = "model"
    kinds: ClassVar[tuple[Takes, ...]] = ("image", "frames", "sound", "text")
    settings: TowerSettings

    def open(self, wanted: tuple[Takes, ...]) -> Takes:
        """Load the model, and the side of it that takes the kind."""
        from overtone.media.sides import Choice, Side, kinds_of
        from overtone.media.sides.sound import SoundSide
        from overtone.media.sides.text import TextSide
        from overtone.media.sides.visual import FramesSide, ImageSide
        from overtone.media.stored_models import StoredModel

        settings = self.settings
        if not settings.model:
            fix = "name a folder or a model of the hub: transformers:PATH_OR_NAME"
            raise InputError("backbone transformers: which model?", fix=fix)
        stored = StoredModel(settings.model, settings.revision)
        self.model, lacking = stored.load(self.device)
        kind = next((kind for kind in kinds_of(self.model) if kind in wanted), None)
        if kind is None:
            what = f"{settings.model}: not a model for {' or '.join(wanted)}"
            raise InputError(what, got=type(self.model).__name__)
        sides: dict[Takes, type[Side]] = {
            "image": ImageSide,
            "frames": FramesSide,
            "sound": SoundSide,
            "text": TextSide,
        }
        limit = settings.tokens if kind == "text" else settings.window
        self.side = sides[kind](stored, self.model, lacking, Choice(settings.output, settings.layer, limit))
        self.side.check()
        self.window = self.side.window
        return super().open((kind,))

    def prepare(self, medium: object) -> Prepared:
        """As the model's own settings say."""
        return self.side.prepare(medium)

    def embed(self, batch: Tensor) -> Tensor:
        """(n, ...) prepared media to (n, d) features."""
        with torch.inference_mode():
            return self.side.embed(batch.to(self.device)).float()

    def preprocessing(self) -> dict[str, Any]:
        """What the side does before the model, and the output that it takes."""
        return self.side.preprocessing()

    def checksum(self) -> str:
        """SHA-256 of the weights, whatever files they were stored in."""
        state = self.model.state_dict()
        return checksum(*(state[name] for name in sorted(state)))
