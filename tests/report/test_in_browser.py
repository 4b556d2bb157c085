"""Reports as a browser shows them: the system's Chromium runs the page's script, and its document is read back."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from overtone.graphs import Graph
from overtone.report import graph_report
from overtone.report.figures import heat
from overtone.report.markup import markup
from overtone.report.page import draw, page, section

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or ""
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine")


def show(html: str, folder: Path) -> str:
    """The document after the page's script has run."""
    file = folder / "report.html"
    file.write_text(html, encoding="utf-8")
    quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    command = [CHROMIUM, *quiet, f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=20000", "--dump-dom"]
    return subprocess.run([*command, file.as_uri()], capture_output=True, text=True, timeout=120, check=True).stdout


def test_numbers_in_cells_stand_out_from_their_cells(tmp_path: Path) -> None:
    figure = heat(["a", "b"], ["c", "d"], [[0.0, 0.35], [0.8, 1.0]], alt="shares")
    shown = show(page(title="t", kind="k", head=markup(), sections=[section("q", draw(figure))]), tmp_path)
    inks = {
        number: int(ink) for ink, number in re.findall(r"<text[^>]*fill: rgb\((\d+),[^>]*>(\d\.\d\d)</text>", shown)
    }
    assert inks == {"0.00": 0, "0.35": 0, "0.80": 255, "1.00": 255}


def test_a_dense_graph_begins_with_its_strongest_edges_and_long_tables_sort(tmp_path: Path) -> None:
    count = 14
    directed = np.triu(np.ones((count, count), bool), 1)
    names = tuple(f"v{number:02d}" for number in range(count))
    graph = Graph(names, directed, np.zeros_like(directed), directed * 1.0, directed, 0.0, names, 1.0, {})
    shown = show(graph_report(graph), tmp_path)
    assert "40 of 91 edges" in shown
    assert len(re.findall(r'<th [^>]*class="[^"]*sortable', shown)) >= 3
    assert "91 edges between 14 nodes are more than anybody can follow" in shown
