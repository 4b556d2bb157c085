"""Heads on frozen features, one per loss and seed, under one budget: the experiment behind ``overtone diagnose``."""

from overtone.experiments.probes.diagnosing import Diagnosis, diagnose
from overtone.experiments.probes.settings import HeadSettings, split_head_settings

__all__ = ["Diagnosis", "HeadSettings", "diagnose", "split_head_settings"]
