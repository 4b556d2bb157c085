"""Training with inferred targets: cross-fitted teachers, soft labels, the class graph, and then the student."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol, TypeVar, cast

import torch
from torch import Tensor
from typing_extensions import Unpack

from overtone.core import InputError, Progress
from overtone.core.files import checksum, json_text
from overtone.core.version import __version__
from overtone.features import PairedFeatures
from overtone.graphs import Graph, InferenceSettings, Presences
from overtone.interactions.class_graph import estimate_presences, infer_graph, load_graph, store_graph
from overtone.interactions.cross_fitting import cross_fit, select_labelled_splits
from overtone.interactions.soft_labels import Identity, SoftLabels
from overtone.methods.av_sal import AVSAL
from overtone.methods.base import InferredTargets, methods
from overtone.methods.interactions import UNINFORMED
from overtone.training import Run, RunContext, TrainOptions, train
from overtone.training.resuming import FREE
from overtone.training.settings import split_settings

T = TypeVar("T")

_PASSED_ON = ("seed", "scaling", "device", "checkpoint_seconds", "memory_mb")
"""Settings of the student's training that teachers share, unless ``teacher`` says otherwise."""


class InteractionConfig(Protocol):
    """What the settings of a method with ``needs_inferred_targets`` say of the stages before its training."""

    graph: Any
    folds: int
    teacher: Mapping[str, Any]
    inference: Mapping[str, Any]
    top: int | None


class InteractionTrainer:
    """Trains like :func:`overtone.training.train`, and infers targets for a method that needs them.

    Soft labels and graphs are kept in the object: runs without a folder that need the same ones share them, as the
    controls of a comparison do.

    Example:
        >>> from overtone.features import from_arrays, simulate
        >>> data = from_arrays(simulate(seed=0))
        >>> run = InteractionTrainer().train("interactions", data)  # doctest: +SKIP
    """

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}

    def train(self, method: str, data: PairedFeatures, **options: Unpack[TrainOptions]) -> Run:
        """Train a method; the options, the result and what is raised are those of :func:`overtone.training.train`.

        For a method with ``needs_inferred_targets`` the run's folder also gets the teachers' runs, their soft labels
        and the class graph; ``resume`` goes on at the stage that was interrupted. Progress also covers the teachers'
        epochs and the steps of the graph search. Too few labels, or a wrong setting of a stage, are refused first.
        """
        kind = methods[method]
        infer: Callable[[RunContext], InferredTargets | None] | None = None
        if kind.needs_inferred_targets:
            own, _ = split_settings(options.get("settings"), kind)
            config = cast(InteractionConfig, kind.settings_type.build(own, where=f"settings of {method}"))
            _check(config, data)  # before anything is written or trained

            def infer(run: RunContext) -> InferredTargets | None:
                return self._infer(cast(InteractionConfig, run.method.settings), run, data.truth)

        return train(method, data, **options, inferred=infer)

    def _infer(self, config: InteractionConfig, run: RunContext, truth: Mapping[str, Tensor]) -> InferredTargets | None:
        """Fit the teachers, score the training rows, search the graph; or take what is stored of it."""
        if config.graph in UNINFORMED:
            run.info["interactions"] = {}
            return None
        soft = self._soft_labels(config, run)
        chances = estimate_presences(soft, config.inference)
        facts: dict[str, Any] = {
            "teacher": {"folds": config.folds, "head": soft.kind, **soft.choice, "reliability": soft.reliability}
        }
        weights = torch.zeros(2 * len(soft.classes), 2 * len(soft.classes), device=run.device)
        if config.graph == "planted":
            weights = _planted_weights(truth["interactions"], config.top).to(run.device)
        elif run.group.is_main:  # one process searches; all get the result
            graph = self._graph(config, run, soft, chances)
            weights = torch.as_tensor(graph.matrix(config.top), dtype=torch.float32, device=run.device)
            facts["graph"] = {"nodes": len(graph.nodes), "edges": len(graph.edges), "seconds": graph.seconds}
        first, second = (torch.as_tensor(part, dtype=torch.float32, device=run.device) for part in chances.values())
        run.group.broadcast([first, second, weights])
        run.info["interactions"] = facts
        return InferredTargets((first, second), weights)

    def _soft_labels(self, config: InteractionConfig, run: RunContext) -> SoftLabels:
        settings = {name: getattr(run.settings, name) for name in _PASSED_ON}
        # the student's own steps, so that teachers of different folds do not choose differently
        settings["scaling"] = ",".join(part["steps"] for part in run.info["scaling"].values())
        settings |= config.teacher
        part = select_labelled_splits(run.data)
        assert part.targets is not None
        identity: Identity = {
            "soft labels": config.folds,
            "of": checksum(*part.modalities.values(), part.targets, *part.splits.values()),
            "with": {name: value for name, value in settings.items() if name not in FREE},
        }
        options: dict[str, Any] = {"folds": config.folds, "settings": settings, "progress": run.progress}
        options |= {"out": run.folder, "label": f"{run.label}: teacher"}
        return self._keep(identity, lambda: cross_fit(part, **options), run)

    def _graph(self, config: InteractionConfig, run: RunContext, soft: SoftLabels, chances: Presences) -> Graph:
        identity: Identity = {
            "soft_labels": checksum(*soft.both, soft.labels),
            "inference": _inference_settings(config.inference),
            "versions": {"overtone": __version__},
        }

        def report(step: Progress) -> None:  # an answer would end the search; a training's progress has none to give
            if run.progress is not None:
                run.progress(replace(step, label=f"{run.label}: graph, {step.label}"))

        def search() -> Graph:
            return infer_graph(soft, config.inference, chances=chances, progress=report)

        if run.folder is None:
            return self._keep(identity, search, run)
        found = load_graph(run.folder, identity)
        if found is None:
            found = search()
            store_graph(found, run.folder, identity)
        return found

    def _keep(self, identity: Identity, make: Callable[[], T], run: RunContext) -> T:
        """A result of this identity that was made before, or else made now. A run with a folder stores its own."""
        if run.folder is not None:
            return make()
        key = json_text(identity)
        if key not in self._kept:
            self._kept[key] = make()
        found: T = self._kept[key]
        return found


def _check(config: InteractionConfig, data: PairedFeatures) -> None:
    """Refuse what no stage could use."""
    if config.graph in UNINFORMED:
        return
    own, _ = split_settings(config.teacher, AVSAL)
    AVSAL.settings_type.build(own, where="settings of av-sal")
    _inference_settings(config.inference)
    if config.graph == "planted" and "interactions" not in data.truth:
        raise InputError(
            f"{data.provenance.source}: graph=planted needs the true interactions, and the file has none",
            fix="take another graph, or a corpus that overtone simulate made",
        )


def _inference_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of the inference with their values."""
    found: dict[str, Any] = InferenceSettings.build(settings, where="settings of the inference").model_dump(mode="json")
    return found


def _planted_weights(strengths: Tensor, top: int | None) -> Tensor:
    """The interactions that the corpus is known to have, each target's weights with a sum of one."""
    strengths = strengths.float()
    if top is not None:
        least = strengths.topk(min(top, len(strengths)), dim=0).values[-1]
        strengths = torch.where(strengths >= least, strengths, 0.0)
    return strengths / strengths.sum(0).clamp_min(torch.finfo(torch.float32).tiny)
