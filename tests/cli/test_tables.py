"""Tables for a terminal: what stands in which column, and in which order."""

from __future__ import annotations

from typing import Any

import pytest
from rich.table import Table

from overtone.cli.tables import class_table, comparison_table, diagnosis_table, evaluation_table, table
from overtone.evaluation import Evaluation
from overtone.experiments import Comparison, Diagnosis


def cells(made: Any) -> list[list[str]]:
    """The rows of a table, its headings first."""
    assert isinstance(made, Table)
    columns = [[str(column.header), *(str(cell) for cell in column.cells)] for column in made.columns]
    return [list(row) for row in zip(*columns)]


def score(a2v: float, v2a: float, **more: Any) -> dict[str, Any]:
    return {"a2v": a2v, "v2a": v2a, "mean": (a2v + v2a) / 2, **more}


@pytest.fixture
def evaluation() -> Evaluation:
    classes = {"low": score(0.2, 0.1), "none": score(float("nan"), float("nan")), "high": score(0.9, 0.8)}
    return Evaluation.from_dict(
        {
            "modalities": ["sound", "picture"],
            "queries": 40,
            "gallery": 40,
            "skipped_queries": {"a2v": 1, "v2a": 2},
            "map": score(0.75, 0.5, ci95=[0.6, 0.65]),
            "per_class": {name: {**entry, "queries": 20} for name, entry in classes.items()},
        }
    )


def test_both_directions_stand_under_their_headings(evaluation: Evaluation) -> None:
    made, skipped = evaluation_table(evaluation)
    assert cells(made) == [
        ["", "sound →\npicture", "picture →\nsound", "mean", "95 %\ninterval"],
        ["mAP", "0.750", "0.500", "0.625", "0.600 to 0.650"],
    ]
    assert str(skipped).startswith("3 queries have nothing relevant")


def test_classes_stand_best_first_and_those_without_a_query_last(evaluation: Evaluation) -> None:
    (made,) = class_table(evaluation)
    assert [row[0] for row in cells(made)] == ["class", "high", "low", "none"]
    assert cells(made)[1] == ["high", "0.900", "0.800", "0.850", "20"]
    assert cells(made)[3][1:4] == ["–"] * 3


def test_a_comparison_marks_the_best_and_ends_with_chance() -> None:
    methods = {
        "cca": {"map": score(0.5, 0.25, std=0.01, ci95=[0.3, 0.4]), "seconds": 2.0},
        "dcca": {"map": score(0.75, 0.5, std=0.02, ci95=[0.6, 0.7]), "recall@1": score(0.9, 0.7), "seconds": 3.0},
    }
    found = {"corpus": "clips.npz", "modalities": ["sound", "picture"], "seeds": [0, 1], "queries": 40}
    chance = score(0.125, 0.0625)
    made = comparison_table(Comparison.from_dict({**found, "methods": methods, "chance_map": chance}))[0]
    assert cells(made) == [
        ["method", "mAP\n± std", "95 %\ninterval", "sound →\npicture", "picture →\nsound", "R@1", "time"],
        ["dcca *", "0.625 ± 0.020", "0.600 to 0.700", "0.750", "0.500", "0.800", "3.0 s"],
        ["cca", "0.375 ± 0.010", "0.300 to 0.400", "0.500", "0.250", "–", "2.0 s"],
        ["chance", "0.094", "", "0.125", "0.062", "", ""],
    ]


def test_a_diagnosis_shows_the_spread_where_it_belongs() -> None:
    over = {"mean": 0.5, "std": 0.25, "ci95": None, "values": [0.25, 0.75]}
    entry = {"over_seeds": {"map": over, "effective_rank": {**over, "mean": 8.0}}}
    counts = {"rows": {"test": 40}, "classes": {"test": 4}, "seeds": [0, 1], "modalities": ["image"]}
    made = diagnosis_table(Diagnosis.from_dict({"losses": {"triplet": entry}, "features": {"map": 0.25}, **counts}))[0]
    (head, loss, features) = (dict(zip(cells(made)[0], row)) for row in cells(made))
    assert head["effective\nrank"] == "effective\nrank"
    assert (loss["mAP"], loss["effective\nrank"], loss["R@1"]) == ("0.500 ± 0.250", "8.000", "–")
    assert (features["loss"], features["mAP"]) == ("(features)", "0.250")


def test_names_in_cells_are_not_markup() -> None:
    assert cells(table(["class"], [["[bold]dog[/bold]"]]))[1] == ["[bold]dog[/bold]"]
