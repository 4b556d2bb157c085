"""Cross-modal triplets: nearer to the other modality's clips of the own class than to those of others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from overtone.core import Settings
from overtone.methods.base import methods
from overtone.methods.metric import LabelledFrame, LabelledSettings
from overtone.objectives.triplet import Mining


class TripletSettings(LabelledSettings):
    """Settings of the cross-modal triplet."""

    margin: float = Field(0.2, ge=0)
    """How much nearer than a negative a positive must be, in squared distance of unit rows."""
    mining: Mining = "all"
    """Which triplets: all, semi-hard (negative farther than the positive, within the margin) or batch-hard."""


@methods.register("triplet")
class Triplet(LabelledFrame):
    """Triplets across the modalities: anchor in one, positive and negative in the other, in both directions.

    Source:
        Schroff, Kalenichenko & Philbin 2015, arXiv 1503.03832; Wang, Li & Lazebnik 2016, arXiv 1511.06078, across
        modalities.
    """

    name = "triplet"
    settings: TripletSettings
    settings_type: ClassVar[type[Settings]] = TripletSettings

    def chosen(self) -> tuple[str, Mapping[str, Any]]:
        """Triplets with the settings' margin and mining."""
        return "triplet", {"margin": self.settings.margin, "mining": self.settings.mining}
