"""Overtone aligns two modalities into one searchable space and says honestly how good that space is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from overtone.api import compare, demo, embed, evaluate, graph, inspect, load, save, train

__version__ = "0.1.0"

__all__ = ["compare", "demo", "embed", "evaluate", "graph", "inspect", "load", "save", "train"]


def __getattr__(name: str) -> Any:
    """The verbs, imported on first use, so that ``import overtone`` and ``overtone --help`` cost nothing."""
    if name in __all__:
        from overtone import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
