"""The inputs of a metric-learning loss: rows against rows, and which pairs are positives."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from overtone.core import InputError
from overtone.objectives.targets import as_labels, has_label, relation


class Pairs(NamedTuple):
    """Unit rows against unit rows, and how much each pair is a positive and a negative one.

    With hard labels the weights are 0 and 1. With soft ones a pair is both: a positive with weight r, a negative with
    weight 1 − r. A row is no pair with itself, and one without a label is no pair with any: both weights are 0 there.

    Attributes:
        anchors, others: (n, d) and (m, d) rows of length 1, float32 or float64; others are the same rows, those of a
            gallery, or the centres of classes.
        positive, negative: (n, m) weights in [0, 1].
        hard: Whether a pair is known to be either a positive or a negative one, not some of both.
    """

    anchors: Tensor
    others: Tensor
    positive: Tensor
    negative: Tensor
    hard: bool = False

    def cosines(self) -> Tensor:
        """(n, m) cosines of all pairs, never in half precision."""
        with torch.autocast(self.anchors.device.type, enabled=False):
            return self.anchors @ self.others.mT

    def with_both(self) -> Tensor:
        """(n,) truth values: whether an anchor has a positive and a negative."""
        return (self.positive.sum(1) > 0) & (self.negative.sum(1) > 0)


def pairs(
    embeddings: Tensor,
    labels: Tensor | None = None,
    gallery: Tensor | None = None,
    gallery_labels: Tensor | None = None,
    *,
    targets: Tensor | None = None,
    negative_relief: Tensor | None = None,
) -> Pairs:
    """Check a batch and pair its rows, with each other or with a gallery.

    Args:
        embeddings: (n, d), any scale.
        labels: (n,) integer classes, -1 for none, or (n, C) targets in [0, 1]: several labels, or soft ones, a row of
            zeros for none. A row without a label is left out: neither an anchor nor a positive or negative.
        gallery: (m, d) rows to pair with, for example of the other modality; None for the batch itself.
        gallery_labels: (m,) or (m, C), as ``labels``.
        targets: (n, m) matrix in [0, 1] of how much row j is a positive of row i, in place of labels.
        negative_relief: (n, m) matrix in [0, 1], how far row j is spared from being a negative of row i: its weight as
            a negative is multiplied by one minus it. None: no pair is spared.

    Returns:
        The pairs. On an accelerator values are not checked, because the host would have to wait.

    Raises:
        InputError: Shapes, devices or kinds of labels do not fit together, a value is not finite or out of range, or
            there is no positive or no negative pair.

    Example:
        >>> found = pairs(torch.eye(3), torch.tensor([0, 0, 1]))
        >>> found.positive
        tensor([[0., 1., 0.],
                [1., 0., 0.],
                [0., 0., 0.]])
    """
    check_batch(embeddings, gallery)
    others = embeddings if gallery is None else gallery
    if targets is None:
        labels, gallery_labels = check_all_labels(embeddings, labels, gallery, gallery_labels)
        related = relation(labels, gallery_labels)
        known, others_known = has_label(labels), has_label(labels if gallery_labels is None else gallery_labels)
    elif labels is None and gallery_labels is None:
        related = _checked_matrix("targets", targets, embeddings, others).clamp(0.0, 1.0)
        known, others_known = related.new_ones(len(embeddings)), related.new_ones(len(others))
    else:
        raise InputError("both labels and targets are given", fix="pass one of them")
    anchors = unit(embeddings)
    positive = related.to(anchors.dtype)
    negative = torch.outer(known.to(positive), others_known.to(positive)) - positive
    if negative_relief is not None:
        spared = _checked_matrix("negative_relief", negative_relief, embeddings, others).to(anchors.dtype)
        negative = negative.addcmul_(negative, spared, value=-1.0).clamp_(0.0, 1.0)
    if gallery is None:
        positive, negative = positive.fill_diagonal_(0.0), negative.fill_diagonal_(0.0)
    if not holds(positive.sum() > 0):
        fix = "sample at least two rows of some class"
        raise InputError("no two rows of the batch are positives of each other", fix=fix)
    if not holds(negative.sum() > 0):
        raise InputError("the batch has one class only, so no negative pair", fix="sample rows of several classes")
    hard = labels is not None and labels.dim() == 1
    return Pairs(anchors, anchors if gallery is None else unit(gallery).to(anchors.dtype), positive, negative, hard)


def centre_pairs(embeddings: Tensor, labels: Tensor | None, centres: Tensor) -> Pairs:
    """Check a batch and pair its rows with the (C, d) centres of classes.

    ``positive`` of the pairs is one-hot, or the targets; a row without a label has none.

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
        if not holds((labels < classes).all()):
            got = f"{labels.min()} to {labels.max()}"
            raise InputError("labels: a class is out of range", got=got, valid=f"0 to {classes - 1}")
        positive = (labels[:, None] == torch.arange(classes, device=labels.device)).to(anchors.dtype)
        share = positive.sum(1, keepdim=True).masked_fill(labels[:, None] == -1, 1.0)
        positive = positive / share  # an unseen label out of range is NaN, not a row left out
    else:
        if labels.shape[1] != classes:
            raise InputError("labels: not a column for each class", got=labels.shape[1], valid=classes)
        positive = labels.to(anchors.dtype)
    if not holds(~(positive.sum() <= 0)):
        raise InputError("labels: no row of the batch has one", fix="leave out rows without a label")
    return Pairs(anchors, others, positive, 1.0 - positive, labels.dim() == 1)


