"""How likely each event is in a clip, annotated or not: from scores, labels and, if there is one, the class graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from overtone.core import InputError
from overtone.core.files import json_text, load_tensors, read_header, save_tensors
from overtone.graphs import Graph, rescale_scores, standard_scores, unmixed_scores
from overtone.graphs.soft_labels import Kind
from overtone.interactions.event_limits import EventLimits
from overtone.interactions.event_model import EventModel, Evidence
from overtone.interactions.explained_scores import explain_scores
from overtone.objectives.targets import as_labels, as_targets

EVENTS_FILE = "events.safetensors"
"""The file of event chances in a run's folder."""
_FAINT, _LOUD = 0.55, 0.8
"""Fitted loudness below which it is believed, and above which it cannot be told from 1."""
_APART, _MEET = 2.5, 4.5
"""Lift of events in both modalities up to which a small loudness is not believed, and from which on it is."""
_CELLS = 1 << 21
"""Entries by which the loudness is fitted: it is common to all classes."""
_BOUNDS = (-1.5, 2.5)
"""Scores beyond these say no more than these."""
_EXPLAINED, _EXPLAINED_ALONE = 3, 1
"""How many times scores are explained anew by the chances that they led to, with edges and without. Where nothing is
known of what goes with what, what an event does to scores is mistaken for what its usual company does."""


@dataclass(frozen=True, eq=False)
class EventChances:
    """Chances of events in N clips.

    Attributes:
        modalities: Modality to (N, C), the chance that the class shows in this modality of the clip.
        clips: (N, C), the chance that the class is in the clip at all; 1 where it is annotated.
        strengths: (2C, 2C), the fitted chance that an edge's source brings its target, in the order of the graph's
            nodes; None without a graph.
        rates: (C,) share of clips in which the class occurs without being annotated and without an edge's doing.
        loudness: Modality to how far unannotated events stand out, as a share of how far annotated ones do.
        unannotated: Expected number of events of a clip that nobody annotated.
    """

    modalities: dict[str, Tensor]
    clips: Tensor
    strengths: Tensor | None
    rates: Tensor
    loudness: dict[str, float]
    unannotated: float

    def summary(self) -> dict[str, float | dict[str, float]]:
        """Figures for ``run.json``."""
        edges = 0 if self.strengths is None else int((self.strengths > 0).sum())
        return {"unannotated_per_clip": round(self.unannotated, 4), "loudness": self.loudness, "edges": edges}

    def save(self, path: str | Path, ids: Sequence[str], classes: Sequence[str]) -> None:
        """Write one safetensors file; names are in its header."""
        tensors = {name: part.float().contiguous() for name, part in self.modalities.items()}
        tensors |= {"clips": self.clips.float(), "rates": self.rates.float()}
        if self.strengths is not None:
            tensors["strengths"] = self.strengths.float()
        header = {
            "unannotated": self.unannotated,
            "modalities": list(self.modalities),
            "loudness": self.loudness,
            "ids": list(ids),
            "classes": list(classes),
        }
        save_tensors(path, tensors, {name: json_text(value) for name, value in header.items()})

    @classmethod
    def load(cls, path: str | Path) -> EventChances:
        """Read what :meth:`save` wrote.

        Raises:
            InputError: The file is missing, damaged, or holds something else.
        """
        tensors, header = load_tensors(path), read_header(path)
        try:
            parts = {name: tensors[name] for name in header["modalities"]}
            return cls(
                parts,
                tensors["clips"],
                tensors.get("strengths"),
                tensors["rates"],
                header["loudness"],
                header["unannotated"],
            )
        except KeyError as missing:
            raise InputError(f"{path}: not event chances of a run", got=f"no {missing}") from None


