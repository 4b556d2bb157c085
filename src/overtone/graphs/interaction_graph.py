"""Class-interaction graphs: from soft labels of two modalities to a graph over class × modality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from overtone.core import InputError, ProgressCallback
from overtone.graphs.arrays import Floats, to_array
from overtone.graphs.checks import check_chunk, check_covariance
from overtone.graphs.closure import ClosedLearner
from overtone.graphs.graph import Graph
from overtone.graphs.knowledge import Knowledge
from overtone.graphs.learning import assemble_graph, needs_blocks
from overtone.graphs.moments import moments
from overtone.graphs.resampling import Learner, Resampler
from overtone.graphs.search import Clock
from overtone.graphs.settings import GraphSettings
from overtone.graphs.soft_labels import (
    Kind,
    Representation,
    SoftLabelArrays,
    name_nodes,
    represented,
    resolve_representation,
    split_modalities,
)

_FEWEST_CLASSES = 3
_HARD = 12
"""Up to so many classes the offsets of closed rows are hard to find, and a note says so."""
_FEW_CLASSES = (
    "with {classes} classes the offsets of softmax rows are hard to tell from the graph: look at the frequencies of a "
    "bootstrap, and try more em_starts"
)


def interaction_graph(
    soft_labels: SoftLabelArrays,
    *,
    modality: Sequence[str] = (),
    classes: Sequence[str] = (),
    labels: ArrayLike | None = None,
    kind: Kind = "softmax",
    representation: Representation = "auto",
    centre: bool = False,
    knowledge: Knowledge | None = None,
    settings: Mapping[str, Any] | None = None,
    progress: ProgressCallback | None = None,
) -> Graph:
    """Learn which class in which modality goes with which, from what a teacher says about each row.

    Softmax rows are closed: log p = z - L with an offset L per row and modality, so nearly every pair looks connected.
    The graph of the logits z is estimated together with the offsets (structural EM), so it does not depend on a
    temperature, nor on anything that is added to all logits of a row.

    Args:
        soft_labels: Modality to (n, C) soft labels; or one (n, C) array; or, with ``modality``, one (n, M·C) array with
            the modalities side by side. Only training rows belong in here, scored by a teacher that has not seen them.
        modality: Names of the modalities, where they are not the keys.
        classes: C names; class0, class1, ... by default.
        labels: (n,) class numbers or (n, C) indicators: what is annotated.
        kind: What the numbers are: "softmax" probabilities, "logits" of a softmax, "sigmoid" probabilities of
            independent classes, or "sigmoid-logits".
        representation: "log-ratio" (offsets estimated), "logit" or "linear" (probabilities as they are); "auto" is
            log-ratio for a softmax and logit for sigmoids.
        centre: Whether to take out what the annotated label explains, and look only at what varies within it.
        knowledge: Tiers, forbidden and required edges, between names such as "audio:dog".
        settings: Names and values of :class:`GraphSettings`.
        progress: Called after each step; an answer that is true ends the search with the best graph so far.

    Returns:
        A graph whose nodes are called "modality:class". Pairs of one class in two modalities do not count in the
        agreement of halves.

    Raises:
        InputError: The numbers are not what ``kind`` says, have no logarithm, or cannot be searched.

    Example:
        >>> random = np.random.default_rng(0)
        >>> audio, visual = random.normal(size=(2, 400, 3))
        >>> visual[:, 1] += audio[:, 0]
        >>> graph = interaction_graph(
        ...     {"audio": audio, "visual": visual}, classes=["train", "horn", "dog"], kind="sigmoid-logits"
        ... )
        >>> [sorted((edge.source, edge.target)) for edge in graph.edges]
        [['audio:train', 'visual:horn']]
    """
    chosen = GraphSettings.build(settings, where="graph settings")
    clock = Clock(chosen.seconds, progress)
    parts = split_modalities(soft_labels, modality)
    names = name_nodes(parts, classes)
    width = len(names) // len(parts)
    closed = resolve_representation(kind, representation) == "log-ratio"
    if closed and width < _FEWEST_CLASSES:
        raise InputError("log-ratios need three classes or more", got=width, fix='choose representation="linear"')
    rows = np.hstack([represented(part, kind, representation, name) for name, part in parts.items()])
    check_chunk(rows, 0, names, "soft labels")
    if centre:
        rows = _centre(rows, labels)
    constraints = None if knowledge is None else knowledge.constraints(names, chosen.max_parents)
    groups = np.repeat(np.arange(len(parts)), width)
    learner = ClosedLearner(chosen, groups, constraints) if closed else Learner(chosen, constraints)
    summed = moments([rows], names, blocks=needs_blocks(chosen))
    covariance, count = summed.covariance()
    _, notes = check_covariance(covariance, count, names)
    if closed:  # that closed rows determine each other is known, and taken care of
        notes = [_FEW_CLASSES.format(classes=width)] if width <= _HARD else []
    alike = np.tile(np.arange(width), len(parts))
    graph = assemble_graph(Resampler(learner, summed, clock), notes, counted=alike[:, None] != alike[None, :])
    own = {"kind": kind, "representation": representation, "centre": centre}
    return replace(graph, settings={**graph.settings, **own})


def _centre(rows: Floats, labels: ArrayLike | None) -> Floats:
    """What is left of rows when the annotated label is known: residuals of a regression on its indicators.

    With one label a row these are deviations from the mean of its class.
    """
    if labels is None:
        raise InputError("centring needs the annotated labels", fix="pass labels=, or centre=False")
    given = to_array(labels)
    if len(given) != len(rows):
        raise InputError("there must be one label a row", got=f"{len(given)} labels, {len(rows)} rows")
    if given.ndim == 1:
        given = np.unique(given, return_inverse=True)[1][:, None] == np.arange(len(np.unique(given)))
    indicators = np.column_stack([given.astype(float), np.ones(len(rows))])
    left: Floats = rows - indicators @ np.linalg.lstsq(indicators, rows, rcond=None)[0]
    return left
