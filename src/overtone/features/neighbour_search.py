"""Nearest rows by cosine at any size: exact by blocks, or by inverted lists whose recall is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from overtone.core.blocks import map_blocks

EXACT_ROWS = 20_000
"""Rows up to which the search is exact unless asked otherwise."""
_CELL = 256
"""Rows of a cell of the inverted lists, on average."""
_WANTED = 0.97
"""Share of the nearest rows for which enough cells are searched, if it takes no more than the most."""
_MOST_CELLS = 64
"""Most cells in which a row looks for its neighbours."""
_TRAINING = 32
"""Rows per cell that the cells' centres are fitted on."""
_ROUNDS = 6
"""Rounds of k-means."""
_BLOCK = 2**23
"""Similarities that are held at a time."""
_SAMPLE = 1000
"""Rows on which the recall is measured."""
_ASKING = 2**22
"""Pairs of a row and a cell that are searched at a time."""
_QUERIES = 256
"""Rows that are asked for at a time, at least; where more are searched than fit beside them, these go by blocks."""


@dataclass(frozen=True)
class FoundNeighbours:
    """Each row's nearest others.

    Attributes:
        rows: (n, k) int32 row numbers, the most similar first; −1 where there was no candidate left.
        recall: Share of the exact nearest rows that were found, measured on up to 1,000 rows; 1 for an exact search.
    """

    rows: Tensor
    recall: float = 1.0


Gather = Callable[[Tensor], Tensor]
"""Concatenates the rows of all processes."""


