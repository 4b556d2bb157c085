"""How much event chances may count: as much as does no harm to what is annotated, on held-out rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from overtone.evaluation import average_precisions
from overtone.objectives.targets import has_label

WEIGHTS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7)
"""Weights that are tried."""
MOST_ROWS = 2000
"""Most held-out rows that are looked at at once."""

_SPENT = 0.5
"""Share of what labels have surely gained that the weight may cost."""
_TOLERANCE = 0.006
"""Share of annotated mAP that it may cost where they have gained nothing, if enough events are hidden."""
_ENOUGH = 0.75
"""Unannotated events for each annotated one from which on they are enough."""

Views = tuple[Tensor, Tensor]
Precisions = np.ndarray[Any, np.dtype[np.float64]]
Effects = Mapping[float, Precisions]
"""For each weight the change, against weight 0, of the average precision of every query."""


class Gate(NamedTuple):
    """The chosen weight, and what it was chosen by.

    Attributes:
        weight: The chosen weight; None where the reference is to be kept, as the student is no better.
        curve: For each weight the mean change of the average precision against the reference, and the standard error of
            what the weight itself does.
        error: Standard error of the change at weight 0, that of two trainings.
        rows: Held-out rows that it was chosen on.
        queries: Queries, of both modalities, by which the curve was measured.
    """

    weight: float | None
    curve: dict[float, tuple[float, float]]
    error: float
    rows: int
    queries: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, with a sentence."""
        curve = [{"weight": w, "change": change, "error": error} for w, (change, error) in self.curve.items()]
        chosen = {
            "weight": self.weight or 0.0,
            "reference": self.weight is None,
            "rows": self.rows,
            "queries": self.queries,
        }
        return {**chosen, "training_error": self.error, "curve": curve, "said": self.said}

    @property
    def said(self) -> str:
        """What was chosen, in words."""
        if self.weight is None:
            return (
                "The student without event chances is kept: on held-out rows they do not raise annotated mAP, "
                "so the embedding makes no use of them."
            )
        change, _ = self.curve[self.weight]
        if not self.weight:
            return (
                "Event chances do not count in the similarity of clips, as any weight costs annotated mAP on held-out "
                f"rows; learning them raises it by {100 * change:.1f} points."
            )
        effect = 100 * (change - self.curve[0.0][0])
        return (
            f"Event chances count {self.weight:g}: on {self.rows:,} held-out rows annotated mAP changes by "
            f"{100 * change:+.1f} points against the student without them, ± {100 * self.error:.1f} of two trainings; "
            f"{effect:+.1f} of it is what the weight does, by {self.queries:,} queries of trials."
        )


def choose_weight(
    reference: Views,
    candidate: Callable[[float], Views],
    labels: Tensor,
    effects: Effects | None = None,
    *,
    hidden: float = 1.0,
) -> Gate:
    r"""Choose how much event chances count, so that annotated mAP suffers no harm.

    Every held-out query of either modality is ranked among the held-out rows of the other. Let g be the mean change of
    its average precision against the reference at weight 0, with standard error :math:`\sigma_g`: what learning event
    chances does to labels. Let :math:`e_w` be the change that the weight w makes in the same student, with standard
    error :math:`\sigma_w`, by trials on more rows where there were any. If :math:`g + \sigma_g < 0` the reference is
    kept. Otherwise w is the largest weight with

    .. math:: \tfrac12 \max(g - \sigma_g, 0) + 0.006\, h\, m + e_w - \sigma_w \ge 0,

    with m, the reference's mean average precision, and h, 4/3 of the number of unannotated events for each annotated
    one, 1 at most. Half of what labels have surely gained may be spent, because g, of two trainings, is far less sure
    than :math:`e_w`; and up to 0.6 % of m where they have gained nothing: less where there are few events to find.
    Where w is 0, the reference is kept unless labels have surely gained, :math:`g > 2 \sigma_g`.

    Args:
        reference: (n, e) embeddings of held-out rows per modality, by the student that knows no event chances.
        candidate: The student's embeddings of the same rows at a weight.
        labels: (n,) class codes, -1 for none, or (n, C) targets; rows without any are left out.
        effects: What the weights have done in trials; None: measured on these rows.
        hidden: Expected number of unannotated events for each annotated one.
    """
    known = has_label(labels).nonzero()[:, 0][:MOST_ROWS]
    judged = labels[known].cpu()
    before = _precisions(reference, known, judged)
    gain, error = _mean(_precisions(candidate(0.0), known, judged) - before)
    effects = measure_effects(candidate, labels) if effects is None else effects
    spendable = _SPENT * max(gain - error, 0.0) + _TOLERANCE * min(1.0, hidden / _ENOUGH) * _mean(before)[0]
    curve: dict[float, tuple[float, float]] = {}
    chosen = None if gain + error < 0 or not len(known) else 0.0
    for weight, changes in effects.items():
        effect, uncertainty = _mean(changes)
        curve[weight] = gain + effect, uncertainty
        if chosen is not None and spendable + effect - uncertainty >= 0:
            chosen = weight
    if chosen == 0.0 and gain <= 2.0 * error:
        chosen = None
    return Gate(chosen, curve, error, len(known), len(effects[0.0]))


def measure_effects(candidate: Callable[[float], Views], labels: Tensor) -> Effects:
    """What every weight does to the average precision of each query, against weight 0.

    Args:
        candidate, labels: As for :func:`choose_weight`.
    """
    known = has_label(labels).nonzero()[:, 0][:MOST_ROWS]
    judged = labels[known].cpu()
    found = {weight: _precisions(candidate(weight), known, judged) for weight in WEIGHTS}
    return {weight: precisions - found[0.0] for weight, precisions in found.items()}


def _mean(values: Precisions) -> tuple[float, float]:
    """Mean of what is known, and its standard error."""
    known = values[~np.isnan(values)]
    if len(known) < 2:
        return (float(known.mean()) if len(known) else 0.0), 0.0
    return float(known.mean()), float(known.std(ddof=1) / math.sqrt(len(known)))


def _precisions(views: Views, rows: Tensor, labels: Tensor) -> Precisions:
    """Average precision of every query of both directions."""
    if len(rows) < 2:
        return np.full(2 * len(rows), np.nan)
    first, second = (part[rows].cpu() for part in views)
    both = [average_precisions(a, b, labels, labels) for a, b in ((first, second), (second, first))]
    return np.concatenate(both)
