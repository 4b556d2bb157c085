"""Canonical similarity analysis against its formula, with the CCA of another make."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from overtone.core import InputError


def canonical(a: np.ndarray, v: np.ndarray, ridge: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights and correlations of the generalised eigenproblem, another way than by roots and an SVD."""
    from scipy.linalg import eigh

    a, v = a - a.mean(0), v - v.mean(0)
    n, p = len(a), a.shape[1]
    saa, svv, sav = a.T @ a / n, v.T @ v / n, a.T @ v / n
    saa, svv = (s + ridge * np.trace(s) / len(s) * np.eye(len(s)) for s in (saa, svv))
    joint = np.block([[np.zeros((p, p)), sav], [sav.T, np.zeros((len(svv), len(svv)))]])
    within = np.block([[saa, np.zeros((p, len(svv)))], [np.zeros((len(svv), p)), svv]])
    values, vectors = eigh(joint, within)
    order = np.argsort(-values)[: min(p, len(svv))]
    return np.sqrt(2) * vectors[:p, order], np.sqrt(2) * vectors[p:, order], values[order]


@pytest.mark.parametrize(
    ("dimensions", "power", "ridge"), [(2, 1.0, 0.3), (4, 1.0, 0.01), (3, 2.0, 0.3), (5, 0.0, 1.0)]
)
def test_cosines_are_the_weighted_similarity_of_the_paper(ready, dimensions, power, ridge):
    method, batch = ready("csa", rows=80, dimensions=dimensions, power=power, ridge=ridge)
    a, v = (rows.double().numpy() for rows in batch.features)
    left, right, correlations = canonical(a, v, ridge)
    u, w = ((x - x.mean(0)) @ m[:, :dimensions] for x, m in ((a, left), (v, right)))
    u, w = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (u, w))
    wanted = (u * correlations[:dimensions] ** power) @ w.T
    first, second = (method.embed(rows, side) for side, rows in enumerate(batch.features))
    assert first.shape == (80, dimensions + 2)
    np.testing.assert_allclose((first @ second.T).numpy(), wanted, atol=1e-5)


def test_it_keeps_the_strongest_directions_and_weighs_them_otherwise_than_cca(ready):
    method, batch = ready("csa", rows=80, dimensions=3, ridge=0.3)
    whole, _ = ready("cca", rows=80, ridge=0.3)
    torch.testing.assert_close(method.projection.correlations, whole.projection.correlations[:3])
    cosines = [
        F.normalize(one.embed(batch.features[0], 0), dim=1) @ F.normalize(one.embed(batch.features[1], 1), dim=1).T
        for one in (method, whole)
    ]
    assert (cosines[0] - cosines[1]).abs().max() > 0.1


def test_twelve_directions_or_all_are_the_default_and_more_than_all_are_refused(ready):
    assert ready("csa", shapes=((40,), (30,)), rows=80)[0].settings.dimensions == 12
    assert ready("csa", shapes=((40,), (7,)), rows=80)[0].settings.dimensions == 7
    with pytest.raises(InputError, match="more canonical dimensions"):
        ready("csa", dimensions=6)
