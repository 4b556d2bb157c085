"""One process of several speaks and writes reports; what it says is said once."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import overtone
from overtone.cli.output import results

from .conftest import Cli, clips


@pytest.fixture
def unsplit(tmp_path: Path) -> Path:
    """A corpus that has no split, which is worth a note."""
    path = tmp_path / "clips.npz"
    np.savez(path, **{key: rows for key, rows in clips(300).items() if key != "is_test"})
    return path


@pytest.mark.parametrize("rank", ["0", "1"])
def test_the_report_is_written_and_everything_said_by_the_main_process_only(
    cli: Cli, unsplit: Path, monkeypatch: pytest.MonkeyPatch, rank: str
) -> None:
    monkeypatch.setenv("RANK", rank)
    trained = cli("train", "cca", unsplit, "--out", "run")
    compared = cli("compare", "cca", unsplit, "--seeds", "1", "--out", "c", "--json")
    assert (trained.code, compared.code) == (0, 0)
    main = rank == "0"
    assert [bool(text) for text in (trained.out, compared.out)] == [main, main]
    notes = [line for called in (trained, compared) for line in called.err.splitlines() if "70/30" in line]
    assert len(notes) == (2 if main else 0)
    written = [Path(name).exists() for name in ("run/report.html", "c/report.html", "c/comparison.json")]
    assert written == [main] * 3


def test_without_a_test_split_there_is_no_report(cli: Cli, corpus: Path, tmp_path: Path) -> None:
    data = overtone.load(corpus)
    run = overtone.train("cca", replace(data, splits={"train": torch.arange(len(data))}), out=tmp_path / "run")
    assert run.evaluation is None
    assert not (tmp_path / "run" / "report.html").exists()


def test_a_run_knows_the_names_of_its_modalities(cli: Cli) -> None:
    arrays = clips(300)
    np.savez("clips.npz", text=arrays["audio"], image=arrays["visual"], y=arrays["y"], is_test=arrays["is_test"])
    assert cli("train", "cca", "clips.npz", "--modalities", "text,image", "--out", "run").code == 0
    embedded = cli("embed", "run", "clips.npz", "--out", "e.npz", "--json")
    assert list(embedded.document["embeddings"]) == ["text", "image"]
    assert cli("evaluate", "run", "clips.npz", "--json").document["modalities"] == ["text", "image"]


@pytest.mark.parametrize("value", ["", "0"])
def test_no_traceback_where_it_is_switched_off(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], value: str
) -> None:
    import typer

    monkeypatch.setenv("OVERTONE_TRACEBACK", value)
    with pytest.raises(typer.Exit), results(False):
        raise RuntimeError("deep down")
    assert capsys.readouterr().err == "overtone: RuntimeError: deep down (OVERTONE_TRACEBACK=1 shows where)\n"


def test_remarks_are_shown_once_and_the_logger_is_left_as_it_was(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    log = logging.getLogger("overtone")
    before = log.level, log.propagate, list(log.handlers)
    with results(False):
        log.info("decided")
        log.warning("doubtful")
    assert capsys.readouterr().err == "note: decided\nwarning: doubtful\n"
    assert caplog.messages == []  # the root's handlers would show them again
    assert (log.level, log.propagate, list(log.handlers)) == before


def test_a_graph_s_file_is_a_report_whatever_the_case_of_its_suffix(cli: Cli) -> None:
    rows = np.random.default_rng(0).standard_normal((80, 3))
    np.savez("table.npz", data=np.column_stack([rows[:, 0], rows[:, 0] + rows[:, 1], rows[:, 2]]), names=list("abc"))
    called = cli("graph", "table.npz", "--out", "g.HTML")
    assert called.code == 0, called.err
    assert Path("g.HTML").read_text(encoding="utf-8").startswith("<!doctype html>")
