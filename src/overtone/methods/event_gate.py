"""How much event chances may count: as much as does no harm to what is annotated, on held-out rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from overtone.evaluation import average_precisions

WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
"""Weights that are tried."""
_MOST_ROWS = 2000
"""Held-out rows that are looked at."""

Views = tuple[Tensor, Tensor]


class Gate(NamedTuple):
    """The chosen weight, and what it was chosen by.

    Attributes:
        weight: The largest weight that does no harm; None where even 0 does, so that the reference is to be kept.
        curve: For each weight the mean change of the average precision against the reference, and the standard error of
            what the weight itself does.
        rows: Held-out rows that it was chosen on.
    """

    weight: float | None
    curve: dict[float, tuple[float, float]]
    rows: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, with a sentence."""
        weight = self.weight or 0.0
        curve = [{"weight": w, "change": change, "error": error} for w, (change, error) in self.curve.items()]
        return {
            "weight": weight,
            "reference": self.weight is None,
            "rows": self.rows,
            "curve": curve,
            "said": self.said,
        }

    @property
    def said(self) -> str:
        """What was chosen, in words."""
        if not self.weight:
            return (
                "Event chances do not count: on held-out rows any weight would cost annotated mAP, "
                "so this corpus gives no sign of unannotated events that the student can use."
            )
        change, error = self.curve[self.weight]
        return (
            f"Event chances count {self.weight:g}: on {self.rows} held-out rows annotated mAP changes by "
            f"{100 * change:+.1f} ± {100 * error:.1f} points against the student without them."
        )


def choose_weight(reference: Views, candidate: Callable[[float], Views], targets: Tensor) -> Gate:
    """Choose the largest weight whose change of annotated mAP, less one standard error, is not negative.

    The change is that of the average precision of every held-out query of either modality among the held-out rows of
    the other, against the same query in the reference. Its standard error is that of what the weight does, a mean of
    paired differences against weight 0 of the same student: two trainings differ by chance in either direction, and
    a student that is as good as the reference is to have its say.

    Args:
        reference: (n, e) embeddings of held-out rows per modality, by the student that knows no event chances.
        candidate: The student's embeddings of the same rows at a weight.
        targets: (n, C) labels; rows without any are left out.
    """
    known = (targets.sum(1) > 0).nonzero()[:, 0][:_MOST_ROWS]
    labels = targets[known].cpu()
    before, own = _precisions(reference, known, labels), _precisions(candidate(0.0), known, labels)
    curve: dict[float, tuple[float, float]] = {}
    chosen = None
    for weight in WEIGHTS:
        found = _precisions(candidate(weight), known, labels)
        change, moved = (part[~np.isnan(part)] for part in (found - before, found - own))
        mean = float(change.mean()) if len(change) else 0.0
        error = float(moved.std(ddof=1) / math.sqrt(len(moved))) if len(moved) > 1 else math.inf
        curve[weight] = mean, error
        if mean - error >= 0:
            chosen = weight
    return Gate(chosen, curve, len(known))


def _precisions(views: Views, rows: Tensor, labels: Tensor) -> np.ndarray[Any, np.dtype[np.float64]]:
    first, second = (part[rows].cpu() for part in views)
    if len(rows) < 2:
        return np.full(2 * len(rows), np.nan)
    both = [average_precisions(a, b, labels, labels) for a, b in ((first, second), (second, first))]
    return np.concatenate(both)
