"""Graphs from tables and from soft labels: directed as far as data can tell, with a confidence on every edge."""

from overtone.graphs.cpdag import cpdag
from overtone.graphs.edges import Edge, EdgeSupport, HalvesAgreement
from overtone.graphs.graph import Graph
from overtone.graphs.inference import infer_interactions
from overtone.graphs.interaction_graph import interaction_graph
from overtone.graphs.knowledge import Knowledge
from overtone.graphs.learning import learn_graph
from overtone.graphs.presence import Presences, presences, rescale_scores, standard_scores, unmixed_scores
from overtone.graphs.settings import GraphSettings, InferenceSettings

__all__ = [
    "Edge",
    "EdgeSupport",
    "Graph",
    "GraphSettings",
    "HalvesAgreement",
    "InferenceSettings",
    "Knowledge",
    "Presences",
    "cpdag",
    "infer_interactions",
    "interaction_graph",
    "learn_graph",
    "presences",
    "rescale_scores",
    "standard_scores",
    "unmixed_scores",
]
