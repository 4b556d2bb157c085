"""Floor 2: one file per method, all on one protocol."""

from overtone.methods.base import Batch, CorpusInfo, Method, TrainingDefaults, methods

__all__ = ["Batch", "CorpusInfo", "Method", "TrainingDefaults", "methods"]
