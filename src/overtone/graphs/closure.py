"""Closed rows: log-probabilities know the logits only up to one offset per row and modality.

log p = z - L: what is seen are the logits up to a row's offset, so their covariance S is known only up to N Aᵀ + A Nᵀ,
N (p, G) being the indicators of the modalities. The missing part is estimated together with the graph.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from overtone.graphs.arrays import Floats, Ints
from overtone.graphs.knowledge import Constraints
from overtone.graphs.moments import correlation_of, implied_precision
from overtone.graphs.resampling import FittedGraph, Learner
from overtone.graphs.search import Clock, Seed
from overtone.graphs.settings import GraphSettings

_ROUNDS = 60
"""Rounds of the median basis; it settles in a few dozen."""
_LEAST_EIGENVALUE = 1e-3
"""Smallest eigenvalue of a covariance to start from, as a share of the mean variance."""
_INNER = 15
"""Steps of expectation and maximisation between two searches."""
_MOST_SEARCHES = 8
"""Searches with one penalty."""
_QUICK = 2
"""Steps of iterated local search on the way; the last search takes as many as were set."""
_CLASS_STARTS, _MOST_STARTS = 120, 9
"""The fewer the classes, the worse the first guess of the offsets, and the more guesses are made."""


def median_basis(closed: Floats, groups: Ints) -> Floats:
    """The covariance whose rows have median zero off the diagonal, within each modality and across.

    A sparse graph leaves most pairs nearly uncorrelated, so the offset that makes the median zero is close to the
    right one.

    Args:
        closed: (p, p) covariance of row-centred logits.
        groups: (p,) number of each variable's modality.
    """
    count = int(groups.max()) + 1
    member = groups[:, None] == np.arange(count)
    shift = np.zeros((len(closed), count))
    off = closed + np.where(np.eye(len(closed), dtype=bool), np.nan, 0.0)
    for _ in range(_ROUNDS):
        for group in range(count):
            # Entry (i, j) with j in this group: closed + shift[i, group] + shift[j, modality of i].
            block = off[:, member[:, group]] + shift[member[:, group]][:, groups].T
            shift[:, group] -= 0.5 * (np.nanmedian(block, axis=1) + shift[:, group])
    basis = member.astype(float)
    return clipped(closed + basis @ shift.T + shift @ basis.T)


def clipped(matrix: Floats) -> Floats:
    """The nearest covariance without tiny or negative eigenvalues."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    least = _LEAST_EIGENVALUE * np.abs(np.diag(matrix)).mean()
    made: Floats = (vectors * np.maximum(values, least)) @ vectors.T
    return made


def expected_covariance(closed: Floats, precision: Floats, basis: Floats) -> Floats:
    """Covariance of the logits that is expected given the closed rows and a model.

    With precision T the offsets of a row are Gaussian with mean -(NᵀTN)⁻¹ NᵀT u and covariance (NᵀTN)⁻¹, so the
    logits' second moments are M S Mᵀ + N (NᵀTN)⁻¹ Nᵀ, M = I - N (NᵀTN)⁻¹ NᵀT.

    Args:
        closed: (p, p) covariance S of the closed rows u.
        precision: (p, p) precision T.
        basis: (p, G) indicators N.
    """
    inner = np.linalg.inv(basis.T @ precision @ basis)
    keep = np.eye(len(closed)) - basis @ inner @ basis.T @ precision
    return keep @ closed @ keep.T + basis @ inner @ basis.T


def closed_likelihood(closed: Floats, precision: Floats, basis: Floats) -> float:
    """Log-likelihood of the closed rows, per row and up to a constant; the arguments are those of the expectation.

    It is ½ [ln det T - ln det NᵀTN - tr((T - TN (NᵀTN)⁻¹ NᵀT) S)].
    """
    inner = basis.T @ precision @ basis
    left = precision - precision @ basis @ np.linalg.solve(inner, basis.T @ precision)
    return float(np.linalg.slogdet(precision)[1] - np.linalg.slogdet(inner)[1] - (left * closed).sum()) / 2


class ClosedLearner(Learner):
    """Finds the graph of logits that are known up to an offset per row and modality (structural EM).

    Search a graph, estimate the offsets under it, search again, until the graph stands. The first guess is the median
    basis. As the likelihood has many local optima where classes are few, further guesses begin with a large penalty,
    under which only what is certain is an edge, and lower it step by step. The guess whose graph gives the closed rows
    the best penalised likelihood wins.

    Args:
        settings: How to search.
        groups: (p,) number of each variable's modality.
        constraints: Background knowledge.
    """

    def __init__(self, settings: GraphSettings, groups: Ints, constraints: Constraints | None = None) -> None:
        super().__init__(settings, constraints)
        self.groups = groups
        self.basis = (groups[:, None] == np.arange(groups.max() + 1)).astype(float)
        classes = int(self.basis.sum(0).max())
        self.starts = settings.em_starts or min(_MOST_STARTS, max(1, _CLASS_STARTS // classes))

    def __call__(self, covariance: Floats, rows: float, penalty: float, seed: Seed, clock: Clock) -> FittedGraph:
        """Search one sample, ``covariance`` being that of its closed rows."""
        random = np.random.default_rng(seed)
        first = median_basis(covariance, self.groups)
        best, value = self._settled(covariance, first, rows, [penalty], seed, clock)
        for start in range(1, self.starts):
            if clock.over():
                break
            guess = first if start % 2 else clipped(covariance)
            if start > 2:
                shift = np.sqrt(np.diag(covariance).mean()) * random.normal(0.0, 0.3, self.basis.shape)
                guess = clipped(guess + self.basis @ shift.T + shift @ self.basis.T)
            highest, ratio = penalty * 2.0 ** random.uniform(4, 9), random.uniform(1.4, 2.2)
            falling = penalty * ratio ** np.arange(int(np.log(highest / penalty) / np.log(ratio)), -1, -1)
            other, likelihood = self._settled(covariance, guess, rows, falling.tolist(), seed, clock)
            if likelihood > value:
                best, value = other, likelihood
        if self.settings.ils_steps > _QUICK and not clock.over():
            found = self.search(best.correlation, rows, penalty, seed, clock)
            best = FittedGraph(found, best.correlation)
        return best

    def _settled(
        self, closed: Floats, covariance: Floats, rows: float, penalties: Sequence[float], seed: Seed, clock: Clock
    ) -> tuple[FittedGraph, float]:
        """The graph that stands under the last penalty, and the penalised likelihood of the closed rows."""
        quick = self.settings.changed(ils_steps=min(_QUICK, self.settings.ils_steps))
        silent = clock.silent()
        for penalty in penalties:
            seen: set[bytes] = set()
            for _ in range(_MOST_SEARCHES):
                correlation = correlation_of(covariance)
                found = self.search(correlation, rows, penalty, seed, silent, quick)
                skeleton = (found.dag | found.dag.T).tobytes()
                if skeleton in seen or silent.over():
                    break
                seen.add(skeleton)
                for _ in range(_INNER):
                    covariance = expected_covariance(closed, implied_precision(covariance, found.dag), self.basis)
        likelihood = closed_likelihood(closed, implied_precision(covariance, found.dag), self.basis)
        return FittedGraph(found, correlation), rows * likelihood - 0.5 * penalties[-1] * np.log(rows) * found.dag.sum()