def find_neighbours(
    points: Tensor,
    k: int,
    generator: torch.Generator | None = None,
    exact_rows: int = EXACT_ROWS,
    own: slice = slice(None),
    gather: Gather = lambda rows: rows,
) -> FoundNeighbours:
    """The k rows with the largest inner product with each row, itself left out.

    Up to ``exact_rows`` rows exactly, in O(n²d) time. Above it each row looks in its nearest cells of k-means (inverted
    lists): in as many as hold .97 of the nearest rows of a sample, 64 at most. Both take O(n k) memory beside one
    block; inverted lists need n / 256 products of each row for the cells, and 256 for each cell that it looks in.

    Args:
        points: (n, d) rows, of single or half precision; products are of single precision.
        k: Neighbours of each row; at most n − 1 are found.
        generator: Draws the rows that cells are fitted on.
        exact_rows: Rows up to which the search is exact.
        own: The rows for which this process searches, one after the other, if several share the work.
        gather: Joins what they have found.

    Source:
        Sivic & Zisserman, Video Google, ICCV 2003; Jégou et al., Product Quantization, TPAMI 2011 for inverted lists.

    Example:
        >>> find_neighbours(torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]]), 1).rows.flatten().tolist()
        [1, 0, 1]
    """
    k = min(k, len(points) - 1)
    if len(points) <= exact_rows:
        return FoundNeighbours(gather(search_rows(points, torch.arange(len(points), device=points.device)[own], k)))
    checked = torch.linspace(0, len(points) - 1, min(_SAMPLE, len(points)), device=points.device).long()
    exact = search_rows(points, checked, k)
    centres = _fit_cells(points, max(1, len(points) // _CELL), generator)
    cells = _count_cells(points, centres, checked, exact)
    found = gather(_search_cells(points, k, centres, cells, own, gather))
    hits = (exact[:, :, None] == found.index_select(0, checked)[:, None, :]).any(2)
    return FoundNeighbours(found, float(hits.float().mean()))


def search_rows(points: Tensor, queries: Tensor, k: int) -> Tensor:
    """The k rows with the largest inner product with each of some rows, itself left out; exactly, block by block.

    Args:
        points: (n, d) rows.
        queries: (q,) numbers of the rows that are asked for.
        k: Neighbours of each, at most n - 1.

    Returns:
        (q, k) int32 row numbers, the most similar first.
    """
    width = min(len(points), max(k, _BLOCK // min(_QUERIES, len(queries))))

    def nearest(block: Tensor) -> Tensor:
        asking = points.index_select(0, block).float()
        best: tuple[Tensor, Tensor] | None = None
        for start in range(0, len(points), width):
            similarity = asking @ points[start : start + width].float().mT
            own = block - start
            here = (own >= 0) & (own < similarity.shape[1])
            similarity[torch.nonzero(here).flatten(), own[here]] = -torch.inf
            values, columns = similarity.topk(min(k, similarity.shape[1]), dim=1)
            if best is not None:
                values, columns = torch.cat([best[0], values], dim=1), torch.cat([best[1], columns + start], dim=1)
                values, order = values.topk(k, dim=1)
                columns = columns.gather(1, order)
            best = values, columns
        assert best is not None
        return best[1].int()

    return map_blocks(nearest, queries, max(1, _BLOCK // width))


def _count_cells(points: Tensor, centres: Tensor, checked: Tensor, exact: Tensor) -> int:
    """How many cells a row must look in, so that those of a sample find most of their (s, k) exact neighbours."""
    asked = _nearest_cells(points.index_select(0, checked), centres, min(_MOST_CELLS, len(centres)))
    homes = _nearest_cells(points.index_select(0, exact.flatten()), centres, 1).view_as(exact)
    found = (asked[:, :, None] == homes[:, None, :]).float().mean((0, 2)).cumsum(0)
    return min(int((found < _WANTED).sum()) + 1, asked.shape[1])


def _search_cells(points: Tensor, k: int, centres: Tensor, cells: int, own: slice, gather: Gather) -> Tensor:
    """(m, k) nearest rows of m own ones among those of their nearest cells.

    All rows that look in a cell share its candidates, so that each cell is one matrix product.
    """
    start, stop, _ = own.indices(len(points))
    near = _nearest_cells(points[own], centres, cells)
    members = _split_by_cell(gather(near[:, 0].contiguous()), len(centres))
    found = torch.full((stop - start, k), -1, dtype=torch.int32, device=points.device)
    values = torch.full((stop - start, k), -torch.inf, device=points.device)
    step = max(1, _ASKING // cells)
    for first in range(0, stop - start, step):
        asking = _split_by_cell(near[first : first + step].flatten(), len(centres))
        for among, places in zip(members, asking):
            if len(places) == 0 or len(among) == 0:
                continue
            candidates = points.index_select(0, among).float()
            rows = first + places.div(cells, rounding_mode="floor")
            for block in torch.split(rows, max(1, _BLOCK // len(among))):
                similarity = points.index_select(0, block + start).float() @ candidates.mT
                best, columns = similarity.topk(min(k + 1, len(among)), dim=1)
                numbers = among[columns].int()
                best.masked_fill_(numbers == (block + start)[:, None], -torch.inf)
                best = torch.cat([values.index_select(0, block), best], dim=1)
                numbers = torch.cat([found.index_select(0, block), numbers], dim=1)
                best, columns = best.topk(k, dim=1)
                values.index_copy_(0, block, best)
                found.index_copy_(0, block, torch.where(best > -torch.inf, numbers.gather(1, columns), -1))
    return found


def _split_by_cell(cells: Tensor, count: int) -> tuple[Tensor, ...]:
    """For each of the cells the places where its number stands, in ascending order."""
    order = torch.argsort(cells, stable=True)
    return torch.split(order, torch.bincount(cells, minlength=count).tolist())


def _fit_cells(points: Tensor, cells: int, generator: torch.Generator | None) -> Tensor:
    """(c, d) centres of unit length by spherical k-means on a sample; a cell without rows keeps its centre."""
    chosen = torch.randperm(len(points), generator=generator, device=points.device)[: _TRAINING * cells]
    sample = points.index_select(0, chosen).float()
    centres = F.normalize(sample[:cells], dim=1)
    for _ in range(_ROUNDS):
        near = _nearest_cells(sample, centres, 1)[:, 0]
        sums = torch.zeros_like(centres).index_add_(0, near, sample)
        filled = torch.bincount(near, minlength=cells)[:, None] > 0
        centres = torch.where(filled, F.normalize(sums, dim=1), centres)
    return centres


def _nearest_cells(points: Tensor, centres: Tensor, count: int) -> Tensor:
    """(n, count) int32 numbers of the centres with the largest inner products with each row, the largest first."""

    def nearest(block: Tensor) -> Tensor:
        return (block.float() @ centres.mT).topk(count, dim=1).indices.int()

    return map_blocks(nearest, points, max(1, _BLOCK // len(centres)))


def fit_directions(rows: Tensor, most: int) -> Tensor | None:
    """(d, most) leading eigenvectors of the second moments of (n, d) or (n, T, d) unit rows; None if d <= most."""
    flat = rows.flatten(1)
    if flat.shape[1] <= most:
        return None
    unit = F.normalize(flat.float(), dim=1)
    vectors: Tensor = torch.linalg.eigh(unit.mT @ unit).eigenvectors
    return vectors[:, -most:].to(rows.dtype)


def unit_directions(rows: Tensor, directions: Tensor | None) -> Tensor:
    """(n, k) coordinates whose inner products are nearly the cosines of (n, d) or (n, T, d) rows.

    The rows scaled to unit length, along the directions of :func:`fit_directions`; None leaves them as they are.
    """
    unit = F.normalize(rows.flatten(1), dim=1)
    return unit if directions is None else unit @ directions
