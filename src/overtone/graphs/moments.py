"""Second moments of rows, summed in one pass and in blocks, so that rows can be drawn again; regressions from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from overtone.graphs.arrays import Bools, Floats, Ints

_MOST_BLOCKS = 1000
"""Blocks of rows for resampling; up to so many rows each row is a block, and the bootstrap is over rows."""
_BLOCK_BYTES = 400_000_000
"""Memory that the blocks may take together."""
_FEWEST_BLOCKS = 32


@dataclass(frozen=True, eq=False)
class Moments:
    """Moments Σ [1, x]ᵀ[1, x] of standardised rows x, per block of rows.

    Attributes:
        blocks: (B, p + 1, p + 1) float64, one matrix a block.
        shift: (p,) what was subtracted from each variable.
        scale: (p,) by what it was divided then; both only serve accuracy.
        names: p names of the variables.
    """

    blocks: Floats
    shift: Floats
    scale: Floats
    names: tuple[str, ...]

    def covariance(self, weights: Floats | None = None) -> tuple[Floats, float]:
        """(p, p) covariance with denominator n, each block counted as often as its (B,) weights say, and n."""
        summed = self.blocks.sum(0) if weights is None else np.tensordot(weights, self.blocks, 1)
        rows = float(summed[0, 0])
        mean = summed[0, 1:] / rows
        covariance = summed[1:, 1:] / rows - np.outer(mean, mean)
        return covariance * np.outer(self.scale, self.scale), rows

    @property
    def means(self) -> Floats:
        """(p,) means of the variables."""
        summed = self.blocks.sum(0)
        found: Floats = self.shift + self.scale * summed[0, 1:] / summed[0, 0]
        return found

    def draw(self, random: np.random.Generator) -> Floats:
        """Weights of one bootstrap sample: as many blocks as there are, with replacement."""
        count = len(self.blocks)
        return random.multinomial(count, np.full(count, 1 / count)).astype(float)

    def halve(self, random: np.random.Generator) -> tuple[Floats, Floats]:
        """Weights of two random halves without a row in common."""
        first = np.zeros(len(self.blocks))
        first[random.permutation(len(first))[: len(first) // 2]] = 1
        return first, 1 - first


def moments(chunks: Iterable[ArrayLike], names: Sequence[str], *, blocks: bool = True) -> Moments:
    """Sum the moments of rows that come in (m, p) chunks of finite numbers; one block if no rows will be drawn again.

    Rows are assigned to the blocks in turn, in an order drawn anew for each round, so that a block is a random sample
    however the rows are sorted.
    """
    p = len(names)
    most = max(_FEWEST_BLOCKS, min(_MOST_BLOCKS, int(_BLOCK_BYTES / (8 * (p + 1) ** 2)))) if blocks else 1
    random = np.random.default_rng(0)
    found = np.zeros((most, p + 1, p + 1))
    shift = scale = np.empty(0)
    waiting = np.empty(0, np.int64)
    for chunk in chunks:
        values = np.asarray(chunk, dtype=np.float64)
        if not len(shift):
            shift, spread = values.mean(0), values.std(0)
            scale = np.where(spread > 0, spread, 1.0)
        rounds = -(-max(0, len(values) - len(waiting)) // most)
        waiting = np.concatenate([waiting, *(random.permutation(most) for _ in range(rounds))])
        assigned, waiting = waiting[: len(values)], waiting[len(values) :]
        found += _block_moments((values - shift) / scale, assigned, most)
    return Moments(found[found[:, 0, 0] > 0], shift, scale, tuple(names))


def _block_moments(values: Floats, assigned: Ints, count: int) -> Floats:
    """Moments of rows per block that they were assigned to, one block's product at a time."""
    rows = np.column_stack([np.ones(len(values)), values])[np.argsort(assigned, kind="stable")]
    ends = np.cumsum(np.bincount(assigned, minlength=count))
    starts = np.concatenate([[0], ends[:-1]])
    return np.stack([rows[start:end].T @ rows[start:end] for start, end in zip(starts, ends)])


def from_covariance(covariance: Floats, rows: float, names: Sequence[str]) -> Moments:
    """Moments of n rows of which only the covariance (denominator n) is known: one block, which is not resampled."""
    p = len(covariance)
    block = np.zeros((1, p + 1, p + 1))
    block[0, 0, 0] = rows
    block[0, 1:, 1:] = rows * covariance
    return Moments(block, np.zeros(p), np.ones(p), tuple(names))


def refit(matrix: Floats, parents: Bools) -> tuple[Floats, Floats]:
    """Regress every variable on its parents by least squares, from a covariance or correlation.

    Args:
        matrix: (p, p); of a correlation the coefficients are standardised.
        parents: (p, p) bool, [x, y]: x is a parent of y.

    Returns:
        coefficients: (p, p), [x, y]: of x in the regression of y; 0 where there is no edge.
        variance: (p,) residual variances.
    """
    coefficients = np.zeros_like(matrix)
    variance = np.diag(matrix).copy()
    for y in np.flatnonzero(parents.any(0)):
        chosen = np.flatnonzero(parents[:, y])
        found = np.linalg.lstsq(matrix[np.ix_(chosen, chosen)], matrix[chosen, y], rcond=1e-10)[0]
        coefficients[chosen, y] = found
        variance[y] -= matrix[chosen, y] @ found
    return coefficients, variance


def implied_precision(matrix: Floats, dag: Bools) -> Floats:
    """The (p, p) inverse covariance of the Gaussian that fits a DAG best: (I - B) D⁻¹ (I - B)ᵀ."""
    coefficients, variance = refit(matrix, dag)
    free = np.eye(len(matrix)) - coefficients
    precision: Floats = (free / np.maximum(variance, 1e-10)) @ free.T
    return precision


def correlation_of(covariance: Floats) -> Floats:
    """Correlations of a covariance; variables without variance correlate with nothing."""
    scale = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    scale[scale == 0] = 1.0
    correlation = covariance / np.outer(scale, scale)
    np.fill_diagonal(correlation, 1.0)
    symmetric: Floats = np.clip((correlation + correlation.T) / 2, -1.0, 1.0)
    return symmetric
