"""Retrieval metrics on any arrays: exact ranks, fair ties, both directions, intervals, paired tests."""

from overtone.evaluation.agreement import neighbour_agreement
from overtone.evaluation.chance import CounterpartRecall, counterpart_recall
from overtone.evaluation.diffusion import Diffusion, DiffusionSettings
from overtone.evaluation.geometry import ModalityGap, effective_rank, modality_gap
from overtone.evaluation.grouping import Group, Grouping, group_queries
from overtone.evaluation.leakage import Leakage, LeakedClip
from overtone.evaluation.metrics import find_metric, metric_order
from overtone.evaluation.projection import Plane, neighbour_plane, principal_plane
from overtone.evaluation.protocol import EvaluateOptions, evaluate, evaluate_within
from overtone.evaluation.quick import (
    average_precisions,
    counterpart_ranks,
    mean_average_precision,
    mean_reciprocal_rank,
)
from overtone.evaluation.rank_tests import RankTest, rank_methods
from overtone.evaluation.ranks import CounterpartRanks, Ranks, rank_scores
from overtone.evaluation.registration import Metric, metric, metrics
from overtone.evaluation.result import Evaluation, QuerySample, Reranking
from overtone.evaluation.scores import ClassScore, Score
from overtone.evaluation.significance import (
    PairedBootstrap,
    PairedSeedTest,
    adjust_p_values,
    mean_interval,
    paired_bootstrap,
    paired_seed_test,
    seeds_interval,
    student_interval,
)
from overtone.evaluation.space import Hubness, SpaceShape, hubness

__all__ = [
    "ClassScore",
    "CounterpartRanks",
    "CounterpartRecall",
    "Diffusion",
    "DiffusionSettings",
    "EvaluateOptions",
    "Evaluation",
    "Group",
    "Grouping",
    "Hubness",
    "Leakage",
    "LeakedClip",
    "Metric",
    "ModalityGap",
    "PairedBootstrap",
    "PairedSeedTest",
    "Plane",
    "QuerySample",
    "RankTest",
    "Ranks",
    "Reranking",
    "Score",
    "SpaceShape",
    "adjust_p_values",
    "average_precisions",
    "counterpart_ranks",
    "counterpart_recall",
    "effective_rank",
    "evaluate",
    "evaluate_within",
    "find_metric",
    "group_queries",
    "hubness",
    "mean_average_precision",
    "mean_interval",
    "mean_reciprocal_rank",
    "metric",
    "metric_order",
    "metrics",
    "modality_gap",
    "neighbour_agreement",
    "neighbour_plane",
    "paired_bootstrap",
    "paired_seed_test",
    "principal_plane",
    "rank_methods",
    "rank_scores",
    "seeds_interval",
    "student_interval",
]
