"""Real structures and real data from beside the checkout, and causal-learn on the same rows."""

from __future__ import annotations

import gzip
import random
import re
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from overtone.graphs import cpdag, learn_graph


def structure(path: Path) -> Any:
    """The DAG of a network in the Bayesian interchange format."""
    text = gzip.decompress(path.read_bytes()).decode()
    names = re.findall(r"^variable (\S+)", text, flags=re.M)
    dag = np.zeros((len(names), len(names)), bool)
    for child, parents in re.findall(r"^probability \( (\S+) \| ([^)]*) \)", text, flags=re.M):
        dag[[names.index(parent.strip()) for parent in parents.split(",")], names.index(child)] = True
    return dag


@pytest.mark.slow
@pytest.mark.shared_data
@pytest.mark.parametrize(("name", "nodes"), [("alarm", 37), ("hailfinder", 56), ("win95pts", 76), ("andes", 223)])
def test_structures_of_real_networks_are_recovered(shared_data: Path, name: str, nodes: int) -> None:
    dag = structure(shared_data / "graphs" / "bif" / f"{name}.bif.gz")
    assert len(dag) == nodes
    figures = []
    for seed in range(3):
        generator = np.random.default_rng(seed)
        weights = dag * generator.uniform(0.3, 1.0, dag.shape) * generator.choice([-1, 1], dag.shape)
        rows = generator.normal(size=(5000, nodes)) @ np.linalg.inv(np.eye(nodes) - weights)
        found, true = learn_graph(rows).adjacency, dag | dag.T
        figures.append(((found & true).sum() / found.sum(), (found & true).sum() / true.sum()))
    precision, recall = np.mean(figures, axis=0)
    assert precision >= 0.95
    assert recall >= 0.9


def score(values: Any, dag: Any, penalty: float) -> float:
    """BIC of a DAG by least squares on the rows."""
    total = 0.0
    for y in range(len(dag)):
        parents = np.flatnonzero(dag[:, y])
        fit = (
            values[:, parents] @ np.linalg.lstsq(values[:, parents], values[:, y], rcond=None)[0]
            if len(parents)
            else 0.0
        )
        total += -len(values) / 2 * np.log((values[:, y] - fit).var()) - penalty * len(parents)
    return float(total)


@pytest.mark.parametrize(("p", "degree"), [(12, 3), pytest.param(40, 5, marks=pytest.mark.slow)])
def test_the_score_is_at_least_that_of_causal_learn(oracle: ModuleType, p: int, degree: float) -> None:
    grasp = pytest.importorskip("causallearn.search.PermutationBased.GRaSP").grasp
    for seed in range(3):
        values, truth = oracle.simulate(p, degree, 1000, seed)
        random.seed(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = grasp(values, parameters={"lambda_value": 1}, verbose=False).graph
        directed, undirected = (theirs.T == 1) & (theirs == -1), (theirs == -1) & (theirs.T == -1)
        graph, penalty = learn_graph(values), float(np.log(1000))
        assert graph.score == pytest.approx(score(values, graph.dag, penalty), abs=1e-6)
        assert graph.score >= score(values, oracle.member(directed, undirected), penalty) - 1e-6
        assert oracle.distance(graph.directed, graph.undirected, *cpdag(truth)) <= oracle.distance(
            directed, undirected, *cpdag(truth)
        )
