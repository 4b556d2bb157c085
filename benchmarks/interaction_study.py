"""Whether interactions are found and whether the graph helps: the tables of docs/studies/interactions.md.

    python benchmarks/interaction_study.py simulator                     # five data sets in each setting
    python benchmarks/interaction_study.py simulator --settings default --seeds 2  # fewer
    python benchmarks/interaction_study.py students --seeds 5           # graph, soft labels alone, true events, nothing
    python benchmarks/interaction_study.py students --graphs inferred none smoothing neighbours confident raw lir
    python benchmarks/interaction_study.py students --settings llp llp-one audioset audioset-one --data DATA
    python benchmarks/interaction_study.py scores --data DATA                      # a real teacher's scores

What was done already is taken from --out.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from label_sets import LABEL_SETS, label_set

from overtone.evaluation import paired_bootstrap
from overtone.experiments import Comparison, MethodResult, compare
from overtone.experiments.grid import Trial
from overtone.features import SimulatorSettings, from_arrays, simulate
from overtone.graphs import infer_interactions
from overtone.interactions import InteractionTrainer
from overtone.training import Run

Array = np.ndarray[Any, Any]
SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "hard": {"presence": 0.75, "noise": 3.0, "probability": 0.5},
    "within": {"within": 0.5, "mutual": 0.3, "background": 0.4, "spread": 0.2},
    "missing": {"missing": 0.4, "annotation": "any"},
    "many": {"classes": 40, "interactions": 300, "chains": False},
    "faint": {"faint": 0.5},
}
LIR = "lir"
"""Among the values of ``graph``: the published form of the student."""
METRICS = ("map", "map_events")
METHOD = "interactions"
METHODS = (METHOD, "triplet")
GRAPHS = ("inferred", "none", "soft", "events")
"""Values of the setting ``graph``: event chances with a graph, none, without a graph, and the true events."""


def simulator(options: argparse.Namespace) -> None:
    """Precision and recall of the inferred graph, and what it and its controls do for retrieval."""
    for name in options.settings:
        begin = time.perf_counter()
        cases = [case(name, seed, options) for seed in range(options.first, options.first + options.seeds)]
        print(f"\n{name} {SETTINGS[name]}, data sets {options.first} to {options.first + options.seeds - 1}")
        print(f"{'data set':>9}{'edges':>7}{'density':>9}{'precision':>11}{'recall':>8}")
        for seed, (_, graph) in enumerate(cases, options.first):
            print(
                f"{seed:9}{graph['edges']:7.0f}{graph['density']:9.3f}{graph['precision']:11.2f}{graph['recall']:8.2f}"
            )
        mean = {key: np.mean([graph[key] for _, graph in cases]) for key in cases[0][1]}
        print(
            f"{'mean':>9}{mean['edges']:7.1f}{mean['density']:9.3f}{mean['precision']:11.2f}{mean['recall']:8.2f}\n"
            f"{'':16}{'map':>8}{'std':>7}{'map_events':>12}{'std':>7}   {METHOD} ahead: map, map_events (95 %), sets"
        )
        for method in cases[0][0]:
            print(line(method, [trials for trials, _ in cases]), flush=True)
        print(f"{time.perf_counter() - begin:.0f} s")


def line(method: str, cases: list[dict[str, MethodResult]]) -> str:
    """One method's row: its mAPs over the data sets, and how far it is behind the method of the study."""
    values = {metric: [case[method].value(metric) for case in cases] for metric in METRICS}
    shown = "".join(f"{np.mean(v):{w}.3f}{np.std(v, ddof=1):7.3f}" for v, w in zip(values.values(), (8, 12)))
    if method == METHOD:
        return f"{method:16}{shown}"
    tests = []
    for metric in METRICS:
        test = paired_bootstrap(pooled(METHOD, metric, cases), pooled(method, metric, cases))
        low, high = test["ci95"]
        tests.append(f"{100 * test['difference']:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})")
    ahead = sum(case[METHOD].value("map_events") > v for case, v in zip(cases, values["map_events"]))
    return f"{method:16}{shown}   {'; '.join(tests)}; {ahead} of {len(cases)}"


