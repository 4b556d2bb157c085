"""Training: one run of one method; the loop, the run folder, checkpoints and resume, distribution."""

from overtone.training.context import Infer, RunContext
from overtone.training.data import foresee
from overtone.training.fit import TrainOptions, train
from overtone.training.run import Run
from overtone.training.settings import TrainingSettings, split_settings
from overtone.training.validation import TrainingStopped

__all__ = [
    "Infer",
    "Run",
    "RunContext",
    "TrainOptions",
    "TrainingSettings",
    "TrainingStopped",
    "foresee",
    "split_settings",
    "train",
]
