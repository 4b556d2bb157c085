"""The protocol on embeddings: exact, fair to ties, the same in any order, block or precision."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, ndcg_score

from overtone.core.files import json_text
from overtone.evaluation import Evaluation, evaluate, evaluate_within

RANDOM = np.random.default_rng


def clips(n: int = 120, d: int = 12, classes: int = 5, seed: int = 0) -> tuple[Any, Any, Any]:
    random = RANDOM(seed)
    labels = random.integers(0, classes, n)
    centres = random.normal(size=(classes, d))
    first, second = (centres[labels] + 1.5 * random.normal(size=(n, d)) for _ in range(2))
    return first, second, labels


def cosines(a: np.ndarray, v: np.ndarray) -> np.ndarray:
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, v)]
    return (unit[0] @ unit[1].T).astype(np.float32)


def same(x: Evaluation, y: Evaluation, atol: float = 1e-9) -> None:
    assert x.per_query.keys() == y.per_query.keys()
    for key, ways in x.per_query.items():
        for way, values in ways.items():
            np.testing.assert_allclose(values, y.per_query[key][way], atol=atol, err_msg=f"{key} {way}")


def tied(kind: str) -> tuple[Any, Any, Any]:
    a, v, labels = clips(seed=3)
    if kind == "duplicates":
        v[20:60] = v[20]
        a[50:70] = a[1]
    if kind == "signs":  # few distinct vectors, so most cosines are equal by arithmetic
        a, v = np.sign(a[:, :3]), np.sign(v[:, :3])
    if kind == "constant":
        a, v = np.ones_like(a), np.ones_like(v) * 3
    return a, v, labels


@pytest.mark.parametrize(
    ("kind", "exact"),
    [(kind, exact) for kind in ("random", "duplicates", "constant") for exact in (True, False)]
    + [("signs", True)],  # in float32, sums may part what is equal by arithmetic; that is what exact is for
)
def test_map_equals_scikit_learn(kind: str, exact: bool) -> None:
    a, v, labels = tied(kind)
    result = evaluate(a, v, labels, exact=exact)
    for way, scores in (("a2v", cosines(a, v)), ("v2a", cosines(a, v).T)):
        expected = [average_precision_score(labels == label, row) for label, row in zip(labels, scores)]
        np.testing.assert_allclose(result.average_precision[way], expected, atol=1e-6)
        assert result.to_dict()["map"][way] == pytest.approx(np.mean(expected), abs=1e-6)


def test_constant_embeddings_score_the_share_of_relevant_items() -> None:
    a, v, labels = tied("constant")
    share = np.bincount(labels)[labels] / len(labels)
    result = evaluate(a, v, labels)
    np.testing.assert_allclose(result.average_precision["a2v"], share)
    assert result.to_dict()["median_rank"]["a2v"] == (len(labels) + 1) / 2
    assert result.to_dict()["instance_recall@5"]["mean"] == pytest.approx(5 / len(labels))


@given(seed=st.integers(0, 10_000), kind=st.sampled_from(["random", "duplicates", "signs"]))
def test_order_of_clips_does_not_matter(seed: int, kind: str) -> None:
    a, v, labels = tied(kind)
    order = RANDOM(seed).permutation(len(labels))
    given_order, other = evaluate(a, v, labels, bootstrap=0), evaluate(a[order], v[order], labels[order], bootstrap=0)
    for key, ways in given_order.per_query.items():
        for way, values in ways.items():
            np.testing.assert_allclose(values[order], other.per_query[key][way], atol=1e-9, err_msg=key)


@pytest.mark.parametrize("targets", ["single", "multi", "none"])
@pytest.mark.parametrize("kind", ["random", "duplicates"])
def test_blocks_do_not_matter(targets: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    a, v, labels = tied(kind)
    given_targets = {"single": labels, "multi": RANDOM(0).random((len(a), 6)) < 0.3, "none": None}[targets]
    whole = evaluate(a, v, given_targets, bootstrap=0, confusion=targets != "none")
    monkeypatch.setattr("overtone.evaluation.retrieval._PIECE", 300)
    small = evaluate(a, v, given_targets, bootstrap=0, confusion=targets != "none", memory_mb=0.02)
    same(whole, small)
    for way, counts in whole.confusion.items():
        torch.testing.assert_close(counts, small.confusion[way])


def test_threads_do_not_matter() -> None:
    a, v, labels = clips()
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = evaluate(a, v, labels)
        torch.set_num_threads(3)
        same(one, evaluate(a, v, labels), atol=0)
    finally:
        torch.set_num_threads(before)


def test_kinds_of_arrays_and_labels_do_not_matter() -> None:
    a, v, labels = clips()
    one_hot = np.eye(5)[labels]
    expected = evaluate(a, v, labels)
    same(expected, evaluate(torch.from_numpy(a), torch.from_numpy(v).requires_grad_(), torch.from_numpy(labels)))
    same(expected, evaluate(a * 7, v * np.geomspace(1e-200, 1e200, len(v))[:, None], one_hot))
    same(expected, evaluate(a * 1e-200, v * 1e200, labels, exact=False))
    same(expected, evaluate(a.tolist(), v.tolist(), one_hot.astype(bool)))
    same(expected, evaluate(a, v, labels * 10 + 3))


def test_multi_label_relevance_is_sharing_a_class_and_its_degree_is_the_overlap() -> None:
    a, v, _ = clips(seed=5)
    targets = (RANDOM(1).random((len(a), 6)) < 0.3).astype(float)
    targets[:4] = 0
    overlap, scores = targets @ targets.T, cosines(a, v)
    result = evaluate(a, v, targets)
    rows = overlap.any(axis=1)
    assert result.to_dict()["skipped_queries"] == {"a2v": int((~rows).sum()), "v2a": int((~rows).sum())}
    precision = [average_precision_score(g > 0, s) for g, s in zip(overlap[rows], scores[rows])]
    gain = [ndcg_score(g[None], s[None]) for g, s in zip(overlap[rows], scores[rows])]
    np.testing.assert_allclose(result.average_precision["a2v"][rows], precision, atol=1e-6)
    np.testing.assert_allclose(result.per_query["ndcg"]["a2v"][rows], gain, atol=1e-6)
    assert torch.isnan(result.average_precision["a2v"][~rows]).all()


def test_everything_relevant_is_one_and_nothing_relevant_is_counted() -> None:
    a, v, labels = clips()
    everything = evaluate(a, v, np.zeros_like(labels)).to_dict()
    for key in ("map", "map_running", "map@r", "ndcg", "recall@1"):
        assert everything[key]["mean"] == pytest.approx(1.0)
    nothing = evaluate(a, v, np.zeros((len(a), 3))).to_dict()
    assert nothing["skipped_queries"] == {"a2v": len(a), "v2a": len(a)}
    assert np.isnan(nothing["map"]["mean"])
    assert json.loads(json_text(nothing))["map"]["ci95"] == [None, None]
    assert nothing["median_rank"]["mean"] > 1


def test_single_relevant_item_makes_precision_the_reciprocal_rank() -> None:
    a, v, _ = clips(n=40)
    result = evaluate(a, v, np.arange(40))
    rank = result.per_query["median_rank"]["a2v"]
    torch.testing.assert_close(result.average_precision["a2v"], 1 / rank)
    for k in (1, 5, 10):
        torch.testing.assert_close(result.per_query[f"recall@{k}"]["a2v"], (rank <= k).double())
        torch.testing.assert_close(result.per_query[f"instance_recall@{k}"]["a2v"], (rank <= k).double())


def test_summary_has_the_agreed_shape() -> None:
    a, v, labels = clips()
    found = evaluate(a, v, labels, names=("left", "right"), class_names=list("abcde"), recall_at=(1, 3)).to_dict()
    assert json.loads(json_text(found)) == found
    assert found["modalities"] == ["left", "right"]
    assert (found["queries"], found["gallery"], found["skipped_queries"]) == (120, 120, {"a2v": 0, "v2a": 0})
    ways = {"a2v", "v2a", "mean"}
    plain = {"map_running", "map@r", "ndcg", "chance_map", "median_rank", "mean_rank"}
    plain |= {f"{kind}@{k}" for kind in ("recall", "instance_recall") for k in (1, 3)}
    assert all(found[key].keys() == ways for key in plain)
    assert found["map"].keys() == {*ways, "ci95"}
    assert found.keys() == {*plain, "map", "modalities", "queries", "gallery", "skipped_queries", "per_class"}
    low, high = found["map"]["ci95"]
    assert low < found["map"]["mean"] < high
    for label, name in enumerate("abcde"):
        row = found["per_class"][name]
        precision = evaluate(a, v, labels).average_precision["v2a"][labels == label]
        assert row["queries"] == (labels == label).sum()
        assert row["v2a"] == pytest.approx(float(precision.mean()))
        assert row["mean"] == pytest.approx((row["a2v"] + row["v2a"]) / 2)


def test_without_targets_only_partners_are_judged() -> None:
    a, v, labels = clips()
    found, labelled = evaluate(a, v), evaluate(a, v, labels)
    assert {key for key in found.to_dict() if key.startswith(("map", "recall", "ndcg", "chance", "per_class"))} == set()
    assert found.average_precision == {}
    for key, ways in found.per_query.items():
        torch.testing.assert_close(ways["a2v"], labelled.per_query[key]["a2v"])


def test_confusion_counts_classes_of_nearest_items() -> None:
    a, v, labels = clips()
    counts = evaluate(a, v, labels, confusion=True).confusion["a2v"]
    expected = np.zeros((5, 5))
    np.add.at(expected, (labels, labels[cosines(a, v).argmax(axis=1)]), 1)
    np.testing.assert_allclose(counts, expected)
    shared = evaluate(*tied("constant"), confusion=True).confusion["v2a"]
    labels = tied("constant")[2]
    np.testing.assert_allclose(shared, np.outer(np.bincount(labels), np.bincount(labels)) / len(labels))


@pytest.mark.parametrize("graded", [False, True])
def test_within_one_set_nobody_finds_itself(graded: bool) -> None:
    a, _, labels = clips()
    a[5:9] = a[4]
    targets = (RANDOM(1).random((len(a), 4)) < 0.4).astype(float) if graded else np.eye(5)[labels]
    overlap, scores = targets @ targets.T, cosines(a, a)
    others = ~np.eye(len(a), dtype=bool)
    overlap, scores = overlap[others].reshape(len(a), -1), scores[others].reshape(len(a), -1)
    result = evaluate_within(a, targets, name="images", confusion=True)
    rows = overlap.any(axis=1)
    precision = [average_precision_score(g > 0, s) for g, s in zip(overlap[rows], scores[rows])]
    gain = [ndcg_score(g[None], s[None]) for g, s in zip(overlap[rows], scores[rows])]
    np.testing.assert_allclose(result.average_precision["within"][rows], precision, atol=1e-6)
    np.testing.assert_allclose(result.per_query["ndcg"]["within"][rows], gain, atol=1e-6)
    found = result.to_dict()
    assert (found["modalities"], found["gallery"]) == (["images"], len(a) - 1)
    assert found["skipped_queries"] == {"within": int((~rows).sum())}
    assert found["map"]["mean"] == pytest.approx(np.mean(precision), abs=1e-6)
    if not graded:
        assert result.confusion["within"].sum() == pytest.approx(len(a))
