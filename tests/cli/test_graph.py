"""``overtone graph``: tables and soft labels in, JSON, files and a report out."""

from __future__ import annotations

import json
from pathlib import Path

import networkx
import numpy as np
import pytest

import overtone
from overtone.graphs import learn_graph

from .conftest import Cli

KEYS = ["nodes", "edges", "score", "seconds", "settings"]
EDGE = ["from", "to", "type", "weight", "presence", "direction"]
QUICK = ["--set", "ils_steps=2"]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """300 rows in which rain and sun make it wet or dry."""
    rain, sun, noise = np.random.default_rng(0).normal(size=(3, 300))
    path = tmp_path / "weather.npz"
    np.savez(path, data=np.column_stack([rain, rain - sun + noise, sun]), names=np.array(["rain", "wet", "sun"]))
    return path


@pytest.fixture
def soft(tmp_path: Path) -> Path:
    """Sigmoid probabilities of three classes in two modalities; a seen train is heard as a horn, in training rows."""
    random = np.random.default_rng(0)
    audio, visual = random.normal(size=(2, 600, 3))
    audio[:, 1] += visual[:, 0]
    path = tmp_path / "soft.npz"
    arrays = {name: 1 / (1 + np.exp(-part)) for name, part in (("audio", audio), ("visual", visual))}
    split = np.where(np.arange(600) < 500, "train", "test")
    arrays["audio"][split == "test"] = 0.5  # constant: whoever looks at test rows alone cannot go on
    np.savez(path, **arrays, class_names=np.array(["train", "horn", "dog"]), y=np.arange(600) % 3, split=split)
    return path


def test_the_document_is_as_documented(cli: Cli, table: Path) -> None:
    called = cli("graph", table, "--bootstrap", 5, "--seed", 3, "--penalty", 1.5, "--json", *QUICK)
    assert called.code == 0, called.err
    assert list(called.document) == KEYS
    assert all(list(edge) == EDGE for edge in called.document["edges"])
    assert {(edge["from"], edge["to"], edge["type"]) for edge in called.document["edges"]} == {
        ("rain", "wet", "directed"),
        ("sun", "wet", "directed"),
    }
    assert all(0.5 <= edge["direction"] <= edge["presence"] <= 1 for edge in called.document["edges"])
    settings = called.document["settings"]
    assert (settings["penalty"], settings["random_state"], settings["bootstrap"]) == (1.5, 3, 5)
    assert settings["ils_steps"] == 2


def test_the_command_the_function_and_the_room_agree(cli: Cli, table: Path) -> None:
    called = cli("graph", table, "--json").document
    with np.load(table) as stored:
        inside = learn_graph(stored["data"], stored["names"].tolist()).to_dict()
    outside = overtone.graph(table).to_dict()
    for key in ("nodes", "edges", "score", "settings"):
        assert called[key] == inside[key] == outside[key]
    assert all(edge["presence"] is None for edge in called["edges"])


def test_people_see_edges_and_what_to_keep_in_mind(cli: Cli, table: Path) -> None:
    called = cli("graph", table, "--halves", 2, *QUICK)
    assert called.code == 0, called.err
    assert "3 nodes, 2 edges" in called.out
    assert "→" in called.out
    assert "graphs of two halves of the rows share" in called.out
    assert "search: step" in called.err
    short = cli("graph", table, "--seconds", 0.000001)
    assert "the time was over" in short.out


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_other_tables(cli: Cli, table: Path, tmp_path: Path, suffix: str) -> None:
    with np.load(table) as stored:
        values, names = stored["data"], stored["names"].tolist()
    path = tmp_path / f"weather.{suffix}"
    if suffix == "csv":
        np.savetxt(path, values, delimiter=",", header=",".join(names), comments="")
    else:
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.table({name: values[:, at] for at, name in enumerate(names)}), path)
    for first, second in zip(*(cli("graph", one, "--json").document["edges"] for one in (path, table)), strict=True):
        assert first == {**second, "weight": pytest.approx(second["weight"])}


