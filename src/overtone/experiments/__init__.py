"""Experiments: comparisons of methods and probes of losses, over variants and seeds."""

from overtone.experiments.comparison import compare
from overtone.experiments.corpora import CorpusComparison
from overtone.experiments.probes.diagnose import diagnose, split_head_settings
from overtone.experiments.probes.diagnosis import FROZEN, Diagnosis, SeedTest
from overtone.experiments.probes.quantities import GRADIENT, QUANTITIES, RETRIEVAL, SPACE, Quantity, quantity
from overtone.experiments.probes.results import Curve, Measured, ProbeResult, SpaceResult
from overtone.experiments.probes.settings import HeadSettings
from overtone.experiments.results import Comparison
from overtone.experiments.scores import AblationEffect, MethodResult, PairedTest, SeedScore
from overtone.experiments.tuning import tune
from overtone.experiments.tuning_result import Tuning, TuningTrial

__all__ = [
    "FROZEN",
    "GRADIENT",
    "QUANTITIES",
    "RETRIEVAL",
    "SPACE",
    "AblationEffect",
    "Comparison",
    "CorpusComparison",
    "Curve",
    "Diagnosis",
    "HeadSettings",
    "Measured",
    "MethodResult",
    "PairedTest",
    "ProbeResult",
    "Quantity",
    "SeedScore",
    "SeedTest",
    "SpaceResult",
    "Tuning",
    "TuningTrial",
    "compare",
    "diagnose",
    "quantity",
    "split_head_settings",
    "tune",
]
