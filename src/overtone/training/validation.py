"""What is measured of a run while it trains: validation scores, terms that are no numbers, collapsed embeddings.

Scores for label-free methods compare held-out pairs only; they never look at a label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from overtone.evaluation import mean_average_precision, mean_reciprocal_rank


class TrainingStopped(RuntimeError):
    """A run diverged or collapsed; the message says when, and which term did it. What was written stays."""


def check_terms(names: Sequence[str], log: Tensor, epoch: int) -> None:
    """Stop if a term of an epoch, counted from 1, was NaN or infinite; ``log`` holds (steps, terms) values on the host.

    Raises:
        TrainingStopped: Names the term or terms of the first step that went wrong.
    """
    bad = ~log.isfinite()
    if not bad.any():
        return
    step = int(bad.any(1).nonzero()[0, 0])
    culprits = [name for name, wrong in zip(names, bad[step].tolist()) if wrong]
    causes = [name for name in culprits if name not in ("loss", "gradient_norm")]
    what = " and ".join(f"{name!r}" for name in causes or culprits[:1])
    if culprits == ["gradient_norm"]:
        what = "every term is finite, but 'gradient_norm'"
    values = ", ".join(f"{name} {value:.4g}" for name, value in zip(names, log[step].tolist()))
    raise TrainingStopped(
        f"training diverged in epoch {epoch}, step {step + 1}: {what} is not a finite number ({values}); "
        "lower the learning rate or look at that term's settings."
    )


def check_collapse(history: Sequence[Mapping[str, Any]], terms: Sequence[str], threshold: float, last: bool) -> None:
    """Stop if the embeddings of a modality have lost their dimensions at two validations in a row, or at the last one.

    One is not enough while there is time: networks start nearly constant.

    Args:
        history: Epoch records; those of validated epochs have ``rank_<modality>``, their effective rank.
        terms: Names of the method's terms.
        threshold: Effective rank below which an embedding counts as collapsed.
        last: Whether no epoch is to come.

    Raises:
        TrainingStopped: Says which modality collapsed and which term gained most from it.
    """
    for name in (name for name in history[-1] if name.startswith("rank_")):
        ranks = [record[name] for record in history if name in record]
        looks = ranks[-1:] if last else ranks[-2:]
        if max(looks) >= threshold or (len(ranks) < 2 and not last):
            continue
        raise TrainingStopped(
            f"training collapsed by epoch {history[-1]['epoch']}: the {name.removeprefix('rank_')} embedding "
            + ("is constant" if ranks[-1] < 0.5 else f"has an effective rank of {ranks[-1]:.2f}")
            + _gainer(history, terms)
            + "; lower that term's weight or the learning rate, or set collapse_rank=0 to go on regardless."
        )


def _gainer(history: Sequence[Mapping[str, Any]], terms: Sequence[str]) -> str:
    """The term that fell most since the first epoch, relative to where it began: the one the collapse pleases."""
    first, now = history[0], history[-1]
    falls = {
        name: (first[name] - now[name]) / max(abs(first[name]), 1e-12)
        for name in terms
        if name in first and name not in ("loss", "gradient_norm")
    } or {"loss": 0.0}
    name = max(falls, key=lambda term: falls[term])
    return f"; the term that gained most is {name!r} ({first[name]:.4g} → {now[name]:.4g})"


def pair_correlation(first: Tensor, second: Tensor) -> float:
    """Mean cosine of row-aligned (N, e) pairs, each modality centred: 1 if partners agree, 0 if they know nothing."""
    return float(torch.nn.functional.cosine_similarity(first - first.mean(0), second - second.mean(0), dim=1).mean())


def scores(embeddings: tuple[Tensor, Tensor], labels: Tensor | None, memory_mb: int = 512) -> dict[str, float]:
    """All scores an epoch can be chosen by, of row-aligned (N, e) embeddings; higher is better.

    Returns:
        ``correlation`` and ``reciprocal_rank``, and with the labels of supervised methods ``map``.
    """
    found = {
        "correlation": pair_correlation(*embeddings),
        "reciprocal_rank": mean_reciprocal_rank(*embeddings, memory_mb=memory_mb),
    }
    if labels is not None:
        found["map"] = fmean(
            mean_average_precision(queries, gallery, labels, labels, memory_mb=memory_mb)
            for queries, gallery in (embeddings, embeddings[::-1])
        )
    return found
