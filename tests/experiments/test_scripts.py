"""The scripts that write the tables of results and of the study of losses."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

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

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import results as tables
import study_losses as study


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
    page = f"before\n\n{tables.BEGIN}\nold\n{tables.END}\nafter\n"
    found = tables.put_tables(page, "new")
    assert found == f"before\n\n{tables.BEGIN}\n\nnew\n{tables.END}\nafter\n"
    assert tables.put_tables("only words\n", "new").endswith(f"{tables.BEGIN}\n\nnew\n{tables.END}\n")


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
    ("pro", "con", "said"),
    [(3, 0, "reproduced"), (2, 1, "not reproduced"), (0, 3, "reversed"), (4, 0, "reproduced")],
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
