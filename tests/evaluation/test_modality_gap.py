"""The gap between modalities by brute force, and the plane of most variance by the singular values of NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from overtone.core import InputError
from overtone.evaluation import modality_gap, principal_plane


def rows(seed: int, count: int = 40, width: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, width)) + 0.3


def test_gap_is_that_of_all_pairs() -> None:
    first, second = rows(0), rows(1) + np.array([1.0, 0, 0, 0, 0])
    a, b = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in (first, second))
    cosines = a @ b.T
    other = ~np.eye(len(a), dtype=bool)
    gap = modality_gap(first, torch.from_numpy(second))
    assert gap.distance == pytest.approx(np.linalg.norm(a.mean(0) - b.mean(0)))
    assert gap.pair_cosine == pytest.approx(np.diag(cosines).mean())
    assert gap.shuffled_cosine == pytest.approx(cosines[other].mean())
    signs = np.random.default_rng(2).choice([-1.0, 1.0], (20_000, len(a)))
    swapped = np.linalg.norm(signs @ (a - b), axis=1) / len(a)
    assert gap.by_chance == pytest.approx(np.sqrt((swapped**2).mean()), rel=0.02)
    assert gap.pairs == 40
    assert type(gap).from_dict(gap.to_dict()) == gap


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (np.ones((3, 2)), np.ones((2, 2)), "needs pairs"),
        (np.ones((1, 2)), np.ones((1, 2)), "needs pairs"),
        (np.ones((3, 2)), np.array([[1.0, 0], [0, 0], [1, 1]]), "second, row 1"),
        (np.array([[1.0, 0], [np.nan, 0], [1, 1]]), np.ones((3, 2)), "first, row 1"),
    ],
)
def test_no_pairs_are_refused(first: np.ndarray, second: np.ndarray, said: str) -> None:
    with pytest.raises(InputError, match=said):
        modality_gap(first, second)


def test_plane_is_that_of_the_singular_values() -> None:
    points = rows(3, 60, 6) * np.arange(1, 7)
    centred = points - points.mean(0)
    _, sizes, right = np.linalg.svd(centred, full_matrices=False)
    signs = np.sign(right[np.arange(6), np.abs(right).argmax(1)])
    plane = principal_plane(points)
    assert plane.places == pytest.approx((centred @ (right.T * signs))[:, :2])
    assert plane.share == pytest.approx((sizes[:2] ** 2).sum() / (sizes**2).sum())
    single = principal_plane(points.astype(np.float32))
    assert single.places == pytest.approx(plane.places, abs=1e-3)


@pytest.mark.parametrize("points", [np.ones((3, 4)), np.ones((1, 1)), np.zeros((2, 3))])
def test_equal_points_have_one_place(points: np.ndarray) -> None:
    plane = principal_plane(points)
    assert plane.places == pytest.approx(np.zeros((len(points), 2)))
    assert plane.share == 0.0


def test_principal_directions_keep_distances_and_signs() -> None:
    flat = np.random.default_rng(0).normal(size=(30, 2)) * [3, 1]
    turned = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))[0][:2]
    places, share = principal_plane(flat @ turned)
    assert share == pytest.approx(1.0)
    distances = [np.linalg.norm(rows[:, None] - rows[None], axis=-1) for rows in (flat, places)]
    np.testing.assert_allclose(distances[1], distances[0], atol=1e-9)
    mirrored, _ = principal_plane(flat[::-1] @ turned)
    np.testing.assert_allclose(mirrored[::-1], places, atol=1e-9)
