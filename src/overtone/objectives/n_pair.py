"""N-pair loss: one positive against the positives of the other classes."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from overtone.core import InputError
from overtone.objectives.base import LossResult, Positive, Share
from overtone.objectives.pairs import Pairs
from overtone.objectives.registration import metric_loss
from overtone.objectives.softmax import against_negatives

Tuples = Literal["one-per-class", "every-row"]


@metric_loss(
    "n-pair", active_means="A tuple is active while 1 − p of its positive exceeds active_threshold.", row_order=True
)
def n_pair(
    pairs: Pairs, tuples: Tuples = "one-per-class", temperature: Positive = 1.0, active_threshold: Share = 1e-2
) -> LossResult:
    r"""N-pair loss.

    .. math:: \ell = -\operatorname{mean}_i \log
              \frac{e^{\cos(z_i, z_{i^+}) / \tau}}{\sum_{k} e^{\cos(z_i, z_{k^+}) / \tau}}

    A tuple is an anchor i with one positive i⁺, the next row of its class (in a gallery, row i itself if it is of
    that class); k runs over i itself and the tuples of other classes. ``one-per-class`` takes the first row of each
    class as anchor, as published, so 2 C rows of a batch have a gradient; ``every-row`` takes all. Other rows count as
    skipped.

    Args:
        tuples: ``one-per-class``: the first row of each class is an anchor, as published; ``every-row``: all rows are.
        temperature: τ > 0; 1 as published.
        active_threshold: A tuple is active while 1 − p of its positive is above this.

    Raises:
        InputError: The labels are several or soft.

    Source:
        Sohn, Improved Deep Metric Learning with Multi-class N-pair Loss Objective, NIPS 2016.
    """
    if not pairs.hard:
        raise InputError(
            "n-pair takes one class for each row",
            got="several or soft labels, or targets",
            valid="(n,) integer classes",
            fix="take infonce for several or soft labels",
        )
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
    # how near column j is to row i, which depends on j − i only
    nearness = (m - steps).to(positive.dtype).unfold(0, m, 1).flip(0)
    return (positive * nearness).argmax(1)


def _first_of_class(competing: Tensor, asking: Tensor) -> Tensor:
    """(n,) truth values: whether no earlier anchor is of the same class."""
    same = (competing == 0) & asking
    return ~same.tril(-1).any(1)
