"""The toy methods and their fixtures, and settings of a short run that keeps a checkpoint of every epoch."""

from toys import data, make, start_two, toys

__all__ = ["SETTINGS", "data", "make", "start_two", "toys"]

SETTINGS = {"epochs": 5, "select": "reciprocal_rank", "validate_every": 2, "checkpoint_seconds": 0}
