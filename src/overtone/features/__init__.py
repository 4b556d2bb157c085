"""Features: what enters Overtone, checked once, as :class:`PairedFeatures`."""

from overtone.features.corpora import corpora
from overtone.features.corpora.simulated import SimulatorSettings, simulate
from overtone.features.inspecting import inspect
from overtone.features.loading import from_arrays, load
from overtone.features.paired import LabelKind, PairedFeatures, Provenance
from overtone.features.saving import save
from overtone.features.scaling import Scaler
from overtone.features.splitting import hold_out

__all__ = [
    "LabelKind",
    "PairedFeatures",
    "Provenance",
    "Scaler",
    "SimulatorSettings",
    "corpora",
    "from_arrays",
    "hold_out",
    "inspect",
    "load",
    "save",
    "simulate",
]
