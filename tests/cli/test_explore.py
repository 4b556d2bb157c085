"""`overtone explore` serves until it is ended, says where, and refuses wrong input in a sentence."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from .conftest import Cli


@pytest.fixture
def run(cli: Cli, corpus: Path) -> Path:
    """A run without a store."""
    assert cli("train", "cca", corpus, "--out", "first").code == 0
    return corpus.parent / "first"


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(("ended_by", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_it_indexes_serves_and_ends(run: Path, ended_by: signal.Signals, code: int) -> None:
    command = [sys.executable, "-m", "overtone", "explore", str(run), "--no-browser", "--port", "0", "--json"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores it
    )
    try:
        assert process.stdout is not None
        lines = []
        while not lines or lines[-1] != "}\n":
            lines.append(process.stdout.readline())
            assert lines[-1], process.stderr.read() if process.stderr else ""
        said = json.loads("".join(lines))
        assert said["clips"] == 300
        with urllib.request.urlopen(said["url"] + "api/session") as answer:
            assert json.load(answer)["clips"] == 300
        process.send_signal(ended_by)
        out, error = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, out) == (code, "")
    assert "indexed first" in error
    assert (run / "store").is_dir()
    assert (run / "explored/maps.safetensors").is_file()


def test_wrong_input_is_said(cli: Cli, run: Path) -> None:
    assert "not a run folder" in cli("explore", "nowhere").err
    assert "no folder" in cli("explore", run, "--media", "nowhere").err
    (run.parent / "losses").mkdir()
    assert "no diagnosis of losses" in cli("explore", run, "--diagnosis", "losses").err
    (run.parent / "losses/diagnosis.json").write_text("{}")
    assert "--diagnosis" in cli("explore", "losses").err
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        called = cli("explore", run, "--no-browser", "--port", taken.getsockname()[1])
    assert called.code == 2
    assert "cannot be listened on" in called.err
    assert cli("explore", run, "--no-browser", "--port", 99999).code == 2
    assert cli("explore", run, "--no-browser", "--host", "no.such.host.invalid").code == 2


def test_a_run_trained_anew_is_not_shown_with_an_old_store(cli: Cli, run: Path, corpus: Path) -> None:
    assert cli("index", run, corpus).code == 0
    assert cli("train", "dcca", corpus, "--out", "first", "--set", "epochs=1", "--overwrite").code == 0
    called = cli("explore", run, "--no-browser", "--port", 0)
    assert called.code == 2
    assert "index the clips again" in called.err


def test_a_store_of_other_clips_is_not_passed_off_as_these(cli: Cli, run: Path, corpus: Path) -> None:
    assert cli("index", run, corpus).code == 0
    called = cli("explore", run, "--no-browser", "--port", 0, "--data", "split-digits")
    assert called.code == 2
    assert "holds the clips of" in called.err
    (run.parent / "more.csv").write_text("id,colour\n0,red\n")
    called = cli("explore", run, "--no-browser", "--port", 0, "--metadata", "more.csv")
    assert called.code == 2
    assert "no further columns" in called.err


def test_missing_packages_are_named(cli: Cli, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    called = cli("explore", run, "--no-browser")
    assert called.code == 2
    assert "overtone[web]" in called.err
