"""`--metadata`: columns of a table beside DATA come along into embeddings, reports, tables and stores."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from overtone.features import load
from overtone.search import open_store

from .conftest import Cli, clips

ROWS = 60


@pytest.fixture
def place(tmp_path: Path) -> Path:
    arrays = clips(ROWS)
    for name in ("audio", "visual"):
        arrays[name][1] = arrays[name][0]  # near-duplicates
    np.savez(tmp_path / "clips.npz", **arrays, ids=[f"clip{row}" for row in range(ROWS)])
    lines = ["id;title;seconds", *(f"clip{row};Ton {row} <b>;{row},5" for row in reversed(range(ROWS)))]
    (tmp_path / "about.csv").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


def test_columns_come_along(cli: Cli, place: Path) -> None:
    assert cli("train", "cca", "clips.npz", "--metadata", "about.csv", "--out", "run").code == 0
    report = (place / "run" / "report.html").read_text(encoding="utf-8")
    assert "seconds: 3" in report
    assert "&lt;b&gt;" in report
    assert cli("embed", "run", "clips.npz", "--metadata", "about.csv", "--out", "e.npz").code == 0
    assert load(place / "e.npz").metadata["seconds"] == tuple(row + 0.5 for row in range(ROWS))
    assert cli("index", "run", "clips.npz", "--metadata", "about.csv").code == 0
    with open_store(place / "run" / "store") as store:
        assert store.count("seconds > 49") == 11
    assert cli("index", "run", "e.npz").code == 2  # embeddings are no features
    called = cli("find", "duplicates", "clips.npz", "--metadata", "about.csv", "--fdr", "0.9", "--csv", "found.csv")
    assert called.code == 0, called.err
    head, *rows = csv.reader(io.StringIO((place / "found.csv").read_text()))
    assert head[-2:] == ["title", "seconds"]
    assert len(rows) >= 2
    assert all(row[-2] == f"Ton {row[0][4:]} <b>" for row in rows)


def test_an_output_does_not_replace_the_table(cli: Cli, place: Path) -> None:
    assert cli("train", "cca", "clips.npz", "--out", "run").code == 0
    (place / "about.csv").rename(place / "about.parquet")
    words = ("embed", "run", "clips.npz", "--metadata", "about.parquet", "--out", "about.parquet", "--overwrite")
    called = cli(*words)
    assert (called.code, "about.parquet" in called.err) == (2, True)
    assert (place / "about.parquet").read_bytes().startswith(b"id;title")


def test_a_table_of_other_clips_ends_in_a_sentence(cli: Cli, place: Path) -> None:
    (place / "about.csv").write_text("id,n\na,1\n", encoding="utf-8")
    called = cli("inspect", "clips.npz", "--metadata", "about.csv")
    assert called.code == 2
    assert "none of the 1 ids is that of a clip" in called.out + called.err
