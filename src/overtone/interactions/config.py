"""What the settings say of the stages before a student's training, and what of it is refused before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, cast

from overtone.core import InputError, Settings
from overtone.features import PairedFeatures
from overtone.graphs import InferenceSettings
from overtone.graphs.checks import check_classes
from overtone.interactions.folds import fold_training_rows
from overtone.interactions.inferred_targets import has_true_events
from overtone.interactions.weight_trials import check_trials
from overtone.methods.av_sal import AVSAL
from overtone.methods.interactions_settings import UNINFORMED, InteractionsSettings
from overtone.training.settings import split_settings

TRIAL_FOLDS = 3
"""Most folds of the teachers of a trial, which have two thirds of the rows."""


class InteractionConfig(Protocol):
    """What the settings of a method with ``needs_inferred_targets`` say of the stages before its training."""

    folds: int
    teacher: Mapping[str, Any]
    inference: Mapping[str, Any]
    top: int | None

    @property
    def graph(self) -> str:
        """Where the graph comes from."""


def check_config(config: InteractionConfig, data: PairedFeatures) -> None:
    """Refuse what no stage could use."""
    if config.graph in UNINFORMED:
        return
    check_classes(data.classes)
    if config.graph == "events":
        if not has_true_events(data.truth):
            raise InputError(
                f"{data.provenance.source}: graph=events needs the true events, and the file has none",
                fix="take another graph, or a corpus that overtone simulate made",
            )
        return
    own, _ = split_settings(config.teacher, AVSAL)
    AVSAL.settings_type.build(own, where="settings of av-sal")
    inference_settings(config.inference)
    if config.graph == "planted" and "interactions" not in data.truth:
        raise InputError(
            f"{data.provenance.source}: graph=planted needs the true interactions, and the file has none",
            fix="take another graph, or a corpus that overtone simulate made",
        )


def check_rows(settings: Settings, data: PairedFeatures, seed: int) -> None:
    """Refuse labelled rows too few for the folds of teachers and trials."""
    config = cast(InteractionConfig, settings)
    if config.graph in (*UNINFORMED, "events") or data.labels is None or "train" not in data.splits:
        return
    fold_training_rows(data, config.folds, seed)
    if isinstance(settings, InteractionsSettings) and settings.needs_trials:
        check_trials(data, min(TRIAL_FOLDS, config.folds), seed)


def inference_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of the inference with their values."""
    found: dict[str, Any] = InferenceSettings.build(settings, where="settings of the inference").model_dump(mode="json")
    return found
