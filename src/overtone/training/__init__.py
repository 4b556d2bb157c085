"""Training: one run of one method; the loop, the run folder, checkpoints and resume, distribution."""

from overtone.training.checks import TrainingStopped, effective_rank
from overtone.training.run import Run
from overtone.training.settings import TrainingSettings, split_settings
from overtone.training.trainer import Infer, RunContext, train

__all__ = [
    "Infer",
    "Run",
    "RunContext",
    "TrainingSettings",
    "TrainingStopped",
    "effective_rank",
    "split_settings",
    "train",
]
