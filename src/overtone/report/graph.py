"""The report of a graph: a picture, the edges, how stable they are, and what they do not say."""

from __future__ import annotations

from typing import Any

from overtone.graphs import Graph
from overtone.report.figures import heat
from overtone.report.graph_figures import network
from overtone.report.markup import Columns, table, texts
from overtone.report.page import Section, answer, draw, page, provenance, section, summary, tile
from overtone.report.words import duration, number, percent, plural

_MOST_EDGES = 400  # that are drawn and listed; more nobody can tell apart
MOST_CELLS = 80  # nodes up to which the frequencies are drawn as a matrix
_MANY, _DENSE = 40, 2.0  # edges, and edges a node, up to which a graph can be read
_AGREEMENT = 0.5  # Jaccard index of two halves' graphs below which the report warns


def graph_report(graph: Graph, *, source: str = "") -> str:
    """The report of a graph, as one HTML file that needs no network.

    Args:
        graph: The graph.
        source: Where its numbers came from, in the user's words.

    Returns:
        HTML; the same for the same input.
    """
    halves = graph.halves
    tiles = [
        tile(number(len(graph.edges)), "edges"),
        tile(number(graph.rows), "rows"),
        tile(percent(halves.jaccard), "of the edges shared by halves", f"by chance {percent(halves.random, 1)}")
        if halves
        else None,
        tile(duration(graph.seconds), "total time"),
    ]
    known = {
        "data": source,
        "rows": None if graph.rows is None else f"{graph.rows:,}",
        "score": number(graph.score),
        "search": "complete" if graph.complete else "ended by its time budget",
        "time": duration(graph.seconds),
    }
    return page(
        title=f"Graph of {source}" if source else "Graph",
        kind="graph",
        head=summary(in_words(graph), tiles, doubts(graph), calm="Nothing looks suspicious."),
        sections=[
            *answer((picture, _edge_table, _supporting_clips, frequencies), graph),
            provenance(known, notes=None, settings={None: graph.settings}),
        ],
    )


def in_words(graph: Graph) -> str:
    """How large the graph is, and what an edge means."""
    directed, undirected = int(graph.directed.sum()), int(graph.undirected.sum()) // 2
    return (
        f"{plural(len(graph.nodes), 'variable')}, {plural(directed, 'directed edge')} and "
        f"{plural(undirected, 'undirected edge')}. An edge means that two variables depend on each other given all "
        "other variables of the table. Its direction is causal only if no variable outside the table acts on both."
    )


def doubts(graph: Graph) -> list[str]:
    """What a reader should keep in mind before quoting an edge."""
    found = list(graph.notes)
    nodes, edges = len(graph.nodes), len(graph.edges)
    if edges > max(_MANY, _DENSE * nodes):
        advice = "Raise the penalty for fewer edges" + (
            "." if graph.presence is None else ", or look at those with a presence near 1 only."
        )
        found.append(f"{edges:,} edges between {nodes} nodes are more than anybody can follow. {advice}")
    if graph.presence is None:
        found.append("No resamples were drawn, so the uncertainty of the edges is unknown. Use a bootstrap of 100.")
    if not graph.complete:
        found.append("The search ended by its time budget. A longer search may find a better graph.")
    halves = graph.halves
    if halves and halves.jaccard < _AGREEMENT:
        found.append(f"The graphs of two halves of the rows share only {percent(halves.jaccard)} of their edges.")
    return found


def picture(graph: Graph) -> Section | None:
    """The nodes, modalities facing each other or all on a circle, and the edges as lines between them."""
    if not graph.edges:
        return None
    count = len(graph.edges)
    some = f"The {_MOST_EDGES} surest of {count:,} edges. " if count > _MOST_EDGES else ""
    text = (
        f"{some}A blue arrow points from source to target. An orange line has no direction, because these data cannot "
        "tell it. A thick line has a large weight, a dotted line a negative one. Point at the middle of a line to read "
        "its numbers."
    )
    drawn = network(graph, graph.edges[:_MOST_EDGES])
    return section("Which variables are connected?", text, draw(drawn))


def _edge_table(graph: Graph) -> Section:
    """All edges as a table."""
    question = "Which edges are there?"
    if not graph.edges:
        return section(question, "None: at this penalty no variable helps to predict another.")
    sure = graph.presence is not None
    columns: Columns = ["from", *texts("", "to"), "weight"]
    columns += ["presence", "direction"] if sure else []
    rows: list[list[Any]] = [
        [edge.source, "→" if edge.kind == "directed" else "–", edge.target, edge.weight]
        + ([edge.presence, edge.direction] if sure else [])
        for edge in graph.edges[:_MOST_EDGES]
    ]
    often = (
        "Presence: share of the resamples with the edge. Direction: share of the resamples with the edge in this "
        "direction."
    )
    return section(question, f"Weight: {graph.weight_meaning} {often if sure else ''}", table(columns, rows))


def _supporting_clips(graph: Graph) -> Section | None:
    """The clips in which both ends of an edge are likeliest, for graphs of classes whose clips have names."""
    if not graph.support:
        return None
    columns: Columns = ["from", *texts("to", "clips")]
    rows = [
        [one.source, one.target, ", ".join(f"{name} ({number(strength)})" for name, strength in one.rows)]
        for one in graph.support[:_MOST_EDGES]
    ]
    text = (
        "The training clips that support an edge most: both of its classes are probably present, annotated or not. The "
        "number in brackets is the product of the two probabilities. Check some of these clips before you rely on the "
        "edge."
    )
    return section("Which clips support the edges?", text, table(columns, rows))


def frequencies(graph: Graph) -> Section | None:
    """How often each pair was joined in the resamples."""
    if graph.presence is None or len(graph.nodes) > MOST_CELLS:
        return None
    drawn = heat(graph.nodes, graph.nodes, graph.presence, alt="How often each pair is connected")
    text = (
        f"Share of {plural(graph.resamples or 0, 'resample')} in which two variables are connected. Values "
        "near 0 and 1 are reliable; values in between are not."
    )
    return section("How stable are the edges?", text, draw(drawn))
