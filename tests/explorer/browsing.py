"""What tests in a browser share: sizes of its window, a class graph, and how a page is opened."""

from __future__ import annotations

import numpy as np
from playwright.sync_api import Page, ViewportSize

from overtone.graphs import EdgeSupport, Graph

WIDE: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
VIEWS = ("map", "table", "lists", "graph", "training", "losses")


def class_graph() -> Graph:
    """A graph of two edges, each with clips that support it."""
    nodes = ("audio:dog", "audio:cat", "visual:dog", "visual:rain")
    weights = np.zeros((4, 4))
    weights[0, 3], weights[1, 2] = 1.5, 0.7
    presence = np.where(weights + weights.T > 0, 0.9, 0.0)
    presence[1, 2] = presence[2, 1] = 0.6
    support = (
        EdgeSupport("audio:dog", "visual:rain", (("clip-2", 0.9), ("clip-6", 0.8))),
        EdgeSupport("audio:cat", "visual:dog", (("clip-1", 0.5),)),
    )
    return Graph(
        nodes=nodes,
        directed=weights > 0,
        undirected=np.zeros((4, 4), dtype=bool),
        weights=weights,
        dag=weights > 0,
        score=0.0,
        order=nodes,
        seconds=0.0,
        settings={},
        presence=presence,
        direction=presence,
        support=support,
    )


def open_page(page: Page, address: str, place: str = "") -> None:
    page.goto(address + place)
    page.wait_for_selector("main")
    if not place or place.startswith("#/map"):
        page.wait_for_selector('.plot[data-ready="true"]')


def point_of(page: Page, row: int) -> tuple[float, float]:
    """Where the first panel draws a clip."""
    for _ in range(2):
        page.wait_for_timeout(100)
    box = page.locator(".plot").first.bounding_box()
    assert box is not None
    x, y = page.evaluate(
        """async (row) => {
            const { cameraOf } = await import("/static/camera.js");
            const places = new Float32Array(await (await fetch("/api/places?run=0&centred=true")).arrayBuffer());
            const box = document.querySelector(".plot");
            return cameraOf(0).toScreen(places[2 * row], places[2 * row + 1], box.clientWidth, box.clientHeight);
        }""",
        row,
    )
    return box["x"] + x, box["y"] + y
