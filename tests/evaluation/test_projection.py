"""Maps of neighbourhoods, and the agreement of neighbours."""

from __future__ import annotations

import numpy as np
import pytest

from overtone.core import InputError
from overtone.evaluation import neighbour_agreement, neighbour_plane


def test_maps_of_little_or_nothing() -> None:
    assert neighbour_plane(np.ones((100, 4))) is None
    assert neighbour_plane(np.eye(10)) is None


def test_neighbours_come_to_lie_together() -> None:
    centres = np.repeat(np.eye(3), 30, axis=0)
    points = centres + 0.01 * np.random.default_rng(0).normal(size=(90, 3))
    places = neighbour_plane(points)
    assert places is not None
    nearest = np.linalg.norm(places[:, None] - places[None], axis=-1) + 1e9 * np.eye(90)
    assert (nearest.argmin(1) // 30 == np.arange(90) // 30).all()


def test_agreement_is_that_of_full_sorts() -> None:
    random = np.random.default_rng(0)
    first = random.standard_normal((60, 8))
    second = first[:, :5] + random.standard_normal((60, 5))

    def nearest(rows: np.ndarray) -> list[set[int]]:
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        cosines = unit @ unit.T - 9 * np.eye(60)
        return [set(line.argsort()[::-1][:7].tolist()) for line in cosines]

    expected = [len(one & other) / 7 for one, other in zip(nearest(first), nearest(second))]
    assert neighbour_agreement(first, second, k=7) == pytest.approx(expected)
    assert neighbour_agreement(first, first, k=100) == pytest.approx(np.ones(60))


def test_agreement_needs_pairs() -> None:
    with pytest.raises(InputError, match="same clip"):
        neighbour_agreement(np.eye(3), np.eye(4))
    with pytest.raises(InputError, match="same clip"):
        neighbour_agreement(np.eye(1), np.eye(1))
    with pytest.raises(InputError, match="starts at 1"):
        neighbour_agreement(np.eye(3), np.eye(3), k=0)
