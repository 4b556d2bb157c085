"""What the two-tower methods share: two encoders, a teacher that averages them, a canonical projection."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, cast

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from overtone.core import InputError, Settings
from overtone.core.blocks import map_blocks
from overtone.core.scratch import release
from overtone.methods.base import Batch, CorpusInfo, Method, TrainingDefaults
from overtone.networks import (
    Activation,
    CanonicalProjection,
    Decoder,
    Encoder,
    MaskValue,
    Teacher,
    bernoulli_mask,
    ramp,
)
from overtone.objectives.reconstruction import reconstruction_of_both

LARGE = 10_000
"""Training rows from which on batches are large."""
_TAUGHT, _TAUGHT_WHOLE = 8192, 250_000
"""Rows that the teacher embeds at a time where there are many, and rows up to which it embeds all at once."""


class TwoTowerSettings(Settings):
    """All two-tower methods: the encoder, the averaging of weights, the projection at inference."""

    embedding_dim: int | None = Field(None, ge=2)
    """Dimensions of the embedding; null: 32 (16 for dcca), but at most a quarter of the training rows."""
    width: int = Field(256, ge=4)
    """Units of each hidden layer."""
    depth: int = Field(2, ge=0, le=1000)
    """Hidden layers of each encoder."""
    activation: Activation = "gelu"
    """tanh, gelu or relu."""
    dropout: float | None = Field(0.1, ge=0, lt=1)
    """Share of hidden units switched off in a training step; null: none."""
    batch_norm: bool = False
    """Whether the input is batch-normalised first; scaled features do not need it."""
    teacher_momentum: float = Field(0.95, ge=0, lt=1)
    """Momentum of the averaged weights (the teacher) at the start."""
    teacher_momentum_end: float = Field(0.999, ge=0, lt=1)
    """Momentum at the end; it rises linearly."""
    projection: Literal["none", "canonical"] = "none"
    """What embed returns: the network's embedding, or its linear CCA fitted on training rows; both are evaluated."""
    projection_ridge: float = Field(0.1, ge=0)
    """Ridge of that CCA, as a share of the mean variance."""
    projection_power: float = Field(2.0, ge=0)
    """A canonical direction is scaled by its correlation to this power."""


