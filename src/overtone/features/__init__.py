"""Features: what enters Overtone, checked once: :class:`PairedFeatures`, or :class:`Features` of a single view."""

from overtone.features.base import Features, LabelKind, Provenance
from overtone.features.corpora import corpora
from overtone.features.corpora.simulated import SimulatorSettings, simulate
from overtone.features.disjoint import class_disjoint
from overtone.features.inspecting import inspect
from overtone.features.loading import from_arrays, load, load_views, views_from_arrays
from overtone.features.paired import PairedFeatures, paired
from overtone.features.saving import save, save_arrays
from overtone.features.scaling import Scaler
from overtone.features.splitting import hold_out

__all__ = [
    "Features",
    "LabelKind",
    "PairedFeatures",
    "Provenance",
    "Scaler",
    "SimulatorSettings",
    "class_disjoint",
    "corpora",
    "from_arrays",
    "hold_out",
    "inspect",
    "load",
    "load_views",
    "paired",
    "save",
    "save_arrays",
    "simulate",
    "views_from_arrays",
]
