"""How right the graph search is on known networks and on soft labels; the tables of docs/studies/graphs.md.

python benchmarks/graph_study.py networks --data DATA   # linear-Gaussian samples from the structures of real networks
python benchmarks/graph_study.py samples --data DATA    # discrete samples and Sachs' data, beside causal-learn
python benchmarks/graph_study.py soft                   # simulated soft labels: 10, 28 and 309 classes
python benchmarks/graph_study.py scores --data DATA     # a real teacher's scores
"""

from __future__ import annotations

import argparse
import gzip
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import normalized_mutual_info_score, roc_auc_score

from graphs import peer, quality, simulate
from overtone.graphs import interaction_graph, learn_graph

Array = np.ndarray[Any, Any]
MOST_CATEGORIES = 30
PENALTIES = (2.0, 6.0, 12.0, 16.0)


def bif_structure(path: Path) -> Array:
    """The DAG of a network in the Bayesian interchange format."""
    text = gzip.decompress(path.read_bytes()).decode()
    names = re.findall(r"^variable (\S+)", text, flags=re.M)
    dag = np.zeros((len(names), len(names)), bool)
    for child, parents in re.findall(r"^probability \( (\S+) \| ([^)]*) \)", text, flags=re.M):
        for parent in parents.split(","):
            dag[names.index(parent.strip()), names.index(child)] = True
    return dag


def rows_of(dag: Array, count: int, seed: int) -> Array:
    """Standardised linear-Gaussian rows of a DAG."""
    random = np.random.default_rng(seed)
    p = len(dag)
    weights = dag * random.uniform(0.3, 1.0, (p, p)) * random.choice([-1, 1], (p, p))
    values = random.normal(size=(count, p)) @ np.linalg.inv(np.eye(p) - weights)
    return (values - values.mean(0)) / values.std(0)


def true_graph(path: Path, names: list[str]) -> Array:
    """A DAG from a list of edges ``1. a --> b``."""
    dag = np.zeros((len(names), len(names)), bool)
    for source, target in re.findall(r"^\d+\. (\S+) --> (\S+)", path.read_text(), flags=re.M):
        dag[names.index(source), names.index(target)] = True
    return dag


def networks(options: argparse.Namespace) -> None:
    """Samples of 5,000 rows from real structures."""
    print(f"{'network':12}{'p':>5}{'edges':>7}{'AP':>7}{'AR':>7}{'SHD':>7}{'cpu s':>8}   three samples of 5,000")
    for path in sorted((options.data / "graphs" / "bif").glob("*.bif.gz")):
        dag = bif_structure(path)
        figures = []
        for seed in range(3):
            begin = time.process_time()
            graph = learn_graph(rows_of(dag, 5000, seed))
            figures.append((*quality(graph.directed, graph.undirected, dag), time.process_time() - begin))
        ap, ar, shd, seconds = np.mean(figures, axis=0)
        name = path.name.removesuffix(".bif.gz")
        print(f"{name:12}{len(dag):5}{dag.sum():7}{ap:7.3f}{ar:7.3f}{shd:7.1f}{seconds:8.2f}", flush=True)


def samples(options: argparse.Namespace) -> None:
    """Discrete samples taken as numbers, and Sachs' continuous data, ours beside causal-learn's."""
    folder = options.data / "graphs"
    truths = sorted((folder / "bnlearn").glob("*.graph.txt"))
    sets = [(one.name.split(".")[0], one.with_name(one.name.replace(".graph", "")), one) for one in truths]
    sachs = folder / "sachs"
    sets.append(("sachs (2005)", sachs / "sachs.2005.continuous.txt", sachs / "sachs.2005.ground.truth.graph.txt"))
    known = f"{'told':>6}{'joined':>8}{'others':>8}"
    print(f"{'data':14}{'p':>4}{'edges':>7}{known}  {'search':14}{'AP':>7}{'AR':>7}{'SHD':>6}{'cpu s':>9}")
    for name, data, truth in sets:
        names = data.open().readline().split()
        values = np.loadtxt(data, skiprows=1)
        if name.startswith("sachs ("):
            values = np.log(values + 1)
        dag = true_graph(truth, names)
        values, dag = without_doubles(values, dag)
        known = "{:6.2f}{:8.4f}{:8.4f}".format(*dependence(values, dag))
        searches: dict[str, Callable[[], tuple[float, Array, Array]]] = {"overtone": lambda v=values: timed(v)}
        if not options.no_peer:
            searches["causal-learn"] = lambda v=values: peer(v)
        for search, call in searches.items():
            seconds, directed, undirected = call()
            ap, ar, shd = quality(directed, undirected, dag)
            line = f"{name:14}{len(dag):4}{dag.sum():7}{known}  {search:14}{ap:7.3f}{ar:7.3f}{shd:6}{seconds:9.2f}"
            print(line, flush=True)


