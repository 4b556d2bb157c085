"""Neighbours that the teacher of HSC-MAE mines: by canonical coordinates and random walks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from overtone.features.neighbours import graph_weights, neighbour_graph, walk_weights
from overtone.networks import CanonicalProjection
from overtone.objectives.targets import soft_top_k

View = Literal["joint", "mean"]
Weighting = Literal["walk", "softmax"]
POWER = 1.0
"""Canonical directions are scaled by their correlation to this power before neighbours are mined."""
_LEAST_VARIANCE = 1e-5
"""Variance of cosines below which all rows are alike: some ten times the rounding error of single precision."""


def part_weights(parts: Sequence[Tensor], there: Sequence[Tensor | None] = ()) -> Tensor:
    r"""(P,) shares of parts in the similarity of rows: the inverse of the variance of their cosines.

    The cosines of d directions of equal variance have a variance of 1/d over pairs of rows. In a plain mean, a part of
    few directions decides alone which rows are neighbours. Shares of :math:`1/\sigma_p^2` are those of the most precise
    mean of independent measurements. A part whose rows are all alike has no share.

    Args:
        parts: (n, d_p) rows of length 1 each, or 0.
        there: For each part (n,) bool, the rows that have it; by default all.
    """
    variances = torch.stack([_cosine_variance(*part) for part in zip(parts, there or [None] * len(parts))])
    differing = variances > _LEAST_VARIANCE
    inverse = torch.where(differing, 1.0 / variances.clamp_min(_LEAST_VARIANCE), (~differing.any()).double())
    return (inverse / inverse.sum()).to(parts[0].dtype)


def _cosine_variance(rows: Tensor, there: Tensor | None) -> Tensor:
    """Variance of the inner products of pairs of different rows."""
    pairs: Tensor | int = max(1, len(rows) * (len(rows) - 1))
    if there is not None:
        rows, count = torch.where(there[:, None], rows, 0.0), there.sum()
        pairs = (count * (count - 1)).clamp_min(1)
    product = rows.mT @ rows if rows.shape[1] < len(rows) else rows @ rows.mT
    length = rows.square().sum(1).double()
    squares = product.square().sum(dtype=torch.float64) - length.square().sum()
    total = rows.sum(0, dtype=torch.float64).square().sum() - length.sum()
    return (squares / pairs - (total / pairs).square()).clamp_min(0.0)


def join_parts(parts: Sequence[Tensor], weights: Tensor) -> Tensor:
    """(n, d) rows whose inner products are the mean of those of the (n, d_p) parts, in shares of (P,) weights."""
    return torch.cat([part * root for part, root in zip(parts, weights.sqrt())], dim=1)


@dataclass(frozen=True)
class Mining:
    """How neighbourhoods are made of teacher embeddings.

    Attributes:
        view: ``joint`` averages the modalities' cosines in shares of :func:`part_weights`, ``mean`` averages their
            embeddings first (as published).
        with_features: Whether the cosines of the scaled features themselves are averaged in (``joint`` only).
        weighting: ``walk`` weighs by random walks on the neighbour graph; ``softmax`` by cosines at a temperature.
        neighbours: Neighbours kept: a number, or below 1 a share of the rows.
        edges: Edges per row of the graph that is walked on.
        restart: Chance that a walk ends at a step.
        temperature: Of the softmax.
    """

    view: View
    with_features: bool
    weighting: Weighting
    neighbours: float
    edges: int
    restart: float
    temperature: float

    def similarity(self, coordinates: tuple[Tensor, Tensor], features: tuple[Tensor, Tensor]) -> Tensor:
        """(n, n) cosines of rows, both modalities together.

        Args:
            coordinates: (n, k) canonical coordinates of the teacher's embeddings, unit length, per modality.
            features: (n, d) or (n, T, d) scaled features per modality.
        """
        parts = self.parts(coordinates, features)
        joint = join_parts(parts, part_weights(parts))
        return joint @ joint.mT

    def similarities(
        self,
        coordinates: tuple[Tensor, Tensor],
        features: tuple[Tensor, Tensor],
        present: tuple[Tensor, Tensor],
    ) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """(n, n) cosines of rows in each modality on its own, −inf unless both rows have it; (2,) their shares.

        Args:
            coordinates, features: As for :meth:`similarity`.
            present: (n,) bool per modality, whether each row has it.
        """
        parts = self.parts(coordinates, features)
        weights = part_weights(parts, [*present] * (len(parts) // 2)).reshape(-1, 2)
        shares = weights.sum(0)
        found = []
        for side, has in enumerate(present):
            joint = join_parts(parts[side::2], weights[:, side] / shares[side].clamp_min(1e-12))
            found.append(torch.where(has[:, None] & has[None, :], joint @ joint.mT, -torch.inf))
        return (found[0], found[1]), shares

    def parts(self, coordinates: tuple[Tensor, Tensor], features: tuple[Tensor, Tensor] | None = None) -> list[Tensor]:
        """Rows of unit length whose cosines are averaged: of both modalities in turn, or of their mean."""
        if self.view == "mean":
            return [F.normalize(coordinates[0] + coordinates[1], dim=1)]
        used = features if self.with_features and features is not None else ()
        return [*coordinates, *(F.normalize(part.flatten(1), dim=1) for part in used)]

    def _kept(self, rows: int) -> int:
        """Neighbours that keep a softmax weight among so many rows."""
        return max(1, round(self.neighbours * rows) if self.neighbours < 1 else int(self.neighbours))

    def weights(self, similarity: Tensor) -> Tensor:
        """(n, n) weights of the others: rows that sum to one, zero on the diagonal."""
        if self.weighting == "softmax":
            return soft_top_k(similarity, self._kept(len(similarity)), self.temperature)
        return walk_weights(similarity, self.edges, self.restart)

    def weights_of_both(self, similarities: tuple[Tensor, Tensor], shares: Tensor) -> Tensor:
        """The same from each modality's own similarities, −inf where rows lack it, and their shares.

        Walks go over the edges of both modalities, so they come from rows of the first modality through rows that have
        both to rows of the second. A softmax knows no walks: its similarity is the mean over the modalities that two
        rows share.
        """
        if self.weighting == "walk":
            first, second = (neighbour_graph(part, self.edges) for part in similarities)
            return graph_weights(first + second, self.restart)
        stacked = torch.stack(similarities)
        shared = stacked.isfinite()
        counted = shares[:, None, None] * shared
        mean = (stacked.masked_fill(~shared, 0.0) * counted).sum(0) / counted.sum(0).clamp_min(1e-12)
        return self.weights(mean.masked_fill(~shared.any(0), -torch.inf))

    def mine(
        self,
        embeddings: tuple[Tensor, Tensor],
        features: tuple[Tensor, Tensor],
        projection: CanonicalProjection,
        present: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """(n, n) weights from the teacher's (n, e) embeddings, through a fitted projection."""
        first, second = (projection(z, side, POWER) for side, z in enumerate(embeddings))
        if present is None:
            return self.weights(self.similarity((first, second), features))
        return self.weights_of_both(*self.similarities((first, second), features, present))

    def mine_among(
        self, embeddings: tuple[Tensor, Tensor], known: tuple[Tensor, Tensor], projection: CanonicalProjection
    ) -> Tensor:
        """(n, m) softmax weights of n rows among m >= n known ones, of which the first n are themselves."""
        (first, second), (a, b) = (
            [projection(z, side, POWER) for side, z in enumerate(both)] for both in (embeddings, known)
        )
        parts, known_parts = self.parts((first, second)), self.parts((a, b))
        weights = part_weights(known_parts)
        similarity = join_parts(parts, weights) @ join_parts(known_parts, weights).mT
        return soft_top_k(similarity, self._kept(len(parts[0])), self.temperature)
