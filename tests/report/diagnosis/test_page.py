"""A diagnosis's report: whole, harmless, the same every time, and sparing with what it is not given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from overtone.experiments import Diagnosis
from overtone.report import diagnosis_report
from overtone.report.diagnosis import doubts

Maker = Callable[..., Any]
NASTY = '<script>alert("1")</script>'
QUESTIONS = [
    "Which loss for which purpose?",
    "What looks wrong, and what to try next?",
    "How do the losses compare?",
    "How does each loss change the embedding space?",
    "Where does the gradient of each loss go?",
    "How compact is each class, and which are closest?",
    "What do the embeddings look like?",
    "How does retrieval change during the training?",
    "What do the quantities mean?",
    "How was this made?",
]


@pytest.fixture
def report(make_diagnosis: Maker, read: Maker) -> Callable[..., Any]:
    def make(beside: dict[str, Any] | None = None, **changes: Any) -> Any:
        return read(diagnosis_report(Diagnosis.from_dict(make_diagnosis(**changes), **(beside or {}))))

    return make


def test_every_question_is_answered_in_order(diagnosis: Any, make_details: Maker, read: Maker) -> None:
    page = read(diagnosis_report(Diagnosis.from_dict(diagnosis, **make_details(diagnosis, rows=60))))
    assert page.headings == QUESTIONS
    assert page.unbalanced == []
    assert page.loaded == []
    assert page.policy.startswith("default-src 'none';")


def test_all_figures_are_valid_plotly(diagnosis: Any, make_details: Maker, read: Maker) -> None:
    figures = read(diagnosis_report(Diagnosis.from_dict(diagnosis, **make_details(diagnosis, rows=60)))).figures
    for figure in figures:
        drawn = go.Figure({"data": figure["data"], "layout": figure["layout"]})
        for view in figure["views"].values():
            drawn.update_layout({name.replace(".", "_"): value for name, value in view.get("layout", {}).items()})
    assert len(figures) == 1 + 6 + 6 + 2 + 7 + 3


def test_nothing_may_be_sent_anywhere(diagnosis: Any) -> None:
    assert '"sendChartToCloud"' in diagnosis_report(Diagnosis.from_dict(diagnosis)).rpartition("<script>")[2]


def test_same_input_gives_the_same_page(diagnosis: Any) -> None:
    turned = {**dict(reversed(diagnosis.items())), "losses": dict(reversed(diagnosis["losses"].items()))}
    assert diagnosis_report(Diagnosis.from_dict(diagnosis)) == diagnosis_report(Diagnosis.from_dict(turned))


def test_without_embeddings_only_the_maps_are_missing(report: Maker) -> None:
    assert report().headings == [one for one in QUESTIONS if one != "What do the embeddings look like?"]


def test_one_loss_and_one_seed(report: Maker) -> None:
    page = report(losses={"triplet": (0.03, 30.0, 0.97, 0.04)}, seeds=1, features=None)
    assert page.headings[0] == "What is triplet good for?"
    assert "How does triplet change the embedding space?" in page.headings
    assert "One seed only" in page.words
    assert "±" not in " ".join(page.row("triplet"))
    assert "frozen features" not in page.words.replace("on the frozen features of", "")


def test_features_alone(report: Maker, make_diagnosis: Maker) -> None:
    features = {
        **make_diagnosis()["features"],
        "verdict": [{"rule": "collapse", "says": "It has collapsed."}],
        "per_class": {"dog": {"variance": 0.1, "rows": 3}, "cat": {"variance": 0.3, "rows": 3}},
    }
    page = report(losses={}, features=features, paired_tests=[], recommendation={})
    assert page.headings == [QUESTIONS[1], "What are the results?", QUESTIONS[5], *QUESTIONS[-2:]]
    assert "It has collapsed." in page.words
    assert page.row("frozen features")[1:3] == ["0.910", "0.660"]
    assert "is 3.0 times that of class dog" in page.words


def test_nothing_at_all(read: Maker) -> None:
    assert read(diagnosis_report(Diagnosis())).headings == ["How was this made?"]
    assert read(diagnosis_report(Diagnosis.from_dict({"losses": {"only": {}}}))).headings[-1] == "How was this made?"


def test_two_views_and_unseen_classes_are_said(report: Maker) -> None:
    page = report(modalities=["audio", "visual"], protocol="across", class_disjoint=True)
    assert "Retrieval is evaluated from audio to visual and back" in page.words
    assert "540 test rows of 10 classes, none of which was trained on" in page.words
    assert "tested on classes that were not trained on" in page.words


def test_views_that_share_no_space_are_references_of_their_own(report: Maker, make_diagnosis: Maker) -> None:
    of_one = {**make_diagnosis()["features"], "per_class": {"kind-0": {"variance": 0.2, "rows": 9}}}
    del of_one["map"], of_one["recall@1"]
    page = report(
        modalities=["audio", "visual"], protocol="across", features={"views": {"audio": of_one, "visual": of_one}}
    )
    assert "frozen features" not in " ".join(row[0] for row in page.tables[1])  # nothing is found across their spaces
    assert [row[0] for row in page.tables[2]][-2:] == ["frozen features, audio", "frozen features, visual"]
    strip = next(one for one in page.figures if one["alt"].startswith("intra-class variance of each class"))
    assert [trace["name"] for trace in strip["data"]][-2:] == ["frozen features, audio", "frozen features, visual"]


def test_names_are_text_everywhere(make_diagnosis: Maker, make_details: Maker, read: Maker) -> None:
    diagnosis = make_diagnosis(losses={NASTY: (0.03, 30.0, 0.97, 0.04), "b": (0.02, 3.0, 0.9, 0.1)}, corpus=NASTY)
    entry = diagnosis["losses"][NASTY]
    entry["verdict"] = [{"rule": NASTY, "quantity": NASTY, "says": NASTY, "advice": NASTY, "figure": 1.0}]
    entry["smallest_gap_classes"] = [NASTY, NASTY]
    entry["per_class"] = {NASTY: {"variance": 0.1, "rows": 1}, "x": {"variance": 0.2, "rows": 1}}
    entry["settings"] = {NASTY: NASTY}
    diagnosis["recommendation"] = {"sentences": [NASTY]}
    details = {
        **make_details(diagnosis, rows=40),
        "class_names": (NASTY,) * 10,
        "checksum": NASTY,
        "warnings": (NASTY,),
    }
    page = read(diagnosis_report(Diagnosis.from_dict(diagnosis, **details)))
    assert page.elements.count("script") == len(page.figures) + 2
    assert page.unbalanced == []
    shown = [
        trace.get(key) for one in page.figures for trace in one["data"] for key in ("name", "text", "hovertemplate")
    ]
    ticks = [axis.get("ticktext") for one in page.figures for axis in one["layout"].values() if isinstance(axis, dict)]
    assert "&lt;script" in str(shown)
    assert "<script" not in str((shown, ticks))


def test_hints_for_doubt_are_given(report: Maker, make_diagnosis: Maker) -> None:
    assert "Nothing looks suspicious." in report().words
    features = {**make_diagnosis()["features"], "map": 0.935, "recall@1": 0.99}
    page = report({"warnings": ("rows look shuffled",)}, rows={"train": 90, "test": 60}, features=features)
    assert "There are only 60 test rows" in page.words
    assert "By mAP, not significantly better than the frozen features:" in page.words
    assert "By R@1, not significantly better than the frozen features: " in page.words
    assert "rows look shuffled" in page.words
    assert "4 things to keep in mind" in page.words


def test_what_is_just_enough_gives_no_warning(report: Maker, make_diagnosis: Maker) -> None:
    assert "There are only 99 test rows" in report(rows={"train": 90, "test": 99}).words
    assert "There are only" not in report(rows={"train": 90, "test": 100}).words
    entry = make_diagnosis()["losses"]["triplet"]["over_seeds"]["map"]
    inside, below = (entry["ci95"][0] + step for step in (1e-6, -1e-6))

    def no_better(value: float) -> str:
        losses = {"triplet": (0.0334, 30.0, 0.974, 0.04)}
        features = {**make_diagnosis()["features"], "map": value}
        document = make_diagnosis(losses, features=features)
        document["losses"]["triplet"]["over_seeds"]["map"] = entry
        return " ".join(doubts(Diagnosis.from_dict(document)))

    assert no_better(inside) == "By mAP, not significantly better than the frozen features: triplet."
    assert no_better(below) == ""


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_missing_the_page_is_whole(make_diagnosis: Maker, read: Maker, data: st.DataObject) -> None:
    """Entries taken out or made None anywhere in a loss leave a page that is well-formed and draws."""
    diagnosis = make_diagnosis(losses={"a": (0.03, 30.0, 0.97, 0.04), "b": (0.02, 3.0, 0.9, 0.1)}, epochs=3)
    for entry in diagnosis["losses"].values():
        for place in (entry, entry["over_seeds"], entry["series"], entry["looks"]):
            for key in data.draw(st.sets(st.sampled_from(sorted(place)), max_size=6)):
                place[key] = None
    for key in data.draw(st.sets(st.sampled_from(sorted(set(diagnosis) - {"losses"})), max_size=4)):
        del diagnosis[key]
    page = read(diagnosis_report(Diagnosis.from_dict(diagnosis)))
    assert page.unbalanced == []
    assert page.headings[-1] == "How was this made?"
    for figure in page.figures:
        go.Figure({"data": figure["data"], "layout": figure["layout"]})


def test_series_of_nothing_but_gaps_are_left_out(report: Maker, make_diagnosis: Maker, read: Maker) -> None:
    diagnosis = make_diagnosis()
    for entry in diagnosis["losses"].values():
        entry["series"]["easy_share"] = [None] * 40
        entry["series"]["loss"] = [float("nan")] * 40
    alts = [figure["alt"] for figure in read(diagnosis_report(Diagnosis.from_dict(diagnosis))).figures]
    assert not any(alt.startswith(("easy share", "loss of")) for alt in alts)
    assert any(alt.startswith("active ratio") for alt in alts)


def test_labels_may_be_missing(make_diagnosis: Maker, read: Maker) -> None:
    diagnosis = make_diagnosis(losses={"a": (0.03, 30.0, 0.97, 0.04)})
    rows = np.random.default_rng(0).normal(size=(12, 3))
    page = read(diagnosis_report(Diagnosis.from_dict(diagnosis, embeddings={"a": rows, "unknown": rows})))
    drawn = [figure for figure in page.figures if figure["alt"].startswith("Map of")]
    assert [figure["alt"] for figure in drawn] == ["Map of 12 test rows under a, coloured by class"]
    assert [trace["name"] for trace in drawn[0]["data"]] == ["no class"]
