"""AV-SAL: a teacher of soft labels, with a head per modality, that leaves room for events nobody annotated."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from overtone.core import Settings
from overtone.methods.base import Batch, CorpusInfo, Method, TrainingDefaults, methods
from overtone.methods.cca import check_classes, flat
from overtone.methods.two_tower import by_classes
from overtone.networks import Activation, Encoder, class_sums
from overtone.objectives.classification import agreement, positive_unlabelled, soft_cross_entropy
from overtone.objectives.targets import as_targets, has_label
from overtone.objectives.weighting import weighted_sum

COOLEST, HOTTEST = 0.05, 20.0
"""Range in which the calibrated temperature is searched."""
_CELLS = 1 << 22
"""Logits whose fit is measured at once."""


class AVSALSettings(Settings):
    """Settings of the teacher of soft labels."""

    renamed: ClassVar = {"explaining": "feature_reconstruction", "mixing": "mixup"}

    head: Literal["softmax", "sigmoid"] = "sigmoid"
    """softmax: one dominant event per clip; sigmoid: several independent events."""
    feature_reconstruction: float | None = Field(None, ge=0)
    """Weight of reconstructing features from classes; null: 0, in cross-fitting 3 unless that worsens a ranking."""
    agreement: float = Field(0.1, ge=0)
    """Weight of the agreement of the two modalities' heads; 0 switches it off."""
    agreement_temperature: float = Field(2.0, gt=0)
    """Temperature of the agreement; above 1 small probabilities count for more."""
    smoothing: float = Field(0.0, ge=0, lt=1)
    """Probability left for unannotated classes: a share of the softmax, or of the unannotated part of a sigmoid."""
    negative_weight: float = Field(0.5, gt=0, le=1)
    """Sigmoids only: weight of unannotated classes; annotated ones have 1, and not annotated is not absent."""
    mixup: float = Field(0.0, ge=0, le=1)
    """Share of the training rows that are mixtures of two clips, with the labels of both."""
    width: int = Field(128, ge=4)
    """Units of each hidden layer."""
    depth: int = Field(1, ge=0, le=1000)
    """Hidden layers of each head; 0: linear."""
    activation: Activation = "gelu"
    """tanh, gelu or relu."""
    dropout: float | None = Field(0.3, ge=0, lt=1)
    """Share of hidden units switched off in a training step; null: none."""


