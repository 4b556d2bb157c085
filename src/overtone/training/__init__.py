"""Training: the loop, the run folder, checkpoints and resume, distribution, comparisons over seeds."""

from overtone.training.checks import TrainingStopped, effective_rank
from overtone.training.comparison import Comparison, compare
from overtone.training.heads import Diagnosis, HeadSettings, diagnose, split_head_settings
from overtone.training.interactions import SoftLabels, cross_fit, infer_graph
from overtone.training.progress import Report, display
from overtone.training.run import Run
from overtone.training.settings import TrainingSettings, split_settings
from overtone.training.trainer import train

__all__ = [
    "Comparison",
    "Diagnosis",
    "HeadSettings",
    "Report",
    "Run",
    "SoftLabels",
    "TrainingSettings",
    "TrainingStopped",
    "compare",
    "cross_fit",
    "diagnose",
    "display",
    "effective_rank",
    "infer_graph",
    "split_head_settings",
    "split_settings",
    "train",
]
