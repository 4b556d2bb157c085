"""Interactions of classes: cross-fitted teachers, their soft labels, the class graph, and the student's training."""

from overtone.interactions.class_graph import estimate_presences, infer_graph, read_run_graph
from overtone.interactions.cross_fitting import cross_fit
from overtone.interactions.event_calibration import EventCalibration, calibrate_events
from overtone.interactions.event_chances import EventChances, event_chances
from overtone.interactions.pipeline import InteractionTrainer
from overtone.interactions.reliability import reliability
from overtone.interactions.soft_labels import SoftLabels

__all__ = [
    "EventCalibration",
    "EventChances",
    "InteractionTrainer",
    "SoftLabels",
    "calibrate_events",
    "cross_fit",
    "estimate_presences",
    "event_chances",
    "infer_graph",
    "read_run_graph",
    "reliability",
]
