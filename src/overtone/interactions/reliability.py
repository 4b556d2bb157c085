"""How far probabilities can be believed: their misfit, their calibration error, and how well they rank."""

from __future__ import annotations

import torch
from torch import Tensor

from overtone.graphs.soft_labels import Kind
from overtone.objectives.targets import as_targets, has_label

_BINS = 15
_CELLS = 1 << 22
"""Scores of the classes that are ranked at once."""


def reliability(probabilities: Tensor, labels: Tensor, kind: Kind) -> dict[str, float]:
    """Figures of class probabilities against the annotation.

    Of sigmoids every class of every row is a yes or no, and ``no`` is "not annotated": a head that sees events nobody
    annotated has a larger ``nll`` and ``ece`` for it.

    Args:
        probabilities: (n, C).
        labels: (n,) class codes, -1 for none, or (n, C) in [0, 1]; rows without a label are left out.
        kind: ``"softmax"`` or ``"sigmoid"``.

    Returns:
        ``nll``: mean negative log-likelihood of a row's labels (of sigmoids, per class); ``ece``: expected calibration
        error over 15 bins of equal width; ``accuracy``: share of rows whose likeliest class is annotated; ``map``: mean
        over the classes of the average precision with which the rows are ranked.
    """
    known = has_label(labels)
    given = labels[known]
    p, y = probabilities[known].double(), as_targets(given, probabilities.shape[1]).double()
    if not len(p):
        return {}
    confidence, top = p.max(1)
    right = y.gather(1, top[:, None])[:, 0]
    tiny = torch.finfo(torch.float32).tiny
    if kind == "softmax":
        share = y / y.sum(1, keepdim=True)
        nll = -(share * p.clamp_min(tiny).log()).sum(1).mean()
        ece = calibration_error(confidence, right)
    else:
        rest = torch.finfo(torch.float32).eps
        nll = -(y * p.clamp_min(tiny).log() + (1 - y) * (1 - p).clamp_min(rest).log()).mean()
        ece = calibration_error(p.flatten(), y.flatten())
    return {"nll": float(nll), "ece": ece, "accuracy": float(right.mean()), "map": mean_class_precision(p, given)}


def calibration_error(confidence: Tensor, outcome: Tensor, bins: int = _BINS) -> float:
    r"""Expected calibration error of (n,) probabilities against (n,) outcomes in [0, 1], over bins of equal width.

    .. math:: \sum_b \frac{n_b}{n} \, | \bar p_b - \bar y_b |

    Source:
        Naeini, Cooper & Hauskrecht 2015, AAAI; Guo et al. 2017, arXiv 1706.04599.
    """
    place = (confidence * bins).long().clamp(0, bins - 1)
    gap = torch.zeros(bins, dtype=torch.float64).index_add_(0, place, (confidence - outcome).double())
    return float(gap.abs().sum() / len(confidence))


def mean_class_precision(scores: Tensor, labels: Tensor) -> float:
    """Mean over the annotated classes of the average precision of the rows ranked by score; ties keep their order.

    Args:
        scores: (n, C).
        labels: (n,) class codes, -1 for none, or (n, C) targets, whose entries above 0 are positives.
    """
    found, step = [], max(1, _CELLS // len(scores))
    for start in range(0, scores.shape[1], step):
        classes = torch.arange(start, min(start + step, scores.shape[1]))
        positive = labels[:, None] == classes if labels.dim() == 1 else labels[:, classes] > 0
        order = torch.argsort(scores[:, classes], dim=0, descending=True, stable=True)
        hit = positive.gather(0, order).double()
        precision = hit.cumsum(0) / torch.arange(1, len(hit) + 1, dtype=torch.float64)[:, None]
        count = hit.sum(0)
        found.append((precision * hit).sum(0)[count > 0] / count[count > 0])
    return float(torch.cat(found).mean())
