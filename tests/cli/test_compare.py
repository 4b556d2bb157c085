"""`compare` and `demo`: the document, what people read, several corpora, embeddings from elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import overtone
from overtone.core import InputError

from .conftest import Cli, clips

FAST = ["--set", "epochs=3"]


def test_data_without_labels_train_and_compare(cli: Cli) -> None:
    arrays = clips(300)
    del arrays["y"]
    np.savez("clips.npz", **arrays)
    trained = cli("train", "dcca", "clips.npz", "--out", "run", "--json", *FAST)
    assert trained.code == 0, trained.err
    assert "map" not in trained.document["evaluation"]
    compared = cli("compare", "dcca", "cca", "clips.npz", "--seeds", "2", "--out", "c", *FAST)
    assert compared.code == 0, compared.err
    assert "counterpart R@" in compared.out


def test_compare_has_the_promised_document(cli: Cli, corpus: Path) -> None:
    called = cli("compare", "dcca", "cca", corpus, "--seeds", "2", "--ablate", "--out", "c", "--json", *FAST)
    assert called.code == 0, called.err
    found = called.document
    assert found["seeds"] == [0, 1]
    assert found["queries"] == 120
    assert set(found["methods"]) == {"dcca", "cca"}
    for entry in found["methods"].values():
        assert {"a2v", "v2a", "mean", "std", "ci95"} <= entry["map"].keys()
        assert len(entry["seeds"]) == 2
    assert {"a", "b", "difference", "ci95", "p_value"} <= found["paired_tests"][0].keys()
    assert found["report"] == "c/report.html"
    assert "dcca" in Path("c/report.html").read_text(encoding="utf-8")
    assert json.loads(Path("c/comparison.json").read_text(encoding="utf-8")) == found


def test_compare_for_people_marks_the_best_and_says_what_is_significant(cli: Cli, corpus: Path) -> None:
    called = cli("compare", "dcca", "cca", corpus, "--seeds", "2", *FAST)
    assert called.code == 0, called.err
    assert called.out.count(" * ") == 1
    assert "±" in called.out
    assert "chance" in called.out
    assert "is better than" in called.out or "do not differ significantly" in called.out
    assert "runs/compare-clips/report.html" in called.out


def test_demo_compares_and_reports(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overtone.api.comparing.DEMO_METHODS", ("cca",))
    called = cli("demo", "--json")
    assert called.code == 0, called.err
    found = called.document
    assert found["corpus"] == "split-digits"
    assert {"a2v", "v2a", "mean", "std", "ci95"} <= found["methods"]["cca"]["map"].keys()
    assert found["seconds"] > 0
    assert Path(found["report"]).is_file()


@pytest.mark.slow
def test_whole_demo_has_all_methods_and_hsc_mae_in_front(cli: Cli) -> None:
    found = cli("demo", "--json").document["methods"]
    assert set(found) == {"hsc-mae", "cca", "dcca", "infonce", "cav-mae"}
    assert max(found, key=lambda name: found[name]["map"]["mean"]) == "hsc-mae"


def test_one_method_may_be_named_alone(corpus: Path) -> None:
    with pytest.raises(InputError, match="unknown method 'ccaa'.*did you mean 'cca'"):
        overtone.compare("ccaa", corpus)


def test_compare_on_two_corpora_ranks_methods_over_both(cli: Cli, corpus: Path) -> None:
    other = corpus.with_name("more.npz")
    other.write_bytes(corpus.read_bytes())
    twice = cli("compare", "cca", "csa", "more.npz", "clips.npz", "--seeds", "1")
    assert (twice.code, "clips.npz: the same data as more.npz" in twice.err) == (2, True)
    with np.load(corpus) as arrays:
        np.savez(other, **{name: values[1:] if len(values.shape) else values for name, values in arrays.items()})
    called = cli("compare", "cca", "csa", "more.npz", "clips.npz", "--seeds", "1", "--json", "--table", "all.md")
    assert called.code == 0, called.err
    assert list(called.document["corpora"]) == ["more", "clips"]
    assert sum(called.document["ranking"]["ranks"].values()) == 3
    assert called.document["report"] == "runs/compare-more-clips/report.html"
    assert "mean rank" in called.err.replace("\n", " ")
    assert "mean rank" in Path("all.md").read_text()
    refused = cli("compare", "cca", "more.npz", "csa", "clips.npz")
    assert (refused.code, "csa: methods come before DATA" in refused.err) == (2, True)


def test_compare_takes_embeddings_from_elsewhere(cli: Cli, corpus: Path) -> None:
    called = cli("compare", "cca", "features=clips.npz", "clips.npz", "--seeds", "1")
    assert called.code == 2
    assert "one space" in called.err
    cli("train", "csa", "clips.npz", "--out", "run")
    cli("embed", "run", "clips.npz", "--out", "e.npz")
    called = cli("compare", "csa", "elsewhere=e.npz", "clips.npz", "--seeds", "1", "--json")
    assert called.code == 0, called.err
    both = called.document["methods"]
    assert both["elsewhere"]["map"]["mean"] == pytest.approx(both["csa"]["map"]["mean"], abs=1e-6)
