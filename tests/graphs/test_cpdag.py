"""Equivalence classes against enumeration."""

from __future__ import annotations

from collections import defaultdict
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overtone.graphs import cpdag


def check_all(oracle: ModuleType, p: int, forbidden: Any = None) -> int:
    """Compare with what all members of each class have in common; how many classes there are."""
    classes: dict[Any, list[Any]] = defaultdict(list)
    for dag in oracle.all_dags(p):
        if forbidden is None or not (dag & forbidden).any():
            classes[(dag | dag.T).tobytes(), oracle.colliders(dag)].append(dag)
    for members in classes.values():
        common = np.logical_and.reduce(members)
        adjacent = members[0] | members[0].T
        for dag in members[:3]:
            directed, undirected = cpdag(dag, forbidden)
            assert (directed == common).all()
            assert (undirected == (adjacent & ~common & ~common.T)).all()
    return len(classes)


@pytest.mark.parametrize(("p", "classes"), [(2, 2), (3, 11), (4, 185)])
def test_classes_are_those_of_enumeration(oracle: ModuleType, p: int, classes: int) -> None:
    assert check_all(oracle, p) == classes


@pytest.mark.slow
def test_classes_of_five_variables(oracle: ModuleType) -> None:
    assert check_all(oracle, 5) == 8782


@pytest.mark.parametrize(
    "forbidden", [[(0, 1)], [(0, 1), (2, 1)], [(2, 0), (3, 0), (2, 1), (3, 1)], [(1, 0), (1, 2), (3, 2)]]
)
def test_background_knowledge_directs_what_it_implies(oracle: ModuleType, forbidden: list[tuple[int, int]]) -> None:
    matrix = np.zeros((4, 4), bool)
    matrix[tuple(zip(*forbidden))] = True
    check_all(oracle, 4, matrix)


@given(seed=st.integers(0, 10_000), p=st.integers(1, 25), degree=st.floats(0, 8))
def test_any_member_gives_the_same_class(oracle: ModuleType, seed: int, p: int, degree: float) -> None:
    if p < 2:
        dag = np.zeros((p, p), bool)
    else:
        _, dag = oracle.simulate(p, degree, 3, seed)
    directed, undirected = cpdag(dag)
    assert ((directed | directed.T | undirected) == (dag | dag.T)).all()
    assert not (directed & ~dag).any()
    assert (undirected == undirected.T).all()
    # Reversing a covered edge stays within the class.
    for x, y in np.argwhere(dag)[:5]:
        parents = dag[:, y].copy()
        parents[x] = False
        if (parents == dag[:, x]).all():
            other = dag.copy()
            other[x, y], other[y, x] = False, True
            again, _ = cpdag(other)
            assert (again == directed).all()
            assert undirected[x, y]
