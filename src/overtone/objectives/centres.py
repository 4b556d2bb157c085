"""Losses that learn a centre for each class: rows against centres are pairs like any others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from overtone.core import InputError, Settings
from overtone.objectives.base import LossInputs, LossResult, MetricLoss
from overtone.objectives.pairs import Pairs, check_all_labels, check_batch, holds, unit


def centre_pairs(embeddings: Tensor, labels: Tensor | None, centres: Tensor) -> Pairs:
    """Check a batch and pair its rows with the centres of classes.

    Args:
        embeddings: (n, d), any scale.
        labels: (n,) integer classes below C, or (n, C) targets in [0, 1].
        centres: (C, d), any scale.

    Returns:
        Pairs of which ``positive`` is one-hot, or the targets; a row without a label has none.

    Raises:
        InputError: Shapes, devices or dtypes do not fit, a value is not finite or a label out of range.

    Example:
        >>> centre_pairs(torch.eye(2), torch.tensor([1, 0]), torch.eye(3)[:, :2]).positive
        tensor([[0., 1., 0.],
                [1., 0., 0.]])
    """
    check_batch(embeddings, None)
    labels, _ = check_all_labels(embeddings, labels, None, None)
    classes, width = centres.shape
    if embeddings.shape[1] != width:
        raise InputError("embeddings and class centres differ in width", got=f"{embeddings.shape[1]} and {width}")
    anchors = unit(embeddings)
    others = unit(centres.to(anchors.dtype))
    if labels.dim() == 1:
        if not holds(((labels >= 0) & (labels < classes)).all()):
            raise InputError(
                "labels: a class is out of range", got=f"{labels.min()} to {labels.max()}", valid=f"0 to {classes - 1}"
            )
        positive = (labels[:, None] == torch.arange(classes, device=labels.device)).to(anchors.dtype)
        positive = positive / positive.sum(1, keepdim=True)  # an unseen label out of range is NaN, not a row left out
    else:
        if labels.shape[1] != classes:
            raise InputError("labels: not a column for each class", got=labels.shape[1], valid=classes)
        positive = labels.to(anchors.dtype)
        if not holds(positive.sum() > 0):
            raise InputError("labels: no row of the batch has one", fix="leave out rows without a label")
    return Pairs(anchors, others, positive, 1.0 - positive)


class CentreSettings(Settings):
    """Settings of every loss with class centres."""

    classes: int = Field(ge=2)
    """Number of classes, C >= 2."""
    embedding_dim: int = Field(ge=1)
    """Width of the embeddings, d >= 1."""


class CentreLoss(MetricLoss):
    """Base of the losses with a centre for each class: ``centres``, (C, d), a parameter for the optimiser.

    The rows of a gallery are judged by the same centres: that is how two modalities come together.

    Args:
        **settings: Fields of ``settings_type``; ``classes`` and ``embedding_dim`` are required.
    """

    needs_classes = True
    function: ClassVar[Callable[..., LossResult]]
    settings: CentreSettings

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        # of length 1, so that a step of the optimiser turns a centre as far as it would an embedding's direction
        self.centres = nn.Parameter(F.normalize(torch.randn(self.settings.classes, self.settings.embedding_dim), dim=1))

    def compute(self, inputs: LossInputs) -> LossResult:
        """Pair all rows with the centres and call the function."""
        embeddings, gallery = inputs.embeddings, inputs.gallery
        if inputs.targets is not None or inputs.negative_relief is not None:
            raise InputError(f"{self.name} judges rows by classes, not by each other", fix="pass labels, not targets")
        check_batch(embeddings, gallery)
        labels, gallery_labels = check_all_labels(embeddings, inputs.labels, gallery, inputs.gallery_labels)
        if gallery is not None and gallery_labels is not None:
            embeddings, labels = torch.cat((embeddings, gallery)), torch.cat((labels, gallery_labels))
        options = {name: value for name, value in self.settings if name not in CentreSettings.model_fields}
        return type(self).function(centre_pairs(embeddings, labels, self.centres), **options)
