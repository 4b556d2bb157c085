"""The stages of ``interactions``: a cross-fitted teacher, its soft labels, the class graph, and then the student."""

from overtone.interactions.class_graphs import presences_of, stored_graph, with_support
from overtone.interactions.cross_fitting import cross_fit
from overtone.interactions.reliability import reliability
from overtone.interactions.soft_labels import SoftLabels
from overtone.interactions.stages import InteractionTrainer, infer_graph, sharing

__all__ = [
    "InteractionTrainer",
    "SoftLabels",
    "cross_fit",
    "infer_graph",
    "presences_of",
    "reliability",
    "sharing",
    "stored_graph",
    "with_support",
]