@methods.register("av-sal")
class AVSAL(Method):
    """Class probabilities of either modality from a network of its own; temperatures are calibrated on held-out rows.

    The loss is the mean of both heads' fit to the annotation plus their agreement. Rows without a label
    are not learned from. The embedding is the square root of the probabilities at unit length, so that a cosine is the
    overlap (Bhattacharyya) of two clips' probabilities.

    Source:
        The aim is that of Learning Audio-Visual Embeddings with Inferred Latent Interaction Graphs, 2026; the form of
        the terms is our own.
    """

    name = "av-sal"
    supervised = True
    settings: AVSALSettings
    settings_type: ClassVar[type[Settings]] = AVSALSettings
    temperatures: Tensor

    def __init__(self, settings: Settings, corpus: CorpusInfo) -> None:
        super().__init__(settings, corpus)
        s = self.settings
        self.heads = nn.ModuleList(
            Encoder(shape, corpus.classes, s.width, s.depth, s.activation, s.dropout or 0.0) for shape in corpus.shapes
        )
        self.prototypes = nn.ParameterList(
            torch.zeros(corpus.classes + 1, shape[-1]) for shape in (corpus.shapes if s.feature_reconstruction else ())
        )
        self.register_buffer("temperatures", torch.ones(2))

    @classmethod
    def resolve(cls, settings: Settings, corpus: CorpusInfo) -> Settings:
        """No feature reconstruction unless it is asked for."""
        known = settings.model_dump()["feature_reconstruction"] is not None
        return settings if known else settings.changed(feature_reconstruction=0.0)

    @classmethod
    def training_defaults(cls, corpus: CorpusInfo) -> TrainingDefaults:
        """A teacher is small and trains fast; it is validated once, at the end."""
        defaults = by_classes(corpus, 400, learning_rate=3e-3, weight_decay=1e-3)
        return TrainingDefaults(**{**vars(defaults), "extra": {"validate_every": defaults.epochs}})

    @classmethod
    def ablations(cls) -> dict[str, dict[str, Any]]:
        """The teacher without one of the terms that make unannotated events visible."""
        return {"no-agreement": {"agreement": 0.0}, "no-room": {"negative_weight": 1.0}}

    def on_train_start(self, train: Batch) -> None:
        """Begin the prototypes with the classes' means."""
        check_classes(train)
        if not self.prototypes:
            return
        assert train.labels is not None
        counts = class_sums(train.labels, torch.ones(len(train), 1, device=train.labels.device))
        with torch.no_grad():
            for prototypes, features in zip(self.prototypes, train.features):
                prototypes[: len(counts)] = class_sums(train.labels, flat(features)) / counts.clamp_min(1e-6)

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """The loss of this process's rows, some of them mixed with a row of the global batch."""
        assert batch.targets is not None
        s, everyone = self.settings, batch.gather(batch.targets)
        labelled = everyone.sum(1) > 0
        # of mean 1 over the global batch, so that processes average to what one would have
        weights = (batch.targets.sum(1) > 0) / labelled.float().mean().clamp_min(1e-6)
        features, targets = self.mixed(batch, everyone) if s.mixup else (batch.features, batch.targets)
        first, second = (head(rows) for head, rows in zip(self.heads, features))
        terms = {"fit": 0.5 * (self.fit(first, targets, weights) + self.fit(second, targets, weights))}
        if s.agreement:
            terms["agreement"] = agreement(first, second, s.agreement_temperature, s.head, weights)
        if s.feature_reconstruction:
            parts = [
                self.unexplained(x, z, side, weights) for side, (x, z) in enumerate(zip(features, (first, second)))
            ]
            terms["feature_reconstruction"] = 0.5 * (parts[0] + parts[1])
        shares = {"agreement": s.agreement, "feature_reconstruction": s.feature_reconstruction or 0.0}
        return {"loss": weighted_sum(terms, {"fit": 1.0, **shares}), **terms}

    def unexplained(self, features: Tensor, logits: Tensor, side: int, weights: Tensor) -> Tensor:
        """Mean squared part of a modality's features that its classes' probabilities and prototypes do not explain."""
        prototypes = self.prototypes[side]
        guess: Tensor = self.probabilities(logits) @ prototypes[:-1] + prototypes[-1]
        return (weights * (flat(features) - guess).square().mean(1)).mean()

    def mixed(self, batch: Batch, everyone: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """Features and joint (b, C) targets of a batch in which some rows have another clip on top of them.

        ``everyone`` are the (B, C) targets of the global batch.
        """
        assert batch.targets is not None
        taken = batch.uniform(1) < self.settings.mixup
        order = torch.randperm(len(everyone), generator=batch.generator, device=everyone.device)
        partners = order[batch.offset : batch.offset + len(batch)]
        # what a clip without a label would bring is not known
        taken = taken & (everyone.sum(1) > 0)[partners, None]
        first, second = (
            rows + batch.gather(rows)[partners] * taken.view(-1, *[1] * (rows.dim() - 1)) for rows in batch.features
        )
        return (first, second), torch.where(taken, torch.maximum(batch.targets, everyone[partners]), batch.targets)

    def fit(self, logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        """How badly (n, C) logits fit (n, C) targets, as the kind of head has it."""
        s = self.settings
        if s.head == "softmax":
            return soft_cross_entropy(logits, targets, s.smoothing, weights)
        return positive_unlabelled(logits, targets, s.negative_weight, s.smoothing, weights)

    def calibrate(self, held_out: Batch) -> None:
        """Find the temperature of each modality at which the head fits the labels of held-out rows best."""
        assert held_out.labels is not None
        rows = has_label(held_out.labels).nonzero()[:, 0]
        if not len(rows):
            return
        labels = held_out.labels[rows]
        for side, features in enumerate(held_out.features):
            self.temperatures[side] = self.best_temperature(self.logits(features[rows], side), labels)

    def best_temperature(self, logits: Tensor, labels: Tensor) -> float:
        """The temperature of least cross-entropy, which is convex in 1/T; of sigmoids nothing is weighted here.

        Args:
            logits: (n, C).
            labels: (n,) class codes or (n, C) targets; each row has a label.
        """
        from scipy.optimize import minimize_scalar

        step = max(1, _CELLS // logits.shape[1])
        fit = soft_cross_entropy if self.settings.head == "softmax" else positive_unlabelled

        def misfit(logarithm: float) -> float:
            found = 0.0
            for start in range(0, len(logits), step):
                some = logits[start : start + step].double()
                targets = as_targets(labels[start : start + step], logits.shape[1]).double()
                found += len(some) / len(logits) * float(fit(some / math.exp(logarithm), targets))
            return found

        bounds = (math.log(COOLEST), math.log(HOTTEST))
        found = minimize_scalar(misfit, bounds=bounds, method="bounded", options={"xatol": 1e-6})
        return math.exp(found.x)

    def logits(self, features: Tensor, modality: int) -> Tensor:
        """(n, d) or (n, T, d) rows of a modality to (n, C) logits as trained, without gradient."""
        with torch.no_grad():
            found: Tensor = self.heads[modality](features).float()
            return found

    def soft_labels(self, features: Tensor, modality: int) -> Tensor:
        """(n, d) or (n, T, d) rows of a modality to (n, C) probabilities at the calibrated temperature."""
        return self.probabilities(self.logits(features, modality) / self.temperatures[modality])

    def probabilities(self, logits: Tensor) -> Tensor:
        """(n, C) logits to probabilities, as the kind of head has them."""
        return logits.softmax(1) if self.settings.head == "softmax" else logits.sigmoid()

    def embed(self, features: Tensor, modality: int) -> Tensor:
        """Square roots of the probabilities, of unit length."""
        return F.normalize(self.soft_labels(features, modality).sqrt(), dim=1)
