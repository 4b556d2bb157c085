"""``overtone simulate``: a corpus whose events and interactions are known in full."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from overtone.cli.options import Config, Json, Seed, Set, gathered
from overtone.cli.output import results

if TYPE_CHECKING:
    from overtone.features import PairedFeatures


def simulate(
    out: Annotated[
        Path,
        typer.Option("--out", metavar="F", help="File to write: .npz, .h5, .parquet or .safetensors by its suffix."),
    ],
    config: Config = None,
    assignments: Set = None,
    seed: Seed = None,
    json: Json = False,
) -> None:
    """Simulate clips with several events, planted interactions of classes, and an annotation that tells a part of them.

    The file has the plain layout and, for judging only, what is really heard and seen and what was planted. --set takes
    classes, train_rows, interactions, within, direction, probability, presence, annotation, missing, noise and more:
    see the docs, page features.
    """
    with results(json) as output:
        from overtone import api
        from overtone.features import SimulatorSettings

        settings = SimulatorSettings.build(gathered(config, assignments), where="the simulator's settings")
        data = api.simulate(out=out, settings=settings.model_dump(), seed=seed or 0)
        found = summary(data)
        output.document({"out": str(out), "seed": seed or 0, **found, "settings": settings.model_dump()})
        splits = ", ".join(f"{count:,} {name}" for name, count in found["splits"].items())
        events = ", ".join(f"{mean:.2f} {name}" for name, mean in found["events_per_clip"].items())
        output.say(f"Corpus: {out} ({splits}; {found['classes']} classes, {found['annotated']:,} clips annotated)")
        output.say(f"Events per clip: {events}; planted interactions: {len(found['interactions'])}")


def summary(data: PairedFeatures) -> dict[str, Any]:
    """What is in a simulated corpus, ready for JSON."""
    graph = data.truth["interactions"]
    nodes = [f"{name}:{label}" for name in data.names for label in data.class_names]
    planted = [(source, target, round(float(graph[source, target]), 6)) for source, target in graph.nonzero().tolist()]
    assert data.targets is not None
    return {
        "rows": len(data),
        "splits": {name: len(rows) for name, rows in data.splits.items()},
        "features": {name: shape[0] for name, shape in zip(data.names, data.shapes)},
        "classes": data.classes,
        "annotated": int((data.targets.sum(1) > 0).sum()),
        "events_per_clip": {name: float(data.truth[f"events_{name}"].sum(1).mean()) for name in data.names},
        "interactions": [
            {"source": nodes[source], "target": nodes[target], "nodes": [source, target], "strength": strength}
            for source, target, strength in planted
        ],
    }
