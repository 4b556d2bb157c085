"""Overtone maps two modalities into one searchable space and reports how good that space is."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from overtone.core.version import __version__ as __version__

if TYPE_CHECKING:
    from overtone import diagnosis, evaluation, features, objectives
    from overtone.api import (
        compare,
        demo,
        diagnose,
        embed,
        evaluate,
        extract,
        graph,
        import_plugin,
        inspect,
        simulate,
        train,
    )
    from overtone.features import load, save

__all__ = [
    "compare",
    "demo",
    "diagnose",
    "diagnosis",
    "embed",
    "evaluate",
    "evaluation",
    "extract",
    "features",
    "graph",
    "import_plugin",
    "inspect",
    "load",
    "objectives",
    "save",
    "simulate",
    "train",
]

_PACKAGES = frozenset({"diagnosis", "evaluation", "features", "objectives"})
_OF_FEATURES = frozenset({"load", "save"})


def __getattr__(name: str) -> Any:
    """The verbs and packages, imported on first use, so that ``import overtone`` and ``overtone --help`` are fast."""
    if name in _PACKAGES:
        return importlib.import_module(f"overtone.{name}")
    if name in __all__:
        return getattr(importlib.import_module("overtone.features" if name in _OF_FEATURES else "overtone.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
