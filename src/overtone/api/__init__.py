"""The verbs as Python functions: what the command line does, with objects for results."""

from overtone.api.build_result import Build, BuildStage
from overtone.api.building import build
from overtone.api.catalogue import Catalogue, catalogue
from overtone.api.comparing import compare, demo
from overtone.api.diagnosing import diagnose
from overtone.api.evaluating import evaluate
from overtone.api.event_listing import events
from overtone.api.exploring import explore
from overtone.api.finding import find
from overtone.api.graphing import graph
from overtone.api.indexing import export, index
from overtone.api.labelling import label
from overtone.api.making import extract, simulate
from overtone.api.reading import inspect
from overtone.api.running import embed, report_run, train
from overtone.api.searching import search_store
from overtone.api.tuning import tune
from overtone.core.plugins import import_plugin

__all__ = ["Build", "BuildStage", "Catalogue", "build", "catalogue", "compare", "demo", "diagnose"]
__all__ += ["embed", "evaluate", "events", "explore", "export", "extract", "find", "graph"]
__all__ += ["import_plugin", "index", "inspect", "label", "report_run", "search_store", "simulate", "train", "tune"]
