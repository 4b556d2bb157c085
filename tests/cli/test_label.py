"""``overtone label``: a table of a few labels labels the rest."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from .conftest import Cli, clips


@pytest.fixture
def run(cli: Cli, tmp_path: Path) -> str:
    arrays = clips(300)
    arrays.pop("y")
    ids = np.array([f"clip-{row}" for row in range(300)])
    np.savez(tmp_path / "archive.npz", **arrays, ids=ids)
    lines = [f"clip-{row},kind {row % 3}" for row in range(45)]
    (tmp_path / "few.csv").write_text("\n".join(["id,label", *lines]) + "\n", encoding="utf-8")
    assert cli("train", "cca", "archive.npz", "--out", "run").code == 0
    return "run"


@pytest.mark.parametrize("more", [(), ("--by", "prototypes"), ("--only", "visual")])
def test_a_table_of_labels(cli: Cli, run: str, more: tuple[str, ...]) -> None:
    called = cli("label", run, "archive.npz", "--labels", "few.csv", "--csv", "all.csv", *more)
    assert called.code == 0, called.err
    assert "45 labelled clips, each left out in turn" in called.out
    assert "don't know" in called.out
    with Path("all.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 255
    right = [row["label"] == f"kind {int(row['id'][5:]) % 3}" for row in rows if row["label"]]
    assert np.mean(right) > 0.85
    assert len(right) > 200


def test_an_id_that_stands_twice_is_refused(cli: Cli, run: str) -> None:
    Path("twice.csv").write_text("id,label\nclip-1,a\nclip-2,b\nclip-1,b\n", encoding="utf-8")
    called = cli("label", run, "archive.npz", "--labels", "twice.csv")
    assert (called.code, called.out) == (2, "")
    assert "twice.csv: id 'clip-1' stands twice" in called.err


def test_classes_are_in_the_order_of_their_numbers(cli: Cli, run: str) -> None:
    lines = [f"clip-{row},kind {9 + row % 3}" for row in range(45)]
    Path("more.csv").write_text("\n".join(["id,label", *lines]) + "\n", encoding="utf-8")
    found = cli("label", run, "archive.npz", "--labels", "more.csv", "--json").document
    assert found["classes"] == ["kind 9", "kind 10", "kind 11"]


def test_labels_of_the_file_itself(cli: Cli, run: str) -> None:
    arrays = clips(300)
    labels = np.eye(3)[arrays.pop("y")]
    labels[60:] = 0
    np.savez("some.npz", **arrays, labels=labels)
    found = cli("label", run, "some.npz", "--json").document
    assert (found["references"], len(found["labels"]), found["classes"]) == (60, 240, ["0", "1", "2"])


def test_classes_as_rows_of_the_other_modality(cli: Cli, run: str) -> None:
    arrays = clips(300)
    means = np.stack([arrays["visual"][arrays["y"] == number].mean(0) for number in range(3)])
    np.savez("names.npz", visual=means, ids=np.array(["kind 0", "kind 1", "kind 2"]))
    asked = "label", run, "archive.npz", "--only", "audio", "--classes", "names.npz"
    alone = cli(*asked, "--json")
    assert alone.code == 0, alone.err
    assert "nothing is calibrated" in alone.err
    best = [one["best"] == f"kind {int(one['clip']['id'][5:]) % 3}" for one in alone.document["labels"]]
    assert np.mean(best) > 0.8
    calibrated = cli(*asked, "--labels", "few.csv", "--json").document
    assert (calibrated["references"], calibrated["by"]) == (45, "classes")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "archive.npz: no labels of one class a clip; got none labels; bring a table: --labels F.csv"),
        (("--labels", "nowhere.csv"), "nowhere.csv: cannot be read as a table of labels"),
        (("--labels", "heads.csv"), "heads.csv: needs the columns id and label; got name, kind"),
        (("--labels", "other.csv"), "other.csv: no clip 'clip-900' in archive.npz"),
        (("--labels", "few.csv", "--by", "magic"), "--by: no such value"),
        (("--labels", "few.csv", "--error", "2"), "error is a share of the labels given"),
    ],
)
def test_what_cannot_be_used(cli: Cli, run: str, words: tuple[str, ...], said: str) -> None:
    Path("heads.csv").write_text("name,kind\na,b\n", encoding="utf-8")
    Path("other.csv").write_text("id,label\nclip-900,b\n", encoding="utf-8")
    refused = cli("label", run, "archive.npz", *words, "--csv", "all.csv")
    assert refused.code == 2
    assert said in refused.err
    assert not Path("all.csv").exists()
