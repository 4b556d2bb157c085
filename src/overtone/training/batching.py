"""Which rows each batch of an epoch holds: a permutation cut into batches, with enough paired rows in each."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from overtone.core import InputError
from overtone.training.rows import Rows

Bounds = list[tuple[int, int]]


def batch_bounds(rows: int, batch_size: int, world: int = 1, least: int = 2) -> list[tuple[int, int]]:
    """Where each global batch of an epoch begins and ends in the epoch's permutation.

    All batches but the last have ``batch_size`` rows, rounded down to a multiple of the ``world`` processes, with at
    least 2 rows for each. The rest is a batch of its own if it has at least half of that, and ``least`` rows; a smaller
    rest sits this epoch out (another permutation, another rest).

    Raises:
        InputError: There are too few rows for one batch.

    Example:
        >>> batch_bounds(10, 4), batch_bounds(9, 4), batch_bounds(3, 512)
        ([(0, 4), (4, 8), (8, 10)], [(0, 4), (4, 8)], [(0, 3)])
    """
    if rows < 2 * world:
        valid = f"at least {2 * world}, 2 for each of {world} processes"
        raise InputError("too few training rows", got=rows, valid=valid)
    size = max(2, min(batch_size, rows) // world) * world
    full = rows // size * size
    rest = (rows - full) // world * world
    bounds = [(start, start + size) for start in range(0, full, size)]
    return [*bounds, (full, full + rest)] if 2 * rest >= size and rest >= max(2 * world, least) else bounds


def count_pairs(bounds: Bounds, rows: Rows, least: int) -> list[int] | None:
    """Paired rows of each batch: their share of the training rows, and at least so many; None where all are paired.

    Raises:
        InputError: There are too few paired rows.
    """
    if rows.paired is None:
        return None
    found = len(rows.paired)
    if found < least:
        what = "too few training rows with both modalities"
        fix = "bring more pairs, or lower embedding_dim"
        raise InputError(what, got=found, valid=f"at least {least}", fix=fix)
    share = found / len(rows)
    return [min(found, stop - start, max(least, math.ceil(share * (stop - start)))) for start, stop in bounds]


def draw_order(
    rows: Rows, bounds: Bounds, pairs: list[int] | None, generator: torch.Generator, parts: int = 1
) -> Tensor:
    """Row numbers of an epoch, which ``bounds`` cut into batches.

    Where all rows are paired, a permutation; with several ``parts``, equally long, one of each, of which every batch
    takes equally many rows, those of the first part first. Else each batch takes its number of paired rows, in turn
    from one permutation of them after another, none twice in a batch; and other rows from one permutation of those. So
    a paired row may occur in several batches, and a few of the others in none.
    """
    device = rows.device
    if pairs is None or rows.paired is None:
        size = rows.total // parts
        drawn = [torch.randperm(size, generator=generator, device=device) + part * size for part in range(parts)]
        if parts == 1:
            return drawn[0]
        return torch.cat([own[start // parts : stop // parts] for start, stop in bounds for own in drawn])
    most = max(pairs)
    rounds = math.ceil(len(bounds) / (len(rows.paired) // most))
    shuffled = torch.rand(rounds, len(rows.paired), generator=generator, device=device).argsort(1)
    turns = rows.paired[shuffled[:, : len(rows.paired) // most * most].reshape(-1, most)]
    alone = torch.ones(len(rows), dtype=torch.bool, device=device).index_fill_(0, rows.paired, False)
    singles = torch.nonzero(alone).flatten()
    singles = singles[torch.randperm(len(singles), generator=generator, device=device)]
    batches, at = [], 0
    for (start, stop), count, turn in zip(bounds, pairs, turns):
        others = stop - start - count
        mixed = torch.cat([turn[:count], singles[at : at + others]])
        batches.append(mixed[torch.randperm(len(mixed), generator=generator, device=device)])
        at += others
    return torch.cat(batches)
