"""Overtone maps two modalities into one searchable space and reports how good that space is."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from overtone.core.verbs import offer_verbs
from overtone.core.version import __version__ as __version__

if TYPE_CHECKING:
    from overtone import diagnosis, evaluation, features, objectives
    from overtone.api import (
        compare,
        demo,
        diagnose,
        embed,
        evaluate,
        events,
        explore,
        export,
        extract,
        find,
        graph,
        index,
        inspect,
        label,
        report_run,
        search_store,
        simulate,
        train,
        tune,
    )
    from overtone.core.plugins import import_plugin
    from overtone.features import load, save
    from overtone.search import open_store

__all__ = [
    "compare",
    "demo",
    "diagnose",
    "embed",
    "evaluate",
    "events",
    "explore",
    "export",
    "extract",
    "find",
    "graph",
]
__all__ += ["diagnosis", "evaluation", "features", "graph", "import_plugin", "load", "objectives", "open_store", "save"]
__all__ += ["index", "inspect", "label", "report_run", "search_store", "simulate", "train", "tune"]

_ELSEWHERE = {"import_plugin": "core.plugins", "load": "features", "open_store": "search", "save": "features"}


def __getattr__(name: str) -> Any:
    """The verbs and packages, imported on first use, so that ``import overtone`` and ``overtone --help`` are fast."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in ("diagnosis", "evaluation", "features", "objectives"):
        return importlib.import_module(f"overtone.{name}")
    return getattr(importlib.import_module(f"overtone.{_ELSEWHERE.get(name, 'api')}"), name)


offer_verbs(__getattr__)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
