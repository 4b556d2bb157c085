"""What needs no training answers without importing torch, with the sentence of the full check."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from .conftest import Cli, clips

RUN = """
import sys
from overtone.cli.app import app
try:
    app(sys.argv[1:], prog_name="overtone")
except SystemExit as end:
    print([name for name in ("torch", "scipy", "sklearn") if name in sys.modules])
    raise
"""

MISSPELT = {
    "method": ["train", "hsc-mea", "x.npz", "--out", "r"],
    "setting": ["train", "hsc-mae", "x.npz", "--out", "r", "--set", "epohcs=3"],
    "setting of a base": ["train", "dcca", "x.npz", "--out", "r", "--set", "dropot=3"],
    "method of a comparison": ["compare", "hsc-mae", "dccca", "x.npz"],
    "setting of a comparison": ["compare", "hsc-mae", "dcca", "x.npz", "--set", "epohcs=3"],
    "seed of a comparison": ["compare", "cca", "x.npz", "--set", "seed=3"],
    "loss": ["diagnose", "x.npz", "--loss", "tripplet"],
    "setting of all losses": ["diagnose", "x.npz", "--set", "margn=1"],
    "setting of one loss": ["diagnose", "x.npz", "--set", "triplet.margn=1"],
    "setting of a loss that is not compared": ["diagnose", "x.npz", "--loss", "scl", "--set", "triplet.margin=1"],
    "setting of the budget": ["diagnose", "x.npz", "--loss", "scl", "--set", "epohcs=1"],
    "setting that follows from the data": ["diagnose", "x.npz", "--loss", "arcface", "--set", "classes=3"],
    "missing file": ["train", "cca", "nowhere.npz", "--out", "r"],
    "missing file of a comparison": ["compare", "cca", "nowhere.npz"],
    "missing file of a diagnosis": ["diagnose", "nowhere.npz"],
    "missing embeddings": ["evaluate", "nowhere.npz"],
    "missing run": ["embed", "nowhere", "split-digits", "--out", "e.npz"],
    "missing run to evaluate": ["evaluate", "nowhere", "split-digits"],
    "plug-in": ["train", "cca", "x.npz", "--out", "r", "--import", "nowhere.py"],
}


def program(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The program in a process of its own, which says at its end what it had imported."""
    return subprocess.run([sys.executable, "-c", RUN, *words], capture_output=True, text=True, cwd=cwd, check=False)


@pytest.mark.parametrize("case", MISSPELT)
def test_a_misspelt_name_is_refused_without_torch(cli: Cli, tmp_path: Path, case: str) -> None:
    alone = program(*MISSPELT[case], cwd=tmp_path)
    assert (alone.returncode, alone.stdout) == (2, "[]\n"), alone.stderr
    whole = cli(*MISSPELT[case])  # here torch is imported, so the training's own check speaks
    assert (whole.code, whole.err) == (2, alone.stderr)


def test_inspect_needs_no_torch(tmp_path: Path) -> None:
    np.savez(tmp_path / "clips.npz", **clips())
    for source in ("clips.npz", "split-digits"):
        alone = program("inspect", source, cwd=tmp_path)
        assert (alone.returncode, alone.stdout.splitlines()[-1]) == (0, "[]"), alone.stderr
    assert program("inspect", "nowhere.npz", cwd=tmp_path).stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["train", "--help"], ["graph", "--help"]])
def test_help_needs_nothing_heavy(tmp_path: Path, words: list[str]) -> None:
    alone = program(*words, cwd=tmp_path)
    assert (alone.returncode, alone.stdout.splitlines()[-1]) == (0, "[]")


def test_old_names_of_settings_are_let_through(tmp_path: Path) -> None:
    from overtone.api.checks import check_method, check_methods

    code = (
        "from overtone.api.checks import check_method, check_methods\n"
        "check_method('hsc-mae', {'clip': 1.0, 'surveys': 3})\n"
        "check_methods(['hsc-mae', 'cca'], {'surveys': 3, 'cca': {'ridge': 0.1}})\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    check_method("hsc-mae", {"clip": 1.0, "surveys": 3})
    check_methods(["hsc-mae", "cca"], {"surveys": 3})
