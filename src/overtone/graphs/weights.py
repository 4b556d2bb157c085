"""Regressions on the parents of a graph: standardised coefficients, and the precision that a DAG implies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def refit(matrix: Floats, parents: Bools) -> tuple[Floats, Floats]:
    """Regress every variable on its parents, by least squares from second moments.

    Args:
        matrix: (p, p) covariance or correlation; of a correlation the coefficients are standardised.
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
    """The inverse covariance of the Gaussian that fits a DAG best: (I - B) D⁻¹ (I - B)ᵀ.

    Args:
        matrix: (p, p) covariance.
        dag: (p, p) bool, [x, y]: x → y.

    Returns:
        (p, p) precision.
    """
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
