"""``overtone diagnose`` from outside: the document, the table, the report, and what it says to wrong input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .conftest import Cli, clips

QUICK = ["--seeds", "2", "--set", "epochs=3", "--set", "embedding_dim=8", "--set", "looks=2"]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A file with one view."""
    given = clips(200)
    path = tmp_path / "image.npz"
    np.savez(path, image=given["visual"], y=given["y"], is_test=given["is_test"], class_names=["cat", "dog", "owl"])
    return path


def rules(entry: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the verdict says, by rule."""
    return {hit["rule"]: hit for hit in entry["verdict"]}


def test_document_has_what_was_promised(cli: Cli, corpus: Path) -> None:
    called = cli("diagnose", corpus, "--loss", "triplet", "--loss", "contrastive", "--json", *QUICK)
    assert called.code == 0, called.err
    document = called.document
    assert list(document["losses"]) == ["triplet", "contrastive"]
    assert document["seeds"] == [0, 1]
    assert document["protocol"] == "across"
    for entry in document["losses"].values():
        assert "collapse" not in rules(entry)
        assert entry["intra_variance"] > 0
        assert set(entry["centroid_distance"]) == {"mean", "std"}
        assert entry["between_variance"] > 0
        assert len(entry["active_ratio"]) == len(entry["gradient_norm"]) == 3
        assert 0 <= entry["recall@1"] <= 1
        assert 0 <= entry["map"] <= 1
    assert document["recommendation"]["sentences"]
    assert {test["quantity"] for test in document["paired_tests"]} >= {"intra_variance", "map"}


def test_folder_holds_the_document_the_results_and_a_report(cli: Cli, corpus: Path, tmp_path: Path) -> None:
    called = cli("diagnose", corpus, "--loss", "scl", "--out", "found", "--json", *QUICK)
    assert called.code == 0, called.err
    assert json.loads((tmp_path / "found" / "diagnosis.json").read_text()) == called.document
    assert {path.name for path in (tmp_path / "found" / "results" / "scl").iterdir()} == {
        "seed-0.safetensors",
        "seed-1.safetensors",
    }
    html = (tmp_path / called.document["report"]).read_text(encoding="utf-8")
    assert "scl" in html


def test_people_see_a_table_and_where_the_report_is(cli: Cli, image: Path) -> None:
    called = cli("diagnose", image, "--loss", "triplet", "--loss", "infonce", *QUICK)
    assert called.code == 0, called.err
    for said in ("triplet", "infonce", "(features)", "within-class", "R@1", "mAP", "runs/diagnose-image/report.html"):
        assert said in called.out


def test_one_of_two_views_can_be_diagnosed_alone(cli: Cli, corpus: Path) -> None:
    called = cli("diagnose", corpus, "--modalities", "visual", "--loss", "triplet", "--json", *QUICK)
    assert called.code == 0, called.err
    assert called.document["modalities"] == ["visual"]
    assert called.document["protocol"] == "within"


def test_as_is_trains_nothing_and_judges_the_embeddings(cli: Cli, image: Path, tmp_path: Path) -> None:
    called = cli("diagnose", image, "--as-is", "--json")
    assert called.code == 0, called.err
    assert called.document["losses"] == {}
    assert called.document["features"]["map"] > 0.9
    assert "collapse" not in rules(called.document["features"])
    given = dict(np.load(image))
    direction = given["image"].mean(0, keepdims=True)
    np.savez(tmp_path / "one-line.npz", **{**given, "image": direction + 1e-6 * given["image"]})
    collapsed = cli("diagnose", "one-line.npz", "--as-is", "--json")
    assert collapsed.code == 0, collapsed.err
    hit = rules(collapsed.document["features"])["collapse"]
    assert hit["figure"] < hit["threshold"]
    assert hit["advice"]


def test_class_disjoint_judges_classes_that_nothing_was_trained_on(cli: Cli, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    np.savez(tmp_path / "five.npz", image=random.standard_normal((100, 6)), y=np.arange(100) % 5)
    called = cli("diagnose", "five.npz", "--class-disjoint", "--loss", "triplet", "--json", *QUICK)
    assert called.code == 0, called.err
    assert called.document["class_disjoint"] is True
    assert called.document["classes"] == {"train": 2, "test": 3}


def test_no_loss_means_all_seven(cli: Cli, image: Path) -> None:
    called = cli("diagnose", image, "--json", "--seeds", "1", "--set", "epochs=1", "--set", "looks=1")
    assert called.code == 0, called.err
    assert set(called.document["losses"]) == {"contrastive", "triplet", "n-pair", "infonce", "arcface", "scl", "ccl"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--loss", "tripplet"], "did you mean 'triplet'"),
        (["--loss", "triplet", "--set", "margn=1"], "margin"),
        (["--loss", "triplet", "--set", "margin=-1"], "margin"),
        (["--loss", "triplet", "--loss", "triplet"], "twice"),
        (["--loss", "triplet", "--as-is"], "--as-is"),
        (["--as-is", "--set", "epochs=2"], "(--as-is) train nothing; got the settings epochs"),
        (["--loss", "triplet", "--modalities", "sound"], "sound"),
    ],
)
def test_wrong_input_is_one_sentence_and_code_2(cli: Cli, image: Path, words: list[str], said: str) -> None:
    called = cli("diagnose", image, *words)
    assert called.code == 2
    assert said in called.err
    assert "Traceback" not in called.err


def test_no_labels_is_said_with_the_remedy(cli: Cli, tmp_path: Path) -> None:
    np.savez(tmp_path / "bare.npz", image=np.random.default_rng(0).standard_normal((20, 3)))
    called = cli("diagnose", "bare.npz", "--loss", "triplet")
    assert called.code == 2
    assert "labels" in called.err
