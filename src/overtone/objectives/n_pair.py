"""N-pair loss: one positive against the positives of the other classes."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from overtone.core import InputError, Settings
from overtone.objectives.base import LossInputs, LossResult, PairLoss
from overtone.objectives.pairs import Pairs
from overtone.objectives.registry import objectives
from overtone.objectives.softmax import against_negatives

Tuples = Literal["one-per-class", "every-row"]


def n_pair(
    pairs: Pairs, tuples: Tuples = "one-per-class", temperature: float = 1.0, active_threshold: float = 1e-2
) -> LossResult:
    r"""N-pair loss.

    .. math:: \ell = -\operatorname{mean}_i \log
              \frac{e^{\cos(z_i, z_{i^+}) / \tau}}{\sum_{k} e^{\cos(z_i, z_{k^+}) / \tau}}

    A tuple is an anchor i with one positive i⁺, the next row of its class (in a gallery, row i itself if it is of
    that class); k runs over i itself and the tuples of other classes. ``one-per-class`` takes the first row of each
    class as anchor, as published, so 2 C rows of a batch have a gradient; ``every-row`` takes all.

    Args:
        pairs: From :func:`~overtone.objectives.pairs`, of hard labels.
        tuples: Which rows are anchors.
        temperature: τ > 0; 1 as published.
        active_threshold: An anchor is active while 1 − p of its positive is above.

    Returns:
        Loss and counts; terms are tuples, other rows count as skipped.

    Source:
        Sohn, Improved Deep Metric Learning with Multi-class N-pair Loss Objective, NIPS 2016.
    """
    partner = _next_positive(pairs.positive)
    competing = pairs.negative[:, partner]
    asking = pairs.with_both()
    if tuples == "one-per-class":
        asking = asking & _first_of_class(competing, asking)
    logits = pairs._replace(others=pairs.others[partner]).cosines() / temperature
    own, weight = logits.diagonal()[:, None], asking[:, None].to(logits.dtype)
    return against_negatives(own, logits, weight, competing * asking, active_threshold)


def _next_positive(positive: Tensor) -> Tensor:
    """(n,) column of each row's first positive from the diagonal on, around the end."""
    n, m = positive.shape
    steps = torch.arange(1 - n, m, device=positive.device) % m
    nearness = (
        (m - steps).to(positive.dtype).unfold(0, m, 1).flip(0)
    )  # of column j from row i on: depends on j − i only
    return (positive * nearness).argmax(1)


def _first_of_class(competing: Tensor, asking: Tensor) -> Tensor:
    """(n,) truth values: whether no earlier row that asks is of the same class."""
    same = (competing == 0) & asking
    return ~same.tril(-1).any(1)


class NPairSettings(Settings):
    """Settings of the N-pair loss."""

    tuples: Tuples = "one-per-class"
    """`one-per-class`: the first row of each class is an anchor, as published; `every-row`: all rows are."""
    temperature: float = Field(1.0, gt=0)
    """τ > 0; 1 as published."""
    active_threshold: float = Field(1e-2, ge=0, lt=1)
    """A tuple is active while 1 − p of its positive is above this."""


@objectives.register("n-pair")
class NPairLoss(PairLoss):
    """Module form of :func:`n_pair`.

    Args:
        **settings: ``tuples``, ``temperature``, ``active_threshold``.

    Inputs: (n, d) embeddings and (n,) classes; a gallery with its classes, or none.
    """

    name = "n-pair"
    settings_type = NPairSettings
    active_means = "A tuple is active while 1 − p of its positive exceeds active_threshold."
    function = staticmethod(n_pair)

    def compute(self, inputs: LossInputs) -> LossResult:
        """Pair the rows, whose classes must be told apart, and call the function."""
        labels, targets = inputs.labels, inputs.targets
        if targets is not None or (labels is not None and labels.dim() == 2):
            raise InputError(
                "n-pair takes one class for each row",
                got="targets" if targets is not None or labels is None else f"labels {tuple(labels.shape)}",
                valid="(n,) integer classes",
                fix="take infonce for several or soft labels",
            )
        return super().compute(inputs)
