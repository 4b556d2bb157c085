"""A graph's report: the picture, the edges, the doubts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from overtone.graphs import Graph, HalvesAgreement
from overtone.report import graph_report

Maker = Callable[..., Any]


@pytest.fixture
def graph() -> Graph:
    directed, undirected = np.zeros((3, 3), bool), np.zeros((3, 3), bool)
    directed[0, 1] = undirected[1, 2] = undirected[2, 1] = True
    weights = np.array([[0, 0.7, 0], [0, 0, -0.2], [0, 0, 0]])
    presence = np.array([[0, 0.9, 0.1], [0.9, 0, 0.6], [0.1, 0.6, 0]])
    return Graph(
        nodes=("audio:dog", "visual:dog", "<b>cat</b>"),
        directed=directed,
        undirected=undirected,
        weights=weights,
        dag=weights != 0,
        score=12.5,
        order=("audio:dog", "visual:dog", "<b>cat</b>"),
        seconds=0.5,
        settings={"penalty": 2.0},
        presence=presence,
        direction=np.triu(presence) * 0.8,
        rows=300,
        complete=True,
        resamples=10,
        halves=HalvesAgreement(0.4, 0.1, 2.0, 1),
        notes=("something about <the rows>",),
    )


def test_every_question_is_answered(graph: Graph, read: Maker) -> None:
    page = read(graph_report(graph, source="soft.npz"))
    assert page.headings == [
        "Which variables are connected?",
        "Which edges are there?",
        "How stable are the edges?",
        "How was this made?",
    ]
    assert page.unbalanced == []
    assert page.loaded == []
    for figure in page.figures:
        go.Figure({"data": figure["data"], "layout": figure["layout"]})


def test_edges_are_listed_with_their_frequencies(graph: Graph, read: Maker) -> None:
    rows = read(graph_report(graph)).tables[0]
    assert rows[1] == ["audio:dog", "→", "visual:dog", "0.700", "0.900", "0.720"]
    assert rows[2] == ["visual:dog", "–", "<b>cat</b>", "−0.200", "0.600", "0.480"]
    assert 'class="words"' not in graph_report(graph)  # which a narrow screen hides


def test_the_picture_draws_every_edge_and_heads_only_on_directed_ones(graph: Graph, read: Maker) -> None:
    figure = read(graph_report(graph)).figures[0]
    lines = [trace for trace in figure["data"] if trace["mode"] == "lines"]
    assert sum(trace["x"].count(None) for trace in lines) == 2  # a gap behind each
    heads, middles, nodes = [trace for trace in figure["data"] if trace["mode"] == "markers"]
    assert len(heads["x"]) == 1
    assert len(middles["x"]) == 2
    assert "weight 0.700" in middles["text"][0]
    assert len(nodes["x"]) == 3
    # The head lies near the target, on the circle.
    target = nodes["x"][1], nodes["y"][1]
    assert np.hypot(heads["x"][0] - target[0], heads["y"][0] - target[1]) < 0.3


def test_doubts_come_first(graph: Graph, read: Maker) -> None:
    words = read(graph_report(graph)).words
    assert "something about <the rows>" in words
    assert "The graphs of two halves of the rows share only 40 % of their edges." in words
    bare = replace(graph, presence=None, direction=None, complete=False, notes=())
    words = read(graph_report(bare)).words
    assert "No resamples were drawn" in words
    assert "The search ended by its time budget" in words


def test_halves_that_share_half_of_their_edges_are_near_enough(graph: Graph, read: Maker) -> None:
    even, fewer = (replace(graph, halves=HalvesAgreement(share, 0.1, 2.0, 1)) for share in (0.5, 0.49))
    assert "share only" not in read(graph_report(even)).words
    assert "share only 49 % of their edges" in read(graph_report(fewer)).words


def test_an_undirected_edge_counts_once(graph: Graph, read: Maker) -> None:
    assert "3 variables, 1 directed edge and 1 undirected edge." in read(graph_report(graph)).words


def test_a_graph_without_edges_says_so(graph: Graph, read: Maker) -> None:
    nothing = np.zeros((3, 3), bool)
    page = read(graph_report(replace(graph, directed=nothing, undirected=nothing)))
    assert "no variable helps to predict another" in page.words
    assert "Which variables are connected?" not in page.headings


def test_names_are_escaped(graph: Graph) -> None:
    html = graph_report(graph, source="<script>alert(1)</script>")
    assert "<b>cat</b>" not in html
    assert "<script>alert(1)" not in html


def test_classes_of_two_modalities_face_each_other(graph: Graph, read: Maker) -> None:
    names = ("audio:dog", "audio:cat", "visual:dog", "visual:cat")
    directed = np.zeros((4, 4), bool)
    directed[0, 2] = directed[1, 0] = True
    weights = np.where(directed, [[0, 0, 0.7, 0], [-0.4, 0, 0, 0], [0] * 4, [0] * 4], 0.0)
    faced = replace(
        graph, nodes=names, directed=directed, undirected=np.zeros_like(directed), weights=weights, presence=None
    )
    figure = read(graph_report(faced)).figures[0]
    heads, _, nodes = [trace for trace in figure["data"] if trace["mode"] == "markers"]
    assert nodes["x"] == [0, 0, 1, 1]
    assert nodes["y"] == [0, -1, 0, -1]
    across, within = heads["marker"]["angle"]
    assert across == pytest.approx(90)  # to the right
    assert -90 < within < 0  # upwards, back to the left column
    dashes = {trace["line"]["dash"] for trace in figure["data"] if trace["mode"] == "lines"}
    assert dashes == {"solid", "dot"}
    written = [note["text"] for note in figure["layout"]["annotations"]]
    assert written == ["dog", "cat", "dog", "cat", "<b>audio</b>", "<b>visual</b>"]
