"""How much event chances may count: as much as does no harm to what is annotated, by trials on unseen rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

WEIGHTS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Weights that are tried."""

_SPENT = 1 / 3
"""Share of what labels have surely gained that the weight may cost."""
_SURE = 2.0
"""Standard errors by which labels must gain, for event chances to be used."""
_TOLERANCE = 0.006
"""Share of annotated mAP that it may cost besides, if enough events are hidden; and that edges may cost."""
_ENOUGH = 0.75
"""Unannotated events for each annotated one from which on they are enough."""

Precisions = np.ndarray[Any, np.dtype[np.float64]]


class Trials(NamedTuple):
    """What students reach on rows that they have not seen: the average precision of every query of either modality.

    Attributes:
        reference: (Q,) of students without event chances; NaN where a query has nothing to find.
        weights: For each weight of the event chances (Q,) of students with them.
    """

    reference: Precisions
    weights: Mapping[float, Precisions]


class EdgeTrial(NamedTuple):
    """What the edges of the graph do to labels, by the event chances that students learn.

    Attributes:
        change: Mean change of the average precision, at weight 0, against students whose chances are without edges.
        error: Its standard error.
        allowed: What they may cost.
    """

    change: float
    error: float
    allowed: float

    @property
    def harm(self) -> bool:
        """Whether labels surely lose more by the edges than they may."""
        return self.change + _SURE * self.error < -self.allowed


class Gate(NamedTuple):
    """The chosen weight, and what it was chosen by.

    Attributes:
        weight: The chosen weight; None where event chances are not learnt, as a student with them is no better.
        curve: For each weight the mean change of the average precision against students without event chances, and the
            standard error of what the weight itself does.
        error: Standard error of the change at weight 0, what learning event chances does to labels.
        queries: Queries, of both modalities, by which the curve was measured.
        edges: What the graph's edges do to labels by the chances; None where students without them were not tried.
    """

    weight: float | None
    curve: dict[float, tuple[float, float]]
    error: float
    queries: int
    edges: EdgeTrial | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, with a sentence."""
        curve = [{"weight": w, "change": change, "error": error} for w, (change, error) in self.curve.items()]
        chosen = {"weight": self.weight or 0.0, "reference": self.weight is None, "queries": self.queries}
        edges = None if self.edges is None else {**self.edges._asdict(), "left_out": self.edges_left_out}
        return {**chosen, "training_error": self.error, "curve": curve, "edges": edges, "said": self.said}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Gate:
        """From what :meth:`to_dict` gave."""
        curve = {float(one["weight"]): (float(one["change"]), float(one["error"])) for one in given["curve"]}
        weight = None if given["reference"] else float(given["weight"])
        found = given.get("edges")
        edges = None if found is None else EdgeTrial(*(float(found[name]) for name in EdgeTrial._fields))
        return cls(weight, curve, float(given["training_error"]), int(given["queries"]), edges)

    @property
    def change(self) -> float:
        """Change of the average precision at the chosen weight, between those tried by interpolation."""
        changes = [change for change, _ in self.curve.values()]
        return float(np.interp(self.weight or 0.0, list(self.curve), changes))

    @property
    def said(self) -> str:
        """What was chosen, in words."""
        return self._said_of_weight if self.edges is None else f"{self._said_of_weight} {self._said_of_edges}"

    @property
    def edges_left_out(self) -> bool:
        """Whether the chances are inferred without the graph's edges: they do harm, or the chances are of no use."""
        return self.edges is not None and (self.edges.harm or self.weight is None)

    @property
    def _said_of_edges(self) -> str:
        assert self.edges is not None
        if self.edges_left_out and not self.edges.harm:
            return "So the listed events are inferred without the edges of the graph."
        without = "without" if self.edges.harm else "with"
        change, error = round(100 * self.edges.change, 1) + 0.0, 100 * self.edges.error  # no -0.0
        return (
            f"Chances are inferred {without} the edges of the graph, which change annotated mAP by {change:+.1f} "
            f"points in trials, ± {error:.1f}."
        )

    @property
    def _said_of_weight(self) -> str:
        if self.weight is None:
            return (
                f"Event chances are not used: in trials, by {self.queries:,} queries, learning them does not surely "
                "raise annotated mAP."
            )
        change = self.change
        if not self.weight:
            return (
                "Event chances do not count in the similarity of clips, as any weight costs annotated mAP in trials; "
                f"learning them raises it by {100 * change:.1f} points."
            )
        effect = 100 * (change - self.curve[0.0][0])
        return (
            f"Event chances count {self.weight:g}: in trials, by {self.queries:,} queries, annotated mAP changes by "
            f"{100 * change:+.1f} points against students without them, ± {100 * self.error:.1f}; "
            f"{effect:+.1f} of it is what the weight does."
        )


