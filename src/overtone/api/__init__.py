"""The verbs as Python functions: the same work as the command line, on the same rooms, with objects in hand."""

from overtone.api.comparing import DEMO_METHODS, compare, demo, diagnose
from overtone.api.graphing import graph
from overtone.api.making import extract, extraction, simulate
from overtone.api.running import embed, evaluate, train
from overtone.features import inspect, load, save

__all__ = [
    "DEMO_METHODS",
    "compare",
    "demo",
    "diagnose",
    "embed",
    "evaluate",
    "extract",
    "extraction",
    "graph",
    "inspect",
    "load",
    "save",
    "simulate",
    "train",
]