def event_chances(
    scores: Mapping[str, ArrayLike],
    labels: ArrayLike,
    graph: Graph | Tensor | None = None,
    *,
    kind: Kind = "sigmoid",
    settings: Mapping[str, Any] | None = None,
) -> EventChances:
    r"""Calibrated chances of events, by expectation and maximisation.

    For class c in modality o of clip n, the *unmixed* score x (see :func:`~overtone.graphs.unmixed_scores`) is
    normal, with other moments where the event is absent, present and annotated, or present and not annotated. The
    ratio of their densities is made monotone, lies within :math:`e^{\pm 12}`, and is at most 20 times the number of
    clips that are annotated with the class. Both modalities are looked at
    together: events that occur of themselves show in one modality or in both, in shares :math:`T_c` that are fitted,
    and every edge :math:`i \to c` whose source shows in the clip brings c into its modality with a fitted chance
    :math:`w_{ic}` (noisy-or),

    .. math:: P(c \text{ is brought into } o) = 1 - \prod_{i \to c} (1 - w_{ic}\, q_i).

    The chance of a class in a clip is one less the chance that it shows in neither modality. Unannotated events may
    stand out less than annotated ones: their mean lies at a share of the way from absent to present, the loudness,
    which is fitted first, without the graph, for all classes of a modality together. A fitted loudness of 0.8 or more
    cannot be told from 1 and counts as 1, one of 0.55 or less counts as it is.

    A teacher's confusions look like faint events, but seldom meet in both modalities of a clip. So a small loudness
    counts only where the fitted events show in both 4.5 times as often as by chance or more (as 1 up to 2.5 times),
    and rates and the strengths of edges are lowered until no more events are expected to score high than
    :class:`~overtone.interactions.event_limits.EventLimits` allow. Edges say where events are, scores how many there
    are: edges are made weaker where more than 1.5 times as many events are expected as without them. Rates of classes
    with few annotated clips lean on those of the others (:func:`~overtone.interactions.event_rates.lean_on_trend`).

    Then the scores are *explained* anew, three times with edges and once without, by the chances that they led to (see
    :func:`~overtone.interactions.explained_scores.explain_scores`): what the other events of a clip, brought ones
    included, do to a score is taken away. Explained scores say better where events are; how many there are at most
    the unmixed ones have said.

    Args:
        scores: The two modalities' (N, C) soft labels, by teachers that have not seen the rows.
        labels: What is annotated, (N,) class codes, -1 for none, or (N, C) indicators; rows without any take part.
        graph: A graph over "modality:class", or (2C, 2C) weights; its edges count, its weights do not. Edges between
            the two nodes of one class are left out. None: chances without a graph.
        kind: What the scores are.
        settings: Of the unmixing, where they are not the defaults.

    Returns:
        The chances. A class that no clip, or every clip, is annotated with keeps its annotation, as does one whose
        soft labels are the same in all clips.

    Raises:
        InputError: There are not two modalities, labels are outside [0, 1], or labels or graph do not fit the scores.

    Source:
        Dempster, Laird & Rubin 1977 for EM; Pearl 1988 for noisy-or.

    Example:
        >>> random = np.random.default_rng(0)
        >>> events = random.random((800, 3)) < 0.3
        >>> labels = np.eye(3)[np.where(events, random.random((800, 3)), -1).argmax(1)] * events.any(1, keepdims=True)
        >>> scores = {name: 6.0 * events - 3 + random.normal(size=events.shape) for name in ("audio", "visual")}
        >>> found = event_chances(scores, labels, kind="sigmoid-logits")
        >>> hidden = torch.as_tensor(events & (labels == 0))
        >>> bool(abs(found.unannotated - hidden.sum() / 800) < 0.05)
        True
    """
    if len(scores) != 2:
        raise InputError("event chances need two modalities", got=", ".join(scores) or "none")
    unmixed = unmixed_scores(dict(scores), labels, kind=kind, settings=settings)
    standard = standard_scores(dict(scores), labels, kind=kind)
    classes = next(iter(unmixed.values())).shape[1]
    given = as_targets(as_labels(torch.as_tensor(np.asarray(labels))), classes).float()
    varied = np.logical_or(*(np.ptp(np.asarray(part, dtype=np.float64), axis=0) > 0 for part in scores.values()))
    known = torch.as_tensor(varied & np.all([np.isfinite(part).all(0) for part in unmixed.values()], axis=0))
    edges = _edges(graph, classes, known)
    found = [given.clone() for _ in range(3)]
    strengths = None if graph is None else torch.zeros(2 * classes, 2 * classes, dtype=torch.float64)
    rates, loudness = torch.zeros(classes, dtype=torch.float64), [1.0, 1.0]
    if known.any():
        unmixed_parts, logits = (
            [torch.as_tensor(part)[:, known].float() for part in kinds.values()] for kinds in (unmixed, standard)
        )
        model = _go_on(_fit(unmixed_parts, given[:, known], edges), logits)
        for whole, part in zip(found, (*model.modalities, model.clips)):
            whole[:, known] = part
        if strengths is not None:
            nodes = known.repeat(2).nonzero()[:, 0]
            strengths[nodes[edges[0]], nodes[edges[1]]] = model.strengths
        rates[known], loudness = model.rates, model.loudness
    names = list(scores)
    missing = float(torch.where(given > 0, 0.0, found[2]).sum(dtype=torch.float64) / max(1, len(given)))
    return EventChances(dict(zip(names, found[:2])), found[2], strengths, rates, dict(zip(names, loudness)), missing)


