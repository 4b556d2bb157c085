"""The stages before the training of a method that is informed: teacher, soft labels, graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

import torch
from torch import Tensor

from overtone.core import InputError, Progress, ProgressCallback
from overtone.core.files import checksum, json_text
from overtone.core.version import __version__
from overtone.features import PairedFeatures
from overtone.interactions.class_graphs import (
    SUPPORT,
    presences_of,
    store_graph,
    stored_graph,
    with_support,
)
from overtone.interactions.cross_fitting import cross_fit
from overtone.interactions.folds import seen_by_teachers
from overtone.interactions.soft_labels import SoftLabels
from overtone.methods.av_sal import AVSAL
from overtone.methods.base import InferredTargets, methods
from overtone.methods.interactions import UNINFORMED
from overtone.training import Run, RunContext, train
from overtone.training.distribution import Group
from overtone.training.settings import TrainingSettings, split_settings

if TYPE_CHECKING:
    from overtone.graphs import Graph, Knowledge, SearchReport
    from overtone.graphs.search import Progress as SearchProgress

T = TypeVar("T")

PASSED_ON = ("seed", "scaling", "device", "checkpoint_seconds", "memory_mb")
"""Settings of the student's loop that are the teachers', too, unless ``teacher`` says otherwise."""


class Asking(Protocol):
    """What the settings of a method that is informed say of the stages."""

    graph: Any
    folds: int
    teacher: Mapping[str, Any]
    inference: Mapping[str, Any]
    top: int | None


@dataclass(frozen=True)
class Place:
    """Where the stages take place.

    Attributes:
        data: What the method may see, with the splits as used.
        truth: What is known beyond the annotation; only ``graph="planted"`` looks at it.
        training: Settings of the student's loop.
        group: The processes of the run.
        device: Where the method is.
        folder: The run folder, None if there is none.
        progress: Called after every epoch and step.
        label: What progress calls the run.
    """

    data: PairedFeatures
    truth: Mapping[str, Tensor]
    training: TrainingSettings
    group: Group
    device: torch.device
    folder: Path | None
    progress: ProgressCallback | None
    label: str


class InteractionTrainer:
    """Trains as :func:`overtone.training.train` does, and infers targets for a method that needs them."""

    def train(
        self,
        method: str,
        data: PairedFeatures,
        *,
        settings: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Run:
        """Train a method; see :func:`overtone.training.train`.

        Args:
            method: A registered name.
            data: Features with a split ``train``.
            settings: Of the method and of its training.
            options: As :func:`overtone.training.train` takes them.
        """
        kind = methods[method]
        if not kind.needs_inferred_targets:
            return train(method, data, settings=settings, **options)
        own, _ = split_settings(settings, kind)
        check(cast(Asking, kind.settings_type.build(own, where=f"settings of {method}")), data)

        def inferred(run: RunContext) -> InferredTargets | None:
            place = Place(
                run.data, data.truth, run.settings, run.group, run.device, run.folder, run.progress, run.label
            )
            found, run.info["interactions"] = infer(cast(Asking, run.method.settings), place)
            return found

        return train(method, data, settings=settings, inferred=inferred, **options)


def infer(asking: Asking, where: Place) -> tuple[InferredTargets | None, dict[str, Any]]:
    """What the training rows' teachers and the graph search say, made or taken from where it is stored.

    Args:
        asking: The method's settings.
        where: The data and the run.

    Returns:
        What the method is to be told, None if it asks for nothing; and what ``run.json`` says of it.

    Raises:
        InputError: The data has too few labels.
        TrainingStopped: A teacher diverged.
    """
    if asking.graph in UNINFORMED:
        return None, {}
    planted = planted_graph(where, asking.top) if asking.graph == "planted" else None
    soft = soft_labels_of(asking, where)
    facts: dict[str, Any] = {
        "teacher": {"folds": asking.folds, "head": soft.kind, **soft.choice, "reliability": soft.reliability}
    }
    weights = torch.zeros(2 * len(soft.classes), 2 * len(soft.classes), device=where.device)
    if planted is not None:
        weights = planted.to(where.device)
    elif where.group.is_main:  # one process searches, all are told
        graph = graph_of(asking, where, soft)
        weights = torch.as_tensor(graph.matrix(asking.top), dtype=torch.float32, device=where.device)
        facts["graph"] = {"nodes": len(graph.nodes), "edges": len(graph.edges), "seconds": graph.seconds}
    first, second = (part.to(where.device) for part in presences_of(soft, asking.inference).values())
    where.group.broadcast([first, second, weights])
    return InferredTargets((first, second), weights), facts


def soft_labels_of(asking: Asking, where: Place) -> SoftLabels:
    """The cross-fitted soft labels of the training rows."""
    passed_on = {name: getattr(where.training, name) for name in PASSED_ON}
    settings = {**passed_on, **asking.teacher}
    part = seen_by_teachers(where.data)
    free = {name: value for name, value in settings.items() if name not in ("checkpoint_seconds", "memory_mb")}
    identity = {"soft labels": asking.folds, "of": checksum(*_all_of(part)), "with": free}
    return shared(
        identity,
        lambda: cross_fit(
            part,
            folds=asking.folds,
            settings=settings,
            out=where.folder,
            progress=where.progress,
            label=f"{where.label}: teacher",
        ),
    )


def graph_of(asking: Asking, where: Place, soft: SoftLabels) -> Graph:
    """The graph of soft labels, as it is stored or searched anew."""
    identity = {
        "soft_labels": checksum(*soft.both, soft.labels),
        "inference": check_inference(asking.inference),
        "versions": {"overtone": __version__},
    }

    def report(found: SearchReport) -> None:
        if where.progress is not None:
            values = {"score": found.score} if math.isfinite(found.score) else {}
            label = f"{where.label}: graph, {found.label}"
            where.progress(Progress(label, found.step, found.steps, "step", values, found.seconds))

    found = None if where.folder is None else stored_graph(where.folder, identity)
    if found is None:
        found = shared(identity, lambda: infer_graph(soft, asking.inference, progress=report))
        if where.folder is not None:
            store_graph(found, where.folder, identity)
    return found


def infer_graph(
    soft: SoftLabels,
    settings: Mapping[str, Any] | None = None,
    *,
    knowledge: Knowledge | None = None,
    clips: int = SUPPORT,
    progress: SearchProgress | None = None,
) -> Graph:
    """Search the class graph of soft labels, and name the clips that support its edges.

    Args:
        soft: Soft labels of training rows.
        settings: Of the inference, where they are not the defaults.
        knowledge: Forbidden and required edges, between names such as "audio:dog".
        clips: How many clips to name for each edge.
        progress: Called after each step; an answer that is true ends the search with the best graph so far.

    Returns:
        The graph, over ``modality:class``; ``found["support"]`` names the clips.

    Raises:
        InputError: A setting is wrong, or the soft labels cannot be searched.
    """
    from overtone.graphs.inference import infer_interactions

    graph = infer_interactions(
        {name: part.numpy() for name, part in soft.probabilities.items()},
        soft.labels.numpy(),
        kind=soft.kind,
        classes=soft.classes,
        settings=settings,
        knowledge=knowledge,
        progress=progress,
    )
    return with_support(graph, soft, presences_of(soft, settings), clips)


def check_inference(settings: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of the inference with their values, looked at before the teachers take their time.

    Raises:
        InputError: One of them is wrong.
    """
    from overtone.graphs.settings import InferenceSettings

    found: dict[str, Any] = InferenceSettings.build(settings, where="settings of the inference").model_dump(mode="json")
    return found


