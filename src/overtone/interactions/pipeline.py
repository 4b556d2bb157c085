"""Training with inferred targets: cross-fitted teachers, soft labels, the class graph, and then the student."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from torch import Tensor
from typing_extensions import Unpack

from overtone.core import Progress, ProgressCallback
from overtone.core.files import checksum, json_text
from overtone.core.version import __version__
from overtone.features import PairedFeatures
from overtone.graphs import Graph
from overtone.interactions.class_graph import infer_graph, load_graph, store_graph
from overtone.interactions.config import TRIAL_FOLDS, InteractionConfig, check_config, check_rows, inference_settings
from overtone.interactions.cross_fitting import cross_fit, select_labelled_splits
from overtone.interactions.event_calibration import calibrate_events
from overtone.interactions.event_chances import EVENTS_FILE, event_chances
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
from overtone.interactions.weight_trials import ALONE, WITH, InferPart, try_weights
from overtone.methods.av_sal import AVSAL
from overtone.methods.base import InferredTargets, Method, methods
from overtone.methods.event_gate import choose_weight, try_edges
from overtone.methods.interactions_settings import UNINFORMED, InteractionsSettings
from overtone.training import Run, RunContext, TrainOptions, train
from overtone.training.data import fingerprint
from overtone.training.resuming import FREE
from overtone.training.settings import split_settings

T = TypeVar("T")

_PASSED_ON = ("seed", "scaling", "device", "checkpoint_seconds", "memory_mb")
"""Settings of the student's training that teachers share, unless ``teacher`` says otherwise."""

_COMPARED = 1 << 22
"""Most chances for which those without a graph are computed beside them, to say what the graph adds."""


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
            check_config(cast(InteractionConfig, built), data)  # before anything is written or trained
            check_rows(built, data, training.seed)

            def infer(run: RunContext) -> InferredTargets | None:
                chosen = cast(InteractionConfig, run.method.settings)
                student = run.method.settings
                targets = self._infer(chosen, run, data.truth)
                if targets is None or not isinstance(student, InteractionsSettings):
                    return targets
                if student.needs_trials:  # first: workers can only be started before this process trains
                    targets = self._choose(method, data, options.get("settings") or {}, run, targets)
                if student.student == "lir":
                    targets = targets._replace(reference=self._reference(method, data, options, run))
                return targets

        return train(method, data, **options, inferred=infer)

    def _choose(
        self, method: str, data: PairedFeatures, settings: Mapping[str, Any], run: RunContext, targets: InferredTargets
    ) -> InferredTargets:
        """Choose by trials how much event chances count, and whether the edges of an inferred graph count in them."""
        config = cast(InteractionConfig, run.method.settings)
        heads = cast(InteractionsSettings, run.method.settings).student == "heads"
        tried = heads and config.graph == "inferred" and bool((targets.graph > 0).any())
        graphs = {WITH: targets.graph, **({ALONE: torch.zeros_like(targets.graph)} if tried else {})}
        infer, keep = self._infer_part(config, run, targets, graphs), partial(self._keep, run)
        trials = try_weights(method, infer, run, settings, self.workers, keep, tuple(graphs))
        if not tried:
            return targets._replace(gate=choose_weight(trials[WITH], targets.hidden))
        edges, gate = try_edges(trials[WITH], trials[ALONE]), choose_weight(trials[WITH], targets.hidden)
        if edges.harm or gate.weight is None:
            targets = cast(InferredTargets, self._infer(config, run, data.truth, edges=False))
        if edges.harm:
            gate = choose_weight(trials[ALONE], targets.hidden)
        return targets._replace(gate=gate._replace(edges=edges))

    def _infer(
        self, config: InteractionConfig, run: RunContext, truth: Mapping[str, Tensor], *, edges: bool = True
    ) -> InferredTargets | None:
        """Fit the teachers, score the training rows, search the graph; or take what is stored of it.

        Without ``edges`` those of the graph do not count in the chances.
        """
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
        weights = weights if edges else torch.zeros_like(weights)
        found = event_chances(soft.arrays, soft.labels, weights.cpu(), kind=soft.kind, settings=config.inference)
        facts["events"] = found.summary()
        if edges and "graph" in facts and found.clips.numel() <= _COMPARED:
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

    def _infer_part(
        self, config: InteractionConfig, run: RunContext, targets: InferredTargets, graphs: Mapping[str, Tensor]
    ) -> InferPart:
        """What infers targets of a part of the training rows as :meth:`_infer` does, but keeps the graph."""
        if config.graph == "events":
            return lambda _data, kept, _out, _report: {WITH: select_targets(targets, kept)}
        choice = self._soft_labels(config, run).choice
        settings = self._teacher_settings(config, run)
        settings |= {name: value for name, value in choice.items() if name in AVSAL.settings_type.model_fields}

        def infer(
            data: PairedFeatures, _kept: Tensor, out: Path | None, report: ProgressCallback | None
        ) -> dict[str, InferredTargets]:
            folds = min(TRIAL_FOLDS, config.folds)
            identity: Identity = {"trial": folds, "of": fingerprint(data), "with": _effective(settings)}
            options: dict[str, Any] = {"folds": folds, "settings": settings, "progress": report, "out": out}
            options |= {"label": f"{run.label}: trial's teacher", "workers": 1}
            soft = self._keep(run, identity, lambda: cross_fit(data, **options))
            if config.graph in RELABELLINGS:
                return {WITH: targets_from_labels(config.graph, soft, data, run, targets.graph)}
            found = {}
            for kind, weights in graphs.items():
                one = event_chances(soft.arrays, soft.labels, weights.cpu(), kind=soft.kind, settings=config.inference)
                found[kind] = targets_from_chances(one, soft, weights, run)
            return found

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
            "inference": inference_settings(config.inference),
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
