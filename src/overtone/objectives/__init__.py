"""Floor 1: loss terms, one file each, and the builders of their targets."""

from overtone.objectives.agreement import Agreement, agreement
from overtone.objectives.arcface import ArcFaceLoss, arcface
from overtone.objectives.base import LossResult, MetricLoss, TermCounts, metric_losses
from overtone.objectives.canonical import CanonicalLoss, canonical_loss, whitened_cross_covariance
from overtone.objectives.ccl import CenterContrastiveLoss, center_contrastive
from overtone.objectives.centres import centre_pairs
from overtone.objectives.contrastive import ContrastiveLoss, contrastive
from overtone.objectives.distillation import Distillation, distillation
from overtone.objectives.interaction import InteractionLoss, interaction, relatedness
from overtone.objectives.n_pair import NPairLoss, n_pair
from overtone.objectives.pairs import Pairs, pairs
from overtone.objectives.positive_unlabelled import PositiveUnlabelled, positive_unlabelled
from overtone.objectives.reconstruction import MaskedReconstruction, masked_reconstruction, reconstruction_of_both
from overtone.objectives.registry import objectives
from overtone.objectives.scl import SupervisedContrastiveLoss, supervised_contrastive
from overtone.objectives.soft_cross_entropy import SoftCrossEntropy, soft_cross_entropy
from overtone.objectives.soft_infonce import (
    SoftInfoNCE,
    infonce,
    soft_infonce,
    soft_infonce_within,
    symmetric_soft_infonce,
)
from overtone.objectives.supervised_infonce import InfoNCELoss, supervised_infonce
from overtone.objectives.targets import (
    diffuse,
    from_labels,
    neighbour_graph,
    own_and_others,
    relation,
    soft_top_k,
)
from overtone.objectives.triplet import TripletLoss, triplet
from overtone.objectives.using import build_loss, loss_choices, loss_kind, loss_of_views
from overtone.objectives.weighting import LearnedWeights, weighted_sum

__all__ = [
    "Agreement",
    "ArcFaceLoss",
    "CanonicalLoss",
    "CenterContrastiveLoss",
    "ContrastiveLoss",
    "Distillation",
    "InfoNCELoss",
    "InteractionLoss",
    "LearnedWeights",
    "LossResult",
    "MaskedReconstruction",
    "MetricLoss",
    "NPairLoss",
    "Pairs",
    "PositiveUnlabelled",
    "SoftCrossEntropy",
    "SoftInfoNCE",
    "SupervisedContrastiveLoss",
    "TermCounts",
    "TripletLoss",
    "agreement",
    "arcface",
    "build_loss",
    "canonical_loss",
    "center_contrastive",
    "centre_pairs",
    "contrastive",
    "diffuse",
    "distillation",
    "from_labels",
    "infonce",
    "interaction",
    "loss_choices",
    "loss_kind",
    "loss_of_views",
    "masked_reconstruction",
    "metric_losses",
    "n_pair",
    "neighbour_graph",
    "objectives",
    "own_and_others",
    "pairs",
    "positive_unlabelled",
    "reconstruction_of_both",
    "relatedness",
    "relation",
    "soft_cross_entropy",
    "soft_infonce",
    "soft_infonce_within",
    "soft_top_k",
    "supervised_contrastive",
    "supervised_infonce",
    "symmetric_soft_infonce",
    "triplet",
    "weighted_sum",
    "whitened_cross_covariance",
]
