"""Reports as a browser shows them: the page's script runs, and its document is read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page

from overtone.graphs import Graph
from overtone.report import graph_report
from overtone.report.figures import heat
from overtone.report.markup import markup
from overtone.report.page import draw, page, section


def show(html: str, folder: Path, browser: Browser) -> Page:
    """The report, opened from a file."""
    file = folder / "report.html"
    file.write_text(html, encoding="utf-8")
    shown = browser.new_page()
    shown.goto(file.as_uri())
    shown.wait_for_selector(".plot .main-svg")
    return shown


def test_numbers_in_cells_stand_out_from_their_cells(tmp_path: Path, browser: Browser) -> None:
    figure = heat(["a", "b"], ["c", "d"], [[0.0, 0.35], [0.8, 1.0]], alt="shares")
    shown = show(page(title="t", kind="k", head=markup(), sections=[section("q", draw(figure))]), tmp_path, browser)
    texts = shown.locator(".textpoint text")
    inks = {one.text_content(): one.evaluate("text => getComputedStyle(text).fill") for one in texts.all()}
    black, white = "rgb(0, 0, 0)", "rgb(255, 255, 255)"
    assert inks == {"0.00": black, "0.35": black, "0.80": white, "1.00": white}


def test_a_dense_graph_begins_with_its_strongest_edges_and_its_table_sorts(tmp_path: Path, browser: Browser) -> None:
    count = 14
    directed = np.triu(np.ones((count, count), bool), 1)
    weights = directed * np.arange(1, count + 1)
    names = tuple(f"v{number:02d}" for number in range(count))
    graph = Graph(names, directed, np.zeros_like(directed), weights, directed, 0.0, names, 1.0, {})
    shown = show(graph_report(graph), tmp_path, browser)
    assert "91 edges between 14 nodes are more than anybody can follow" in shown.locator("header").inner_text()
    slider, said = shown.locator(".amount input"), shown.locator(".amount output")
    assert said.inner_text() == "40 of 91 edges"
    slider.fill("91")
    assert said.inner_text() == "91 of 91 edges"
    first = shown.locator("table tbody tr").first.locator("td").last
    title = shown.locator("table th", has_text="weight").first
    title.click()
    assert title.get_attribute("aria-sort") == "descending"
    most = float(first.inner_text())
    title.press("Enter")
    assert title.get_attribute("aria-sort") == "ascending"
    assert float(first.inner_text()) < most