def pooled(method: str, metric: str, cases: Iterable[dict[str, MethodResult]]) -> dict[str, torch.Tensor]:
    """Every query of every data set."""
    parts = [case[method].per_query[metric] for case in cases]
    return {way: torch.cat([part[way] for part in parts]) for way in parts[0]}


def case(name: str, seed: int, options: argparse.Namespace) -> tuple[dict[str, MethodResult], dict[str, float]]:
    """One data set: the method and its controls, and how right its graph is."""
    data = from_arrays(simulate(SimulatorSettings(**SETTINGS[name]), seed), source=f"simulated {name} {seed}")
    folder = options.out / name / f"data-{seed}{options.round}"
    train = InteractionTrainer().train
    found: Comparison = compare(METHODS, data, seeds=[seed], controls=True, out=folder, resume=True, train=train)
    identity = {"graph of": SETTINGS[name], "seed": seed}
    graph = Trial.load(folder / "graph.safetensors", identity)
    if graph is None:
        run = train(METHOD, data, settings={"seed": seed, "epochs": 1}, out=folder / "run", overwrite=True)
        assert run.folder is not None
        edges = json.loads((run.folder / "graph.json").read_text())
        graph = Trial({"none": torch.zeros(1)}, rightness(edges, data.truth["interactions"].numpy()))
        graph.save(folder / "graph.safetensors", identity)
    return found.methods, graph.values


def rightness(graph: dict[str, Any], planted: Array) -> dict[str, float]:
    """Precision and recall of edges, the source class counting in either modality.

    Which modality a source is in cannot be told where its class is annotated: it is then in both, mostly.
    """
    classes = len(planted) // 2
    at = {node: number for number, node in enumerate(graph["nodes"])}
    ends = [(at[edge["from"]], at[edge["to"]]) for edge in graph["edges"]]
    ends += [(at[edge["to"]], at[edge["from"]]) for edge in graph["edges"] if edge["type"] == "undirected"]
    found = {(source % classes, target) for source, target in ends if source % classes != target % classes}
    true = {(source % classes, target) for source, target in np.argwhere(planted > 0).tolist()}
    exact = {tuple(pair) for pair in np.argwhere(planted > 0).tolist()}
    pairs = classes * (2 * classes - 1) - classes
    return {
        "edges": float(len(ends)),
        "density": len({frozenset(pair) for pair in ends}) / pairs,
        "precision": len(found & true) / max(1, len(found)),
        "recall": len(found & true) / max(1, len(true)),
        "exact": len(set(ends) & exact) / max(1, len(ends)),
    }


def students(options: argparse.Namespace) -> None:
    """What the student's event chances do for retrieval, by what they are made of; the first graph is tested."""
    first = options.graphs[0]
    cases: dict[tuple[str, int, str], Trial] = {}
    for seed in range(options.first, options.first + options.seeds):
        for name in options.settings:
            data, trainer = None, InteractionTrainer()
            for graph in options.graphs:
                path = options.out / "students" / name / f"data-{seed}-{graph}{options.round}.safetensors"
                identity = {"student of": SETTINGS.get(name, name), "seed": seed, "graph": graph}
                if (found := Trial.load(path, identity)) is None:
                    data = data or from_arrays(draw(name, options.data, seed))
                    kind = {"student": LIR} if graph == LIR else {"graph": graph}
                    found = student(trainer.train(METHOD, data, settings={"seed": seed, **kind}))
                    found.save(path, identity)
                cases[name, seed, graph] = found
        for name in options.settings:
            print(f"\n{name} {SETTINGS.get(name, '')}, data sets {options.first} to {seed}")
            print(f"{'graph':12}{'map':>8}{'map_events':>12}   {first} ahead: map, map_events (95 %); weights")
            for graph in options.graphs:
                made = {
                    graph: [cases[name, n, graph] for n in range(options.first, seed + 1)] for graph in (first, graph)
                }
                means = [np.mean([case.values[metric] for case in made[graph]]) for metric in METRICS]
                tests = [] if graph == first else [ahead(metric, made[first], made[graph]) for metric in METRICS]
                weights = ", ".join(f"{case.values['weight']:g}" for case in made[graph])
                print(f"{graph:12}{means[0]:8.3f}{means[1]:12.3f}   {'; '.join([*tests, weights])}", flush=True)


