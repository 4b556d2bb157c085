"""Training with inferred targets: cross-fitted teachers, soft labels, the class graph, and then the student."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import torch
from torch import Tensor
from typing_extensions import Unpack

from overtone.core import InputError, Progress, ProgressCallback, Settings
from overtone.core.files import checksum, json_text
from overtone.core.version import __version__
from overtone.features import PairedFeatures
from overtone.graphs import Graph, InferenceSettings
from overtone.graphs.checks import check_classes
from overtone.interactions.class_graph import infer_graph, load_graph, store_graph
from overtone.interactions.cross_fitting import cross_fit, select_labelled_splits
from overtone.interactions.event_calibration import calibrate_events
from overtone.interactions.event_chances import EVENTS_FILE, event_chances
from overtone.interactions.folds import fold_training_rows
from overtone.interactions.graph_effects import measure_graph_effects
from overtone.interactions.inferred_targets import (
    has_true_events,
    planted_weights,
    select_targets,
    targets_from_chances,
    targets_from_labels,
    targets_from_true_events,
    true_events,
)
from overtone.interactions.relabelling import RELABELLINGS
from overtone.interactions.rewiring import rewire
from overtone.interactions.soft_labels import Identity, SoftLabels
from overtone.interactions.weight_trials import InferPart, check_trials, try_weights
from overtone.methods.av_sal import AVSAL
from overtone.methods.base import InferredTargets, Method, methods
from overtone.methods.event_gate import choose_weight
from overtone.methods.interactions_settings import UNINFORMED, InteractionsSettings
from overtone.training import Run, RunContext, TrainOptions, train
from overtone.training.data import fingerprint
from overtone.training.resuming import FREE
from overtone.training.settings import split_settings

T = TypeVar("T")

_PASSED_ON = ("seed", "scaling", "device", "checkpoint_seconds", "memory_mb")
"""Settings of the student's training that teachers share, unless ``teacher`` says otherwise."""

_TRIAL_FOLDS = 3
"""Most folds of the teachers of a trial, which have two thirds of the rows."""

_COMPARED = 1 << 22
"""Most chances for which those without a graph are computed beside them, to say what the graph adds."""


class InteractionConfig(Protocol):
    """What the settings of a method with ``needs_inferred_targets`` say of the stages before its training."""

    folds: int
    teacher: Mapping[str, Any]
    inference: Mapping[str, Any]
    top: int | None

    @property
    def graph(self) -> str:
        """Where the graph comes from."""


