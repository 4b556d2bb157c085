"""Experiments: comparisons of methods and probes of losses, over variants and seeds."""

from overtone.experiments.comparison import compare
from overtone.experiments.probes import (
    Curve,
    Diagnosis,
    HeadSettings,
    Measured,
    ProbeResult,
    SeedTest,
    SpaceResult,
    diagnose,
    split_head_settings,
)
from overtone.experiments.results import AblationEffect, Comparison, MethodResult, PairedTest, SeedScore

__all__ = [
    "AblationEffect",
    "Comparison",
    "Curve",
    "Diagnosis",
    "HeadSettings",
    "Measured",
    "MethodResult",
    "PairedTest",
    "ProbeResult",
    "SeedScore",
    "SeedTest",
    "SpaceResult",
    "compare",
    "diagnose",
    "split_head_settings",
]
