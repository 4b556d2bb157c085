"""Loss terms, one file each, and the builders of their targets; :data:`objectives` finds them all."""

from overtone.objectives.base import (
    LossInputs,
    LossResult,
    MetricLoss,
    NonNegative,
    Positive,
    Share,
    TermCounts,
    metric_losses,
    objectives,
)
from overtone.objectives.pairs import Pairs, pairs
from overtone.objectives.registration import as_metric_loss, metric_loss, register_loss
from overtone.objectives.using import build_loss, loss_choices, loss_kind, loss_of_views

__all__ = [
    "LossInputs",
    "LossResult",
    "MetricLoss",
    "NonNegative",
    "Pairs",
    "Positive",
    "Share",
    "TermCounts",
    "as_metric_loss",
    "build_loss",
    "loss_choices",
    "loss_kind",
    "loss_of_views",
    "metric_loss",
    "metric_losses",
    "objectives",
    "pairs",
    "register_loss",
]
