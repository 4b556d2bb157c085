"""Corpora that need no file: each a function from a seed to arrays in the plain layout, registered by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from overtone.core import Registry
from overtone.features.arrays import ArrayLike

corpora: Registry[Callable[[int], Mapping[str, ArrayLike]]] = Registry("corpus", "overtone.features.corpora")
"""All corpora by their names in :func:`overtone.features.load`."""
