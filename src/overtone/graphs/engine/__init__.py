"""The compiled search over orders: grow-shrink trees, insertions (BOSS) and tucks (GRaSP)."""

from overtone.graphs.engine.engine import Engine

__all__ = ["Engine"]