def draw(name: str, data: Path | None, seed: int) -> dict[str, Array]:
    """Clips of a setting of the simulator, or of a label set."""
    if name in SETTINGS:
        return simulate(SimulatorSettings(**SETTINGS[name]), seed)
    return label_set(name, (data or Path()) / "labels", seed)


def student(run: Run) -> Trial:
    """What is kept of a student: average precisions of its queries, their means, and the chosen weight."""
    assert run.evaluation is not None
    found = run.evaluation
    tensors = {f"{metric} {way}": part for metric in METRICS for way, part in found.per_query[metric].items()}
    weight = float(run.info.get("gate", {}).get("weight", 0.0))
    return Trial(tensors, {metric: found[metric].mean for metric in METRICS} | {"weight": weight})


def ahead(metric: str, first: list[Trial], other: list[Trial]) -> str:
    """The lead of one kind of student over another in points, over all queries of all data sets, with its interval."""
    both = [
        {
            way: torch.cat([case.tensors[way] for case in cases])
            for way in cases[0].tensors
            if way.startswith(f"{metric} ")
        }
        for cases in (first, other)
    ]
    test = paired_bootstrap(*both)
    low, high = test["ci95"]
    return f"{100 * test['difference']:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


def scores(options: argparse.Namespace) -> None:
    """A real teacher's scores of its own training rows: how sparse the graph is, and how far two halves agree."""
    given = np.load(options.data / "ave15_scores" / "scores.npz", allow_pickle=False)
    rows = given["split"] == "train"
    soft = {name: given[name][rows].astype(np.float64) for name in ("audio", "visual")}
    labels = np.eye(15)[given["y"][rows]]
    classes = [str(name) for name in given["class_names"]]
    settings = {"halves": 10, "bootstrap": 100}
    print(f"{int(rows.sum())} rows, 15 classes, 435 pairs without those of one class: 420")
    graph = infer_interactions(soft, labels, kind="sigmoid-logits", classes=classes, settings=settings)
    halves = graph.halves
    assert halves is not None
    times = halves.jaccard / max(1e-9, halves.random)
    print(
        f"{len(graph.edges)} edges; halves agree {halves.jaccard:.2f}, random graphs of their size "
        f"{halves.random:.3f}, {times:.0f} times less; {graph.seconds:.0f} s"
    )
    for edge in graph.edges:
        arrow = "→" if edge.kind == "directed" else "–"
        print(f"    {edge.source} {arrow} {edge.target}: weight {edge.weight:.2f}, presence {edge.presence:.2f}")
    print(*graph.notes, sep="\n")


def main() -> None:
    """Run one part."""
    parts = {"simulator": simulator, "students": students, "scores": scores}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=parts)
    parser.add_argument("--out", type=Path, default=Path("runs/studies/interactions"), help="folder for results")
    parser.add_argument("--data", type=Path, help="folder with real data")
    parser.add_argument("--settings", nargs="+", choices=(*SETTINGS, *LABEL_SETS), default=list(SETTINGS))
    parser.add_argument("--graphs", nargs="+", default=list(GRAPHS), help="values of the setting graph, for students")
    parser.add_argument("--seeds", type=int, default=5, help="data sets in each setting")
    parser.add_argument("--first", type=int, default=0, help="the first one's seed")
    parser.add_argument("--round", default="", help="any word: results of another word are made again")
    options = parser.parse_args()
    parts[options.part](options)


if __name__ == "__main__":
    main()
