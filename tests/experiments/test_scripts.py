"""The scripts that write the tables of results and of the studies."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from overtone.experiments import (
    Comparison,
    Diagnosis,
    Measured,
    MethodResult,
    PairedTest,
    ProbeResult,
    SeedScore,
    SpaceResult,
)
from overtone.features import load

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import figure_demo as figure
import pages
import results as tables
import study_losses as study
import study_range as walks
import study_unpaired as unpaired


def method(mean: float, recall: float) -> MethodResult:
    scores = {"map": SeedScore({}, mean, (mean - 0.1, mean + 0.1), 0.01), "recall@1": SeedScore({}, recall)}
    return MethodResult(scores)


def cells(page: str) -> list[list[str]]:
    lines = [line for line in page.split("\n") if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_a_section_has_scores_recall_and_leads_with_their_sign() -> None:
    test = PairedTest("hsc-mae", "cca", "map", 0.2, (0.1, 0.3), 0.0001)
    back = PairedTest("dcca", "hsc-mae", "map", 0.05, (-0.01, 0.1), 0.2)
    found = Comparison(
        seeds=(0, 1),
        queries=1500,
        chance_map={"mean": 0.1},
        methods={"hsc-mae": method(0.7, 0.8), "cca": method(0.5, 0.6), "dcca": method(0.75, 0.9)},
        ablation={"hsc-mae/no-walks": method(0.6, 0.7)},
        paired_tests=[test, back],
    )
    page = tables.section("Without labels", {"split-digits": found})
    assert "--seeds 2 --ablate --out runs/results/split-digits" in page
    assert "Split digits, 1,500 queries" in page
    rows = cells(page)
    assert ["`hsc-mae`", "0.700 ± 0.010 (0.600–0.800); 0.800"] in rows
    assert ["chance", "0.100"] in rows
    assert ["`cca`", "+0.200 (+0.100 to +0.300)"] in rows
    assert ["`dcca`", "−0.050 (−0.100 to +0.010; p = 0.200)"] in rows
    assert ["`hsc-mae/no-walks`", ""] in rows


def test_tables_are_put_between_the_marks_and_words_are_left() -> None:
    begin, end = tables.MARKS
    found = pages.put_between(f"before\n\n{begin}\nold\n{end}\nafter\n", "new", tables.MARKS)
    assert found == f"before\n\n{begin}\n\nnew\n{end}\nafter\n"
    assert pages.put_between("only words\n", "new", tables.MARKS).endswith(f"{begin}\n\nnew\n{end}\n")


def probe(values: tuple[float | None, ...], quantity: str = "recall@1", **more: Any) -> ProbeResult:
    known = [value for value in values if value is not None]
    mean = sum(known) / len(known) if known else None
    return ProbeResult({quantity: Measured(mean, more.pop("std", None), None, values)}, **more)


def test_contrasts_are_counted_by_their_sign() -> None:
    finding = study.Finding("a > b", (("a", "b", "recall@1"), ("c", "a", "recall@1"), ("b", "b2", "recall@1")))
    losses = {
        "a": probe((0.9, 0.91, 0.92)),
        "b": probe((0.5, 0.5, 0.53)),
        "b2": probe((0.5, 0.53, 0.5)),
        "c": probe((0.1, 0.11, 0.13)),
    }
    for result in losses.values():
        result.evaluations.update({"updates": [0, 100], "map": [0.1, 0.2]})
    assert study.count(finding, losses) == (1, 1)


def test_what_never_halved_counts_as_all_updates() -> None:
    series = {"updates": [0, 60, 120], "map": [0.1, 0.2, 0.3]}
    result = probe((50.0, None), "updates_to_half", evaluations=series)
    assert study.per_seed(result, "updates_to_half") == [50.0, 120.0]


@pytest.mark.parametrize(
    ("pro", "con", "said"), [(3, 0, "reproduced"), (2, 1, "not reproduced"), (0, 3, "reversed"), (4, 0, "reproduced")]
)
def test_three_quarters_of_the_contrasts_decide(pro: int, con: int, said: str) -> None:
    assert study.mark(pro, con, 4) == f"**{said}**, {pro} : {con} of 4"


def test_cells_show_what_seeds_differ_by_only_where_it_is_much() -> None:
    assert study.cell(probe((1.0, 1.0), std=0.049), "recall@1") == "1.000"
    assert study.cell(probe((1.0, 1.0), std=0.051), "recall@1") == "1.000 ± 0.051"
    assert study.cell(probe((1.0, None), std=None), "recall@1") == "1.000 (1 never)"
    assert study.cell(probe((None, None)), "recall@1") == "never"
    assert study.cell(SpaceResult(), "recall@1") == ""


def test_a_corpus_has_its_commands_sizes_losses_and_features() -> None:
    found = Diagnosis(
        seeds=(0, 1),
        rows={"train": 1200, "test": 500},
        classes={"train": 10, "test": 9},
        settings={"epochs": 7},
        losses={"triplet": probe((0.5, 0.5))},
        features=SpaceResult({"recall@1": Measured(0.25)}),
    )
    page = study.corpus_section("cifar10", found)
    assert "overtone extract DATA/cifar10/cifar10_jpg.npz" in page
    assert "--seeds 2 --out runs/studies/losses/cifar10" in page
    assert "1,200 training rows (10 classes), 500 test rows (9 classes), 7 epochs." in page
    column = cells(page)[0].index("R@1")
    assert [(row[0], row[column]) for row in cells(page)[1:]] == [("`triplet`", "0.500"), ("*features*", "0.250")]
    table = study.settings_table({"triplet.margin=0.5": probe((0.5, 0.5, 0.5), "map")})
    assert "--set triplet.margin=0.5 --seeds 3" in table


def test_a_command_names_the_corpus_file_and_modalities() -> None:
    words = tables.command("handwritten", tables.CORPORA["handwritten"], Path("DATA"), 5)
    assert words[:2] == ["overtone", "compare"]
    assert words[-2:] == ["--modalities", "view1,view4"]
    assert "DATA/handwritten/Handwritten.mat" in words
    assert "split-digits" in tables.command("split-digits", tables.CORPORA["split-digits"], Path("DATA"), 5)


def test_without_class_recall_a_score_shows_that_of_the_counterpart() -> None:
    scores = {"map": SeedScore({}, 0.5, (0.4, 0.6)), "instance_recall@1": SeedScore({}, 0.3)}
    page = tables.section(
        "Without labels", {"ccv": Comparison(seeds=(0,), queries=9, methods={"cca": MethodResult(scores)})}
    )
    assert ["`cca`", "0.500 (0.400–0.600); 0.300"] in cells(page)


def test_a_table_has_its_names_left_and_its_numbers_right() -> None:
    assert pages.table(["a", "b", "c"], [["x", "1", "2"]]) == "| a | b | c |\n|---|---:|---:|\n| x | 1 | 2 |"


def test_a_loss_in_both_groups_is_not_set_against_itself() -> None:
    assert study.contrasts(("a", "b"), ("b",), "map", "recall@1") == (("a", "b", "map"), ("a", "b", "recall@1"))


def test_compact_losses_are_said_to_keep_more_terms_active() -> None:
    compaction = study.FINDINGS[1].contrasts
    assert ("contrastive", "triplet", "mean_active_ratio") in compaction
    assert ("triplet", "contrastive", "updates_to_half") in compaction
    assert ("triplet", "contrastive", "mean_active_ratio") not in compaction


def test_a_negative_mean_shows_its_spread_only_where_it_is_much() -> None:
    assert "±" not in study.cell(probe((-1.0, -1.0), std=0.01), "recall@1")
    assert "±" in study.cell(probe((-1.0, -1.0), std=0.1), "recall@1")


def test_each_finding_has_its_own_counts_and_only_whole_corpora_are_judged() -> None:
    counts = [(len(finding.contrasts), 0) for finding in study.FINDINGS[:-1]] + [(0, 1)]
    rows = cells(study.findings_table({"digits": counts}))[1:]
    assert ["reproduced" in row[1] and "not" not in row[1] for row in rows] == [True, True, True, False]
    quantities = {quantity for finding in study.FINDINGS for _, _, quantity in finding.contrasts}
    measures = {name: Measured(0.5, None, None, (0.5, 0.5)) for name in quantities}
    result = ProbeResult(measures, evaluations={"updates": [0, 9], "map": [0.1, 0.2]})
    sizes: dict[str, Any] = {"rows": {"train": 9, "test": 9}, "classes": {"train": 2, "test": 2}}
    whole = Diagnosis(settings={"epochs": 1}, losses=dict.fromkeys((*study.ALL, "another"), result), **sizes)
    part = Diagnosis(settings={"epochs": 1}, losses={"triplet": result}, **sizes)
    findings, *sections = study.sections({"digits": whole, "toy-classes": part})
    assert len(sections) == 1
    assert cells(findings)[0] == ["finding", "digits"]


def test_a_corpus_file_that_is_there_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[list[str]] = []
    monkeypatch.setattr(study, "ROOT", tmp_path)
    monkeypatch.setattr(study, "run", called.append)
    corpus = study.Corpus("t", "t", "made.npz", made=("extract", "DATA/x", "--out", "made.npz"))
    study.make(corpus, Path("somewhere"))
    assert called == [["extract", "somewhere/x", "--out", "made.npz"]]
    (tmp_path / "made.npz").touch()
    study.make(corpus, Path("somewhere"))
    assert len(called) == 1


def test_a_class_of_spoken_digits_is_a_digit_of_a_speaker(tmp_path: Path) -> None:
    (tmp_path / "digits_av").mkdir()
    audio = np.zeros((2, 20, 40))
    given = {"speaker": np.array(["ann", "bo"]), "y": np.array([3, 4]), "is_test": np.array([False, True])}
    np.savez(tmp_path / "digits_av" / "digits_av.npz", audio=audio, **given)
    study.spoken_digits(tmp_path, tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz") as found:
        assert found["y"].tolist() == ["ann says 3", "bo says 4"]
        assert found["image"].shape == (2, 800)
        assert found["is_test"].tolist() == [False, True]


def test_the_figure_has_bars_in_order_and_as_long_as_the_scores() -> None:
    found = Comparison(
        corpus="c", methods={"low": method(0.25, 0.5), "high": method(0.5, 0.5)}, chance_map={"mean": 0.1}
    )
    drawing = figure.draw(found)
    assert drawing.index(">high<") < drawing.index(">low<")
    assert f'class="best" x="{figure.LEFT}" y="{figure.TOP}" width="{0.5 * figure.SCALE:.1f}"' in drawing
    assert f'x1="{figure.LEFT + 0.4 * figure.SCALE:.1f}" x2="{figure.LEFT + 0.6 * figure.SCALE:.1f}"' in drawing
    assert "chance 0.100" in drawing


def test_a_weakened_corpus_keeps_a_share_of_pairs_and_every_test_row() -> None:
    data = load("split-digits")
    weak = unpaired.weaken(data, 0.1, seed=3)
    train, test = weak.split("train"), weak.split("test")
    assert int(train.paired.sum()) == round(0.1 * len(train))
    counts = [int(train.has(name).sum() - train.paired.sum()) for name in weak.names]
    assert abs(counts[0] - counts[1]) <= 1
    assert bool(test.paired.all())
    assert weak.modalities["left"][~weak.has("left")].isnan().all()
    assert not weak.has("left").equal(unpaired.weaken(data, 0.1, seed=4).has("left"))


def test_the_study_of_unpaired_rows_has_scores_and_leads() -> None:
    def measured(value: float) -> unpaired.Measured:
        queries = {way: torch.full((40,), value).double() for way in ("a2v", "v2a")}
        return unpaired.Measured([value, value + 0.02], [queries, queries])

    names = [name for name, _, _ in unpaired.variants()]
    levels = {unpaired.LEADER: 0.5, "dcca": 0.4}
    found = {"Split digits": {name: measured(levels.get(name, 0.3)) for name in names}}
    shown = unpaired.score_tables(found, "trained with")
    page = pages.put_between("# Results\n", shown, unpaired.MARKS)
    assert page == pages.put_between(page, shown, unpaired.MARKS)
    rows = cells(page)
    assert ["`hsc-mae, all rows`", "0.510 ± 0.014 (0.500–0.500)"] in rows
    assert rows[-1] == ["the best of the others", "+0.100 (+0.100 to +0.100), `dcca`"]
    few = {"Split digits": {name: found["Split digits"][name] for name in (unpaired.LEADER, "cca", "dcca")}}
    each = cells(unpaired.score_tables(few, "trained with"))
    assert each[-2:] == [["`cca`", "+0.200 (+0.200 to +0.200)"], ["`dcca`", "+0.100 (+0.100 to +0.100)"]]


def test_mixtures_have_their_classes_and_each_seed_its_own() -> None:
    nested = walks.Mixture(12, 4, kinds=3, coarse=True)
    data = nested.draw(Path(), seed=0)
    assert data.classes == 3
    assert (len(data.splits["train"]), len(data.splits["test"])) == (48, 36)
    assert data.modalities["first"].equal(nested.draw(Path(), seed=0).modalities["first"])
    assert not data.modalities["first"].equal(nested.draw(Path(), seed=1).modalities["first"])
    assert walks.Mixture(12, 4, kinds=3).draw(Path(), seed=0).classes == 12


def test_a_few_rows_of_each_class_are_kept_and_all_test_rows() -> None:
    data = walks.FewRows(5, "split-digits").draw(Path(), seed=0)
    assert torch.bincount(data.labels[data.splits["train"]]).tolist() == [5] * 10
    assert len(data.splits["test"]) == 540


def test_a_row_of_the_range_study_has_both_scores_and_their_difference() -> None:
    found = walks.Measured(usual=[0.5, 0.6], default=[0.6, 0.72], sizes=[8, 11])
    assert walks.row("100 × 11", found) == ["100 × 11", "8, 11", "0.550", "0.660", "+0.110 ± 0.014"]
