"""Corpora that need no file: each a function from a seed to arrays in the plain layout, registered by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from overtone.core import Registry

corpora: Registry[Callable[[int], Mapping[str, Any]]] = Registry("corpus", "overtone.features.corpora")
"""All corpora by their names in :func:`overtone.features.load`."""
