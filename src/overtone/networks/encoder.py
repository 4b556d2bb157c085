"""Encoders and decoders of one modality: rows or sequences of features to embeddings and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from overtone.networks.dropout import Dropout

Gather = Callable[[Tensor], Tensor]
Activation = Literal["tanh", "gelu", "relu"]
_ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "gelu": nn.GELU, "relu": nn.ReLU}


def own_rows(tensor: Tensor) -> Tensor:
    """The gathering of one process: nothing to add."""
    return tensor


class GlobalBatchNorm(nn.Module):
    r"""Batch normalisation whose statistics are those of the global batch of all processes.

    .. math:: y = \gamma \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta

    Args:
        width: d, the last axis of the input; all other axes are averaged over.
        momentum: Share of each batch in the running statistics.

    Source:
        Ioffe & Szegedy 2015, arXiv 1502.03167.
    """

    running_mean: Tensor
    running_variance: Tensor

    def __init__(self, width: int, momentum: float = 0.1) -> None:
        super().__init__()
        self.momentum = momentum
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.register_buffer("running_mean", torch.zeros(width))
        self.register_buffer("running_variance", torch.ones(width))

    def forward(self, features: Tensor, gather: Gather = own_rows) -> Tensor:
        """(…, d) to (…, d); ``gather`` concatenates over processes."""
        if self.training:
            flat = features.flatten(0, -2)
            mean = gather(flat.mean(0, keepdim=True)).mean(0)
            variance = gather((flat - mean).square().mean(0, keepdim=True)).mean(0)
            with torch.no_grad():
                self.running_mean.lerp_(mean.float(), self.momentum)
                self.running_variance.lerp_(variance.float(), self.momentum)
        else:
            mean, variance = self.running_mean, self.running_variance
        return (features - mean) * torch.rsqrt(variance + 1e-5) * self.weight + self.bias


class Encoder(nn.Module):
    """One modality's features to embeddings: an MLP, applied to every time step of a sequence and averaged over time.

    The embedding is not normalised here: what needs unit length normalises.

    Args:
        shape: ``(d,)`` or ``(T, d)`` of one row.
        embedding_dim: e.
        width: Units of each hidden layer.
        depth: Number of hidden layers, each Linear, LayerNorm, activation, dropout.
        activation: ``tanh``, ``gelu`` or ``relu``.
        dropout: Share of hidden units switched off in training.
        batch_norm: Whether the input passes a :class:`GlobalBatchNorm` first.

    Source:
        Shape of the published HSC-MAE encoder (arXiv 2604.04229), with free widths.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        embedding_dim: int,
        width: int,
        depth: int,
        activation: Activation,
        dropout: float,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        self.normalise = GlobalBatchNorm(shape[-1]) if batch_norm else None
        layers: list[nn.Module] = []
        inputs = shape[-1]
        for _ in range(depth):
            layers += [nn.Linear(inputs, width), nn.LayerNorm(width), _ACTIVATIONS[activation](), Dropout(dropout)]
            inputs = width
        self.layers = nn.Sequential(*layers, nn.Linear(inputs, embedding_dim))

    def forward(self, features: Tensor, gather: Gather = own_rows) -> Tensor:
        """(n, d) or (n, T, d) to (n, e)."""
        if self.normalise is not None:
            features = self.normalise(features, gather)
        embedding: Tensor = self.layers(features)
        return embedding.mean(1) if embedding.dim() == 3 else embedding


class Decoder(nn.Module):
    """Embeddings back to one modality's features; for a sequence, each step gets a learned place of its own.

    Args:
        shape, embedding_dim, activation: As for :class:`Encoder`.
        width: Units of the two hidden layers.
    """

    def __init__(self, shape: tuple[int, ...], embedding_dim: int, width: int, activation: Activation) -> None:
        super().__init__()
        act = _ACTIVATIONS[activation]
        self.steps = nn.Parameter(0.02 * torch.randn(shape[0], embedding_dim)) if len(shape) == 2 else None
        self.layers = nn.Sequential(
            nn.Linear(embedding_dim, width), act(), nn.Linear(width, width), act(), nn.Linear(width, shape[-1])
        )

    def forward(self, embedding: Tensor) -> Tensor:
        """(n, e) to (n, d) or (n, T, d)."""
        if self.steps is not None:
            embedding = embedding[:, None, :] + self.steps
        features: Tensor = self.layers(embedding)
        return features
