"""Experiments: comparisons of methods and probes of losses, over variants and seeds."""

from overtone.experiments.comparison import Comparison, compare
from overtone.experiments.probes import Diagnosis, HeadSettings, diagnose, split_head_settings

__all__ = ["Comparison", "Diagnosis", "HeadSettings", "compare", "diagnose", "split_head_settings"]
