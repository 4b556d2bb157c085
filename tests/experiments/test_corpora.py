"""Methods over several corpora, and embeddings of others among them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

import overtone
from overtone.api.corpora import name_corpora, share_embeddings
from overtone.core import InputError, Progress
from overtone.experiments import Comparison, CorpusComparison, compare
from overtone.experiments.external import split_methods
from overtone.features import PairedFeatures, from_arrays, save

METHODS = ["cca", "cluster-cca", "csa"]


def corpus(seed: int, *, ids: bool = True) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    y = np.arange(90) % 3
    hidden = np.eye(3)[y] + 0.4 * random.standard_normal((90, 3))
    views = {name: hidden @ random.standard_normal((3, width)) for name, width in (("audio", 6), ("visual", 5))}
    names = {"ids": [f"clip-{row}" for row in range(90)]} if ids else {}
    return {**views, **names, "y": y, "split": np.where(np.arange(90) // 3 % 3 == 0, "test", "train")}


@pytest.fixture(scope="module")
def corpora() -> list[PairedFeatures]:
    return [from_arrays(corpus(seed), source=f"{name}.npz") for seed, name in enumerate("abc")]


@pytest.fixture(scope="module")
def result(corpora: list[PairedFeatures], tmp_path_factory: pytest.TempPathFactory) -> CorpusComparison:
    out = tmp_path_factory.mktemp("several") / "out"
    tables = [out.parent / f"paper{suffix}" for suffix in (".tex", ".md", ".csv")]
    return overtone.compare(METHODS, corpora, seeds=2, out=out, tables=tables)


def test_each_corpus_has_its_comparison_and_all_have_ranks(
    result: CorpusComparison, corpora: list[PairedFeatures]
) -> None:
    assert list(result.corpora) == ["a", "b", "c"]
    assert result["b"].methods.keys() == set(METHODS)
    alone = compare(METHODS, corpora[1], seeds=[0, 1])
    assert alone.to_dict()["methods"]["cca"]["map"] == result["b"].to_dict()["methods"]["cca"]["map"]
    assert result.ranking is not None
    assert sum(result.ranking.ranks.values()) == pytest.approx(6)
    ranks = [stats.rankdata([-one.value(name) for name in METHODS]) for one in result.corpora.values()]
    assert result.ranking.ranks == pytest.approx(dict(zip(METHODS, np.mean(ranks, axis=0))))


def test_the_folder_has_a_report_a_figure_and_a_folder_for_each_corpus(result: CorpusComparison) -> None:
    assert result.report is not None
    out = result.report.parent
    assert (out / "ranks.svg").read_text().startswith("<svg")
    page = result.report.read_text()
    assert 'href="corpora/a/report.html"' in page
    assert "critical difference" in page
    assert (out / "corpora" / "a" / "report.html").is_file()
    document = json.loads((out / "comparison.json").read_text())
    read = CorpusComparison.from_dict(document)
    assert read.ranking == result.ranking
    assert read.to_dict() == document
    assert document["corpora"]["a"]["per_class"]["cca"]["0"]["mean"] > 0


def test_a_resumed_comparison_trains_nothing_again(result: CorpusComparison, corpora: list[PairedFeatures]) -> None:
    assert result.report is not None
    reports: list[Progress] = []
    out = result.report.parent
    again = overtone.compare(METHODS, corpora, seeds=2, out=out, resume=True, progress=reports.append)
    assert reports == []
    assert again.ranking == result.ranking
    with pytest.raises(InputError, match="--resume to go on"):
        overtone.compare(METHODS, corpora, seeds=2, out=out)


def test_the_table_of_a_paper_has_methods_by_corpora(result: CorpusComparison) -> None:
    assert result.report is not None
    place = result.report.parent.parent
    rows = list(csv.DictReader((place / "paper.csv").open()))
    ranks = {row["row"]: float(row["value"]) for row in rows if row["column"] == "mean rank" and row["value"]}
    assert result.ranking is not None
    assert ranks == pytest.approx(result.ranking.ranks)
    assert {row["table"] for row in rows} >= {"corpora", "results: a", "classes: c"}
    assert "| mean rank |" in (place / "paper.md").read_text()
    latex = (place / "paper.tex").read_text()
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") == 7
    assert "Nemenyi" in latex


def test_a_corpus_has_a_short_name_that_a_folder_may_have() -> None:
    assert name_corpora(["x/clips.npz", "y/clips.npz", "<a b>.h5"]) == ["x-clips", "y-clips", "a-b"]
    assert len(set(name_corpora(["clips.npz", "clips.npz", "arrays", "arrays"]))) == 4


def embeddings(data: PairedFeatures, path: Path, rows: list[int]) -> Path:
    """Perfect embeddings of some clips: the class itself."""
    codes = np.eye(3)[np.asarray(data.labels)][rows] + 0.01
    kept = {"audio": codes, "visual": codes, "ids": [data.ids[row] for row in rows], "split": ["test"] * len(rows)}
    kept["split"][0] = "train"
    save(from_arrays(kept), path)
    return path


def test_embeddings_of_others_join_a_comparison(corpora: list[PairedFeatures], tmp_path: Path) -> None:
    data = corpora[0]
    backwards = list(range(len(data)))[::-1]
    file = embeddings(data, tmp_path / "e.npz", backwards)
    found = overtone.compare(["cca", f"other={file}"], data, seeds=2)
    assert found.best == "other"
    assert found.methods["other"].scores["map"].mean == 1.0
    assert found.methods["other"].scores["map"].std is None
    assert found.methods["other"].seconds is None
    test = found.test("other", "cca")
    assert test is not None
    assert test.p_holm is not None
    assert Comparison.from_dict(found.to_dict()).to_dict() == found.to_dict()
    only = overtone.compare([f"other={file},{file}"], data)
    assert only.methods["other"].scores["map"].std == 0.0


def test_embeddings_without_ids_are_taken_row_by_row(tmp_path: Path) -> None:
    data = from_arrays(corpus(0, ids=False))
    values = np.eye(3)[np.asarray(data.labels)] + 0.01
    for name, rows in (("all", np.arange(90)), ("split", data.splits["test"].numpy())):
        np.savez(tmp_path / f"{name}.npz", audio=values[rows], visual=values[rows])
        found = overtone.compare([f"other={tmp_path / name}.npz"], data)
        assert found.methods["other"].scores["map"].mean == 1.0


def test_embeddings_that_do_not_fit_are_refused(corpora: list[PairedFeatures], tmp_path: Path) -> None:
    data = corpora[0]
    few = embeddings(data, tmp_path / "few.npz", list(range(40)))
    with pytest.raises(InputError, match=r"15 of 30 clips of the split test have no embedding.*'clip-45'"):
        overtone.compare([f"few={few}"], data)
    with pytest.raises(InputError, match="no such file of embeddings"):
        overtone.compare(["few=nowhere.npz"], data)
    with pytest.raises(InputError, match="cca is a method"):
        split_methods([f"cca={few}"])
    with pytest.raises(InputError, match="named twice"):
        split_methods(["cca", "cca"])
    with pytest.raises(InputError, match="given a name"):
        split_methods([f"={few}"])
    wide = tmp_path / "wide.npz"
    random = np.random.default_rng(0)
    np.savez(wide, audio=random.random((90, 3)), visual=random.random((90, 4)))
    with pytest.raises(InputError, match="lie in one space"):
        overtone.compare([f"wide={wide}"], data)


def test_of_several_corpora_each_has_embeddings_of_its_own() -> None:
    assert share_embeddings(["cca", "o=a,b"], 2) == [["cca", "o=a"], ["cca", "o=b"]]
    with pytest.raises(InputError, match=r"o: there are 3 corpora.*got 2 files"):
        share_embeddings(["o=a,b"], 3)
