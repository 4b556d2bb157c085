"""Honest retrieval numbers on anyone's arrays: exact ranks, fair ties, both directions, intervals, paired tests."""

from overtone.evaluation.metric import Metric, metric, metrics
from overtone.evaluation.protocol import Evaluation, evaluate
from overtone.evaluation.quick import mean_average_precision, partner_ranks
from overtone.evaluation.ranks import PartnerRanks, Ranks, rank_scores
from overtone.evaluation.significance import mean_interval, paired_bootstrap

__all__ = [
    "Evaluation",
    "Metric",
    "PartnerRanks",
    "Ranks",
    "evaluate",
    "mean_average_precision",
    "mean_interval",
    "metric",
    "metrics",
    "paired_bootstrap",
    "partner_ranks",
    "rank_scores",
]
