"""Neighbours that the teacher of HSC-MAE mines: by canonical coordinates and random walks."""

from __future__ import annotations

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


@dataclass(frozen=True)
class Mining:
    """How neighbourhoods are made of teacher embeddings.

    Attributes:
        view: ``joint`` averages the modalities' cosines, ``mean`` averages their embeddings first (as published).
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
        joint, parts = self.join(coordinates, features if self.with_features else ())
        return (joint @ joint.mT) / parts

    def similarities(
        self,
        coordinates: tuple[Tensor, Tensor],
        features: tuple[Tensor, Tensor],
        present: tuple[Tensor, Tensor],
    ) -> tuple[Tensor, Tensor]:
        """(n, n) cosines of rows in each modality on its own; −inf unless both rows have it.

        Args:
            coordinates, features: As for :meth:`similarity`.
            present: (n,) bool per modality, whether each row has it.
        """
        found = []
        for points, rows, there in zip(coordinates, features, present):
            sides = [points, F.normalize(rows.flatten(1), dim=1)] if self.with_features else [points]
            joint = torch.cat(sides, dim=1)
            both = there[:, None] & there[None, :]
            found.append(torch.where(both, joint @ joint.mT / len(sides), -torch.inf))
        return found[0], found[1]

    def join(self, coordinates: tuple[Tensor, Tensor], features: tuple[Tensor, ...] = ()) -> tuple[Tensor, int]:
        """Rows whose inner products are the similarities, times the number of parts that were put side by side."""
        if self.view == "mean":
            return F.normalize(coordinates[0] + coordinates[1], dim=1), 1
        parts = [*coordinates, *(F.normalize(part.flatten(1), dim=1) for part in features)]
        return torch.cat(parts, dim=1), len(parts)

    def _kept(self, rows: int) -> int:
        """Neighbours that keep a softmax weight among so many rows."""
        return max(1, round(self.neighbours * rows) if self.neighbours < 1 else int(self.neighbours))

    def weights(self, similarity: Tensor) -> Tensor:
        """(n, n) weights of the others: rows that sum to one, zero on the diagonal."""
        if self.weighting == "softmax":
            return soft_top_k(similarity, self._kept(len(similarity)), self.temperature)
        return walk_weights(similarity, self.edges, self.restart)

    def weights_of_both(self, similarities: tuple[Tensor, Tensor]) -> Tensor:
        """The same from each modality's own similarities, −inf where rows lack it.

        Walks go over the edges of both modalities, so they come from rows of the first modality through rows that have
        both to rows of the second. A softmax knows no walks: its similarity is the mean over the modalities that two
        rows share.
        """
        if self.weighting == "walk":
            first, second = (neighbour_graph(part, self.edges) for part in similarities)
            return graph_weights(first + second, self.restart)
        stacked = torch.stack(similarities)
        shared = stacked.isfinite()
        mean = stacked.masked_fill(~shared, 0.0).sum(0) / shared.sum(0).clamp_min(1)
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
        return self.weights_of_both(self.similarities((first, second), features, present))

    def mine_among(
        self, embeddings: tuple[Tensor, Tensor], known: tuple[Tensor, Tensor], projection: CanonicalProjection
    ) -> Tensor:
        """(n, m) softmax weights of n rows among m >= n known ones, of which the first n are themselves."""
        (first, second), (a, b) = (
            [projection(z, side, POWER) for side, z in enumerate(both)] for both in (embeddings, known)
        )
        (rows, parts), (among, _) = self.join((first, second)), self.join((a, b))
        return soft_top_k(rows @ among.mT / parts, self._kept(len(rows)), self.temperature)
