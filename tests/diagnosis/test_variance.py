"""Variance: closed forms, two-pass references, shards, soft labels, and what is refused."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from overtone.core import InputError
from overtone.diagnosis import Variance, VarianceResult, variance


def clusters(seed: int = 0, *, rows: int = 120, classes: int = 5, dimensions: int = 8, width: float = 0.3) -> Any:
    """Rows around centres, and their class numbers, every class with at least one row."""
    random = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), random.integers(0, classes, rows - classes)])
    centres = random.normal(size=(classes, dimensions))
    return centres[labels] + width * random.normal(size=(rows, dimensions)), labels


def two_pass(rows: Any, weights: Any) -> dict[str, Any]:
    """Every figure from its definition, class by class and pair by pair, in numpy."""
    z = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    centroids, within = [], []
    for column in weights.T:
        centroids.append((column[:, None] * z).sum(0) / column.sum())
        within.append((column * ((z - centroids[-1]) ** 2).sum(1)).sum() / column.sum())
    gaps = [np.linalg.norm(a - b) for a, b in itertools.combinations(centroids, 2)]
    middle = np.mean(centroids, axis=0)
    values = np.linalg.eigvalsh(np.cov(z.T, bias=True))
    shares = values[values > 0] / values[values > 0].sum()
    return {
        "intra_variance": np.mean(within),
        "intra_variance_std": np.std(within),
        "centroid_distance": np.mean(gaps),
        "centroid_distance_std": np.std(gaps),
        "between_variance": np.mean([((c - middle) ** 2).sum() for c in centroids]),
        "smallest_gap": np.min(gaps),
        "effective_rank": np.exp(-(shares * np.log(shares)).sum()),
    }


def assert_figures(found: VarianceResult, wanted: dict[str, Any], tolerance: float = 1e-11) -> None:
    for name, value in wanted.items():
        assert getattr(found, name) == pytest.approx(value, abs=tolerance), name


def figures(result: VarianceResult) -> list[float]:
    plain = result.to_dict()
    flat = {**plain, **plain.pop("centroid_distance")}
    per_class = [value for entry in plain.pop("per_class").values() for value in entry.values()]
    return [*per_class, *(value for value in flat.values() if isinstance(value, (int, float)))]


def test_known_variance() -> None:
    """Two classes, each of two unit vectors at a right angle to each other, opposite each other."""
    found = variance([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]], [0, 0, 1, 1]).to_dict()
    assert found["intra_variance"] == pytest.approx(0.5)
    assert found["intra_variance_std"] == pytest.approx(0.0, abs=1e-15)
    assert found["centroid_distance"] == pytest.approx({"mean": 2**0.5, "std": 0.0})
    assert found["between_variance"] == pytest.approx(0.5)
    assert found["variance_ratio"] == pytest.approx(1.0)
    assert found["smallest_gap"] == pytest.approx(2**0.5)
    assert found["smallest_gap_classes"] == ["0", "1"]
    assert found["effective_rank"] == pytest.approx(2.0)
    assert (found["classes"], found["rows"], found["unlabelled"], found["dimensions"]) == (2, 4, 0, 2)
    assert found["per_class"]["1"] == {"variance": pytest.approx(0.5), "rows": 2}


def test_collapsed_classes_on_a_simplex() -> None:
    """C corners of a simplex in C dimensions: no variance within, equal gaps of √2, C − 1 dimensions filled."""
    found = variance(np.repeat(np.eye(6), 3, axis=0), np.repeat(np.arange(6), 3))
    assert found.intra_variance == 0
    assert found.variance_ratio == 0
    assert (found.centroid_distance, found.smallest_gap) == pytest.approx((2**0.5, 2**0.5))
    assert found.centroid_distance_std == pytest.approx(0, abs=1e-15)
    assert found.effective_rank == pytest.approx(5)


@given(seed=st.integers(0, 10**6), classes=st.integers(2, 9), dimensions=st.integers(2, 12), width=st.floats(0.01, 3))
def test_equals_two_passes(seed: int, classes: int, dimensions: int, width: float) -> None:
    rows, labels = clusters(seed, rows=60, classes=classes, dimensions=dimensions, width=width)
    assert_figures(variance(rows, labels), two_pass(rows, np.eye(classes)[labels]))


@pytest.mark.parametrize("width", [1e-3, 1e-5, 1e-7])
def test_tightly_collapsed_rows_lose_no_digits_to_cancellation(width: float) -> None:
    rows, labels = clusters(width=width)
    found, wanted = variance(rows, labels), two_pass(rows, np.eye(5)[labels])
    assert found.intra_variance == pytest.approx(wanted["intra_variance"], abs=1e-15)
    assert found.smallest_gap == pytest.approx(wanted["smallest_gap"], rel=1e-12)


@given(seed=st.integers(0, 10**6), cuts=st.lists(st.integers(1, 119), max_size=6))
def test_shards_in_any_order_give_the_whole(seed: int, cuts: list[int]) -> None:
    rows, labels = clusters(seed)
    parts = np.array_split(np.random.default_rng(seed).permutation(120), sorted(set(cuts)))
    shards = [Variance().update(rows[part], labels[part]) for part in parts if len(part)]
    total = shards[0]
    for shard in shards[1:]:
        total.merge(shard)
    np.testing.assert_allclose(figures(total.result()), figures(variance(rows, labels)), atol=1e-12, rtol=0)


def test_states_can_be_added_up_as_processes_do() -> None:
    rows, labels = clusters()
    names = ["a", "b", "c", "d", "e", "f"]
    shards = [(rows[labels < 2], labels[labels < 2]), (rows[labels >= 2], labels[labels >= 2])]
    states = [Variance(names).update(*shard).state() for shard in shards] + [Variance(names, dimensions=8).state()]
    added = {name: sum(state[name] for state in states) for name in states[0]}
    found = Variance.from_state(added, names).result()
    np.testing.assert_allclose(figures(found), figures(variance(rows, labels)), atol=1e-12, rtol=0)
    assert list(found.per_class) == ["a", "b", "c", "d", "e"]  # nobody is an f


def test_a_state_is_a_copy_and_can_be_gone_on_from() -> None:
    rows, labels = clusters()
    first = Variance().update(rows[:70], labels[:70])
    state = first.state()
    first.update(rows[70:], labels[70:])
    again = Variance.from_state(state).update(rows[70:], labels[70:])
    assert figures(again.result()) == figures(first.result())


def test_scale_and_kind_of_array_do_not_matter() -> None:
    rows, labels = clusters()
    scales = np.random.default_rng(1).uniform(0.1, 10, (len(rows), 1))
    wanted = figures(variance(rows, labels))
    np.testing.assert_allclose(figures(variance(scales * rows, labels)), wanted, atol=1e-12)
    np.testing.assert_allclose(figures(variance(torch.tensor(rows), torch.tensor(labels))), wanted, atol=1e-12)
    np.testing.assert_allclose(figures(variance(rows.tolist(), labels.tolist())), wanted, atol=1e-12)
    np.testing.assert_allclose(figures(variance(torch.tensor(rows).bfloat16(), labels)), wanted, atol=2e-2)


@given(seed=st.integers(0, 10**6))
def test_soft_labels_weigh_rows(seed: int) -> None:
    rows, _ = clusters(seed)
    weights = np.random.default_rng(seed).dirichlet(np.ones(5), 120)
    found = variance(rows, weights)
    assert_figures(found, two_pass(rows, weights))
    assert sum(entry["rows"] for entry in found.per_class.values()) == pytest.approx(120)


def test_one_hot_labels_are_class_numbers_and_multi_hot_ones_count_in_each_class() -> None:
    rows, labels = clusters()
    np.testing.assert_allclose(figures(variance(rows, np.eye(5)[labels])), figures(variance(rows, labels)), atol=1e-12)
    several = np.maximum(np.eye(5)[labels], np.eye(5)[(labels + 1) % 5])
    assert_figures(variance(rows, several), two_pass(rows, several))


@pytest.mark.parametrize("hot", [False, True])
def test_rows_without_a_label_are_counted_and_left_out(hot: bool) -> None:
    rows, labels = clusters()
    labels[::4] = -1
    known = labels >= 0
    given_labels = np.eye(5)[labels] * known[:, None] if hot else labels
    found = variance(rows, given_labels)
    assert (found.rows, found.unlabelled) == (90, 30)
    wanted = variance(rows[known], labels[known])
    np.testing.assert_allclose(figures(replace(found, unlabelled=0)), figures(wanted), atol=1e-12)


def test_rows_that_do_not_differ_fill_no_dimension() -> None:
    assert variance([[1.0, 2.0], [2.0, 4.0], [1.0, 2.0]], [0, 1, 1]).effective_rank == 0


def test_centroids_that_coincide_have_no_ratio() -> None:
    found = variance([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]], [0, 0, 1, 1])
    assert found.smallest_gap == 0
    assert np.isnan(found.variance_ratio)


def test_nothing_is_left_on_the_graph() -> None:
    rows = torch.randn(6, 3, requires_grad=True)
    state = Variance().update(rows, torch.tensor([0, 0, 0, 1, 1, 1])).state()
    assert not any(tensor.requires_grad for tensor in state.values())


NAN: Sequence[Sequence[float]] = [[float("nan"), 1.0], [1.0, 0.0]]
GOOD: Sequence[Sequence[float]] = [[1.0, 1.0], [1.0, 0.0]]


@pytest.mark.parametrize(
    ("rows", "labels", "classes", "said"),
    [
        (NAN, [0, 1], None, r"embeddings, row 0: holds NaN"),
        ([[0.0, 0.0], [1.0, 0.0]], [0, 1], None, r"row 0: is all zeros"),
        ([1.0, 2.0], [0, 1], None, r"embeddings must be rows"),
        (GOOD, [0, 1, 1], None, r"labels: one per row .*got 3; valid: 2"),
        (GOOD, [[[0]], [[1]]], None, r"labels: not labels; got \(2, 1, 1\)"),
        (GOOD, [0, 2], 2, r"too large; got 2; valid: 0 to 1"),
        (GOOD, [0, 2], ["cat", "dog"], r"too large; got 2; valid: 0 to 1"),
        (GOOD, [0, 10**9], None, r"too large.*number the classes from 0"),
        (GOOD, [0.5, 1.0], None, r"row 0: label out of range.*whole numbers"),
        (GOOD, [float("nan"), 1.0], None, r"at least two classes must have rows; got 1"),
        (GOOD, ["cat", 1], None, r"row 0: labels mix numbers and names"),
        (GOOD, [[0.5, 1.5], [0.0, 1.0]], None, r"row 0: label out of range.*valid: 0 to 1"),
        (GOOD, [[0.5, float("nan")], [0.0, 1.0]], None, r"row 0: label out of range.*valid: 0 to 1"),
        (GOOD, [[1.0, 0.0], [0.0, 1.0]], 3, r"one column per class is needed; got 2; valid: 3"),
        (GOOD, [1, 1], None, r"at least two classes must have rows; got 1"),
        (GOOD, [-1, -1], None, r"at least two classes must have rows; got 0"),
    ],
)
def test_bad_input_is_named(rows: Any, labels: Any, classes: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        variance(rows, labels, classes=classes)


def test_a_number_of_classes_is_any_whole_one_and_names_differ() -> None:
    rows, labels = [[1.0, 0.0], [0.0, 1.0]], [0, 1]
    assert variance(rows, labels, classes=np.int64(3)) == variance(rows, labels, classes=3)
    assert variance(rows, labels, classes=np.array(["a", "b"])) == variance(rows, labels, classes=["a", "b"])
    for wrong, message in ((-1, "at least one"), (1.5, "not a whole number"), (["x", "x"], "classes are called 'x'")):
        with pytest.raises(InputError, match=message):
            variance(rows, labels, classes=wrong)


def test_what_does_not_fit_what_was_seen_is_refused() -> None:
    seen = Variance().update(GOOD, [0, 1])
    with pytest.raises(InputError, match=r"as wide as those before; got 3; valid: 2"):
        seen.update([[1.0, 2.0, 3.0]], [0])
    with pytest.raises(InputError, match=r"the dimensions differ"):
        seen.merge(Variance().update([[1.0, 2.0, 3.0]], [0]))
    with pytest.raises(InputError, match=r"the classes differ"):
        Variance(["a", "b"]).merge(Variance(["a", "c"]))
    with pytest.raises(InputError, match=r"not the state"):
        Variance.from_state({"sums": torch.zeros(2, 2)})
    with pytest.raises(InputError, match=r"not the state"):
        Variance.from_state(seen.state(), classes=5)


def test_a_thousand_classes_take_little_memory() -> None:
    seen = Variance(1000)
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        seen.update(torch.randn(2000, 16, generator=generator), torch.randint(1000, (2000,), generator=generator))
    held: list[Tensor] = list(seen.state().values())
    assert sum(tensor.numel() for tensor in held) < 1000 * 16 + 16 * 16 + 1000 + 16 + 3
    assert seen.result().classes > 990
