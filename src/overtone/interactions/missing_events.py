"""Clips that probably hold an event nobody annotated, with the chance and the reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from overtone.core import InputError, unknown_name
from overtone.core.results import Record, Result
from overtone.interactions.event_calibration import EventCalibration
from overtone.interactions.event_chances import EVENTS_FILE, EventChances
from overtone.interactions.graph_effects import GraphEffect
from overtone.interactions.soft_labels import SoftLabels
from overtone.methods.event_gate import Gate
from overtone.training.folder import RunFolder

_NAMED = 5
"""Classes that are named in a sentence."""
_UNLIKELY = 2.5
"""From so many times the annotated events on, the expected ones are doubted."""


@dataclass(frozen=True)
class MissingEvent:
    """A class that is probably in a clip without being annotated.

    Attributes:
        id: The clip.
        event: The class.
        chance: The chance that it is in the clip.
        modalities: Modality to the chance that it shows there.
        annotated: The classes that the clip is annotated with.
        brought_by: The edge that makes it likely, as the name of its source ("audio:train"); None where the class is
            likelier to be there of itself.
    """

    id: str
    event: str
    chance: float
    modalities: dict[str, float]
    annotated: tuple[str, ...]
    brought_by: str | None

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {**vars(self), "annotated": list(self.annotated)}


@dataclass(frozen=True, repr=False)
class MissingEvents(Result):
    """What is missing in an annotation.

    Attributes:
        events: Those whose chance is large enough, the surest first.
        chance: The least chance of what is listed.
        clips: Number of clips that were looked at.
        expected: Class to the expected number of clips that hold it without being annotated with it.
        gate: How much event chances count in the student, and why; None if that was not chosen by trials.
        effects: What the graph does to the chances of classes, the largest change first; empty if it is not known.
        calibration: The chances against the true events; None where these are not known.
        annotated: Number of annotations in these clips; None if it is not known.
    """

    events: tuple[MissingEvent, ...]
    chance: float
    clips: int
    expected: dict[str, float]
    gate: Gate | None = None
    effects: tuple[GraphEffect, ...] = ()
    calibration: EventCalibration | None = None
    annotated: int | None = None

    def headline(self) -> str:
        """How many events are listed, and how many are expected in all."""
        return (
            f"{len(self.events):,} events of a chance of {self.chance:g} or more in {self.clips:,} clips; "
            f"{sum(self.expected.values()):,.0f} expected in all"
        )

    def iter_records(self) -> Iterator[Record]:
        """A row per event, the surest first; the chance of each modality in a column of its own."""
        for one in self.events:
            own = {"id": one.id, "event": one.event, "chance": one.chance}
            modalities = {f"chance_{name}": chance for name, chance in one.modalities.items()}
            yield {**own, **modalities, "annotated": list(one.annotated), "brought_by": one.brought_by}

    @property
    def doubt(self) -> str | None:
        """Why the chances may be too high, in words; None where nothing says so, or the true events are known."""
        if self.calibration is not None:
            return None
        expected, signs = sum(self.expected.values()), []
        if self.annotated and expected >= _UNLIKELY * self.annotated:
            signs.append(f"{expected / self.annotated:.1f} times as many events are expected as are annotated")
        if self.gate is not None and self.gate.weight is None:
            signs.append("trials found no use for the chances")
        if not signs:
            return None
        said = ", and ".join(signs)
        return (
            f"{said[0].upper()}{said[1:]}. Look at some before you trust the chances: teachers that confuse classes "
            "make them too high."
        )

    @property
    def effect_said(self) -> str | None:
        """What the graph adds to soft labels, in words; None where that is not known."""
        if not self.effects:
            return None
        change = sum(effect.expected - effect.without for effect in self.effects)
        raised = sum(effect.raised for effect in self.effects)
        named = ", ".join(f"{e.event} ({e.without:,.0f} to {e.expected:,.0f})" for e in self.effects[:_NAMED])
        return (
            f"Against soft labels alone the graph changes the expected number by {change:+,.0f}, most in {named}; "
            f"chances raised by .2 or more: {raised:,}."
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        effects = [effect._asdict() for effect in self.effects]
        calibration = None if self.calibration is None else self.calibration.to_dict()
        events = [event.to_dict() for event in self.events]
        gate = None if self.gate is None else self.gate.said
        return {**vars(self), "events": events, "gate": gate, "effects": effects, "calibration": calibration}


def has_event_chances(folder: str | Path) -> bool:
    """Whether event chances were inferred for a run."""
    return (Path(folder) / EVENTS_FILE).is_file()


def find_missing_events(folder: str | Path, chance: float = 0.9, event: str | None = None) -> MissingEvents:
    """List the training clips of a run of ``interactions`` that probably hold an event nobody annotated.

    Args:
        folder: The run's folder.
        chance: Least chance of what is listed, in (0, 1].
        event: The one class to list; None lists all.

    Raises:
        InputError: The run has no event chances, the chance is out of range, or there is no such class.
    """
    if not 0 < chance <= 1:
        raise InputError("chance is the least chance of what is listed", got=chance, valid="more than 0, up to 1")
    run = RunFolder(folder)
    info = run.info()
    if not has_event_chances(folder):
        what, valid = f"{folder}: has no event chances", "a run of interactions, with graph=inferred"
        raise InputError(what, got=f"a run of {info.get('method', 'an unknown method')}", valid=valid)
    chances, soft = EventChances.load(run / EVENTS_FILE), SoftLabels.load(run / "soft_labels.safetensors")
    if event is not None and event not in soft.classes:
        raise unknown_name("class of the run", event, soft.classes)
    annotated = soft.annotated > 0
    missing = torch.where(annotated, 0.0, chances.clips)
    expected = {name: round(float(part), 1) for name, part in zip(soft.classes, missing.sum(0))}
    if event is not None:
        only = torch.tensor([name == event for name in soft.classes])
        missing = torch.where(only, missing, 0.0)
    clips, classes = (missing >= chance).nonzero(as_tuple=True)
    order = torch.argsort(missing[clips, classes], descending=True, stable=True)
    clips, classes = clips[order], classes[order]
    sources = _sources(chances, clips, classes)
    nodes = [f"{modality}:{name}" for modality in chances.modalities for name in soft.classes]
    events = tuple(
        MissingEvent(
            id=soft.ids[clip],
            event=soft.classes[number],
            chance=float(missing[clip, number]),
            modalities={name: float(part[clip, number]) for name, part in chances.modalities.items()},
            annotated=tuple(soft.classes[at] for at in annotated[clip].nonzero()[:, 0].tolist()),
            brought_by=None if source < 0 else nodes[source],
        )
        for clip, number, source in zip(clips.tolist(), classes.tolist(), sources.tolist())
    )
    gate = Gate.from_dict(info["gate"]) if "gate" in info else None
    facts = info.get("interactions", {})
    effects = tuple(GraphEffect(**effect) for effect in facts.get("graph", {}).get("effects", ()))
    calibration = EventCalibration.from_dict(facts["calibration"]) if facts.get("calibration") else None
    count = int(annotated.sum())
    return MissingEvents(events, chance, len(soft), expected, gate, effects, calibration, count)


def _sources(chances: EventChances, clips: Tensor, classes: Tensor) -> Tensor:
    """(n,) node that most probably brings each event into its clip; -1 where it is likelier to be there of itself."""
    if chances.strengths is None or not len(clips):
        return torch.full((len(clips),), -1)
    present = torch.cat(list(chances.modalities.values()), 1)[clips]
    count = chances.clips.shape[1]
    into = torch.maximum(chances.strengths[:, classes], chances.strengths[:, classes + count]).mT
    best, source = (present * into).max(1)
    return torch.where(best > chances.rates[classes], source, -1)
