"""What is measured of a run while it trains: validation scores, terms that are no numbers, collapsed embeddings.

Scores for label-free methods compare held-out pairs only; they never look at a label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from overtone.diagnosis.spread import effective_number
from overtone.evaluation import mean_average_precision


class TrainingStopped(RuntimeError):
    """A run diverged or collapsed; the message says when, and which term did it. What was written stays."""


def effective_rank(embeddings: Tensor) -> float:
    """How many dimensions an embedding fills: exp of the entropy of its normalised singular values.

    ``erank = exp(−Σ_k p_k log p_k)``, ``p_k = σ_k / Σ σ``, σ the singular values of the centred rows. It lies between
    1 (all rows on one line) and the number of dimensions (all directions equally strong). It is 0 if all rows are all
    but equal: if they deviate from their mean, root mean square, by less than a thousandth of their length. The
    diagnosis and the report take shares of *variance*, squares of these, and so come to less.

    Args:
        embeddings: (N, e) rows.

    Returns:
        The effective rank, from 0 to e.

    Source:
        Roy and Vetterli, "The effective rank: a measure of effective dimensionality", EUSIPCO 2007.

    Example:
        >>> corners = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        >>> round(effective_rank(corners), 3), round(effective_rank(corners * torch.tensor([1.0, 0.0])), 3)
        (2.0, 1.0)
    """
    centred = embeddings.double() - embeddings.double().mean(0)
    singular = torch.linalg.eigvalsh(centred.T @ centred).clamp_min(0).sqrt()  # e×e, however many rows
    if singular.norm() <= 1e-3 * embeddings.double().norm():
        return 0.0
    return effective_number(singular)


def check_terms(names: Sequence[str], log: Tensor, epoch: int) -> None:
    """Stop if a term of an epoch was NaN or infinite.

    Args:
        names: The terms' names.
        log: (steps, terms) values of one epoch, on the host.
        epoch: The epoch's number, counted from 1.

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
    """Stop if the embeddings of a modality have lost their dimensions at two looks in a row, or at the last one.

    One look is not enough while there is time: networks start nearly constant.

    Args:
        history: Epoch records; those of a look at the embeddings have ``rank_<modality>``, their effective rank.
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
    """Mean cosine of the pairs after each modality has been centred: 1 if partners agree, 0 if they know nothing.

    Args:
        first: (N, e) embeddings of one modality.
        second: (N, e) embeddings of the other, row-aligned.
    """
    return float(torch.nn.functional.cosine_similarity(first - first.mean(0), second - second.mean(0), dim=1).mean())


def reciprocal_rank(first: Tensor, second: Tensor, memory_mb: int = 512) -> float:
    """Mean reciprocal rank of the own partner among all held-out rows, over both directions; ties count half.

    Args:
        first: (N, e) embeddings of one modality.
        second: (N, e) embeddings of the other, row-aligned.
        memory_mb: Bound of a block of similarities, in MiB.
    """
    total = 0.0
    block = max(1, memory_mb * 2**20 // (16 * max(1, len(second))))
    for queries, gallery in ((first, second), (second, first)):
        queries, gallery = (torch.nn.functional.normalize(rows, dim=1) for rows in (queries, gallery))
        for start in range(0, len(queries), block):
            rows = queries[start : start + block]
            scores = rows @ gallery.T
            own = scores.diagonal(start)[:, None]
            better, tied = (scores > own).sum(1), (scores == own).sum(1) - 1
            total += float((1.0 / (1.0 + better + 0.5 * tied)).sum())
    return total / (len(first) + len(second))


def scores(embeddings: tuple[Tensor, Tensor], targets: Tensor | None, memory_mb: int = 512) -> dict[str, float]:
    """All scores an epoch can be chosen by; higher is better.

    Args:
        embeddings: (N, e) of either modality, row-aligned.
        targets: (N, C) class targets for supervised methods; None for all others.
        memory_mb: Bound of a block of similarities, in MiB.

    Returns:
        ``correlation`` and ``reciprocal_rank``, and with targets ``map``.
    """
    found = {
        "correlation": pair_correlation(*embeddings),
        "reciprocal_rank": reciprocal_rank(*embeddings, memory_mb=memory_mb),
    }
    if targets is not None:
        found["map"] = fmean(
            mean_average_precision(queries, gallery, targets, targets, memory_mb=memory_mb)
            for queries, gallery in (embeddings, embeddings[::-1])
        )
    return found
