"""What each command does with its verb's result: the JSON document, and what people read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from overtone.cli import tables, tables_corpora
from overtone.cli.output import Output

if TYPE_CHECKING:
    from torch import Tensor

    from overtone.api import Build, Catalogue
    from overtone.evaluation import Evaluation
    from overtone.experiments import Comparison, CorpusComparison, Diagnosis, Tuning
    from overtone.features import Features, Inspection, PairedFeatures
    from overtone.graphs import Graph
    from overtone.training import Run

Arguments = Mapping[str, Any]


def show_run(output: Output, run: Run, arguments: Arguments) -> None:
    """The evaluation of a training, and where its files are."""
    from overtone.report.chance_words import chance_in_words

    out = Path(arguments["out"])
    found = run.evaluation
    report = out / "report.html" if found else None
    evaluation = found.to_dict() if found else None
    output.document({"method": run.name, "run": out, "report": report, "evaluation": evaluation})
    output.say(*(tables.evaluation_table(found) if found else ()))
    if unpaired := run.info.get("unpaired"):
        what = "took part in training" if unpaired["used"] else f"were left out: {run.name} learned from pairs"
        output.say(f"{unpaired['rows']:,} training rows with one modality only {what}.")
    for what, said in run.decisions.items():
        named = "; see pairs.csv" if what == "wrong pairs" and run.info["pairs"]["left_out"] else ""
        output.say(f"{what[0].upper()}{what[1:]}: {said}{named}")
    output.say(*_warning(chance_in_words(found) if found else None))
    output.say(f"\nRun: {out}")
    output.say(f"Report (open it in a browser): {report}" if report else "No test split, so no evaluation.")


def _warning(sentence: str | None) -> list[str]:
    """A warning after an empty line, if there is one."""
    return [] if sentence is None else [f"\nWarning: {sentence}"]


def show_report(output: Output, report: Path, arguments: Arguments) -> None:
    """Where the report is."""
    output.document({"run": str(arguments["run"]), "report": report})
    output.say(f"Report (open it in a browser): {report}")


def show_embeddings(output: Output, embeddings: dict[str, Tensor], arguments: Arguments) -> None:
    """Where the embeddings are, and their shapes."""
    shapes = {name: list(rows.shape) for name, rows in embeddings.items()}
    output.document({"run": str(arguments["run"]), "out": str(arguments["out"]), "embeddings": shapes})
    sizes = ", ".join(f"{name} {rows} × {size}" for name, (rows, size) in shapes.items())
    output.say(f"Embeddings: {arguments['out']} ({sizes})")


def show_evaluation(output: Output, evaluation: Evaluation, arguments: Arguments) -> None:
    """The table of metrics, and mAP per class."""
    output.document(evaluation.to_dict())
    output.say(*tables.evaluation_table(evaluation), *tables.class_table(evaluation))
    output.say(*tables_corpora.groups_table(evaluation))
    output.say(*tables.diffusion_table(evaluation), *_written(arguments))


def _written(arguments: Arguments) -> list[str]:
    """The tables that were written."""
    return [f"Written: {path}" for path in arguments.get("tables", ())]


def show_inspection(output: Output, found: Inspection, arguments: Arguments) -> None:
    """What is in a source; the process ends with 2 if it cannot be used."""
    output.document(found.to_dict())
    output.say(*tables.inspection_table(found))
    output.code = 2 if found.problems else 0


def show_comparison(output: Output, comparison: Comparison | CorpusComparison, arguments: Arguments) -> None:
    """The table of methods, the tests in sentences, of several corpora the ranks, and where the report is."""
    from overtone.experiments import Comparison

    output.document(comparison.to_dict())
    if isinstance(comparison, Comparison):
        output.say(*tables.comparison_table(comparison))
    else:
        output.say(*(part for one in comparison.corpora.values() for part in tables.comparison_table(one)))
        output.say(*tables_corpora.corpora_table(comparison))
    output.say(f"\nReport (open it in a browser): {comparison.report}")
    output.say(*_written(arguments))


def show_tuning(output: Output, tuning: Tuning, arguments: Arguments) -> None:
    """What the search found, what it is worth, what it cost, and where the report is."""
    from overtone.report.tuning_words import best_in_words, tuning_in_words

    output.document(tuning.to_dict())
    output.say(*tuning_in_words(tuning), f"Best settings: {best_in_words(tuning)}")
    if tuning.folder is not None:
        output.say(f"\nSettings for --config: {tuning.folder}/settings.yaml; run: {tuning.folder}/run")
        output.say(f"Report (open it in a browser): {tuning.report}")


def show_diagnosis(output: Output, diagnosis: Diagnosis, arguments: Arguments) -> None:
    """The table of losses, the verdicts, and where the report is."""
    output.document(diagnosis.to_dict())
    output.say(*tables.diagnosis_table(diagnosis), f"\nReport (open it in a browser): {diagnosis.report}")
    output.say(*_written(arguments))


def show_build(output: Output, built: Build, arguments: Arguments) -> None:
    """What each stage took and why, and what to do next."""
    output.document(built.to_dict())
    for stage in built.stages:
        output.say(stage.line())
    output.say(*_warning(built.warning))
    output.say(f"\nRun and store: {built.run}; availability of the clips: {built.features}.clips.csv")
    if built.report is not None:
        output.say(f"Report (open it in a browser): {built.report}")
    output.say(f"Search: overtone search {built.run} --query FILE")


def show_extraction(output: Output, features: Features, arguments: Arguments) -> None:
    """How features were made, and what was left out."""
    from overtone import media

    out = arguments["out"]
    if "shard" in arguments:
        output.document({"out": str(out), "shard": arguments["shard"], "clips": len(features)})
        output.say(f"Share {arguments['shard']} is done ({len(features)} clips); join all shares with --merge")
        return
    found = media.read_record(out)
    output.document({"out": str(out), **found})
    what = ("image" if list(found["features"]) == ["image"] else "clip") + "s" * (found["clips"] != 1)
    steps = {name: f"{one['steps']} × " if one["steps"] else "" for name, one in found["recipes"].items()}
    widths = ", ".join(
        name if name == "image" else f"{name} {steps[name]}{width}" for name, width in found["features"].items()
    )
    widths = str(found["features"]["image"]) if what.startswith("image") else widths
    output.say(f"Features: {out} ({found['clips']} {what} × {widths})")
    splits = ", ".join(f"{count} {name}" for name, count in found["splits"].items())
    output.say(f"Splits: {splits}; classes: {found['classes'] or 'none, as there are no labels'}")
    if found["broken"]:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in list(found["broken"].items())[:_BROKEN])
        more = "; ..." if len(found["broken"]) > _BROKEN else ""
        output.say(f"Left out, {len(found['broken'])} broken: {reasons}{more}")
    output.say(f"What was there of each clip, and why the rest was not: {out}.clips.csv")


_BROKEN = 5
"""Broken clips that are shown."""


def show_corpus(output: Output, data: PairedFeatures, arguments: Arguments) -> None:
    """What is in a simulated corpus, and what was planted."""
    from overtone.features import SimulatorSettings

    settings = SimulatorSettings.build(arguments.get("settings")).model_dump()
    found = _corpus(data)
    output.document({"out": str(arguments["out"]), "seed": arguments["seed"], **found, "settings": settings})
    splits = ", ".join(f"{count:,} {name}" for name, count in found["splits"].items())
    events = ", ".join(f"{mean:.2f} {name}" for name, mean in found["events_per_clip"].items())
    annotated = f"{found['classes']} classes, {found['annotated']:,} clips annotated"
    output.say(f"Corpus: {arguments['out']} ({splits}; {annotated})")
    output.say(f"Events per clip: {events}; planted interactions: {len(found['interactions'])}")


def _corpus(data: PairedFeatures) -> dict[str, Any]:
    """What is in a simulated corpus, ready for JSON."""
    graph = data.truth["interactions"]
    nodes = [f"{name}:{label}" for name in data.names for label in data.class_names]
    planted = [(source, target, round(float(graph[source, target]), 6)) for source, target in graph.nonzero().tolist()]
    assert data.labels is not None
    return {
        "rows": len(data),
        "splits": {name: len(rows) for name, rows in data.splits.items()},
        "features": {name: shape[0] for name, shape in zip(data.names, data.shapes)},
        "classes": data.classes,
        "annotated": int((data.labels >= 0).sum() if data.labels.dim() == 1 else (data.labels.sum(1) > 0).sum()),
        "events_per_clip": {name: float(data.truth[f"events_{name}"].sum(1).mean()) for name in data.names},
        "interactions": [
            {"source": nodes[source], "target": nodes[target], "nodes": [source, target], "strength": strength}
            for source, target, strength in planted
        ],
    }


def show_graph(output: Output, graph: Graph, arguments: Arguments) -> None:
    """The edges, and which files were written."""
    output.document(graph.to_dict(brief=True))
    output.say(*tables.graph_table(graph), *(f"Written: {path}" for path in arguments.get("out", ())))


def show_catalogue(output: Output, catalogue: Catalogue, arguments: Arguments) -> None:
    """The methods, or everything that can be set."""
    output.document(catalogue.to_dict())
    if catalogue.title:
        output.say(catalogue.title)
    if catalogue.methods:
        output.say(tables.table(("method", "what it does"), catalogue.methods.items(), numbers=False))
        output.say("overtone methods METHOD shows what can be set.")
    for part, rows in catalogue.settings.items():
        output.say(tables.settings_table(rows, f"Settings of {part}"))
