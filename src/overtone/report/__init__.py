"""Reports: one HTML file per run, comparison, diagnosis or graph, which opens from a folder, without a network."""

from overtone.report.comparison import comparison_report
from overtone.report.diagnosis import diagnosis_report
from overtone.report.graph import graph_report
from overtone.report.run import run_report

__all__ = ["comparison_report", "diagnosis_report", "graph_report", "run_report"]
