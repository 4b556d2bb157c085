"""Reports: one HTML file per run, comparison, diagnosis or graph, which opens from a folder, without a network."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from overtone.report.comparison import comparison_report
    from overtone.report.corpora import corpora_report
    from overtone.report.diagnosis import diagnosis_report
    from overtone.report.finding import finding_report
    from overtone.report.graph import graph_report
    from overtone.report.run import run_report
    from overtone.report.tuning import tuning_report

__all__ = ["comparison_report", "corpora_report", "diagnosis_report", "finding_report", "graph_report", "run_report"]
__all__ += ["tuning_report"]


def __getattr__(name: str) -> Any:
    """Each report, imported on first use: words of a report alone must not cost the import of all results."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{name.removesuffix('_report')}"), name)
