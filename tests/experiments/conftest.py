"""The toy methods and their fixtures."""

from toys import data, make, start_two, toys

__all__ = ["data", "make", "start_two", "toys"]
