"""Methods, one file each; :data:`methods` finds them all."""

from overtone.methods.base import Batch, CorpusInfo, InferredTargets, Method, TrainingDefaults, methods
from overtone.methods.two_tower import MaskedTwoTower, MaskedTwoTowerSettings, TwoTower, TwoTowerSettings

__all__ = [
    "Batch",
    "CorpusInfo",
    "InferredTargets",
    "MaskedTwoTower",
    "MaskedTwoTowerSettings",
    "Method",
    "TrainingDefaults",
    "TwoTower",
    "TwoTowerSettings",
    "methods",
]