def test_files_are_written_by_suffix(cli: Cli, table: Path, tmp_path: Path) -> None:
    outs = [word for suffix in ("json", "graphml", "dot", "npz", "html") for word in ("--out", f"g.{suffix}")]
    called = cli("graph", table, "--bootstrap", 4, *outs, *QUICK)
    assert called.code == 0, called.err
    assert json.loads((tmp_path / "g.json").read_text())["order"]
    assert set(networkx.read_graphml(tmp_path / "g.graphml").nodes) == {"rain", "wet", "sun"}
    assert "Which edges are there?" in (tmp_path / "g.html").read_text(encoding="utf-8")
    assert {"g.dot", "g.npz"} <= {path.name for path in tmp_path.iterdir()}


def test_soft_labels_of_the_training_rows(cli: Cli, soft: Path) -> None:
    called = cli("graph", soft, "--soft", "sigmoid", "--json")
    assert called.code == 0, called.err
    assert called.document["nodes"][0] == "audio:train"
    assert [{edge["from"], edge["to"]} for edge in called.document["edges"]] == [{"visual:train", "audio:horn"}]
    assert called.document["settings"]["kind"] == "sigmoid"
    centred = cli("graph", soft, "--soft", "sigmoid", "--centre", "--representation", "linear", "--json")
    assert centred.document["settings"]["centre"] is True
    wrong = cli("graph", soft, "--soft", "sigmoid", "--split", "test")
    assert wrong.code == 2
    assert "constant" in wrong.err


def test_knowledge_from_a_file(cli: Cli, table: Path, tmp_path: Path) -> None:
    (tmp_path / "known.yaml").write_text("forbidden:\n- [rain, wet]\n- [wet, rain]\n")
    document = cli("graph", table, "--knowledge", "known.yaml", "--json").document
    assert not [edge for edge in document["edges"] if {edge["from"], edge["to"]} == {"rain", "wet"}]


@pytest.mark.parametrize(
    ("lines", "said"),
    [("a,b\n", "there are no rows"), ("a,b\n1,2\n", "at least 4 rows"), ("a,b\n1,2\n3,\n", "row 1, variable 'b'")],
)
def test_what_is_wrong_with_the_rows_is_said_of_the_file(cli: Cli, tmp_path: Path, lines: str, said: str) -> None:
    (tmp_path / "rows.csv").write_text(lines)
    called = cli("graph", "rows.csv")
    assert called.code == 2
    assert "overtone: rows.csv" in called.err
    assert said in called.err


def test_a_fault_in_the_knowledge_is_said_of_its_file(cli: Cli, table: Path, tmp_path: Path) -> None:
    (tmp_path / "known.yaml").write_text("tiers: [[rain, snow]]\n")
    called = cli("graph", table, "--knowledge", "known.yaml")
    assert called.code == 2
    assert "known.yaml: unknown variable in tier 0 'snow'" in called.err
    assert "weather.npz" not in called.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["missing.npz"], "missing.npz: no such file"),
        (["weather.npz", "--soft", "sigmoid"], "no soft labels under 'audio'"),
        (["soft.npz"], "no key 'data'"),
        (["soft.npz", "--soft", "softmax"], "softmax probabilities sum to one"),
        (["soft.npz", "--soft", "sigmod"], "unknown kind of soft labels"),
        (["soft.npz", "--soft", "sigmoid", "--split", "val"], "no row of split 'val'; valid: test, train, all"),
        (["weather.npz", "--out", "g.txt"], "unknown kind of graph file"),
        (["missing.npz", "--out", "g.txt"], "unknown kind of graph file"),  # said before the data is looked at
        (["weather.npz", "--penalty", "much"], "setting 'penalty'"),
        (["weather.npz", "--penalty", "-1"], "setting 'penalty'"),
        (["weather.npz", "--penalty", "0"], "setting 'penalty'"),
        (["weather.npz", "--clips", "3"], "weather.npz: --clips does not apply to a table"),
        (["soft.npz", "--soft", "sigmoid", "--clips", "3"], "--clips does not apply to soft labels without"),
        (["weather.npz", "--set", "dept=3"], "did you mean 'depth'"),
        (["weather.npz", "--knowledge", "no.yaml"], "no.yaml: cannot be read"),
    ],
)
def test_wrong_input_ends_with_2_and_a_sentence(cli: Cli, table: Path, soft: Path, words: list[str], said: str) -> None:
    called = cli("graph", *words, "--json")
    assert called.code == 2
    assert said in called.err
    assert called.out == ""
    assert "Traceback" not in called.err
