"""Supervised InfoNCE: every clip of the own class in the other modality is a positive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from overtone.methods.base import methods
from overtone.methods.metric import LabelledFrame, LabelledSettings


class SupervisedInfoNCESettings(LabelledSettings):
    """Settings of supervised InfoNCE."""

    temperature: float = Field(0.1, gt=0)
    """Temperature of the softmax over the batch."""


@methods.register("supervised-infonce")
class SupervisedInfoNCE(LabelledFrame):
    """Cross-modal InfoNCE in which all clips that share a class are positives, each against all negatives.

    Source:
        van den Oord, Li & Vinyals 2018, arXiv 1807.03748; Khosla et al. 2020, arXiv 2004.11362, for labels.
    """

    name = "supervised-infonce"
    settings: SupervisedInfoNCESettings
    settings_type = SupervisedInfoNCESettings

    def chosen(self) -> tuple[str, Mapping[str, Any]]:
        """InfoNCE with the settings' temperature."""
        return "infonce", {"temperature": self.settings.temperature}
