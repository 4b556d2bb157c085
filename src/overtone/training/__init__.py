"""Training: one run of one method; the loop, the run folder, checkpoints and resume, distribution."""

from overtone.training.checks import TrainingStopped, effective_rank
from overtone.training.progress import Report, display
from overtone.training.run import Run
from overtone.training.settings import TrainingSettings, split_settings
from overtone.training.trainer import train

__all__ = [
    "Report",
    "Run",
    "TrainingSettings",
    "TrainingStopped",
    "display",
    "effective_rank",
    "split_settings",
    "train",
]