def _fit(unmixed: Sequence[Tensor], labels: Tensor, edges: tuple[Tensor, Tensor]) -> EventModel:
    """The model of unmixed scores: first the loudness, without edges, then how many events there are without them."""
    evidence = _evidence(unmixed, labels)
    some = evidence.some(_CELLS)
    free = EventModel(some).fit()
    loudness = tuple(_believed(value, free.lift) for value in free.loudness)
    seen = tuple(_seen(value, free.lift) for value in free.loudness)

    def limits(of: Evidence) -> EventLimits:
        return EventLimits.measure(of.scores, of.labels, seen)

    alone = EventModel(some, given_loudness=loudness, limits=limits(some)).fit().unannotated if len(edges[0]) else None
    return EventModel(evidence, edges, loudness, limits(evidence), alone).fit()


def _go_on(model: EventModel, logits: Sequence[Tensor]) -> EventModel:
    """The model of scores that are explained by its chances, and so on."""
    labels = model.evidence.labels
    for _ in range(_EXPLAINED if len(model.edges[0]) else _EXPLAINED_ALONE):
        parts = [explain_scores(part, chances) for part, chances in zip(logits, model.modalities)]
        scaled = [torch.as_tensor(rescale_scores(part.double().numpy(), labels.numpy() > 0)) for part in parts]
        model = EventModel(_evidence(scaled, labels), before=model).fit()
    return model


def _evidence(scores: Sequence[Tensor], labels: Tensor) -> Evidence:
    """Scores of two modalities within the bounds, with the labels."""
    first, second = (part.clamp(*_BOUNDS).float() for part in scores)
    return Evidence((first, second), labels)


def _believed(fitted: float, lift: float) -> float:
    """The loudness to count with: the fitted one where it is small and events meet in both modalities, otherwise 1."""
    loudness = min(1.0, fitted)
    return loudness + (1.0 - loudness) * max(_way(_FAINT, _LOUD, fitted), 1.0 - _way(_APART, _MEET, lift))


def _seen(fitted: float, lift: float) -> float:
    """The loudness by which high scores are counted: the fitted one if events meet in both modalities, otherwise 1."""
    loudness = min(1.0, fitted)
    return loudness + (1.0 - loudness) * (1.0 - _way(_APART, _MEET, lift))


def _way(start: float, end: float, value: float) -> float:
    """How far a value has come from start to end, in [0, 1]."""
    return min(1.0, max(0.0, (value - start) / (end - start)))


def _edges(graph: Graph | Tensor | None, classes: int, known: Tensor) -> tuple[Tensor, Tensor]:
    """Sources and targets of edges between two classes, numbered among the nodes of the known classes."""
    none = torch.zeros(0, dtype=torch.int64)
    if graph is None:
        return none, none
    weights = torch.as_tensor(graph.matrix() if isinstance(graph, Graph) else graph)
    if weights.shape != (2 * classes, 2 * classes):
        what = "graph: not one of these classes in two modalities"
        raise InputError(what, got=tuple(weights.shape), valid=f"({2 * classes}, {2 * classes}) weights")
    nodes = known.repeat(2)
    kept = (weights > 0)[nodes][:, nodes]
    count = int(known.sum())
    number = torch.arange(2 * count)
    sources, targets = (kept & (number[:, None] % count != number % count)).nonzero(as_tuple=True)
    return sources, targets
