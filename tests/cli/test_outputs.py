"""No command replaces what it reads, or what is there without --overwrite; places are tried before the work."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

from .conftest import Cli, clips

LOSS = ("--loss", "triplet", "--seeds", "1", "--set", "epochs=1", "--set", "batch_size=32")


@pytest.fixture
def place(cli: Cli, tmp_path: Path) -> Path:
    """A corpus, a table and a run in the working folder."""
    np.savez("clips.npz", **clips(120))
    values = np.random.default_rng(0).standard_normal((80, 3))
    np.savez("table.npz", data=values, names=list("abc"))
    known = [f"{row},{'dog' if row % 3 else 'cat'}" for row in range(60)]
    (tmp_path / "known.csv").write_text("\n".join(["id,label", *known]) + "\n")
    assert cli("train", "cca", "clips.npz", "--out", "run").code == 0
    assert cli("index", "run", "clips.npz", "--store", "store").code == 0
    return tmp_path


FILES = {
    "embed": ("embed", "run", "clips.npz", "--out", "OUT.npz"),
    "graph": ("graph", "table.npz", "--seconds", "1", "--out", "OUT.json"),
    "simulate": ("simulate", "--out", "OUT.npz", "--set", "train_rows=40", "--set", "test_rows=20"),
    "find csv": ("find", "outliers", "clips.npz", "--csv", "OUT.csv"),
    "find report": ("find", "outliers", "clips.npz", "--report", "OUT.html"),
    "label": ("label", "run", "clips.npz", "--labels", "known.csv", "--csv", "OUT.csv"),
    "export": ("export", "store", "--out", "OUT.npz"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_replaced_only_if_that_was_asked_for(cli: Cli, place: Path, name: str) -> None:
    words = [word.replace("OUT", "out") for word in FILES[name]]
    out = next(place / word for word in words if word.startswith("out."))
    out.write_text("mine")
    refused = cli(*words)
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert f"{out.name}: is there already; choose another name, or say --overwrite" in refused.err
    assert out.read_text() == "mine"
    assert cli(*words, "--overwrite").code == 0
    assert out.read_bytes() != b"mine"


@pytest.mark.parametrize(
    "words",
    [
        ("embed", "run", "clips.npz", "--out", "clips.npz"),
        ("embed", "run", "clips.npz", "--out", "run/weights.safetensors"),
        ("graph", "table.npz", "--out", "table.npz"),
        ("find", "outliers", "run", "clips.npz", "--csv", "run/metrics.csv"),
        ("find", "outliers", "run", "clips.npz", "--report", "run/report.html"),
        ("label", "run", "clips.npz", "--labels", "known.csv", "--csv", "known.csv"),
    ],
)
def test_an_output_never_replaces_an_input(cli: Cli, place: Path, words: tuple[str, ...]) -> None:
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    refused = cli(*words, "--overwrite")
    assert refused.code == 2
    assert "is read by this command" in refused.err
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before


COMMANDS = {
    "train": (("train", "cca", "clips.npz"), "run.json"),
    "compare": (("compare", "cca", "clips.npz", "--seeds", "1"), "comparison.json"),
    "diagnose": (("diagnose", "clips.npz", *LOSS), "diagnosis.json"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_folder_of_something_else_is_refused_and_left_as_it_is(cli: Cli, place: Path, name: str) -> None:
    words, _ = COMMANDS[name]
    mine = place / "mine"
    for file in ("graph.json", "weights.safetensors", "results/cca/seed-0.safetensors", "teacher/fold-1/run.json"):
        (mine / file).parent.mkdir(parents=True, exist_ok=True)
        (mine / file).write_text("mine")
    for flags in ((), ("--resume",), ("--overwrite",)):
        refused = cli(*words, "--out", "mine", *flags)
        assert refused.code == 2
        assert f"mine: not empty, and not made by overtone {name}" in refused.err
    assert {path.read_text() for path in mine.rglob("*") if path.is_file()} == {"mine"}


@pytest.mark.parametrize("name", COMMANDS)
def test_resume_and_overwrite_mean_the_same_everywhere(cli: Cli, place: Path, name: str) -> None:
    words, document = COMMANDS[name]
    assert cli(*words, "--out", "out").code == 0
    (place / "out" / "notes.txt").write_text("mine")
    refused = cli(*words, "--out", "out")
    assert refused.code == 2
    assert "--resume" in refused.err
    assert "--overwrite" in refused.err
    assert cli(*words, "--out", "out", "--resume").code == 0
    before = (place / "out" / document).stat().st_ino
    assert cli(*words, "--out", "out", "--overwrite").code == 0
    assert (place / "out" / document).stat().st_ino != before
    assert (place / "out" / "notes.txt").read_text() == "mine"
    listed = json.loads((place / "out" / "overtone.json").read_text())
    assert listed["command"] == name
    assert {"report.html", document} <= set(listed["files"])


def test_results_of_one_command_are_not_those_of_another(cli: Cli, place: Path) -> None:
    refused = cli("compare", "cca", "clips.npz", "--seeds", "1", "--out", "run", "--resume")
    assert refused.code == 2
    assert "run: holds results of overtone train" in refused.err
    assert cli("evaluate", "run", "clips.npz").code == 0


@pytest.mark.parametrize("out", ["clips.npz/out", "/proc/out", "x" * 300])
def test_a_place_that_cannot_be_written_is_noticed_before_the_work(cli: Cli, place: Path, out: str) -> None:
    slow = ("--set", "epochs=100000")
    for words in (("train", "dcca", "clips.npz", *slow), ("compare", "dcca", "clips.npz", *slow)):
        start = time.monotonic()
        refused = cli(*words, "--out", out)
        assert refused.code == 2
        assert "cannot be written" in refused.err or "is a file, not a folder" in refused.err
        assert "overtone.json" not in refused.err  # nobody has named that
        assert time.monotonic() - start < 20


def test_a_store_that_cannot_be_made_says_so(cli: Cli, place: Path) -> None:
    refused = cli("index", "run", "clips.npz", "--store", "clips.npz/store")
    assert (refused.code, refused.out) == (2, "")
    assert "the store cannot be made (Not a directory)" in refused.err
    assert "as it was" not in refused.err


def test_a_store_takes_no_folder_of_the_user_s(cli: Cli, place: Path) -> None:
    (place / "mine").mkdir()
    for name in ("manifest-2024.json", "manifest-00000001.json", "segment-1", "notes.txt"):
        (place / "mine" / name).write_text("{}")
    refused = cli("index", "run", "clips.npz", "--store", "mine", "--overwrite")
    assert refused.code == 2
    assert "nothing in it is replaced" in refused.err
    assert len(os.listdir(place / "mine")) == 4


def test_names_do_nothing_to_the_terminal_or_to_other_programs(cli: Cli, place: Path) -> None:
    odd = ["a\x1b[2J", "b\x9b31m", "c\u202e<&\"'>", "=cmd|' /C calc'!A0", 'e\\N\n"', "f\x00\ufffe"]
    values = np.random.default_rng(0).standard_normal((80, 6))
    values[:, 1:] += values[:, :1]
    np.savez("odd.npz", data=values, names=odd)
    called = cli("graph", "odd.npz", "--seconds", "1", "--out", "g.graphml", "--out", "g.dot", "--out", "g.json")
    assert called.code == 0, called.err
    assert not {"\x1b", "\x9b", "\u202e", "\x00"} & set(called.out + called.err)
    import xml.etree.ElementTree as xml

    nodes = [node.get("id") for node in xml.parse("g.graphml").iter() if node.tag.endswith("}node")]
    assert len(set(nodes)) == 6
    assert all(line.count('"') % 2 == 0 for line in Path("g.dot").read_text().replace('\\"', "").splitlines())
    as_json = cli("graph", "odd.npz", "--seconds", "1", "--json")
    assert not {"\x1b", "\x9b", "\u202e"} & set(as_json.out)
    assert as_json.document["nodes"] == odd


@pytest.mark.parametrize("name", ["run.json", "settings.yaml", "weights.safetensors", "scalers.safetensors"])
@pytest.mark.parametrize("damage", ["gone", "empty", "cut", "null"])
def test_a_damaged_run_ends_with_two(cli: Cli, place: Path, name: str, damage: str) -> None:
    path = place / "run" / name
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes({"empty": b"", "cut": content[: len(content) // 2], "null": b"null"}[damage])
    called = cli("embed", "run", "clips.npz", "--out", "e.npz")
    if (name, damage) in (("settings.yaml", "null"), ("settings.yaml", "empty"), ("settings.yaml", "cut")):
        return  # all settings have defaults, so the run may still be whole
    assert (called.code, called.err.count("\n")) == (2, 1), called.err
    assert "run" in called.err
    assert not (place / "e.npz").exists()


def test_what_is_not_used_may_be_damaged(cli: Cli, place: Path) -> None:
    for name in ("metrics.jsonl", "metrics.csv", "evaluation.json", "report.html", "overtone.json"):
        (place / "run" / name).write_text("{damaged")
    assert cli("embed", "run", "clips.npz", "--out", "e.npz").code == 0
    assert cli("evaluate", "run", "clips.npz").code == 0


def test_embeddings_that_are_not_finite_are_not_written(cli: Cli, place: Path) -> None:
    arrays = clips(120)
    arrays["audio"][3, 2] = 3e38
    arrays["audio"][3, 4] = -3e38
    np.savez("far.npz", **arrays)
    called = cli("embed", "run", "far.npz", "--out", "e.npz")
    if called.code == 0:
        with np.load("e.npz") as file:
            assert np.isfinite(file["audio"]).all()
    else:
        assert called.code == 2
        assert "audio, row 3: its embedding is not finite" in called.err
        assert not (place / "e.npz").exists()
