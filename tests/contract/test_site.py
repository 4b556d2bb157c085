"""The documentation builds as a site: every link leads somewhere, every public name is in the reference."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from site_docstrings import to_markdown  # noqa: E402


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(folder)]
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder


def test_the_reference_has_every_public_name(site: Path) -> None:
    for room in ("features", "evaluation", "interactions"):
        page = (site / "reference" / f"{room}.html").read_text(encoding="utf-8")
        names = importlib.import_module(f"overtone.{room}").__all__
        assert [name for name in names if not re.search(rf'id="overtone\.{room}[\w.]*\b{name}"', page)] == []


def test_each_loss_is_in_the_reference_with_its_formula(site: Path) -> None:
    page = (site / "reference" / "objectives.html").read_text(encoding="utf-8")
    assert 'id="overtone.objectives.triplet' in page
    assert page.count("<math") > 15
    assert ".. math::" not in page
    assert ":func:" not in page


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r'(?:src|<link[^>]* href)="https?://', text), page.name


def test_docstrings_become_markdown() -> None:
    text = "Is :math:`x^2`, see :class:`~a.B`.\n\n    .. math:: y =\n        x\n\nExample:\n    >>> 1"
    assert to_markdown(text) == "Is $x^2$, see `B`.\n\n\n    $$\n    y =\n    x\n    $$\n\n\nExamples:\n    >>> 1"
