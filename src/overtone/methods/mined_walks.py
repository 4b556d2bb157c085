"""Neighbourhoods of a training set of any size: a sparse neighbour graph, and walks on it among a batch's rows."""

from __future__ import annotations

import logging
import math
from typing import Any

import torch
from torch import Tensor, nn

from overtone.core.blocks import map_blocks
from overtone.core.scratch import release
from overtone.features.neighbour_search import find_neighbours, fit_directions, unit_directions
from overtone.features.sparse_graph import join_neighbours
from overtone.features.sparse_walks import SparseWalks, fit_walks
from overtone.methods.base import Batch
from overtone.methods.neighbourhoods import POWER, Mining, join_parts, part_weights
from overtone.networks import CanonicalProjection

log = logging.getLogger("overtone")

DIRECTIONS = 64
"""Directions of each modality's scaled features that take part in the search for neighbours."""
_SPACED = 16_384
"""Rows that these directions are fitted on, and rows that are placed along them at a time."""
_RECALL = 0.95
"""Share of the nearest neighbours below which a search is warned of."""


class MinedWalks(nn.Module):
    """Near and far walks on the neighbour graph of a whole training set.

    Its buffers are what a checkpoint needs; the graph itself is made from the neighbours again.

    Args:
        mining: How neighbourhoods are made.
        exact_rows: Rows up to which neighbours are searched exactly.
    """

    neighbours: Tensor
    far: Tensor
    signs: Tensor
    near: Tensor
    scale: Tensor
    mean: Tensor
    recall: Tensor

    def __init__(self, mining: Mining, exact_rows: int) -> None:
        super().__init__()
        self.mining, self.exact_rows = mining, exact_rows
        self.register_buffer("neighbours", torch.zeros(0, 0, 0, dtype=torch.int32))
        self.register_buffer("far", torch.zeros(0, 0, dtype=torch.float16))
        self.register_buffer("signs", torch.zeros(0))
        self.register_buffer("near", torch.zeros(0))
        self.register_buffer("scale", torch.zeros(0))
        self.register_buffer("mean", torch.zeros(0))
        self.register_buffer("recall", torch.ones(()))
        self._walks: SparseWalks | None = None

    def _load_from_state_dict(self, *args: object, **more: object) -> None:
        super()._load_from_state_dict(*args, **more)
        self._walks = None

    def find(self, embeddings: tuple[Tensor, Tensor], train: Batch, projection: CanonicalProjection) -> Tensor:
        """Find the neighbours that :meth:`refresh` joins.

        Args:
            embeddings: (m, e) the teacher's, of this process's rows.
            train: The whole training set: n rows, or m of them in each process.
            projection: Fitted on the embeddings of all.

        Returns:
            (1, n, k) neighbours by both modalities; (2, n, k) by each on its own where rows lack one.
        """
        n, k = train.total, self.mining.edges
        own = torch.arange(len(train), device=train.rows.device)
        ways: list[tuple[tuple[int, ...], Tensor]] = [((0, 1), own)]
        if train.present is not None:
            ways = [((side,), own[there]) for side, there in enumerate(train.present)]
        lists = torch.full((len(ways), n, k), -1, dtype=torch.int32, device=own.device)
        for into, (sides, rows) in zip(lists, ways):
            points = train.gather(self._points(sides, rows, embeddings, train, projection))
            share = slice(train.offset, train.offset + len(rows))
            found = find_neighbours(points, k, train.generator, self.exact_rows, share, train.gather)
            self._note(found.recall, len(points))
            near, everyone = found.rows.long(), train.gather(rows + train.offset)
            into[everyone, : near.shape[1]] = torch.where(near < 0, -1, everyone[near]).int()
        return lists

    def refresh(self, lists: Tensor, generator: torch.Generator | None) -> None:
        """Mine anew, from the neighbours of :meth:`find`."""
        start = self.walks.subspace() if len(self.far) else None
        self._walks = None  # its memory is needed for the next
        walks = fit_walks(join_neighbours(lists, len(lists[0])), self.mining.restart, start, generator)
        self.neighbours, self.far, self.signs = lists, walks.far, walks.signs
        self.near, self.scale, self.mean = walks.near, walks.scale, walks.mean
        self._walks = walks

    def _points(
        self,
        sides: tuple[int, ...],
        rows: Tensor,
        embeddings: tuple[Tensor, Tensor],
        train: Batch,
        projection: CanonicalProjection,
    ) -> Tensor:
        """(r, d) points of some of this process's rows: inner products order like the similarities of :class:`Mining`.

        Of half precision where they are too many for an exact search: a search of many rows holds little else.
        """
        joined = self.mining.view == "mean" and len(sides) == 2
        with_features = self.mining.with_features and not joined
        features, directions = train.features, dict[int, Tensor | None].fromkeys(sides)
        everyones = len(rows) * (train.total // len(train))
        spaced = rows[:: math.ceil(everyones / _SPACED)]
        if with_features:
            samples = {side: train.gather(features[side].index_select(0, spaced)) for side in sides}
            directions |= {side: fit_directions(sample, DIRECTIONS) for side, sample in samples.items()}

        def parts_of(block: Tensor) -> list[Tensor]:
            parts = [projection(embeddings[side].index_select(0, block), side, POWER) for side in sides]
            if joined:
                return self.mining.parts((parts[0], parts[1]))
            if with_features:
                parts += [unit_directions(features[side].index_select(0, block), directions[side]) for side in sides]
                release(*features)
            return parts

        weights = part_weights([train.gather(part) for part in parts_of(spaced)])

        def place(block: Tensor) -> Tensor:
            points = join_parts(parts_of(block), weights)
            return points if everyones <= self.exact_rows else points.half()

        return map_blocks(place, rows, _SPACED)

    def _note(self, recall: float, rows: int) -> None:
        """Keep the worst recall, and warn of one that is low."""
        if recall < _RECALL <= float(self.recall):
            log.warning(
                "mining: inverted lists found %.0f %% of the nearest neighbours of %d rows, measured on 1,000 of them; "
                "mining_exact_rows=%d searches exactly, in time that grows with the square of the rows",
                100 * recall,
                rows,
                rows,
            )
        self.recall.clamp_(max=recall)

    @property
    def walks(self) -> SparseWalks:
        """The walks; after a resume, with the graph made again."""
        if self._walks is None:
            graph = join_neighbours(self.neighbours, self.neighbours.shape[1]).normalise()
            self._walks = SparseWalks(graph, self.far, self.signs, self.near, self.scale, self.mean)
        return self._walks

    def among(self, rows: Tensor) -> Tensor:
        """(b, b) weights of a batch's rows for each other: rows that sum to one or zero, zero on the diagonal."""
        return self.walks.among(rows)

    def summary(self) -> dict[str, Any]:
        """What ``run.json`` says of the mining."""
        rows = self.neighbours.shape[1]
        exact = rows <= self.exact_rows
        return {
            "rows": rows,
            "neighbours": "exact" if exact else "inverted lists",
            "recall": round(float(self.recall), 4),
        }
