"""Floor 1: loss terms, one file each, and the builders of their targets."""

from overtone.objectives.canonical import CanonicalLoss, canonical_loss, whitened_cross_covariance
from overtone.objectives.contrastive import ContrastiveLoss, contrastive
from overtone.objectives.distillation import Distillation, distillation
from overtone.objectives.metric import Counts, MetricLoss, Outcome, metric_losses
from overtone.objectives.pairs import Pairs, pairs
from overtone.objectives.reconstruction import MaskedReconstruction, masked_reconstruction, reconstruction_of_both
from overtone.objectives.registry import objectives
from overtone.objectives.soft_infonce import (
    SoftInfoNCE,
    infonce,
    soft_infonce,
    soft_infonce_within,
    symmetric_soft_infonce,
)
from overtone.objectives.targets import (
    diffuse,
    from_labels,
    neighbour_graph,
    own_and_others,
    relation,
    soft_top_k,
)
from overtone.objectives.triplet import TripletLoss, triplet
from overtone.objectives.weighting import LearnedWeights, weighted_sum

__all__ = [
    "CanonicalLoss",
    "ContrastiveLoss",
    "Counts",
    "Distillation",
    "LearnedWeights",
    "MaskedReconstruction",
    "MetricLoss",
    "Outcome",
    "Pairs",
    "SoftInfoNCE",
    "TripletLoss",
    "canonical_loss",
    "contrastive",
    "diffuse",
    "distillation",
    "from_labels",
    "infonce",
    "masked_reconstruction",
    "metric_losses",
    "neighbour_graph",
    "objectives",
    "own_and_others",
    "pairs",
    "reconstruction_of_both",
    "relation",
    "soft_infonce",
    "soft_infonce_within",
    "soft_top_k",
    "symmetric_soft_infonce",
    "triplet",
    "weighted_sum",
    "whitened_cross_covariance",
]
