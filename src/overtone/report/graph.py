"""The report of a graph: a picture of it, its edges with their frequencies, and what they do not say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from overtone.graphs import Edge, Graph
from overtone.report.figures import heat
from overtone.report.markup import Markup, el, markup
from overtone.report.network import network
from overtone.report.page import Section, answered, draw, fact_list, notes, page, paragraphs, tile
from overtone.report.sections.provenance import settings_table
from overtone.report.tables import Column, table
from overtone.report.words import duration, number, percent, plural

MOST_EDGES = 400
"""Edges that are drawn and listed; more nobody can tell apart."""
MOST_CELLS = 80


WEIGHT = "standardised regression coefficient, refitted with all parents of the target."


@dataclass(frozen=True)
class GraphFacts:
    """A graph, and where its numbers came from."""

    graph: Graph
    source: str

    @property
    def edges(self) -> list[Edge]:
        """The edges that are drawn, the surest first."""
        return self.graph.edges[:MOST_EDGES]


def picture(facts: GraphFacts) -> Section | None:
    """The nodes, modalities facing each other or all on a circle, and the edges as lines between them."""
    if not facts.edges:
        return None
    count = len(facts.graph.edges)
    some = f"The {MOST_EDGES} surest of {count:,} edges. " if count > MOST_EDGES else ""
    drawn = network(facts.graph, facts.edges)
    text = (
        f"{some}Blue arrows lead to the variable that they point at; orange lines have no direction, because data "
        "like these cannot tell. Thick lines are heavy; dotted ones have a negative weight. Point at the middle of a "
        "line to read it."
    )
    return Section("What goes with what?", markup(paragraphs(text), draw(drawn)))


def edges_listed(facts: GraphFacts) -> Section:
    """All edges as a table."""
    if not facts.edges:
        return Section(
            "Which edges are there?", paragraphs("None: at this penalty no variable helps to predict another.")
        )
    sure = facts.graph.presence is not None
    columns = [Column("from", "name"), Column("", "words"), Column("to", "words"), Column("weight")]
    columns += [Column("presence"), Column("direction")] if sure else []
    rows: list[list[Any]] = [
        [edge.source, "→" if edge.kind == "directed" else "–", edge.target, edge.weight]
        + ([edge.presence, edge.direction] if sure else [])
        for edge in facts.edges
    ]
    text = f"Weight: {facts.graph.found.get('weight', WEIGHT)} " + (
        "Presence and direction: share of the resamples with the edge, and with it in this direction." if sure else ""
    )
    return Section("Which edges are there?", markup(paragraphs(text), table(columns, rows)))


def supporters(facts: GraphFacts) -> Section | None:
    """The clips in which both ends of an edge are likeliest, for graphs of classes whose clips have names."""
    support = facts.graph.found.get("support")
    if not support:
        return None
    columns = [Column("from", "name"), Column("to", "words"), Column("clips", "words")]
    rows = [
        [one["from"], one["to"], ", ".join(f"{clip['id']} ({number(clip['strength'])})" for clip in one["clips"])]
        for one in support[:MOST_EDGES]
    ]
    text = (
        "The training clips that support an edge most: both of its ends are likely to be present, annotated or not. In "
        "brackets the product of the two chances. Look at them before you believe the edge."
    )
    return Section("Which clips show it?", markup(paragraphs(text), table(columns, rows)))


def frequencies(facts: GraphFacts) -> Section | None:
    """How often each pair was joined in the resamples."""
    graph = facts.graph
    if graph.presence is None or len(graph.nodes) > MOST_CELLS:
        return None
    drawn = heat(
        graph.nodes, graph.nodes, graph.presence, alt="How often each pair is joined", numbers=len(graph.nodes) <= 12
    )
    agreed = graph.found.get("bootstrap", 0)
    text = (
        f"Share of {plural(agreed, 'resample')} in which two variables are joined. "
        "A graph to rely on is dark or light, not grey."
    )
    return Section("How sure are the edges?", markup(paragraphs(text), draw(drawn)))


def provenance(facts: GraphFacts) -> Section:
    """What is needed to do it again."""
    graph = facts.graph
    known = [
        ("data", facts.source),
        ("rows", f"{graph.found['rows']:,}" if "rows" in graph.found else None),
        ("score", number(graph.score)),
        ("search", "complete" if graph.found.get("complete", True) else "ended by its time budget"),
        ("time", duration(graph.seconds)),
    ]
    return Section("How was this made?", markup(fact_list(known), settings_table(graph.settings)))


SECTIONS: tuple[Callable[[GraphFacts], Section | None], ...] = (
    picture,
    edges_listed,
    supporters,
    frequencies,
    provenance,
)
"""What a graph's report answers, top to bottom."""


def graph_report(graph: Graph, *, source: str = "") -> str:
    """The report of a graph, as one HTML file that needs no network.

    Args:
        graph: The graph.
        source: Where its numbers came from, in the user's words.

    Returns:
        HTML; the same for the same input.
    """
    facts = GraphFacts(graph, source)
    return page(
        title=f"Graph of {source}" if source else "Graph",
        kind="graph",
        head=_head(facts),
        sections=answered(SECTIONS, facts),
        foot="Made by Overtone. This file is whole: it loads nothing from anywhere.",
    )


def doubts(graph: Graph) -> list[str]:
    """What a reader should keep in mind before quoting an edge."""
    found = list(graph.notes)
    if graph.presence is None:
        found.append("No resamples were drawn, so nothing is known of how sure an edge is: use a bootstrap of 100.")
    if not graph.found.get("complete", True):
        found.append("The time was over before the search was; a longer one may find a better graph.")
    halves = graph.found.get("halves")
    if halves and halves["jaccard"] < 0.5:
        found.append(f"Two halves of the rows agree on {percent(halves['jaccard'])} of their edges only.")
    return found


def _head(facts: GraphFacts) -> Markup:
    graph = facts.graph
    directed, lines_ = int(graph.directed.sum()), int(graph.undirected.sum()) // 2
    lead = (
        f"{plural(len(graph.nodes), 'variable')}, {plural(directed, 'directed edge')} and "
        f"{plural(lines_, 'edge')} without a direction. An edge says that two variables depend on each other whatever "
        "else of the table is known; a direction is a cause only if nothing outside the table acts on both."
    )
    halves = graph.found.get("halves")
    tiles = [
        tile(number(len(graph.edges)), "edges"),
        tile(number(graph.found.get("rows")), "rows"),
        tile(percent(halves["jaccard"]), "of the edges shared by halves", f"by chance {percent(halves['random'], 1)}")
        if halves
        else None,
        tile(duration(graph.seconds), "in all"),
    ]
    found = doubts(graph)
    return markup(
        el("p", lead, class_="lead"),
        el("div", tiles, class_="tiles"),
        notes(found, warn=f"{plural(len(found), 'thing')} to keep in mind", calm="Nothing looks suspicious."),
    )
