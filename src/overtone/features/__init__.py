"""Features: what enters Overtone, checked once: :class:`PairedFeatures`, or :class:`Features` of a single view."""

from typing import TYPE_CHECKING

from overtone.features.base import Features, LabelKind, PairedFeatures, Provenance, Scalar
from overtone.features.corpora import corpora
from overtone.features.corpora.simulated import SimulatorSettings, simulate
from overtone.features.hub_datasets import from_dataset, to_dataset
from overtone.features.inspection import Inspection, inspect
from overtone.features.joining import add_metadata
from overtone.features.loading import from_arrays, load, load_views, views_from_arrays
from overtone.features.messages import place_clips, refuse_zeros
from overtone.features.presence import membership, only_pairs
from overtone.features.reading import Reading
from overtone.features.saving import save, save_arrays
from overtone.features.single_view import require_pairs
from overtone.features.splitting import hold_out, split_by_class

if TYPE_CHECKING:
    from overtone.features.scaling import Scaler

__all__ = [
    "Features",
    "Inspection",
    "LabelKind",
    "PairedFeatures",
    "Provenance",
    "Reading",
    "Scalar",
    "Scaler",
    "SimulatorSettings",
    "add_metadata",
    "corpora",
    "from_arrays",
    "from_dataset",
    "hold_out",
    "inspect",
    "load",
    "load_views",
    "membership",
    "only_pairs",
    "place_clips",
    "refuse_zeros",
    "require_pairs",
    "save",
    "save_arrays",
    "simulate",
    "split_by_class",
    "to_dataset",
    "views_from_arrays",
]


def __getattr__(name: str) -> object:
    """The scaler, imported on first use: it needs torch, whose import takes seconds."""
    if name == "Scaler":
        from overtone.features.scaling import Scaler

        return Scaler
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
