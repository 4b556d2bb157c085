"""How stable a graph is: frequencies over resamples, consensus, agreement of halves, the penalty by stability."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from overtone.graphs import Graph, learn_graph
from overtone.graphs.moments import Moments, moments
from overtone.graphs.resampling import FittedGraph, Learner, Resampler
from overtone.graphs.search import Clock, SearchResult
from overtone.graphs.settings import GraphSettings
from overtone.graphs.stability import agreement_of, choose_penalty, consensus, repeatability


def test_frequencies_are_shares_and_add_up(graph: Graph) -> None:
    assert graph.presence is not None
    assert graph.direction is not None
    assert (graph.presence == graph.presence.T).all()
    assert (graph.direction + graph.direction.T <= graph.presence + 1e-12).all()
    assert ((graph.presence >= 0) & (graph.presence <= 1)).all()
    assert all(edge.presence is not None and edge.presence >= 0.5 for edge in graph.edges)


@pytest.mark.distributed
def test_frequencies_do_not_depend_on_processes(oracle: ModuleType) -> None:
    values, _ = oracle.simulate(8, 3, 100, 0)
    one, two = (learn_graph(values, settings={"bootstrap": 6, "processes": count}) for count in (1, 2))
    assert (one.presence == two.presence).all()
    assert (one.direction == two.direction).all()


@pytest.mark.distributed
def test_several_processes_work_in_a_script_without_a_guard(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import numpy as np\nfrom overtone.graphs import learn_graph\n"
        "x = np.random.default_rng(0).normal(size=(60, 3))\n"
        "print(learn_graph(x, list('abc'), settings={'bootstrap': 4, 'processes': 2}).resamples)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "4\n", "")


def test_noise_has_no_stable_edges_and_signal_has() -> None:
    random = np.random.default_rng(1)
    noise = random.normal(size=(200, 10))
    noise[:, 1] += noise[:, 0]
    found = learn_graph(noise, settings={"penalty": 1.0, "bootstrap": 40, "threshold": 0.9})
    assert [{edge.source, edge.target} for edge in found.edges] == [{"x0", "x1"}]
    kept = learn_graph(noise, settings={"penalty": 0.5, "bootstrap": 10, "threshold": 0})
    assert len(kept.edges) > 1
    assert kept.adjacency.tolist() == (kept.dag | kept.dag.T).tolist()


def test_consensus_directs_what_is_stable_and_opens_cycles() -> None:
    presence = np.ones((3, 3)) - np.eye(3)
    direction = np.zeros((3, 3))
    direction[0, 1] = direction[1, 2] = 0.8
    direction[0, 2] = 0.3
    directed, undirected = consensus(presence, direction, 0.5)
    assert np.argwhere(directed).tolist() == [[0, 1], [1, 2]]
    assert np.argwhere(undirected).tolist() == [[0, 2], [2, 0]]
    direction[2, 0], direction[0, 2] = 0.9, 0.0
    directed, undirected = consensus(presence, direction, 0.5)
    assert not directed.any()
    assert undirected.sum() == 6
    assert consensus(0.4 * presence, direction, 0.5)[1].sum() == 0
    assert consensus(0.5 * presence, 0 * direction, 0.5)[1].sum() == 6  # as frequent as asked for is enough


def test_consensus_takes_the_more_frequent_direction_where_both_are_frequent_enough() -> None:
    presence, direction = np.array([[0, 0.7], [0.7, 0]]), np.array([[0, 0.4], [0.3, 0]])
    directed, undirected = consensus(presence, direction, 0.3)
    assert np.argwhere(directed).tolist() == [[0, 1]]
    assert not undirected.any()


def test_repeatability_is_what_pairs_of_samples_share() -> None:
    random = np.random.default_rng(0)
    samples = random.random((7, 12)) < 0.4
    shared = [np.sum(samples[i] & samples[j]) for i in range(7) for j in range(7) if i != j]
    sizes = [np.sum(samples[i]) for i in range(7) for j in range(7) if i != j]
    assert repeatability(samples.mean(0), 7) == pytest.approx(sum(shared) / sum(sizes))
    assert repeatability(np.zeros((3, 3)), 5) == 1.0


def test_agreement_of_halves_by_hand() -> None:
    """Two splits over ten possible edges: 3 and 2 edges with 2 in common, then 1 and 1 with none."""
    pairs = np.zeros((2, 2, 10), dtype=bool)
    pairs[0, 0, :3] = pairs[0, 1, 1:3] = pairs[1, 0, 0] = pairs[1, 1, 9] = True
    found = agreement_of(pairs)
    assert found.jaccard == pytest.approx((2 / 3 + 0) / 2)
    assert found.random == pytest.approx((0.6 / (5 - 0.6) + 0.1 / (2 - 0.1)) / 2)
    assert (found.edges, found.splits) == (1.75, 2)


class Fixed(Resampler):
    """Samples whose graphs repeat with a probability that the penalty says."""

    asked: list[tuple[float, int]]

    def frequencies(self, penalty: float, count: int) -> Any:
        self.asked.append((penalty, count))
        share = 0.5 + penalty / 100  # of all samples have the one edge
        return np.array([[0, share], [share, 0]]), np.zeros((2, 2)), count


@pytest.mark.parametrize(("bootstrap", "count"), [(0, 20), (7, 7), (100, 20)])
@pytest.mark.parametrize("stability", [0.55, 0.6])
def test_the_penalty_is_the_least_whose_agreement_is_enough(bootstrap: int, count: int, stability: float) -> None:
    settings = GraphSettings(penalty="stability", stability=stability, bootstrap=bootstrap)
    samples = Fixed(Learner(settings), moments([np.eye(2)], ["a", "b"]), Clock())
    object.__setattr__(samples, "asked", [])
    penalty, tried = choose_penalty(samples)
    grid = (1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32)
    agreements = {one: (count * (0.5 + one / 100) - 1) / (count - 1) for one in grid}
    assert penalty == min((one for one in grid if agreements[one] >= stability), default=32)
    assert {asked for _, asked in samples.asked} == {count}
    assert tried == {f"{one:g}": pytest.approx(agreements[one]) for one, _ in samples.asked}


class Recording(Learner):
    """Finds nothing, and remembers with which random numbers it was asked to search."""

    def __call__(self, covariance: Any, rows: float, penalty: float, seed: Any, clock: Clock) -> FittedGraph:
        self.asked.append((np.random.default_rng(seed).integers(1 << 60), rows))
        return FittedGraph(SearchResult(np.zeros((2, 2), bool), np.arange(2), 0.0, 1, True), covariance)


def test_every_sample_is_searched_with_random_numbers_of_its_own() -> None:
    learner = Recording(GraphSettings(random_state=3))
    learner.asked = []
    samples = Resampler(learner, moments([np.random.default_rng(0).normal(size=(50, 2))], ["a", "b"]), Clock())
    assert len(list(samples.bootstrap(2.0, 4))) == 4
    assert len({seed for seed, _ in learner.asked}) == 4
    assert {rows for _, rows in learner.asked} == {50}
    learner.asked.clear()
    assert len(list(samples.halves(2.0, 3))) == 6
    assert {rows for _, rows in learner.asked} == {25}


def test_halves_are_drawn_anew_and_have_no_row_in_common() -> None:
    summed = Moments(np.ones((9, 3, 3)), np.zeros(2), np.ones(2), ("a", "b"))
    random = np.random.default_rng(0)
    splits = [summed.halve(random) for _ in range(4)]
    assert len({first.tobytes() for first, _ in splits}) == 4
    for first, second in splits:
        assert first.sum() == 4
        assert ((first == 1) ^ (second == 1)).all()


def test_the_penalty_by_stability_is_the_least_that_repeats(oracle: ModuleType) -> None:
    random = np.random.default_rng(0)
    noise = random.normal(size=(150, 12))
    found = learn_graph(noise, settings={"penalty": "stability", "bootstrap": 10, "stability": 0.9})
    assert found.settings["penalty"] > 1
    values, _ = oracle.simulate(12, 3, 2000, 0)
    clear = learn_graph(values, settings={"penalty": "stability", "bootstrap": 10, "stability": 0.8})
    assert clear.settings["penalty"] < found.settings["penalty"]
    tried = clear.repeatability
    assert tried[f"{clear.settings['penalty']:g}"] >= 0.8 or clear.settings["penalty"] == 1.0


def test_halves_agree_on_signal_and_not_on_noise(oracle: ModuleType) -> None:
    values, _ = oracle.simulate(12, 3, 2000, 0)
    strong = learn_graph(values, settings={"halves": 3}).halves
    noise = np.random.default_rng(0).normal(size=(200, 12))
    weak = learn_graph(noise, settings={"halves": 3, "penalty": 0.5}).halves
    assert strong.jaccard > 0.8 > 0.5 > strong.random
    assert weak.jaccard < 0.5
    assert strong.splits == weak.splits == 3


def test_a_bootstrap_over_time_keeps_what_it_has(oracle: ModuleType) -> None:
    values, _ = oracle.simulate(15, 4, 200, 0)
    reports: list[Any] = []

    def stop(report: Any) -> bool:
        reports.append(report.label)
        return reports.count("bootstrap") == 3

    found = learn_graph(values, settings={"bootstrap": 50}, progress=stop)
    assert found.resamples == 3
    assert not found.complete
