"""What the command-line tests share: a small corpus on disk, and a way to call the program."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from overtone.cli.app import app

Arrays = dict[str, Any]


@dataclass(frozen=True)
class Called:
    """How a call of the program ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on standard output."""
        document: dict[str, Any] = json.loads(self.out)
        return document


Cli = Callable[..., Called]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Call the program in an empty folder."""
    return caller(tmp_path, monkeypatch)


def caller(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Call the program in a folder, as long as the patch lasts."""
    monkeypatch.chdir(folder)
    monkeypatch.delenv("OVERTONE_TRACEBACK", raising=False)

    def call(*words: object) -> Called:
        result = CliRunner().invoke(app, [str(word) for word in words], prog_name="overtone")
        return Called(result.exit_code, result.stdout, result.stderr)

    return call


def clips(rows: int = 60) -> Arrays:
    """A good corpus in the plain layout: three classes that both modalities see, noisily."""
    random = np.random.default_rng(0)
    y = np.arange(rows) % 3
    hidden = np.eye(3)[y] + 0.2 * random.standard_normal((rows, 3))
    return {
        "audio": (hidden @ random.standard_normal((3, 8)) + 0.1 * random.standard_normal((rows, 8))).astype(np.float32),
        "visual": (hidden @ random.standard_normal((3, 6)) + 0.1 * random.standard_normal((rows, 6))).astype(
            np.float32
        ),
        "y": y,
        "is_test": np.arange(rows) % 10 >= 6,
    }


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """The good corpus as a file, with rows enough to train on: 180, and 120 to test on."""
    path = tmp_path / "clips.npz"
    np.savez(path, **clips(300))
    return path
