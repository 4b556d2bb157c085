"""Sides of stored models: each prepares media of one kind for a model and takes features from what it gives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from overtone.core import InputError
from overtone.media.backbones import Prepared, Takes
from overtone.media.stored_models import ModelOutput, PretrainedModel, StoredModel

if TYPE_CHECKING:
    from overtone.media.decoding import Medium

Output = str
"""``"projected"``, ``"pooled"``, ``"cls"`` or ``"mean"``."""


@dataclass(frozen=True)
class Choice:
    """What is taken of a model.

    Attributes:
        output: Of its outputs, or ``"auto"``.
        layer: Number of the layer whose tokens are taken, 0 for what goes into the first one, negative from the end;
            None for the model's own end.
        limit: The largest input: tokens of a text, or seconds of a sound where the model takes any.
    """

    output: Output = "auto"
    layer: int | None = None
    limit: float = 10.0


class Side(ABC):
    """One side of a model.

    Args:
        stored: The model's files.
        model: The model.
        lacking: Names of weights that were not stored.
        choice: What is taken of it.

    Raises:
        InputError: The model has no such output, or its preprocessing is not known.
    """

    projection: str
    """The model's method that projects into a space shared with another modality."""
    window: float | None = None
    """See :class:`overtone.media.backbones.Backbone`."""

    def __init__(self, stored: StoredModel, model: PretrainedModel, lacking: set[str], choice: Choice) -> None:
        self.stored, self.model, self.choice = stored, model, choice
        self.projects = hasattr(model, self.projection)
        valid = [*(["projected"] if self.projects else []), *self.outputs(lacking)]
        wanted = choice.output
        if choice.layer is not None:  # the others belong to the end of the model
            valid = [name for name in ("mean", "cls") if name in valid] or ["mean"]
        if wanted not in ("auto", *valid):
            what = f"{stored.name}: has no trained weights for the output {wanted!r}"
            raise InputError(what if choice.layer is None else f"{what} of a layer", valid=", ".join(valid))
        self.output = valid[0] if wanted == "auto" else wanted
        self.states = {} if choice.layer is None else {"output_hidden_states": True}

    @abstractmethod
    def outputs(self, lacking: set[str]) -> list[Output]:
        """The outputs beside the projection that it has trained weights for, the usual one first."""

    @abstractmethod
    def prepare(self, medium: Any) -> Prepared:
        """As :meth:`overtone.media.backbones.Backbone.prepare`."""

    @abstractmethod
    def embed(self, batch: Tensor) -> Tensor:
        """(n, ...) prepared media on the model's device to (n, d) features."""

    @abstractmethod
    def preprocessing(self) -> dict[str, Any]:
        """As :meth:`overtone.media.backbones.Backbone.preprocessing`."""

    def project(self, **inputs: Tensor) -> Tensor:
        """(n, d) of the space shared with another modality."""
        found = getattr(self.model, self.projection)(**inputs)
        features: Tensor = found if isinstance(found, Tensor) else found.pooler_output
        return features

    def take(self, outputs: ModelOutput, weights: Tensor | None = None) -> Tensor:
        """(n, d) of what the model gives; for a mean with the (n, T) weights of its tokens, all equal if None."""
        if self.output == "pooled":
            return outputs.pooler_output.flatten(1)
        last = self.tokens_of(outputs)
        if last.dim() != 3:  # a map of (channels, height, width): convolutional models have no tokens
            return last.mean(dim=(2, 3))
        if self.output == "cls":
            return last[:, 0]
        if weights is None:
            return last.mean(dim=1)
        return (last * weights[..., None]).sum(dim=1) / weights.sum(dim=1, keepdim=True).clamp(min=1)

    def tokens_of(self, outputs: ModelOutput) -> Tensor:
        """(n, T, d) tokens of the chosen layer."""
        if self.choice.layer is None:
            return outputs.last_hidden_state
        layers = outputs.hidden_states
        if not -len(layers) <= self.choice.layer < len(layers):
            valid = f"0 to {len(layers) - 1}, or from -{len(layers)} on, counted from the end"
            raise InputError(f"{self.stored.name}: has no such layer", got=self.choice.layer, valid=valid)
        return layers[self.choice.layer]

    @abstractmethod
    def example(self) -> Medium:
        """A small medium of its kind."""

    def check(self) -> None:
        """Describe an example once, so that a model that cannot says so before the work.

        Raises:
            InputError: It fails.
        """
        with self.stored.opening(), torch.inference_mode():
            self.embed(torch.tensor(self.prepare(self.example()))[None].to(self.model.device))


def kinds_of(model: PretrainedModel) -> list[Takes]:
    """The kinds of media that a model has a side for."""
    named: dict[Takes, str] = {"image": "image", "frames": "video", "sound": "audio", "text": "text"}
    projected = [kind for kind, name in named.items() if hasattr(model, f"get_{name}_features")]
    if projected:
        return projected
    alone: dict[str, Takes] = {"input_values": "sound", "input_features": "sound", "input_ids": "text"}
    if model.main_input_name == "pixel_values":
        return ["frames" if hasattr(model.config, "tubelet_size") else "image"]
    return [alone[model.main_input_name]] if model.main_input_name in alone else []
