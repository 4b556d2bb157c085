"""Honest retrieval numbers on anyone's arrays: exact ranks, fair ties, both directions, intervals, paired tests."""

from overtone.evaluation.metric import Metric, metric, metrics
from overtone.evaluation.protocol import evaluate, evaluate_within
from overtone.evaluation.quick import mean_average_precision, partner_ranks
from overtone.evaluation.ranks import PartnerRanks, Ranks, rank_scores
from overtone.evaluation.result import Evaluation
from overtone.evaluation.significance import (
    mean_interval,
    paired_bootstrap,
    paired_seed_test,
    seeds_interval,
    student_interval,
)

__all__ = [
    "Evaluation",
    "Metric",
    "PartnerRanks",
    "Ranks",
    "evaluate",
    "evaluate_within",
    "mean_average_precision",
    "mean_interval",
    "metric",
    "metrics",
    "paired_bootstrap",
    "paired_seed_test",
    "partner_ranks",
    "rank_scores",
    "seeds_interval",
    "student_interval",
]