def dependence(values: Array, dag: Array) -> tuple[float, float, float]:
    """How much variables that are joined tell of each other, in normalised mutual information.

    Where it is hardly more than what others do, the sample and the graph cannot belong together.

    Returns:
        The area under the curve of telling joined pairs from others by it (.5 is by chance), its median over the joined
        pairs, and over the others.
    """
    first, second = np.triu_indices(len(dag), 1)
    joined = (dag | dag.T)[first, second]
    coded = [categories(column) for column in values.T]
    shared = np.array([normalized_mutual_info_score(coded[a], coded[b]) for a, b in zip(first, second)])
    return float(roc_auc_score(joined, shared)), float(np.median(shared[joined])), float(np.median(shared[~joined]))


def categories(column: Array) -> Array:
    """Values by number; of a continuous variable its tenths."""
    if len(np.unique(column)) > MOST_CATEGORIES:
        return np.digitize(column, np.quantile(column, np.linspace(0, 1, 11)[1:-1]))
    return np.unique(column, return_inverse=True)[1]


def without_doubles(values: Array, dag: Array) -> tuple[Array, Array]:
    """Only variables that vary, and of those that are equal up to scale only the first; their edges are left out."""
    varying = values.std(0) > 0
    values, dag = values[:, varying], dag[np.ix_(varying, varying)]
    double = np.triu(np.abs(np.corrcoef(values.T)) > 1 - 1e-9, 1).any(0)
    return values[:, ~double], dag[np.ix_(~double, ~double)]


def timed(values: Array) -> tuple[float, Array, Array]:
    """Processor seconds of our search, and its graph."""
    begin = time.process_time()
    graph = learn_graph(values)
    return time.process_time() - begin, graph.directed, graph.undirected


def soft(options: argparse.Namespace) -> None:
    """Simulated logits, seen through a softmax per modality."""
    print(f"{'classes':>8}{'rows':>8}{'seeds':>7}  {'input':22}{'AP':>7}{'AR':>7}{'SHD':>7}{'cpu s':>8}")
    for classes, rows, seeds in ((10, 5000, 6), (28, 5000, 3), (309, 20_000, 1)):
        found: dict[str, list[Any]] = {}
        for seed in range(seeds):
            logits, dag = simulate(2 * classes, 4, rows, seed)
            parts = dict(zip(("audio", "visual"), np.split(logits, 2, axis=1)))
            closed = {name: softmax(part) for name, part in parts.items()}
            inputs: dict[str, dict[str, Any]] = {
                "logits themselves": {"soft_labels": parts, "kind": "sigmoid-logits"},
                "probabilities, plainly": {"soft_labels": closed, "representation": "linear"},
                "probabilities, EM": {"soft_labels": closed},
            }
            if classes > 100:
                del inputs["probabilities, plainly"]
            for name, given in inputs.items():
                begin = time.process_time()
                graph = interaction_graph(**given)
                figures = (*quality(graph.directed, graph.undirected, dag), time.process_time() - begin)
                found.setdefault(name, []).append(figures)
        for name, several in found.items():
            ap, ar, shd, seconds = np.mean(several, axis=0)
            print(f"{classes:8}{rows:8,}{seeds:7}  {name:22}{ap:7.2f}{ar:7.2f}{shd:7.1f}{seconds:8.1f}", flush=True)


def softmax(logits: Array) -> Array:
    """Probabilities of rows of logits."""
    made = np.exp(logits - logits.max(1, keepdims=True))
    return made / made.sum(1, keepdims=True)


def scores(options: argparse.Namespace) -> None:
    """A real teacher's scores on its training rows: edges, and what two halves agree on."""
    with np.load(options.data / "ave15_scores" / "scores.npz", allow_pickle=False) as stored:
        rows = stored["split"] == "train"
        parts = {name: stored[name][rows] for name in ("audio", "visual")}
        classes, labels = stored["class_names"].tolist(), stored["y"][rows]
    print(f"{'centred':8}{'c':>4}{'edges':>7}{'same class':>12}{'agreement':>11}{'by chance':>11}")
    for centre in (False, True):
        for penalty in PENALTIES:
            settings = {"penalty": penalty, "halves": 3}
            options_: dict[str, Any] = {"kind": "logits", "classes": classes, "labels": labels, "centre": centre}
            graph = interaction_graph(parts, settings=settings, **options_)
            half = graph.halves
            assert half is not None  # settings ask for halves
            same = sum(graph.adjacency[at, at + len(classes)] for at in range(len(classes)))
            line = f"{'yes' if centre else 'no':8}{penalty:4g}{len(graph.edges):7}{same:12}"
            print(f"{line}{half.jaccard:11.2f}{half.random:11.2f}", flush=True)


def main() -> None:
    parts = {"networks": networks, "samples": samples, "soft": soft, "scores": scores}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=parts)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--no-peer", action="store_true", help="ours only")
    options = parser.parse_args()
    parts[options.part](options)


if __name__ == "__main__":
    main()
