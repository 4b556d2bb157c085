"""The page about additions is executed: its files are written, its commands run, in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import overtone

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```", TEXT, flags=re.M | re.S))
COMMANDS = [
    line for block in re.findall(r"^```bash\n(.*?)^```", TEXT, flags=re.M | re.S) for line in block.splitlines()
]


ROWS = 300
"""The commands are run on so many rows of the page's corpus."""
PROGRAM = """
import os, sys
import overtone.api.building, overtone.experiments, overtone.interactions, overtone.report
import sklearn.isotonic, sklearn.manifold
from overtone.cli.app import app
for number, line in enumerate(sys.argv[1:]):  # a command that imports a file of the user's is alone in its process
    if not os.fork():
        os.dup2(os.open(f"{number}.out", os.O_WRONLY | os.O_CREAT), 1)
        app(line.split()[1:], prog_name="overtone")
    _, status = os.wait()
    if status:
        sys.exit(f"{line}: exit code {os.waitstatus_to_exitcode(status)}")
"""


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every command of the page with its output, in the order of the page."""
    folder = tmp_path_factory.mktemp("extending")
    for name, body in FILES.items():
        (folder / name).write_text(body, encoding="utf-8")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "160"}
    few = overtone.load("split-digits")
    overtone.save(few.subset(torch.arange(0, len(few), len(few) // ROWS)[:ROWS]), folder / "few.npz")
    command = [sys.executable, "-c", PROGRAM, *(line.replace("split-digits", "few.npz") for line in COMMANDS)]
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return {line: (folder / f"{number}.out").read_text(encoding="utf-8") for number, line in enumerate(COMMANDS)}


def test_the_page_has_the_three_files_and_uses_each() -> None:
    assert list(FILES) == ["my_loss.py", "my_metric.py", "my_method.py"]
    assert all(any(f"--import {name}" in line for line in COMMANDS) for name in FILES)


def test_a_loss_of_ones_own_is_listed_diagnosed_and_trained_with(outputs: dict[str, str]) -> None:
    listed, diagnosed, trained = (text for line, text in outputs.items() if "my_loss.py" in line)
    assert "how sharply a cosine decides" in listed
    assert re.search(r"^ *logistic\b.*\d", diagnosed, flags=re.M)
    assert "Run: runs/logistic" in trained


def test_a_metric_of_ones_own_is_shown(outputs: dict[str, str]) -> None:
    assert all("counterpart MRR" in text for line, text in outputs.items() if "my_metric.py" in line)


def test_a_method_of_ones_own_trains_embeds_and_is_compared(outputs: dict[str, str]) -> None:
    described, trained, embedded, compared = (text for line, text in outputs.items() if "my_method.py" in line)
    assert "Factor of the cosines" in described
    assert "Run: runs/sigmoid" in trained
    assert f"left {ROWS} × 32" in embedded
    assert re.search(r"^ *pairwise-sigmoid\b.*\d", compared, flags=re.M)
