"""Interactions: which class in which modality brings which other class, from soft labels and annotated labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from overtone.core import ProgressCallback
from overtone.graphs.arrays import Bools, Ints
from overtone.graphs.checks import check_covariance
from overtone.graphs.class_edges import consensus_edges, count_edges, label_notes, labels_take_part, with_labels
from overtone.graphs.cpdag import cpdag
from overtone.graphs.graph import Graph
from overtone.graphs.knowledge import Constraints, Knowledge
from overtone.graphs.learning import needs_blocks
from overtone.graphs.moments import moments
from overtone.graphs.presence import Presences, presences
from overtone.graphs.resampling import Learner, Resampler, seed_for
from overtone.graphs.search import Clock
from overtone.graphs.settings import InferenceSettings
from overtone.graphs.soft_labels import (
    Kind,
    SoftLabelArrays,
    identifiable_classes,
    indicators,
    name_nodes,
    split_modalities,
)
from overtone.graphs.stability import agreement_of, choose_penalty

_WEIGHT = (
    "by how much the target's presence is higher where the source is annotated and present, the other sources being "
    "equal, in standard deviations of what the target's own label leaves open."
)
"""What the weight of an edge means."""
_SHRINKAGE = 1e-6
"""Share of its variance that every variable gets on top: sure teachers give equal presences in both modalities."""


def infer_interactions(
    soft_labels: SoftLabelArrays,
    labels: ArrayLike,
    *,
    modality: Sequence[str] = (),
    kind: Kind = "sigmoid",
    classes: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
    chances: Presences | None = None,
    knowledge: Knowledge | None = None,
    progress: ProgressCallback | None = None,
) -> Graph:
    """Infer which class brings which other class into which modality.

    Three steps: the soft labels are unmixed into :func:`presences`; GRaSP searches one graph over the presences of all
    classes in all modalities and, as their causes, the annotated labels (no edge leads to a label, each label is a
    parent of its own class, and labels, which exclude each other, have no edges among them); and what it says of
    a class, be it by its label or by a presence, is put together, on all rows and on resamples of them.

    An edge (m, i) → (o, j) is found where, in enough resamples, the label or a presence of class i is a parent of class
    j's presence in modality o, and where that presence is higher by ``strength`` or more with i. It starts in the
    modality whose presence of i is adjacent to the target in enough resamples; where only the label is, the data do not
    tell, and it starts in the other modality. Edges may form cycles. Pairs of one class are left out.

    Args:
        soft_labels: Modality to (n, C) soft labels of training rows, each by a teacher that has not seen it; or one
            array, as :func:`interaction_graph` takes them.
        labels: What is annotated, (n,) class codes, -1 for none, or (n, C) indicators; rows without any take part.
        modality: Names of the modalities, where they are not the keys.
        kind: What the soft labels are.
        classes: C names; class0, class1, ... by default.
        settings: Names and values of :class:`InferenceSettings`.
        chances: Modality to (n, C), what :func:`presences` gives for these soft labels; computed here if None.
        knowledge: Tiers, forbidden and required edges, between names such as "audio:dog".
        progress: Called after each step; an answer that is true ends the search with what is known so far.

    Returns:
        A graph whose nodes are called "modality:class", the first modality's first. The weight of an edge says by how
        much the target's presence is higher where the source is annotated and present, the other sources being equal,
        in standard deviations of what the target's own label leaves open. ``dag``, ``order`` and ``score`` are those of
        the search over presences and labels, without the labels.

    Raises:
        InputError: The soft labels are not what ``kind`` says, the labels do not fit, or nothing can be told of them.

    Example:
        >>> random = np.random.default_rng(0)
        >>> labels = np.eye(4)[random.integers(4, size=800)]
        >>> heard, seen = labels > 0, labels > 0
        >>> seen[:, 2] |= heard[:, 0] & (random.random(800) < 0.6)  # a train brings a horn into view
        >>> scores = {"audio": 6 * heard - 3, "visual": 6 * seen - 3}
        >>> noisy = {name: part + random.normal(size=part.shape) for name, part in scores.items()}
        >>> names = ["train", "dog", "horn", "rain"]
        >>> graph = infer_interactions(noisy, labels, kind="sigmoid-logits", classes=names)
        >>> [(edge.source, edge.target) for edge in graph.edges]
        [('audio:train', 'visual:horn')]
    """
    chosen = InferenceSettings.build(settings, where="inference settings")
    clock = Clock(chosen.seconds, progress)
    parts = split_modalities(soft_labels, modality)
    given = indicators(labels, next(iter(parts.values())).shape)
    names = name_nodes(parts, classes)
    constraints = None if knowledge is None else knowledge.constraints(names, chosen.max_parents)

    def infer_from(rows: Ints) -> Graph:
        some = {name: part[rows] for name, part in parts.items()}
        found = presences(some, given[rows], kind=kind, settings=chosen.model_dump())
        return _infer(found, given[rows], names, constraints, chosen, clock)

    if chances is None:
        chances = presences(parts, given, kind=kind, settings=chosen.model_dump())
    graph = _infer(chances, given, names, constraints, chosen, clock)
    if not chosen.halves or clock.over():
        return graph
    same_class = np.tile(np.eye(given.shape[1], dtype=bool), (len(parts), len(parts)))
    counted = np.triu(~same_class, 1)
    random = np.random.default_rng(seed_for(chosen, 2))
    orders = [random.permutation(len(given)) for _ in range(chosen.halves)]
    pairs = [[infer_from(half).adjacency[counted] for half in np.array_split(order, 2)] for order in orders]
    return replace(graph, halves=agreement_of(np.array(pairs)), seconds=clock.elapsed)


def _infer(
    chances: Presences,
    given: Bools,
    names: tuple[str, ...],
    constraints: Constraints | None,
    chosen: InferenceSettings,
    clock: Clock,
) -> Graph:
    """The graph of presences and labels: searched, resampled, and folded to one node a class and modality."""
    nodes, classes, table = len(names), given.shape[1], np.hstack(list(chances.values()))
    kept = np.flatnonzero(np.tile(identifiable_classes(given), nodes // classes))
    causes = labels_take_part(given, chosen.labels)
    if causes:
        constraints = with_labels(nodes, classes, constraints)
    learner = Learner(chosen, constraints, shrinkage=_SHRINKAGE)
    check_covariance(learner.shrink(np.cov(table[:, kept].T, bias=True)), len(table), [names[at] for at in kept])
    variables = np.hstack([table, given.astype(float)]) if causes else table
    numbered = [f"x{at}" for at in range(variables.shape[1])]
    samples = Resampler(learner, moments([variables], numbered, blocks=needs_blocks(chosen)), clock)
    penalty, tried = choose_penalty(samples)
    covariance, rows = samples.moments.covariance()
    clock.label = "search"
    best = learner(covariance, rows, penalty, chosen.random_state, clock).result
    frequencies = count_edges(samples.bootstrap(penalty, chosen.bootstrap), nodes, classes)
    resamples = frequencies.graphs
    if not resamples:
        frequencies = count_edges([cpdag(best.dag, learner.forbidden)], nodes, classes)
    edges = consensus_edges(frequencies, learner.shrink(covariance), chosen)
    return Graph(
        nodes=names,
        directed=edges.directed,
        undirected=edges.undirected,
        weights=edges.weights,
        dag=best.dag[:nodes, :nodes],
        score=best.score,
        order=tuple(names[at] for at in best.order if at < nodes),
        seconds=clock.elapsed,
        settings=chosen.model_dump() | {"penalty": penalty},
        presence=edges.presence if resamples else None,
        direction=edges.direction if resamples else None,
        rows=int(rows),
        steps=best.steps,
        complete=best.complete and not clock.over(),
        resamples=resamples,
        repeatability=tried,
        labels="nodes" if causes else "none",
        weight_meaning=_WEIGHT,
        notes=label_notes(covariance, kept, nodes, classes) if causes else (),
    )
