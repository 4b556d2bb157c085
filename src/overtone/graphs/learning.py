"""The verb: rows or a covariance in, a graph with a confidence on every edge out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from overtone.core import InputError, ProgressCallback
from overtone.graphs.arrays import Bools, Numbers, numbers
from overtone.graphs.checks import check_chunk, check_covariance, check_names, check_size
from overtone.graphs.cpdag import cpdag
from overtone.graphs.graph import Graph
from overtone.graphs.knowledge import Knowledge
from overtone.graphs.moments import Moments, from_covariance, moments, refit
from overtone.graphs.resampling import Learner, Resampler
from overtone.graphs.search import Clock
from overtone.graphs.settings import GraphSettings
from overtone.graphs.stability import choose_penalty, compare_halves, consensus

Table = ArrayLike | Iterable[ArrayLike]
"""(n, p) rows, or chunks of them; or a (p, p) covariance."""
_CHUNK = 4096
"""Rows that are summed at once."""


def learn_graph(
    data: Table,
    names: Sequence[str] | None = None,
    *,
    rows: float | None = None,
    knowledge: Knowledge | None = None,
    settings: Mapping[str, Any] | None = None,
    progress: ProgressCallback | None = None,
) -> Graph:
    """Learn a graph from a table of numbers, or from its covariance.

    A linear-Gaussian DAG is sought that maximises Σ_y [-n/2 · ln σ²(y | parents) - k_y (c/2 · ln n + γ · ln p)], k_y
    the number of parents, by BOSS, GRaSP and iterated local search; what is returned is its equivalence class.

    Args:
        data: (n, p) array (numpy or torch); or an iterable of such chunks of rows, which is read once; or, with
            ``rows``, a (p, p) covariance.
        names: p names; for an iterable of chunks they are needed, else x0, x1, ... by default.
        rows: Number of rows behind a covariance.
        knowledge: Tiers, forbidden and required edges.
        settings: Names and values of :class:`GraphSettings`.
        progress: Called after each step; an answer that is true ends the search with the best graph so far.

    Returns:
        The graph.

    Raises:
        InputError: The data cannot be searched (NaN, constant or duplicate variables, too few rows), a setting or the
            knowledge is wrong.

    Source:
        Lam, Andrews & Ramsey, Greedy relaxations of the sparsest permutation algorithm, UAI 2022; Andrews et al., Fast
        scalable and accurate discovery of DAGs using the best order score search and grow-shrink trees, NeurIPS 2023.

    Example:
        >>> random = np.random.default_rng(0)
        >>> rain, sun = random.normal(size=(2, 500))
        >>> wet = rain - sun + random.normal(size=500)
        >>> graph = learn_graph(np.column_stack([rain, wet, sun]), ["rain", "wet", "sun"])
        >>> sorted((edge.source, edge.target, edge.kind) for edge in graph.edges)
        [('rain', 'wet', 'directed'), ('sun', 'wet', 'directed')]
    """
    chosen = GraphSettings.build(settings, where="graph settings")
    clock = Clock(chosen.seconds, progress)
    summed = _read_moments(data, names, rows, needs_blocks(chosen))
    constraints = None if knowledge is None else knowledge.constraints(summed.names, chosen.max_parents)
    _, notes = check_covariance(*summed.covariance(), summed.names, None if rows is not None else summed.means)
    return assemble_graph(Resampler(Learner(chosen, constraints), summed, clock), notes)


def needs_blocks(settings: GraphSettings) -> bool:
    """Whether rows will be drawn again."""
    return bool(settings.bootstrap or settings.halves or settings.penalty == "stability")


def _read_moments(data: Table, names: Sequence[str] | None, rows: float | None, blocks: bool) -> Moments:
    """Sum up whatever :func:`learn_graph` takes as data."""
    if rows is not None:
        covariance = numbers(data, "covariance")
        p, q = covariance.shape
        check_size(max(p, q))
        if p != q or not np.allclose(covariance, covariance.T, rtol=1e-6, atol=1e-9):
            raise InputError("a covariance is square and symmetric", got=f"shape {covariance.shape}")
        named = check_names(names or (), len(covariance))
        check_chunk(covariance, 0, named, "covariance")
        return from_covariance(covariance.astype(np.float64), rows, named)
    if isinstance(data, Iterable) and not hasattr(data, "shape") and not isinstance(data, (list, tuple)):
        if names is None:
            raise InputError("chunks of rows need the names of the variables")
        return moments(_checked(data, names), check_names(names, len(names)), blocks=blocks)
    table = numbers(data, "data")
    named = check_names(names or (), table.shape[1])
    pieces = (table[at : at + _CHUNK] for at in range(0, len(table), _CHUNK))
    return moments(_checked(pieces, named), named, blocks=blocks)


def _checked(chunks: Iterable[ArrayLike], names: Sequence[str]) -> Iterable[Numbers]:
    """The chunks, each looked at; errors count rows from the beginning."""
    first = 0
    for chunk in chunks:
        values = numbers(chunk, f"rows from {first} on")
        if values.shape[1] != len(names):
            raise InputError(f"row {first}: wrong number of variables", got=values.shape[1], valid=len(names))
        check_chunk(values, first, names, "data")
        first += len(values)
        yield values
    if not first:
        raise InputError("there are no rows")


def assemble_graph(samples: Resampler, notes: Sequence[str] = (), counted: Bools | None = None) -> Graph:
    """Search, resample as far as the settings ask for it, and put the graph together.

    Args:
        samples: The rows, what searches them, and the time that it has.
        notes: What a reader should know about the input.
        counted: (p, p) bool: pairs that count in the agreement of halves; all by default.
    """
    learner, summed, clock = samples.learner, samples.moments, samples.clock
    settings = learner.settings
    if needs_blocks(settings) and len(summed.blocks) < 2:  # as where only a covariance was given
        raise InputError("a bootstrap draws rows again, and there is only one block of them", fix="give the rows")
    penalty, tried = choose_penalty(samples)
    covariance, rows = summed.covariance()
    clock.label = "search"
    best, correlation = learner(covariance, rows, penalty, settings.random_state, clock)
    directed, undirected = cpdag(best.dag, learner.forbidden)
    presence = direction = resamples = agreement = None
    if settings.bootstrap and not clock.over():
        presence, direction, resamples = samples.frequencies(penalty, settings.bootstrap)
        if settings.threshold and resamples:
            directed, undirected = consensus(presence, direction, settings.threshold)
    if settings.halves and not clock.over():
        agreement = compare_halves(samples, penalty, counted)
    place = np.argsort(best.order)
    parents = directed | (undirected & (place[:, None] < place[None, :]))
    return Graph(
        nodes=summed.names,
        directed=directed,
        undirected=undirected,
        weights=refit(correlation, parents)[0],
        dag=best.dag,
        score=best.score,
        order=tuple(summed.names[at] for at in best.order),
        seconds=clock.elapsed,
        settings=settings.model_dump() | {"penalty": penalty},
        presence=presence,
        direction=direction,
        rows=int(rows),
        steps=best.steps,
        complete=best.complete and not clock.over(),
        resamples=resamples,
        repeatability=tried,
        halves=agreement,
        notes=tuple(notes),
    )
