"""The protocol: every clip of one set looks for its like among all clips of the other, or of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from overtone.core import InputError
from overtone.evaluation.arrays import ArrayLike, class_targets, event_targets, unit_pair
from overtone.evaluation.metrics import EVENTS_MAP, metrics
from overtone.evaluation.result import Evaluation, Wanted, assess
from overtone.evaluation.retrieval import Search


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
) -> Evaluation:
    """Cross-modal retrieval in both directions by cosine similarity, over all ranks.

    Queries are all clips of one modality; the gallery is all clips of the other, the query's true counterpart included.
    Relevant is what shares a class. Queries without a relevant item are left out of the means and counted.

    Args:
        first: (N, d) embeddings of the first modality; they need not have unit length.
        second: (N, d) embeddings of the second modality; row i is the same clip as row i of ``first``.
        targets: (N,) class numbers or (N, C) targets in [0, 1]; None for the instance-level metrics only.
        events: Where more than the annotation is known: (N, C) in [0, 1] of all that is in the first modality, and of
            all that is in the second. They add ``map_events``, for which relevant is a clip that shares any event,
            whichever modality it is in.
        names: What the modalities are called.
        class_names: C names; by default the class numbers.
        recall_at: The cutoffs k of the recalls.
        memory_mb: Megabytes that the blocks of similarities may take.
        bootstrap: Number of draws of the interval of ``map``; 0 for none.
        seed: Seed of the draws.
        confusion: Whether to count the classes of nearest items, too.
        exact: Whether to sum cosines in float64 before they are rounded to float32, so that items which are equally
            similar by arithmetic are tied on every machine; by default up to 4096 × 4096 pairs, where it is free.

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
    a, v = unit_pair(first, second, names, exact, paired=True)
    labels, labelled_as = (None, ()) if targets is None else class_targets(targets, len(a), "targets")
    searches = {
        way: Search(x, y, labels, labels, paired=True) for way, (x, y) in {"a2v": (a, v), "v2a": (v, a)}.items()
    }
    chosen = [metric for _, metric in metrics.items() if labels is not None or metric.level == "instance"]
    found = assess(
        searches,
        Wanted(chosen, _cutoffs(recall_at), memory_mb, bootstrap, seed, confusion),
        names,
        _named(class_names, labelled_as),
    )
    if events is None:
        return found
    either = event_targets(events, len(a), names)
    fully = {way: replace(search, query_targets=either, gallery_targets=either) for way, search in searches.items()}
    judged = assess(fully, Wanted([metrics["map"]], (), memory_mb, bootstrap, seed, confusion=False), names, ())
    return found.with_metric(EVENTS_MAP.name, judged, "map")


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
) -> Evaluation:
    """Retrieval within one set: every clip looks for the others of its class, and cannot find itself.

    Args:
        embeddings: (N, d) embeddings; they need not have unit length.
        targets: (N,) class numbers or (N, C) targets in [0, 1].
        name: What the set is called.
        class_names: C names; by default the class numbers.
        recall_at: The cutoffs k of the recalls.
        memory_mb: Megabytes that the blocks of similarities may take.
        bootstrap: Number of draws of the interval of ``map``; 0 for none.
        seed: Seed of the draws.
        confusion: Whether to count the classes of nearest items, too.
        exact: Whether to sum cosines in float64, see :func:`evaluate`.

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
    labels, labelled_as = class_targets(targets, len(rows), "targets")
    return assess(
        {"within": Search(rows, rows, labels, labels, exclude_self=True)},
        Wanted(
            [metric for _, metric in metrics.items() if metric.level == "label"],
            _cutoffs(recall_at),
            memory_mb,
            bootstrap,
            seed,
            confusion,
        ),
        (name,),
        _named(class_names, labelled_as),
    )


def _named(given: Sequence[str], found: tuple[str, ...]) -> tuple[str, ...]:
    if not given or not found:
        return found
    if len(given) != len(found):
        raise InputError("class_names: one name per class is needed", got=f"{len(given)} names", valid=f"{len(found)}")
    return tuple(given)


def _cutoffs(recall_at: Sequence[int]) -> tuple[int, ...]:
    if any(k < 1 for k in recall_at):
        raise InputError("recall_at: cutoffs start at 1", got=tuple(recall_at))
    return tuple(recall_at)
