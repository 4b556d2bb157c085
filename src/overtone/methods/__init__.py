"""Floor 2: one file per method, all on one protocol."""

from overtone.methods.base import Batch, Corpus, Method, TrainingDefaults, methods

__all__ = ["Batch", "Corpus", "Method", "TrainingDefaults", "methods"]