class TwoTower(Method):
    """Two encoders, a teacher that averages them, and linear CCA on the teacher's embeddings.

    The teacher embeds: it is the student without the noise of the last steps. A subclass writes :meth:`step`.

    Args:
        settings, corpus: As for every :class:`Method`.
    """

    works_on_parts = True
    settings: TwoTowerSettings
    settings_type: ClassVar[type[Settings]] = TwoTowerSettings
    usual_dim: ClassVar[int] = 32
    """Dimensions of the embedding where there are rows enough for them."""

    def __init__(self, settings: Settings, corpus: CorpusInfo) -> None:
        super().__init__(settings, corpus)
        s = self.settings
        self.encoders = nn.ModuleList(
            Encoder(shape, self.outputs, s.width, s.depth, s.activation, s.dropout or 0.0, s.batch_norm)
            for shape in corpus.shapes
        )
        self.teacher = Teacher(self.encoders)
        self.projection = CanonicalProjection((self.dim, self.dim))

    @property
    def dim(self) -> int:
        """Dimensions of the embedding."""
        assert self.settings.embedding_dim is not None
        return self.settings.embedding_dim

    @property
    def outputs(self) -> int:
        """Columns of an encoder's output."""
        return self.dim

    @classmethod
    def resolve(cls, settings: Settings, corpus: CorpusInfo) -> Settings:
        """Dimensions by the number of training rows."""
        settings = cast(TwoTowerSettings, settings)
        most = max(2, min(cls.usual_dim, (corpus.pairs or corpus.rows) // 4))
        return settings.changed(embedding_dim=settings.embedding_dim or most)

    @classmethod
    def training_defaults(cls, corpus: CorpusInfo) -> TrainingDefaults:
        """A budget of steps rather than epochs, for a small corpus has few steps in an epoch."""
        return by_steps(corpus, 600)

    def encode(self, batch: Batch, features: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """The student's embeddings of two modalities' features, not normalised, this process's rows."""
        first, second = self.encoders
        return first(features[0], batch.gather), second(features[1], batch.gather)

    def teach(self, features: Tensor, modality: int) -> Tensor:
        """The teacher's unit-length embeddings of whole features, without gradient."""
        with torch.no_grad():
            encoder = cast(nn.ModuleList, self.teacher.module)[modality]
            return F.normalize(encoder(features).float(), dim=1)

    def teach_blocks(self, features: Tensor, modality: int) -> Tensor:
        """The same by blocks, so that activations take little memory and features may lie in a file."""

        def teach(block: Tensor) -> Tensor:
            release(features)
            return self.teach(block, modality)

        return map_blocks(teach, features, _TAUGHT)

    def on_step_end(self, progress: float) -> None:
        """Move the teacher."""
        s = self.settings
        self.teacher.update(self.encoders, ramp(s.teacher_momentum, s.teacher_momentum_end, progress))

    def prepare_embedding(self, train: Batch) -> None:
        """Fit the canonical projection on the teacher's embeddings of the training rows."""
        teach = self.teach if len(train) <= _TAUGHT_WHOLE else self.teach_blocks
        rows = train.paired(*train.features)
        first, second = (train.gather(teach(part, side)) for side, part in enumerate(rows))
        self.projection.fit(first, second, self.settings.projection_ridge)

    @torch.no_grad()
    def _canonical(self, features: Tensor, modality: int) -> Tensor:
        unit: Tensor = self.projection(self.teach(features, modality), modality, self.settings.projection_power)
        return unit

    def embed(self, features: Tensor, modality: int) -> Tensor:
        """The teacher's embedding, or its canonical coordinates, as ``projection`` says."""
        chosen = self._canonical if self.settings.projection == "canonical" else self.teach
        return chosen(features, modality)

    def embed_variants(self, features: Tensor, modality: int) -> dict[str, Tensor]:
        """The one of ``raw`` and ``canonical`` that :meth:`embed` does not give."""
        if self.settings.projection == "canonical":
            return {"raw": self.teach(features, modality)}
        return {"canonical": self._canonical(features, modality)}


def by_steps(corpus: CorpusInfo, steps: int, **more: object) -> TrainingDefaults:
    """Training defaults from a least number of steps, in at least 20 epochs.

    Large corpora get larger batches; ``more`` are other fields of the defaults.
    """
    batch_size = TrainingDefaults.batch_size if corpus.rows >= LARGE else 256
    values: dict[str, Any] = {"batch_size": batch_size, "learning_rate": 2e-3, **more}
    in_epoch = max(1, round(corpus.rows / values["batch_size"]))
    return TrainingDefaults(epochs=max(20, round(steps / in_epoch)), **values)


_CLASSES, _TIMES = 20, 20.0
"""Classes up to which so many steps suffice, and how many times as many steps more classes get at most."""


def by_classes(corpus: CorpusInfo, steps: int, **more: object) -> TrainingDefaults:
    """As :func:`by_steps`, for a head with a logit a class: more than 20 classes get more steps, in proportion.

    The more classes, the fewer rows of a batch tell of each.
    """
    return by_steps(corpus, round(steps * min(_TIMES, max(1.0, corpus.classes / _CLASSES))), **more)


_MASKED = 0.2
"""In principal directions, which ``scaling=auto`` gives, no entry predicts another: one share suits all corpora."""


class MaskedTwoTowerSettings(TwoTowerSettings):
    """Methods with masked features: masks and decoders."""

    mask_ratio: float | None = Field(_MASKED, ge=0, lt=1)
    """Probability that an entry is masked; null, as in old runs, means the same."""
    mask_steps: float = Field(0.0, ge=0, lt=1)
    """Probability that a whole time step of a sequence is masked."""
    mask_value: Literal["zero", "learned"] = "zero"
    """What replaces a masked entry."""
    reconstruct: Literal["masked", "all"] = "masked"
    """Which entries the reconstruction error counts."""
    reconstruction_weight: float = Field(1.0, ge=0)
    """Weight of the masked reconstruction; 0 switches it off."""
    decoder_width: int | None = Field(None, ge=4)
    """Units of the decoders' hidden layers; null: as in the encoders."""


class MaskedTwoTower(TwoTower):
    """Two towers with masks and decoders.

    Args:
        settings, corpus: As for every :class:`Method`.
    """

    settings: MaskedTwoTowerSettings
    mask_ratios: Tensor
    settings_type: ClassVar[type[Settings]] = MaskedTwoTowerSettings

    def __init__(self, settings: Settings, corpus: CorpusInfo) -> None:
        super().__init__(settings, corpus)
        s = self.settings
        width = s.decoder_width or s.width
        self.register_buffer("mask_ratios", torch.full((2,), _MASKED if s.mask_ratio is None else s.mask_ratio))
        self.mask_values = nn.ModuleList(MaskValue(shape[-1], s.mask_value == "learned") for shape in corpus.shapes)
        shapes = corpus.shapes if s.reconstruction_weight > 0 else ()
        self.decoders = nn.ModuleList(Decoder(shape, self.dim, width, s.activation) for shape in shapes)

    def mask(self, batch: Batch) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Masked features and their masks, for both modalities; the same on any number of processes."""
        s = self.settings
        masks = [
            bernoulli_mask(batch.uniform, tuple(features.shape[1:]), ratio, s.mask_steps)
            for features, ratio in zip(batch.features, self.mask_ratios)
        ]
        hidden = [fill(x, mask) for fill, x, mask in zip(self.mask_values, batch.features, masks)]
        return (hidden[0], hidden[1]), (masks[0], masks[1])

    def decode(self, embeddings: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Reconstructed features of both modalities from embeddings of unit length."""
        first, second = (decoder(F.normalize(z, dim=1)) for decoder, z in zip(self.decoders, embeddings))
        return first, second

    def reconstruction(self, batch: Batch, embeddings: tuple[Tensor, Tensor], masks: tuple[Tensor, Tensor]) -> Tensor:
        """Mean error of both modalities' features, reconstructed from masked embeddings, on this process's rows."""
        first, second = zip(self.decode(embeddings), batch.features, masks)
        return reconstruction_of_both((first, second), self.settings.reconstruct, shares(batch))


def shares(batch: Batch) -> tuple[Tensor, Tensor] | None:
    """(b,) weights of this process's rows in a mean over the rows that have a modality, per modality; None: all 1.

    A mean with these weights over the rows of each process, averaged over the processes, is the mean over the rows of
    the global batch that are there.
    """
    if batch.present is None:
        return None
    found = []
    for part in batch.present:
        everyone = batch.gather(part).float()
        found.append(part / everyone.mean().clamp_min(torch.finfo(everyone.dtype).eps))
    return found[0], found[1]


CANONICAL_ROWS = 2
"""Rows per dimension that a batch needs at least, so that noise does not read as correlation."""


def check_batch(rows: int, dimensions: int) -> None:
    """Refuse a global batch of fewer than twice as many rows as dimensions: noise would read as correlation.

    Raises:
        InputError: There are too few rows.
    """
    if rows < CANONICAL_ROWS * dimensions:
        raise InputError(
            f"a batch of {rows} rows is too small for canonical correlation in {dimensions} dimensions: "
            "noise would read as correlation",
            valid=f"at least {CANONICAL_ROWS * dimensions} rows, better twice that",
            fix="raise batch_size or lower embedding_dim (or set the term's weight to 0)",
        )