class InteractionTrainer:
    """Trains like :func:`overtone.training.train`, and infers targets for a method that needs them.

    Soft labels and graphs are kept in the object: runs without a folder that need the same ones share them, as the
    controls of a comparison do.

    Args:
        workers: Processes that share the teachers; None: see :func:`overtone.core.worker_counts.count_workers`.

    Example:
        >>> from overtone.features import from_arrays, simulate
        >>> data = from_arrays(simulate(seed=0))
        >>> run = InteractionTrainer().train("interactions", data)  # doctest: +SKIP
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers
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
            own, training = split_settings(options.get("settings"), kind)
            built = kind.settings_type.build(own, where=f"settings of {method}")
            _check(cast(InteractionConfig, built), data)  # before anything is written or trained
            _check_rows(built, data, training.seed)

            def infer(run: RunContext) -> InferredTargets | None:
                chosen = cast(InteractionConfig, run.method.settings)
                student = run.method.settings
                targets = self._infer(chosen, run, data.truth)
                if targets is None or not isinstance(student, InteractionsSettings):
                    return targets
                if student.needs_trials:  # first: workers can only be started before this process trains
                    settings = options.get("settings") or {}
                    infer_part = self._infer_part(chosen, run, targets)
                    keep = partial(self._keep, run)
                    trials = try_weights(method, infer_part, run, settings, self.workers, keep)
                    targets = targets._replace(gate=choose_weight(trials, targets.hidden))
                if student.student == "lir":
                    targets = targets._replace(reference=self._reference(method, data, options, run))
                return targets

        return train(method, data, **options, inferred=infer)

    def _infer(self, config: InteractionConfig, run: RunContext, truth: Mapping[str, Tensor]) -> InferredTargets | None:
        """Fit the teachers, score the training rows, search the graph; or take what is stored of it."""
        if config.graph in UNINFORMED:
            run.info["interactions"] = {}
            return None
        if config.graph == "events":
            run.info["interactions"] = {}
            return targets_from_true_events(truth, run)
        soft = self._soft_labels(config, run)
        facts: dict[str, Any] = {
            "teacher": {"folds": config.folds, "head": soft.kind, **soft.choice, "reliability": soft.reliability}
        }
        weights = torch.zeros(2 * len(soft.classes), 2 * len(soft.classes))
        if config.graph in RELABELLINGS:
            run.info["interactions"] = facts
            return targets_from_labels(config.graph, soft, run.data, run, weights)
        if config.graph == "planted":
            weights = planted_weights(truth["interactions"], config.top)
        elif config.graph != "soft" and run.group.is_main:  # one process searches; all get the result
            graph = self._graph(config, run, soft)
            weights = torch.as_tensor(graph.matrix(config.top), dtype=torch.float32)
            facts["graph"] = {"nodes": len(graph.nodes), "edges": len(graph.edges), "seconds": graph.seconds}
        run.group.broadcast([weights := weights.to(run.device)])
        if config.graph == "shuffled":
            weights = rewire(weights.cpu(), torch.Generator().manual_seed(run.settings.seed)).to(run.device)
        found = event_chances(soft.arrays, soft.labels, weights.cpu(), kind=soft.kind, settings=config.inference)
        facts["events"] = found.summary()
        if "graph" in facts and found.clips.numel() <= _COMPARED:
            alone = event_chances(soft.arrays, soft.labels, kind=soft.kind, settings=config.inference)
            effects = measure_graph_effects(found.clips, alone.clips, soft.annotated, soft.classes)
            facts["graph"]["effects"] = [effect._asdict() for effect in effects]
        if has_true_events(truth):
            calibration = calibrate_events(found.clips, torch.maximum(*true_events(truth, run)), soft.annotated)
            facts["calibration"] = None if calibration is None else calibration.to_dict()
        if run.group.is_main and run.folder is not None:
            found.save(run.folder / EVENTS_FILE, soft.ids, soft.classes)
        run.info["interactions"] = facts
        return targets_from_chances(found, soft, weights, run)

    def _infer_part(self, config: InteractionConfig, run: RunContext, targets: InferredTargets) -> InferPart:
        """What infers targets of a part of the training rows as :meth:`_infer` does, but keeps the graph."""
        if config.graph == "events":
            return lambda _data, kept, _out, _report: select_targets(targets, kept)
        choice = self._soft_labels(config, run).choice
        settings = self._teacher_settings(config, run)
        settings |= {name: value for name, value in choice.items() if name in AVSAL.settings_type.model_fields}

        def infer(
            data: PairedFeatures, _kept: Tensor, out: Path | None, report: ProgressCallback | None
        ) -> InferredTargets:
            folds = min(_TRIAL_FOLDS, config.folds)
            identity: Identity = {"trial": folds, "of": fingerprint(data), "with": _effective(settings)}
            options: dict[str, Any] = {"folds": folds, "settings": settings, "progress": report, "out": out}
            options |= {"label": f"{run.label}: trial's teacher", "workers": 1}
            soft = self._keep(run, identity, lambda: cross_fit(data, **options))
            if config.graph in RELABELLINGS:
                return targets_from_labels(config.graph, soft, data, run, targets.graph)
            edges = targets.graph.cpu()
            found = event_chances(soft.arrays, soft.labels, edges, kind=soft.kind, settings=config.inference)
            return targets_from_chances(found, soft, targets.graph, run)

        return infer

    def _reference(self, method: str, data: PairedFeatures, options: TrainOptions, run: RunContext) -> Method:
        """The same method trained without a graph: the embedding that a pull's is mixed with."""
        settings = {**(options.get("settings") or {}), "graph": "none"}
        identity: Identity = {"reference": method, "settings": settings, "of": run.info["data"]["trained_on"]}
        out = None if run.folder is None else run.folder / "reference"

        def make() -> Method:
            label = f"{run.label}: without event chances"
            resumed = out is not None and (out / "run.json").exists()
            return train(
                method,
                data,
                settings=settings,
                out=out,
                resume=resumed,
                progress=run.progress,
                label=label,
                evaluate=False,
            ).method

        return self._keep(run, identity, make)

    def _teacher_settings(self, config: InteractionConfig, run: RunContext) -> dict[str, Any]:
        settings = {name: getattr(run.settings, name) for name in _PASSED_ON}
        # the student's own steps, so that teachers of different folds do not choose differently
        settings["scaling"] = ",".join(part["steps"] for part in run.info["scaling"].values())
        return {**settings, **config.teacher}

    def _soft_labels(self, config: InteractionConfig, run: RunContext) -> SoftLabels:
        settings = self._teacher_settings(config, run)
        part = select_labelled_splits(run.data)
        identity: Identity = {
            "soft labels": config.folds,
            "of": fingerprint(part),
            "with": _effective(settings),
        }
        options: dict[str, Any] = {"folds": config.folds, "settings": settings, "progress": run.progress}
        options |= {"out": run.folder, "label": f"{run.label}: teacher", "workers": self.workers}
        return self._keep(run, identity, lambda: cross_fit(part, **options))

    def _graph(self, config: InteractionConfig, run: RunContext, soft: SoftLabels) -> Graph:
        identity: Identity = {
            "soft_labels": checksum(*soft.both, soft.labels),
            "inference": _inference_settings(config.inference),
            "versions": {"overtone": __version__},
        }

        def report(step: Progress) -> None:  # an answer would end the search; a training's progress has none to give
            if run.progress is not None:
                run.progress(replace(step, label=f"{run.label}: graph, {step.label}"))

        def search() -> Graph:
            return infer_graph(soft, config.inference, progress=report)

        if run.folder is None:
            return self._keep(run, identity, search)
        found = load_graph(run.folder, identity)
        if found is None:
            found = search()
            store_graph(found, run.folder, identity)
        return found

    def _keep(self, run: RunContext, identity: Identity, make: Callable[[], T]) -> T:
        """A result of this identity that was made before, or else made now. A run with a folder stores its own."""
        if run.folder is not None:
            return make()
        key = json_text(identity)
        if key not in self._kept:
            self._kept[key] = make()
        found: T = self._kept[key]
        return found


def _effective(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that change results."""
    return {name: value for name, value in settings.items() if name not in FREE}


def _check(config: InteractionConfig, data: PairedFeatures) -> None:
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
    _inference_settings(config.inference)
    if config.graph == "planted" and "interactions" not in data.truth:
        raise InputError(
            f"{data.provenance.source}: graph=planted needs the true interactions, and the file has none",
            fix="take another graph, or a corpus that overtone simulate made",
        )


def _check_rows(settings: Settings, data: PairedFeatures, seed: int) -> None:
    """Refuse labelled rows too few for the folds of teachers and trials."""
    config = cast(InteractionConfig, settings)
    if config.graph in (*UNINFORMED, "events") or data.labels is None or "train" not in data.splits:
        return
    fold_training_rows(data, config.folds, seed)
    if isinstance(settings, InteractionsSettings) and settings.needs_trials:
        check_trials(data, min(_TRIAL_FOLDS, config.folds), seed)


def _inference_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of the inference with their values."""
    found: dict[str, Any] = InferenceSettings.build(settings, where="settings of the inference").model_dump(mode="json")
    return found
