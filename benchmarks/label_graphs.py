"""Graphs of real labels, taken as soft labels with noise: do edges join what a person would join?

python benchmarks/label_graphs.py audioset --data DATA   # ontology-related pairs among the edges, with odds ratios
python benchmarks/label_graphs.py llp --data DATA        # edges between what is heard and what is seen
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path
from typing import Any

import numpy as np

from overtone.graphs import Graph, interaction_graph

Array = np.ndarray[Any, Any]
FEWEST = 40
"""Clips that a class must have to take part."""


def noisy(labels: Array, spread: float, seed: int) -> Array:
    """Sigmoid probabilities of an imperfect teacher: logits of ±2 with Gaussian noise of this standard deviation."""
    logits = 4.0 * labels - 2.0 + np.random.default_rng(seed).normal(scale=spread, size=labels.shape)
    return 1 / (1 + np.exp(-logits))


def odds_ratio(inside: Array, related: Array) -> tuple[float, float, float, Array]:
    """How much more often related pairs are joined, with Woolf's 95 % interval (half a pair is added to each cell).

    Args:
        inside: (pairs,) bool: joined.
        related: (pairs,) bool.

    Returns:
        The odds ratio, the ends of its interval, and the (2, 2) table: joined by related.
    """
    table = np.array(
        [[(inside & related).sum(), (inside & ~related).sum()], [(~inside & related).sum(), (~inside & ~related).sum()]]
    )
    (a, b), (c, d) = table + 0.5
    centre, width = np.log(a * d / (b * c)), 1.96 * np.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    low, middle, high = np.exp([centre - width, centre, centre + width])
    return middle, low, high, table


def audioset(options: argparse.Namespace) -> None:
    """AudioSet's labels of 42,531 clips, against its ontology's is-a pairs."""
    stored = np.load(options.data / "labels" / "audioset_multihot.npz", allow_pickle=False)
    count = int(stored["n_classes"])
    labels = np.concatenate([np.unpackbits(stored[part], axis=1)[:, :count] for part in ("balanced_train", "eval")])
    kept = np.flatnonzero(labels.sum(0) >= FEWEST)
    names = [str(stored["names"][at]) for at in kept]
    ontology = np.zeros((count, count), bool)
    ontology[tuple(stored["ontology_edges"].T)] = True
    upper = np.triu_indices(len(kept), 1)
    related = (ontology | ontology.T)[np.ix_(kept, kept)][upper]
    soft = noisy(labels[:, kept], options.noise, options.seed)
    print(f"{len(labels):,} clips, {len(kept)} classes, {related.sum()} related pairs of {len(related):,}; {head()}")
    for penalty in options.penalties:
        begin = time.process_time()
        graph = found(soft, names, penalty, ils_steps=0)
        positive = joined(graph)[upper]
        ratio, low, high, table = odds_ratio(positive, related)
        print(
            f"c = {penalty:g}: {positive.sum()} edges, {table[0, 0]} of the {related.sum()} related pairs among them; "
            f"odds ratio {ratio:.0f} (95 % {low:.0f} to {high:.0f}); {time.process_time() - begin:.1f} cpu s",
            flush=True,
        )
    strongest = [edge for edge in graph.edges if edge.weight > 0][:20]
    print(
        "heaviest:", "; ".join(f"{plain(edge.source)} – {plain(edge.target)} {edge.weight:.2f}" for edge in strongest)
    )


def llp(options: argparse.Namespace) -> None:
    """LLP's 1,849 clips with audio and visual events: edges between classes across the two."""
    folder = options.data / "labels"
    heard, seen = (events(folder / f"AVVP_eval_{one}.csv") for one in ("audio", "visual"))
    clips = sorted({clip for clip, _ in heard | seen})
    classes = sorted({name for _, name in heard | seen})
    parts = {one: indicators(pairs, clips, classes) for one, pairs in (("audio", heard), ("visual", seen))}
    print(f"{len(clips):,} clips, {len(classes)} classes; {head()}")
    soft = {name: noisy(part, options.noise, options.seed + at) for at, (name, part) in enumerate(parts.items())}
    settings = {"penalty": options.penalties[0], "bootstrap": 100, "threshold": 0.5, "processes": options.processes}
    graph = interaction_graph(soft, classes=classes, kind="sigmoid", representation="linear", settings=settings)
    print(f"c = {options.penalties[0]:g}, in at least half of 100 resamples:")
    chance = {name: part.mean(0) for name, part in parts.items()}
    for edge in graph.edges:
        (one, first), (other, second) = (node.split(":", 1) for node in (edge.source, edge.target))
        if first == second:
            continue
        both = parts[one][:, classes.index(first)] * parts[other][:, classes.index(second)]
        lift = both.mean() / (chance[one][classes.index(first)] * chance[other][classes.index(second)])
        arrow = "→" if edge.kind == "directed" else "–"
        across = "across" if one != other else "within"
        print(
            f"  {across}  {edge.source} {arrow} {edge.target}: weight {edge.weight:.2f}, presence {edge.presence:.2f}, "
            f"direction {edge.direction:.2f}, clips with both {int(both.sum())}, lift {lift:.1f}"
        )


def events(path: Path) -> set[tuple[str, str]]:
    """Clips and their classes, from rows of clip, onset, offset and class."""
    with path.open(newline="") as file:
        return {(row["filename"], row["event_labels"]) for row in csv.DictReader(file, delimiter="\t")}


def indicators(pairs: set[tuple[str, str]], clips: list[str], classes: list[str]) -> Array:
    """(clips, classes) 0 and 1."""
    made = np.zeros((len(clips), len(classes)))
    numbers = {clip: at for at, clip in enumerate(clips)}
    rows = np.array([(numbers[clip], classes.index(name)) for clip, name in pairs])
    made[tuple(rows.T)] = 1
    return made


def found(soft: Array, names: list[str], penalty: float, **settings: Any) -> Graph:
    """The graph of one modality's soft labels."""
    return interaction_graph(
        {"class": soft},
        classes=names,
        kind="sigmoid",
        representation="linear",
        settings={"penalty": penalty, **settings},
    )


def joined(graph: Graph) -> Array:
    """(p, p) bool: joined by an edge with a positive weight, which says that the two come together."""
    heavier = np.where(np.abs(graph.weights) >= np.abs(graph.weights.T), graph.weights, graph.weights.T)
    return graph.adjacency & (heavier > 0)


def plain(node: str) -> str:
    """A node without its modality."""
    return node.split(":", 1)[1]


def head() -> str:
    """What the noise is."""
    return "labels as ±2 with Gaussian noise through a sigmoid"


def main() -> None:
    """Run one part."""
    parts = {"audioset": audioset, "llp": llp}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=parts)
    parser.add_argument("--data", type=Path, required=True, help="folder with the labels")
    parser.add_argument("--penalties", type=float, nargs="+", help="penalty discounts")
    parser.add_argument("--noise", type=float, default=1.0, help="standard deviation of the noise on the logits")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.penalties = options.penalties or {"audioset": [4.0, 16.0, 64.0], "llp": [2.0]}[options.part]
    parts[options.part](options)


if __name__ == "__main__":
    main()
