"""Targets of a student: of event chances, of completed labels, or of the events that a corpus is known to have."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from overtone.features import PairedFeatures
from overtone.interactions.event_chances import EventChances
from overtone.interactions.relabelling import RELABELLINGS
from overtone.interactions.soft_labels import SoftLabels
from overtone.methods.base import InferredTargets
from overtone.methods.interactions import EVENTS
from overtone.training import RunContext


def planted_weights(strengths: Tensor, top: int | None) -> Tensor:
    """The interactions that the corpus is known to have, each target's weights with a sum of one."""
    strengths = strengths.float()
    if top is not None:
        least = strengths.topk(min(top, len(strengths)), dim=0).values[-1]
        strengths = torch.where(strengths >= least, strengths, 0.0)
    return strengths / strengths.sum(0).clamp_min(torch.finfo(torch.float32).tiny)


def targets_from_chances(found: EventChances, soft: SoftLabels, weights: Tensor, run: RunContext) -> InferredTargets:
    """Event chances as targets, the same in all processes."""
    first, second = (part.float().to(run.device) for part in found.modalities.values())
    run.group.broadcast([first, second, clips := found.clips.float().to(run.device)])
    hidden = found.unannotated * len(soft) / max(1.0, float(soft.annotated.sum()))
    return InferredTargets((first, second), weights, clips, hidden)


def targets_from_labels(
    kind: str, soft: SoftLabels, data: PairedFeatures, run: RunContext, weights: Tensor
) -> InferredTargets:
    """Targets of events by one of the usual ways to complete labels."""
    rows = data.splits["train"]
    features = [part[rows] for part in data.modalities.values()]
    found = RELABELLINGS[kind](soft.annotated, torch.maximum(*soft.both).float(), features).to(run.device)
    run.group.broadcast([found])
    return InferredTargets((found, found), weights.to(run.device), found)


def has_true_events(truth: Mapping[str, Tensor]) -> bool:
    """Whether a corpus is known to have events in both modalities."""
    return sum(name.startswith(EVENTS) for name in truth) == 2


def true_events(truth: Mapping[str, Tensor], run: RunContext) -> tuple[Tensor, Tensor]:
    """The true events of the training rows in each modality."""
    rows = run.data.splits["train"]
    first, second = (truth[f"{EVENTS}{name}"][rows].float() for name in run.data.names)
    return first, second


def select_targets(targets: InferredTargets, kept: Tensor) -> InferredTargets:
    """Targets of a part of the rows."""
    first, second = (part[kept.to(part.device)] for part in targets.soft_labels)
    events = None if targets.events is None else targets.events[kept.to(targets.events.device)]
    return InferredTargets((first, second), targets.graph, events)


def targets_from_true_events(truth: Mapping[str, Tensor], run: RunContext) -> InferredTargets:
    """The events that the corpus is known to have, in place of chances."""
    first, second = (part.to(run.device) for part in true_events(truth, run))
    nodes = 2 * first.shape[1]
    return InferredTargets((first, second), torch.zeros(nodes, nodes, device=run.device), torch.maximum(first, second))
