"""The protocol: every clip of one modality is a query among all clips of the other, or of its own set."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict

import numpy as np
import torch
from torch import Tensor

from overtone.core import InputError, ProgressCallback
from overtone.core.progress import Meter
from overtone.evaluation.arrays import (
    ArrayLike,
    Floats,
    class_labels,
    event_targets,
    log_doubts,
    unit_pair,
    whole_number,
)
from overtone.evaluation.clips import Clips
from overtone.evaluation.diffusion import Diffusion, DiffusionSettings
from overtone.evaluation.metrics import EVENTS_MAP
from overtone.evaluation.per_class import per_class_scores
from overtone.evaluation.registration import Metric, metrics
from overtone.evaluation.result import Evaluation, QuerySample, Reranking
from overtone.evaluation.retrieval import Found, Search, run_search
from overtone.evaluation.scores import Score
from overtone.evaluation.significance import mean_interval
from overtone.evaluation.space import describe_space

_MOST_CONFUSED = 2000
"""Classes up to which the (C, C) classes of nearest items are counted."""


class EvaluateOptions(TypedDict, total=False):
    """Options of :func:`evaluate` that say nothing of the clips; they are explained there."""

    recall_at: Sequence[int]
    memory_mb: int
    bootstrap: int
    seed: int
    confusion: bool
    exact: bool | None
    diffusion: bool | Mapping[str, float]
    queries: int | None
    space: bool
    progress: ProgressCallback | None


def evaluate(
    first: ArrayLike,
    second: ArrayLike,
    targets: ArrayLike | None = None,
    *,
    events: tuple[ArrayLike, ArrayLike] | None = None,
    names: tuple[str, str] = ("audio", "visual"),
    class_names: Sequence[str] = (),
    recall_at: Sequence[int] = (1, 5, 10),
    memory_mb: int = 256,
    bootstrap: int = 1000,
    seed: int = 0,
    confusion: bool = False,
    exact: bool | None = None,
    diffusion: bool | Mapping[str, float] = False,
    present: Mapping[str, ArrayLike] | None = None,
    groups: Sequence[str] | None = (),
    queries: int | None = None,
    space: bool = False,
    warn: bool = True,
    progress: ProgressCallback | None = None,
) -> Evaluation:
    """Cross-modal retrieval in both directions by cosine similarity, over all ranks.

    Queries are all clips of one modality; the gallery is all clips of the other, the query's true counterpart included.
    Relevant is what shares a class. Queries without a relevant item are left out of the means and counted.

    Args:
        first: (N, d) embeddings of the first modality; they need not have unit length.
        second: (N, d) embeddings of the second modality; row i is the same clip as row i of ``first``.
        targets: (N,) class numbers or names, -1 or empty for a clip without a label; or (N, C) targets in [0, 1], a
            row of zeros for none. None for the instance-level metrics only.
        events: Where more than the annotation is known: (N, C) in [0, 1] of all that is in the first modality, and of
            all that is in the second. They add ``map_events``, for which relevant is a clip that shares any event,
            whichever modality it is in.
        names: What the modalities are called.
        class_names: C names, in the order of the class numbers; by default the class numbers.
        recall_at: The cutoffs k of the recalls.
        memory_mb: Megabytes that the blocks of similarities may take.
        bootstrap: Number of draws of the interval of ``map``, of a sample of queries of each mean; 0 for none.
        seed: Seed of the draws, and of the sample.
        confusion: Whether to count the classes of nearest items, too; not done for more than 2,000 classes.
        exact: Whether to sum cosines in float64 before they are rounded to float32, so that items which are equally
            similar by arithmetic are tied on every machine; by default up to 4096 × 4096 pairs, where it is free.
        diffusion: Whether to rank once more by :class:`~overtone.evaluation.Diffusion`, or its settings; the result's
            ``diffusion`` has those metrics, and no other figure changes.
        present: Name of a modality to (N,) flags, whether each clip has it. A clip queries by the modality that it has
            and is found by it; its row in the other is not looked at, and its true counterpart is not ranked.
        groups: N names of what clips belong together: any item of a query's group is its true counterpart, and the
            first of them in the ranking counts. A clip with an empty name stands alone.
        queries: Number of clips, drawn at random, that query; all clips are found as before. None: all clips.
        space: Whether to measure the shape of the space, too, on up to 4,096 whole pairs: the gap between the
            modalities, hubs, and what each modality finds alone.
        warn: Whether to log what looks wrong with the targets, such as soft ones by which every clip is relevant to
            every other; what was loaded has been through this.
        progress: Called while queries are ranked, if that takes more than two seconds.

    Returns:
        The evaluation. Direction ``a2v`` means that ``first`` queries ``second``, ``v2a`` the reverse.

    Raises:
        InputError: Shapes do not fit, a row is zero or NaN, labels cannot be read, a cutoff is not positive.

    Source: the protocol of cross-modal retrieval on VEGAS and AVE; the formulas are in the metrics' own docstrings.

    Example:
        >>> import torch
        >>> audio = torch.eye(4) + 0.1
        >>> result = evaluate(audio, audio.flip(0), [0, 1, 1, 0]).to_dict()
        >>> round(result["map"]["mean"], 3), result["instance_recall@1"]["a2v"], result["median_rank"]["a2v"]
        (0.75, 0.0, 3.0)
    """
    clips = Clips.of(names, (first, second), present or {}, groups).sampled(queries, seed)
    a, v = unit_pair(*clips.filled(first, second), names, exact, paired=True)
    labels, known = (None, ()) if targets is None else class_labels(targets, len(a), "targets", class_names)
    if warn and targets is not None:
        log_doubts(targets)
    searches = clips.searches(a, v, labels)
    chosen = [metric for _, metric in metrics.items() if labels is not None or metric.level == "instance"]
    rounds = (1 if events is None else 2) * (1 if diffusion is False else 2)
    meter = Meter("evaluation", rounds * sum(len(search.queries) for search in searches.values()), "query", progress)
    plan = _Plan(chosen, _cutoffs(recall_at), memory_mb, bootstrap, seed, confusion, clips, meter)
    either = None if events is None else event_targets(events, len(a), names)
    found = _with_events(searches, plan, names, known, either)
    if space:
        whole = clips.whole()
        shape = describe_space(a[whole], v[whole], None if labels is None else labels[whole], names)
        found = replace(found, space=shape)
    if diffusion is False:
        return found
    settings = DiffusionSettings.build({} if diffusion is True else diffusion, where="diffusion")
    walks = {way: replace(search, rerank=Diffusion(search.gallery, settings)) for way, search in searches.items()}
    return replace(found, diffusion=Reranking(dict(settings), _with_events(walks, plan, names, known, either)))


def _with_events(
    searches: Mapping[str, Search],
    plan: _Plan,
    names: tuple[str, ...],
    class_names: tuple[str, ...],
    events: Tensor | None,
) -> Evaluation:
    """The evaluation of the searches, with ``map_events`` where (N, C) events are given."""
    found = _evaluate(searches, plan, names, class_names)
    if events is None:
        return found
    fully = plan.clips.with_targets(searches, events)
    judged = _evaluate(fully, replace(plan, metrics=[metrics["map"]], confusion=False), names, ())
    return replace(
        found,
        scores={**found.scores, EVENTS_MAP.name: judged.scores["map"]},
        per_query={**found.per_query, EVENTS_MAP.name: judged.per_query["map"]},
    )


def evaluate_within(
    embeddings: ArrayLike,
    targets: ArrayLike,
    *,
    name: str = "embeddings",
    class_names: Sequence[str] = (),
    recall_at: Sequence[int] = (1, 5, 10),
    memory_mb: int = 256,
    bootstrap: int = 1000,
    seed: int = 0,
    confusion: bool = False,
    exact: bool | None = None,
    warn: bool = True,
    progress: ProgressCallback | None = None,
) -> Evaluation:
    """Retrieval within one set: every clip is a query among all other clips.

    Args:
        embeddings: (N, d) embeddings; they need not have unit length.
        targets: As for :func:`evaluate`.
        name: What the set is called.
        class_names, recall_at, memory_mb, bootstrap, seed, confusion, exact, warn, progress: See :func:`evaluate`.

    Returns:
        The evaluation with the label-level metrics. Its only direction is called ``within``.

    Raises:
        InputError: As for :func:`evaluate`, or fewer than two clips.

    Example:
        >>> result = evaluate_within([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]], [0, 0, 1]).to_dict()
        >>> result["map"]["mean"], result["skipped_queries"], result["gallery"]
        (1.0, {'within': 1}, 2)
    """
    rows, _ = unit_pair(embeddings, embeddings, (name, name), exact)
    if len(rows) < 2:
        raise InputError(f"{name}: at least two clips are needed to find one with another", got=len(rows))
    labels, known = class_labels(targets, len(rows), "targets", class_names)
    if warn:
        log_doubts(targets)
    chosen = [metric for _, metric in metrics.items() if metric.level == "label"]
    meter = Meter("evaluation", len(rows), "query", progress)
    plan = _Plan(chosen, _cutoffs(recall_at), memory_mb, bootstrap, seed, confusion, Clips(len(rows)), meter)
    searches = {"within": Search(rows, rows, labels, labels, exclude_self=True)}
    return _evaluate(searches, plan, (name,), known)


@dataclass(frozen=True)
class _Plan:
    """What is computed: metrics, cutoffs k, memory in MB, draws and seed of the interval of map, confusion or not.

    ``clips`` are those that query and are found; ``meter`` counts queries.
    """

    metrics: Sequence[Metric]
    cutoffs: tuple[int, ...]
    memory_mb: int
    bootstrap: int
    seed: int
    confusion: bool
    clips: Clips
    meter: Meter


def _evaluate(
    searches: Mapping[str, Search], plan: _Plan, names: tuple[str, ...], class_names: tuple[str, ...]
) -> Evaluation:
    """Run the searches of all directions over the same clips, and summarise the metrics of their queries."""
    clips, classes = plan.clips, len(class_names)
    plan = replace(plan, confusion=plan.confusion and classes <= _MOST_CONFUSED)
    found = {direction: _run(replace(search, classes=classes), plan) for direction, search in searches.items()}
    keys = {key: metric for metric in plan.metrics for key in metric.columns(plan.cutoffs)}
    values = {key: {way: result.values[key] for way, result in found.items()} for key in keys}
    scores = {
        key: Score({way: _summarise(metric, column) for way, column in values[key].items()})
        for key, metric in keys.items()
    }
    if plan.bootstrap:
        averaged = {key for key, metric in keys.items() if metric.summary is np.mean}
        drawn = averaged if clips.asking is not None else averaged & {"map"}
        scores |= {key: replace(scores[key], ci95=_interval(values[key], plan)) for key in drawn}
    skipped, per_class = dict.fromkeys(searches, 0), {}
    first = next(iter(searches.values()))
    if "map" in values:
        precision = values["map"]
        skipped = {way: int(np.isnan(column).sum()) for way, column in precision.items()}
        if first.query_targets is not None and class_names:
            members = {
                way: search.query_targets for way, search in searches.items() if search.query_targets is not None
            }
            per_class = per_class_scores(precision, members, class_names)
    return Evaluation(
        modalities=names,
        queries=clips.count if clips.asking is None else len(clips.asking),
        gallery=clips.count - first.exclude_self,
        scores=scores,
        skipped_queries=skipped,
        per_class=per_class,
        per_query={key: {way: clips.spread(way, c) for way, c in ways.items()} for key, ways in values.items()},
        sizes=clips.sizes(searches),
        confusion={way: torch.from_numpy(r.nearest) for way, r in found.items() if r.nearest is not None},
        class_names=class_names,
        sample=None if clips.asking is None else QuerySample(len(clips.asking), clips.count, plan.seed),
    )


def _interval(values: Mapping[str, Floats], plan: _Plan) -> tuple[float, float]:
    """The interval of a mean over the queries, which are drawn clip by clip."""
    drawn = {way: plan.clips.spread(way, column).numpy() for way, column in values.items()}
    return mean_interval(drawn, resamples=plan.bootstrap, seed=plan.seed)


def _run(search: Search, plan: _Plan) -> Found:
    labelled: dict[str, Callable[..., Floats]] = {}
    instances: dict[str, Callable[..., Floats]] = {}
    for metric in plan.metrics:
        (labelled if metric.level == "label" else instances).update(metric.columns(plan.cutoffs))
    graded = any(metric.graded for metric in plan.metrics)
    options: dict[str, Any] = {"memory_mb": plan.memory_mb, "confusion": plan.confusion, "count": plan.meter.add}
    found = run_search(search, labelled, graded=graded, **options)
    if found.counterparts is not None:
        found.values.update({key: function(found.counterparts) for key, function in instances.items()})
    return found


def _summarise(metric: Metric, values: Floats) -> float:
    values = values[~np.isnan(values)]
    return float(metric.summary(values)) if len(values) else math.nan


def _cutoffs(recall_at: Sequence[int]) -> tuple[int, ...]:
    given = recall_at if isinstance(recall_at, Iterable) else (recall_at,)
    cutoffs = tuple(whole_number(k, "recall_at") for k in given)
    if any(k < 1 for k in cutoffs):
        raise InputError("recall_at: cutoffs start at 1", got=cutoffs)
    return cutoffs
