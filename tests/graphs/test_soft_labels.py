"""Graphs of soft labels: offsets of closed rows, representations, what is refused, and real scores."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from overtone.core import InputError
from overtone.graphs import Graph, interaction_graph
from overtone.graphs.closure import ClosedLearner, clipped, closed_likelihood, expected_covariance, median_basis
from overtone.graphs.resampling import FittedGraph
from overtone.graphs.search import Clock, SearchResult
from overtone.graphs.settings import GraphSettings
from overtone.graphs.soft_labels import represented, softmax


def logits_of(oracle: ModuleType, classes: int, rows: int, seed: int) -> tuple[dict[str, Any], Any]:
    values, dag = oracle.simulate(2 * classes, 4, rows, seed)
    return dict(zip(("audio", "visual"), np.split(values, 2, axis=1))), dag


def precision(graph: Graph, dag: Any) -> tuple[float, float]:
    found, true = graph.adjacency, dag | dag.T
    both = (found & true).sum()
    return float(both / found.sum()), float(both / true.sum())


def edge_set(graph: Graph) -> set[Any]:
    return {edge[:3] for edge in graph.edges}


def test_closed_rows_of_28_classes_give_the_graph_of_the_logits(oracle: ModuleType) -> None:
    logits, dag = logits_of(oracle, 28, 5000, 0)
    probabilities = {name: softmax(2 * part) for name, part in logits.items()}
    graph = interaction_graph(probabilities, settings={"em_starts": 2, "ils_steps": 2})
    right, complete = precision(graph, dag)
    assert right >= 0.95
    assert complete >= 0.9
    naive = interaction_graph(probabilities, representation="linear", settings={"ils_steps": 0})
    assert precision(naive, dag)[0] < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_closed_rows_of_28_classes_with_all_starts(oracle: ModuleType, seed: int) -> None:
    logits, dag = logits_of(oracle, 28, 5000, seed)
    assert precision(interaction_graph({k: softmax(part) for k, part in logits.items()}), dag)[0] >= 0.95


@pytest.mark.slow
def test_closed_rows_of_10_classes_with_restarts(oracle: ModuleType) -> None:
    found = []
    for seed in range(6):
        logits, dag = logits_of(oracle, 10, 5000, seed)
        found.append(precision(interaction_graph({k: softmax(part) for k, part in logits.items()}), dag)[0])
    assert np.mean(found) >= 0.7


def test_neither_temperature_nor_offsets_of_rows_matter(oracle: ModuleType) -> None:
    logits, _ = logits_of(oracle, 8, 600, 1)
    random = np.random.default_rng(0)
    settings = {"em_starts": 2, "ils_steps": 2}
    shifted = {name: part + 50 * random.normal(size=(600, 1)) for name, part in logits.items()}
    graph = interaction_graph(logits, kind="logits", settings=settings)
    assert edge_set(graph) == edge_set(interaction_graph(shifted, kind="logits", settings=settings))
    warm = {name: softmax(part / 3) for name, part in shifted.items()}
    assert edge_set(graph) == edge_set(interaction_graph(warm, settings=settings))


def test_rows_and_modalities_may_be_given_in_several_forms(oracle: ModuleType) -> None:
    logits, _ = logits_of(oracle, 5, 300, 1)
    options: dict[str, Any] = {"kind": "sigmoid-logits", "settings": {"ils_steps": 2}, "classes": list("abcde")}
    graph = interaction_graph(logits, **options)
    side_by_side = interaction_graph(np.hstack(list(logits.values())), modality=["audio", "visual"], **options)
    assert edge_set(graph) == edge_set(side_by_side) != set()
    assert graph.nodes[0] == "audio:a"
    assert graph.nodes[-1] == "visual:e"
    alone = interaction_graph(logits["audio"], **options)
    assert alone.nodes == tuple(f"class:{name}" for name in "abcde")
    chosen = interaction_graph(logits, modality=["visual"], **options)
    assert chosen.nodes == tuple(f"visual:{name}" for name in "abcde")


def test_independent_sigmoids_go_through_the_logit(oracle: ModuleType) -> None:
    logits, dag = logits_of(oracle, 6, 3000, 2)
    sigmoid = {name: 1 / (1 + np.exp(-part)) for name, part in logits.items()}
    graph = interaction_graph(sigmoid, kind="sigmoid")
    assert precision(graph, dag) == (1.0, 1.0)
    assert edge_set(graph) == edge_set(interaction_graph(logits, kind="sigmoid-logits"))


def test_the_median_basis_has_median_zero(oracle: ModuleType) -> None:
    logits, _ = logits_of(oracle, 12, 2000, 0)
    closed = np.hstack([part - part.mean(1, keepdims=True) for part in logits.values()])
    groups = np.repeat([0, 1], 12)
    found = median_basis(np.cov(closed.T, bias=True), groups)
    off, before = (np.where(np.eye(24, dtype=bool), np.nan, one) for one in (found, np.cov(closed.T)))
    for group in (0, 1):  # not quite zero, because negative eigenvalues are lifted
        middle, was = (np.abs(np.nanmedian(one[:, groups == group], axis=1)) for one in (off, before))
        assert middle.mean() < 0.3 * was.mean()
    # It is the same covariance up to offsets: centred within modalities nothing differs.
    centre = np.eye(24) - (groups[:, None] == groups) / 12
    np.testing.assert_allclose(centre @ found @ centre, np.cov(closed.T, bias=True), atol=0.1)


def test_the_expected_covariance_raises_the_likelihood_and_stands_at_the_truth() -> None:
    random = np.random.default_rng(0)
    p, basis = 8, np.repeat(np.eye(2), 4, axis=0)
    root = random.normal(size=(p, p))
    true = root @ root.T + np.eye(p)
    centre = np.eye(p) - basis @ basis.T / 4
    closed = centre @ true @ centre
    np.testing.assert_allclose(expected_covariance(closed, np.linalg.inv(true), basis), true, atol=1e-9)
    covariance, before = np.eye(p), -np.inf
    for _ in range(20):  # a full covariance is the model of the complete graph
        likelihood = closed_likelihood(closed, np.linalg.inv(covariance), basis)
        assert likelihood >= before - 1e-9
        before = likelihood
        covariance = expected_covariance(closed, np.linalg.inv(covariance), basis)
    assert closed_likelihood(closed, np.linalg.inv(true), basis) >= before - 1e-9


def test_the_closed_likelihood_is_that_of_contrasts() -> None:
    random = np.random.default_rng(1)
    root = random.normal(size=(6, 6))
    true = root @ root.T + np.eye(6)
    basis = np.repeat(np.eye(2), 3, axis=0)
    contrasts = np.linalg.svd(basis)[0][:, 2:].T  # orthonormal, all that offsets leave
    centre = np.eye(6) - basis @ basis.T / 3
    values = []
    for scale in (1.0, 2.0):
        seen = contrasts @ (scale * true) @ contrasts.T
        wanted = -0.5 * (np.linalg.slogdet(seen)[1] + np.trace(np.linalg.solve(seen, contrasts @ true @ contrasts.T)))
        values.append(closed_likelihood(centre @ true @ centre, np.linalg.inv(scale * true), basis) - wanted)
    assert values[0] == pytest.approx(values[1])


def test_centring_takes_out_what_the_label_explains(oracle: ModuleType) -> None:
    logits, dag = logits_of(oracle, 6, 4000, 3)
    labels = np.random.default_rng(0).integers(0, 6, 4000)
    shifted = {name: part + 3 * np.eye(6)[labels] for name, part in logits.items()}
    options: dict[str, Any] = {"kind": "sigmoid-logits", "labels": labels, "settings": {"ils_steps": 2}}
    assert precision(interaction_graph(shifted, centre=True, **options), dag)[0] >= 0.95
    assert precision(interaction_graph(shifted, **options), dag)[0] < 0.8
    several = np.eye(6)[labels]
    assert edge_set(interaction_graph(shifted, centre=True, **{**options, "labels": several})) == edge_set(
        interaction_graph(shifted, centre=True, **options)
    )


def test_few_classes_come_with_a_warning_and_pairs_of_one_class_do_not_count(oracle: ModuleType) -> None:
    logits, _ = logits_of(oracle, 4, 300, 0)
    audio = logits["audio"]
    same = {"audio": audio, "visual": audio + 0.1 * np.random.default_rng(0).normal(size=audio.shape)}
    graph = interaction_graph(same, kind="sigmoid-logits", settings={"halves": 1, "penalty": 8})
    assert graph.adjacency[np.arange(4), np.arange(4) + 4].all()
    assert graph.halves.edges < graph.adjacency.sum() / 2
    noise = np.random.default_rng(1).normal(size=(2, 300, 4))
    twins = {"audio": noise[0], "visual": noise[0] + 0.1 * noise[1]}
    alone = interaction_graph(twins, kind="sigmoid-logits", settings={"halves": 1, "penalty": 8})
    assert (alone.adjacency.sum() / 2, alone.halves.edges) == (4, 0)
    closed = interaction_graph(logits, kind="logits", settings={"em_starts": 1, "ils_steps": 0})
    assert any("with 4 classes" in note for note in closed.notes)


@pytest.mark.parametrize(
    ("values", "options", "said"),
    [
        (
            np.eye(3)[[0, 1, 2, 0, 1]],
            {},
            r"row 0: a probability of exactly 0 has no logarithm; got 5 such rows, 5 of them one-hot",
        ),
        (
            np.tile([0.5, 0.5, 0.0], (5, 1)),
            {},
            "exactly 0 has no logarithm; got 5 such rows; pass the teacher's logits",
        ),
        (np.tile([0.5, 1.0, 0.2], (5, 1)), {"kind": "sigmoid"}, "exactly 1 has no logarithm"),
        (np.full((5, 3), 0.9), {}, r"row 0: softmax probabilities sum to one; got 2.7; say kind=\"sigmoid\""),
        (np.full((5, 3), -0.2), {}, r"-0.2 is no probability; say kind=\"logits\""),
        (np.full((5, 3), 1 / 3, np.float16), {}, "float16 has too few digits"),
        (np.full((5, 2), 0.5), {}, "log-ratios need three classes"),
        (np.full((5, 3), 1 / 3), {"kind": "softmx"}, "unknown kind of soft labels"),
        (np.full((5, 3), 1 / 3), {"representation": "cube"}, "unknown representation"),
        (np.full((5, 3), 1 / 3), {"centre": True}, "centring needs the annotated labels"),
        (np.full((5, 3), 1 / 3), {"centre": True, "labels": [0, 1]}, "one label a row; got 2 labels, 5 rows"),
        (np.full((5, 3), 1 / 3), {"classes": ["a"]}, "one name a class; got 1 names, 3 classes"),
        (np.full((5, 3), 1 / 3), {"modality": ["a", "b"]}, "every modality has the same classes"),
        (np.full((5, 3), np.nan), {"kind": "logits"}, "row 0, class 0: nan"),
    ],
)
def test_what_is_no_soft_label_is_refused(values: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        interaction_graph(values, **options)


def test_modalities_must_fit(oracle: ModuleType) -> None:
    with pytest.raises(InputError, match="one row a clip"):
        interaction_graph({"audio": np.zeros((4, 3)), "visual": np.zeros((5, 3))})
    with pytest.raises(InputError, match="no soft labels of modality 'sound'"):
        interaction_graph({"audio": np.zeros((4, 3))}, modality=["sound"])


def test_one_dead_class_is_named() -> None:
    rows = np.random.default_rng(0).normal(size=(50, 4))
    rows[:, 2] = 0.25
    with pytest.raises(InputError, match="'class:horn' is constant"):
        interaction_graph(rows, classes=["dog", "cat", "horn", "rain"], kind="sigmoid-logits")


def test_representations_are_what_they_are_called() -> None:
    logits = np.random.default_rng(0).normal(size=(20, 4))
    p = softmax(logits)
    np.testing.assert_allclose(
        represented(p, "softmax", "auto", "a"), logits - logits.mean(1, keepdims=True), atol=1e-12
    )
    np.testing.assert_allclose(represented(logits, "logits", "linear", "a"), p)
    np.testing.assert_allclose(represented(p, "softmax", "logit", "a"), np.log(p / (1 - p)))
    np.testing.assert_allclose(represented(1 / (1 + np.exp(-logits)), "sigmoid", "auto", "a"), logits, atol=1e-12)
    np.testing.assert_allclose(represented(logits, "sigmoid-logits", "linear", "a"), 1 / (1 + np.exp(-logits)))


@pytest.mark.slow
@pytest.mark.shared_data
def test_real_scores_give_a_sparse_graph_whose_halves_agree(shared_data: Path) -> None:
    with np.load(shared_data / "ave15_scores" / "scores.npz", allow_pickle=False) as stored:
        rows = stored["split"] == "train"
        scores = {name: stored[name][rows] for name in ("audio", "visual")}
    graph = interaction_graph(scores, kind="logits", settings={"penalty": 12, "halves": 3})
    assert len(graph.edges) < 0.2 * 30 * 29 / 2
    assert graph.halves.jaccard > 0.3 > 10 * graph.halves.random


@pytest.mark.parametrize("best", [0, 1, 2, 3])
def test_the_start_with_the_best_likelihood_wins(monkeypatch: pytest.MonkeyPatch, best: int) -> None:
    """Whichever of four starts it is: an earlier or a later one that is worse does not take its place."""
    values = [1.0 + start for start in range(4)]
    values[best] = 10.0
    found = [FittedGraph(SearchResult(np.eye(6) > 9, np.arange(6), value, 1, True), np.eye(6)) for value in values]
    settled = iter(zip(found, values))
    monkeypatch.setattr(ClosedLearner, "_settled", lambda *_arguments: next(settled))
    learner = ClosedLearner(GraphSettings(em_starts=4, ils_steps=0), np.repeat([0, 1], 3))
    assert learner(np.eye(6), 100.0, 2.0, 0, Clock()) is found[best]
    assert next(settled, None) is None


def test_starts_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """The median basis under one penalty, the same under falling ones, the rows as they are, and those moved."""
    random = np.random.default_rng(0)
    closed = np.cov(random.normal(size=(200, 6)).T, bias=True)
    nothing = FittedGraph(SearchResult(np.zeros((6, 6), bool), np.arange(6), 0.0, 1, True), np.eye(6))
    seen: list[Any] = []
    monkeypatch.setattr(ClosedLearner, "_settled", lambda *given: (seen.append(given), (nothing, 0.0))[1])
    groups = np.repeat([0, 1], 3)
    ClosedLearner(GraphSettings(em_starts=5, ils_steps=0), groups)(closed, 100.0, 2.0, 0, Clock())
    guesses, penalties = [given[2] for given in seen], [given[4] for given in seen]
    first = median_basis(closed, groups)
    np.testing.assert_array_equal(guesses[0], first)
    np.testing.assert_array_equal(guesses[1], first)
    np.testing.assert_allclose(guesses[2], clipped(closed))
    assert not np.allclose(guesses[3], first)
    assert not np.allclose(guesses[4], clipped(closed))
    assert penalties[0] == [2.0]
    for falling in penalties[1:]:
        assert falling[-1] == 2.0
        assert falling == sorted(falling, reverse=True)
        assert falling[0] > 16


def test_the_likelihood_of_a_start_is_that_of_all_rows_less_what_edges_cost() -> None:
    """Under a large penalty there is no edge, and twice as many rows are twice as likely."""
    random = np.random.default_rng(0)
    basis = np.repeat(np.eye(2), 4, axis=0)
    centre = np.eye(8) - basis @ basis.T / 4
    closed = centre @ np.diag(random.uniform(0.5, 2, 8)) @ centre
    learner = ClosedLearner(GraphSettings(ils_steps=0), np.repeat([0, 1], 4))
    found = [learner._settled(closed, np.eye(8), rows, [1e4], 0, Clock()) for rows in (100.0, 200.0)]
    assert not any(fitted.result.dag.any() for fitted, _ in found)
    assert found[1][1] == pytest.approx(2 * found[0][1])
    assert found[0][1] != 0


def test_clipping_lifts_small_and_negative_eigenvalues_only() -> None:
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    found = clipped((turn * [2.0, 1.0, -0.5]) @ turn.T)
    least = 1e-3 * np.abs(np.diag((turn * [2.0, 1.0, -0.5]) @ turn.T)).mean()
    np.testing.assert_allclose(np.linalg.eigvalsh(found), [least, 1.0, 2.0])


def test_the_fewer_classes_the_more_starts() -> None:
    starts = {classes: ClosedLearner(GraphSettings(), np.repeat([0, 1], classes)).starts for classes in (5, 20, 200)}
    assert starts[5] > starts[20] > starts[200] == 1