def unit(rows: Tensor) -> Tensor:
    """(n, d) rows scaled to length 1, in float32, or float64 if that is what came in; a row of zeros stays one."""
    return F.normalize(precise(rows), dim=1)


def precise(values: Tensor) -> Tensor:
    """Numbers in float32, or float64 if that is what came in."""
    return values if values.dtype == torch.float64 else values.float()


def holds(condition: Tensor) -> bool:
    """Whether a condition holds; on an accelerator it is taken to, since looking would make the host wait."""
    return condition.device.type != "cpu" or bool(condition.detach().numpy())


def _check_rows(name: str, rows: Tensor) -> None:
    """Refuse what are no embeddings."""
    if rows.dim() != 2 or not rows.is_floating_point() or not len(rows):
        got = f"{tuple(rows.shape)} of {rows.dtype}"
        raise InputError(f"{name}: not a matrix of rows", got=got, valid="(n, d) floating-point numbers, n >= 1")
    if not holds(rows.isfinite().all()):
        row = int(rows.detach().isfinite().all(1).logical_not().nonzero()[0])
        raise InputError(f"{name}: row {row} holds NaN or infinity", fix="lower the learning rate, or check the input")


def check_batch(embeddings: Tensor, gallery: Tensor | None) -> None:
    """Refuse what are no (n, d) embeddings, floating and finite, or a gallery of another space."""
    _check_rows("embeddings", embeddings)
    if gallery is not None:
        _check_rows("gallery", gallery)
        if gallery.shape[1] != embeddings.shape[1]:
            got = f"{embeddings.shape[1]} and {gallery.shape[1]}"
            raise InputError("embeddings and gallery differ in width", got=got)
        _same_place("gallery", gallery, embeddings)


def check_all_labels(
    embeddings: Tensor, labels: Tensor | None, gallery: Tensor | None, gallery_labels: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """The labels of a batch and its gallery; refuses what is missing, too many, misshapen, out of range or mixed."""
    labels = _checked_labels("labels", labels, embeddings)
    if gallery is None:
        if gallery_labels is not None:
            raise InputError("gallery_labels without a gallery", fix="pass the rows too, or leave the labels out")
        return labels, None
    gallery_labels = _checked_labels("gallery_labels", gallery_labels, gallery)
    if labels.shape[1:] != gallery_labels.shape[1:]:
        got = f"{tuple(labels.shape)} and {tuple(gallery_labels.shape)}"
        raise InputError("labels and gallery_labels are of different kinds", got=got)
    return labels, gallery_labels


def _checked_labels(name: str, labels: Tensor | None, rows: Tensor) -> Tensor:
    valid = "(n,) integer classes or (n, C) targets in [0, 1]"
    if labels is None:
        raise InputError(f"{name} are missing", valid=valid)
    labels = as_labels(labels)
    if labels.dim() not in (1, 2) or (labels.dim() == 1 and labels.is_floating_point()):
        raise InputError(f"{name}: not labels", got=f"{tuple(labels.shape)} of {labels.dtype}", valid=valid)
    if len(labels) != len(rows):
        raise InputError(f"{name}: not one for each row", got=f"{len(labels)} labels for {len(rows)} rows")
    _same_place(name, labels, rows)
    if labels.dim() == 2:
        _within_one(name, labels)
    elif not holds((labels >= -1).all()):
        row = int((labels < -1).nonzero()[0])
        got, valid = int(labels[row]), "0 and up, or -1 for a row without a label"
        raise InputError(f"{name}, row {row}: a class is out of range", got=got, valid=valid)
    return labels


def _checked_matrix(name: str, matrix: Tensor, rows: Tensor, others: Tensor) -> Tensor:
    if matrix.shape != (len(rows), len(others)):
        valid = f"({len(rows)}, {len(others)})"
        raise InputError(f"{name}: not one for each pair", got=tuple(matrix.shape), valid=valid)
    _same_place(name, matrix, rows)
    _within_one(name, matrix)
    return matrix


def _same_place(name: str, values: Tensor, rows: Tensor) -> None:
    if values.device != rows.device:
        raise InputError(f"{name} and embeddings lie on different devices", got=f"{values.device} and {rows.device}")


def _within_one(name: str, values: Tensor) -> None:
    rounding = 1e-6
    least, most = values.detach().aminmax()
    if not holds((least >= -rounding) & (most <= 1 + rounding)):
        raise InputError(f"{name}: a value is not in [0, 1]", got=f"{least} to {most}")


Distance = Literal["euclidean", "squared", "cosine"]


def distances(cosines: Tensor, kind: Distance) -> Tensor:
    r"""Distances of unit rows from their cosines, in [0, 2], squared ones in [0, 4].

    .. math:: \text{euclidean:}\quad \sqrt{2 - 2 \cos} \qquad \text{squared:}\quad 2 - 2 \cos
              \qquad \text{cosine:}\quad 1 - \cos

    Of the Euclidean distance: rows that differ by no more than the rounding of their cosine have distance 0 and do not
    pull at each other, so there is no division by 0 in the gradient.
    """
    if kind != "euclidean":
        times = 2.0 if kind == "squared" else 1.0
        return F.relu(times - times * cosines)
    rounding = 4 * torch.finfo(cosines.dtype).eps
    # relu's derivative is chosen, not multiplied: the infinite slope of the root at 0 does not come through
    return F.relu((2.0 - rounding) - 2.0 * cosines).sqrt()