def check(asking: Asking, data: PairedFeatures) -> None:
    """Refuse what no stage could use, before anything is written or trained.

    Args:
        asking: The method's settings.
        data: The data, with what is known beyond its annotation.

    Raises:
        InputError: A setting of teacher or inference is wrong, or a planted graph is asked for and not known.
    """
    if asking.graph in UNINFORMED:
        return
    own, _ = split_settings(asking.teacher, AVSAL)
    AVSAL.settings_type.build(own, where="settings of av-sal")
    check_inference(asking.inference)
    if asking.graph == "planted" and "interactions" not in data.truth:
        raise InputError(
            f"{data.provenance.source}: graph=planted needs the true interactions, and the file has none",
            fix="take another graph, or a corpus that overtone simulate made",
        )


def planted_graph(where: Place, top: int | None) -> Tensor:
    """The interactions that the corpus is known to have, each target's weights with a sum of one."""
    strengths = where.truth["interactions"].float()
    if top is not None:
        least = strengths.topk(min(top, len(strengths)), dim=0).values[-1]
        strengths = torch.where(strengths >= least, strengths, 0.0)
    return strengths / strengths.sum(0).clamp_min(torch.finfo(torch.float32).tiny)


_shared: ContextVar[dict[str, Any] | None] = ContextVar("shared", default=None)


@contextmanager
def sharing() -> Iterator[None]:
    """Within, what teachers and searches of the same identity say is made once: for the controls of a comparison."""
    token = _shared.set({})
    try:
        yield
    finally:
        _shared.reset(token)


def shared(identity: Mapping[str, Any], make: Callable[[], T]) -> T:
    """A result from :func:`sharing`, if there is one of this identity, or else made now."""
    known = _shared.get()
    if known is None:
        return make()
    key = json_text(identity)
    if key not in known:
        known[key] = make()
    found: T = known[key]
    return found


def _all_of(data: PairedFeatures) -> list[Tensor]:
    """Features, labels and splits."""
    return [*data.modalities.values(), *([] if data.targets is None else [data.targets]), *data.splits.values()]
