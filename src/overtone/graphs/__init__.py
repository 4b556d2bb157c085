"""Graphs from tables and from soft labels: directed as far as data can tell, with a confidence on every edge."""

from overtone.graphs.cpdag import cpdag
from overtone.graphs.graph import Edge, Graph
from overtone.graphs.inference import infer_interactions
from overtone.graphs.knowledge import Knowledge
from overtone.graphs.learning import learn_graph
from overtone.graphs.presence import presences
from overtone.graphs.settings import GraphSettings, InferenceSettings
from overtone.graphs.soft_labels import interaction_graph

__all__ = [
    "Edge",
    "Graph",
    "GraphSettings",
    "InferenceSettings",
    "Knowledge",
    "cpdag",
    "infer_interactions",
    "interaction_graph",
    "learn_graph",
    "presences",
]
