"""What the tests of sparse features share: a matrix of counts, and its parts as a file holds them."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from hypothesis import HealthCheck, settings

ROWS = 12
PARTS = ("data", "indices", "indptr", "shape")
quick = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def words(seed: int = 0, rows: int = ROWS, columns: int = 40) -> sp.csr_matrix:
    """Counts, a tenth of which are not zero; no row without one."""
    random = np.random.default_rng(seed)
    dense = random.poisson(3, (rows, columns)) * (random.random((rows, columns)) < 0.1)
    dense[:, 0] = np.arange(1, rows + 1)
    return sp.csr_matrix(dense.astype(np.float64))


def prefixed(prefix: str, matrix: sp.csr_matrix) -> dict[str, Any]:
    return {f"{prefix}{part}": getattr(matrix, part) for part in PARTS}
