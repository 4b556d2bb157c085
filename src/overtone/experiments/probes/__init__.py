"""Heads on frozen features, one per loss and seed, under one budget: the experiment behind ``overtone diagnose``."""

from overtone.experiments.probes.diagnose import diagnose, split_head_settings
from overtone.experiments.probes.diagnosis import Diagnosis, SeedTest
from overtone.experiments.probes.results import ClassVariance, Curve, Measured, ProbeResult, SpaceResult
from overtone.experiments.probes.settings import HeadSettings

__all__ = [
    "ClassVariance",
    "Curve",
    "Diagnosis",
    "HeadSettings",
    "Measured",
    "ProbeResult",
    "SeedTest",
    "SpaceResult",
    "diagnose",
    "split_head_settings",
]