def choose_weight(trials: Trials, hidden: float = 1.0) -> Gate:
    r"""Choose how much event chances count, so that annotated mAP suffers no harm.

    Let g be the mean change of the average precision at weight 0 against students without event chances, with standard
    error :math:`\sigma_g`: what learning event chances does to labels. Let :math:`e_w` be the change that the weight w
    makes in the same students, with standard error :math:`\sigma_w`. Unless labels have surely gained,
    :math:`g > 2 \sigma_g`, event chances are not used. Otherwise w is the largest weight with the following, between
    those tried by interpolation; so it is, if above 0, where students at weight 0 are those without event chances, as
    under a pull, and :math:`g = 0`.

    .. math:: \tfrac13 (g - \sigma_g) + 0.006\, h\, m + e_w - \sigma_w \ge 0,

    with m, the mean average precision of students without event chances, and h, 4/3 of the number of unannotated events
    for each annotated one, 1 at most. A third of what labels have surely gained may be spent, because students of
    trials have fewer labels, and gain more by event chances, than the student to come; for the same reason chances that
    bring nothing in trials do harm. And up to 0.6 % of m, less where there are few events to find.

    Args:
        trials: What the weights have done in trials.
        hidden: Expected number of unannotated events for each annotated one.
    """
    difference = trials.weights[0.0] - trials.reference
    gain, error = _mean(difference)
    known = difference[~np.isnan(difference)]
    surely, same = gain > _SURE * error, bool(len(known)) and not known.any()
    allowed = _TOLERANCE * min(1.0, hidden / _ENOUGH) * _mean(trials.reference)[0]
    spendable = _SPENT * (gain - error) + allowed
    curve: dict[float, tuple[float, float]] = {}
    left: dict[float, float] = {}
    for weight, precisions in trials.weights.items():
        effect, uncertainty = _mean(precisions - trials.weights[0.0])
        curve[weight] = gain + effect, uncertainty
        left[weight] = spendable + effect - uncertainty
    chosen = _largest_allowed(left) if surely or same else None
    if not surely and not chosen:
        chosen = None
    return Gate(chosen, curve, error, len(trials.reference))


def try_edges(using: Trials, alone: Trials) -> EdgeTrial:
    """Compare students by event chances with and without the edges of a graph, query by query, at weight 0.

    Edges may cost 0.6 % of what students without event chances reach.
    """
    change, error = _mean(using.weights[0.0] - alone.weights[0.0])
    return EdgeTrial(change, error, _TOLERANCE * _mean(using.reference)[0])


def _largest_allowed(left: Mapping[float, float]) -> float:
    """The largest weight, in hundredths, that leaves something of what may be spent; 0 if none does."""
    weights = sorted(left)
    last = max((at for at, weight in enumerate(weights) if left[weight] >= 0), default=-1)
    if last < 0 or last == len(weights) - 1:
        return weights[last] if last >= 0 else 0.0
    one, two = weights[last : last + 2]
    return max(one, math.floor(100 * (one + (two - one) * left[one] / (left[one] - left[two]))) / 100)


def _mean(values: Precisions) -> tuple[float, float]:
    """Mean of what is known, and its standard error."""
    known = values[~np.isnan(values)]
    if len(known) < 2:
        return (float(known.mean()) if len(known) else 0.0), 0.0
    return float(known.mean()), float(known.std(ddof=1) / math.sqrt(len(known)))
