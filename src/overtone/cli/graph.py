"""``overtone graph``: a graph from a table of numbers or from soft labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from overtone.cli.options import Config, Json, Modalities, Seed, Set, gathered, given
from overtone.cli.output import results

if TYPE_CHECKING:
    from overtone.graphs import Graph, SearchReport

SHOWN = 40


def graph(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A run of interactions, a table (.npz with data and names, .csv, .parquet), or with --soft a file of "
            "soft labels.",
        ),
    ],
    soft: Annotated[
        str | None,
        typer.Option(
            "--soft", metavar="KIND", help="DATA holds soft labels: softmax, logits, sigmoid or sigmoid-logits."
        ),
    ] = None,
    modalities: Modalities = None,
    split: Annotated[
        str | None,
        typer.Option(
            "--split", metavar="NAME", help="Of soft labels: rows to take; by default train, if there is one."
        ),
    ] = None,
    representation: Annotated[
        str | None,
        typer.Option("--representation", metavar="NAME", help="Of soft labels: auto, log-ratio, logit or linear."),
    ] = None,
    centre: Annotated[
        bool, typer.Option("--centre", help="Of soft labels: look at what varies within the annotated class.")
    ] = False,
    interactions: Annotated[
        bool,
        typer.Option("--interactions", help="Of soft labels with labels: infer what brings what, as a run does."),
    ] = False,
    clips: Annotated[
        int | None,
        typer.Option("--clips", metavar="K", min=1, help="Of interactions: clips named for each edge; by default 5."),
    ] = None,
    penalty: Annotated[
        str | None, typer.Option("--penalty", metavar="C", help="Penalty discount, or stability; by default 2.")
    ] = None,
    bootstrap: Annotated[
        int | None, typer.Option("--bootstrap", metavar="N", min=0, help="Resamples for the frequencies of edges.")
    ] = None,
    halves: Annotated[
        int | None, typer.Option("--halves", metavar="N", min=0, help="Splits into halves whose graphs are compared.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option("--seconds", metavar="S", help="Time budget; the best graph so far is given then.")
    ] = None,
    processes: Annotated[
        int | None, typer.Option("--processes", metavar="N", min=1, help="Processes that share the resamples.")
    ] = None,
    seed: Seed = None,
    knowledge: Annotated[
        Path | None,
        typer.Option("--knowledge", metavar="F.yaml", help="Tiers, forbidden and required edges, by names."),
    ] = None,
    config: Config = None,
    set_: Set = None,
    out: Annotated[
        list[Path] | None,
        typer.Option("--out", metavar="FILE", help="Write .json, .graphml, .dot, .npz or a report .html; repeatable."),
    ] = None,
    json: Json = False,
) -> None:
    """Learn a directed graph from DATA, with a confidence on every edge if --bootstrap is given.

    From soft labels the nodes are modality:class, and the edges say which class goes with which. Of a run it is the
    stored graph, or with any setting a new one from the soft labels that are stored there. What --set takes is in the
    docs, page graphs.
    """
    with results(json) as output:
        from overtone import api
        from overtone.core import display
        from overtone.core.settings import parse_assignments

        level = None if penalty is None else parse_assignments([f"penalty={penalty}"])["penalty"]
        named = {"bootstrap": bootstrap, "halves": halves, "seconds": seconds, "processes": processes}
        settings = gathered(config, set_, penalty=level, random_state=seed, **named)
        keys = None if modalities is None else [name.strip() for name in modalities.split(",")]
        options = given(soft=soft, modalities=keys, split=split, representation=representation, clips=clips)
        with display() as progress:
            found = api.graph(
                data,
                centre=centre,
                interactions=interactions,
                knowledge=knowledge,
                settings=settings,
                out=out or (),
                progress=reported(progress),
                **options,
            )
        support = {"support": found.found["support"]} if "support" in found.found else {}
        output.document({**found.to_dict(), **support})
        output.say(*graph_table(found), *(f"Written: {path}" for path in out or ()))


def reported(callback: Callable[[Any], None]) -> Callable[[SearchReport], None]:
    """A display of trainings, shown the steps of a search."""
    from overtone.core import Progress

    def report(found: SearchReport) -> None:
        values = {"score": found.score} if math.isfinite(found.score) else {}
        callback(Progress(found.label, found.step, found.steps, "step", values, found.seconds))

    return report


def graph_table(found: Graph) -> list[Any]:
    """The edges as a table, the surest first, and what should be known about them."""
    from overtone.cli.tables import table
    from overtone.report.words import duration, number, plural

    arrows = {"directed": "→", "undirected": "–"}
    edges = found.edges
    numbers = [(number(edge.weight), number(edge.presence), number(edge.direction)) for edge in edges[:SHOWN]]
    rows = [(edge.source, arrows[edge.kind], edge.target, *cells) for edge, cells in zip(edges, numbers)]
    columns = ("from", "", "to", "weight", "presence", "direction")
    kept = 6 if found.presence is not None else 4
    title = (
        f"{plural(len(found.nodes), 'node')}, {plural(len(edges), 'edge')}, score {number(found.score)}, "
        f"{duration(found.seconds)}"
    )
    cut, heads = [row[:kept] for row in rows], columns[:kept]
    if support := found.found.get("support"):
        heads = (*heads, "best shown by")
        cut = [(*row, ", ".join(clip["id"] for clip in entry["clips"][:3])) for row, entry in zip(cut, support)]
    shown: list[Any] = [table(heads, cut, title)] if rows else [f"{title}: no edges."]
    if len(edges) > SHOWN:
        shown.append(f"... and {plural(len(edges) - SHOWN, 'edge')} more; --out FILE.json has all of them.")
    return shown + [f"note: {note}" for note in (*found.notes, *remarks(found.found))]


def remarks(found: Mapping[str, Any]) -> list[str]:
    """What was found beside the edges, in sentences."""
    from overtone.report.words import number, percent

    said = []
    if not found.get("complete", True):
        said.append("the time was over before the search was: this is the best graph so far")
    halves = found.get("halves")
    if halves:
        said.append(
            f"graphs of two halves of the rows share {percent(halves['jaccard'])} of their edges (random graphs of "
            f"that size: {percent(halves['random'], 1)}; {number(halves['edges'])} edges in a half)"
        )
    return said
