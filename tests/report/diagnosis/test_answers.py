"""What a diagnosis's report says: the numbers are those of the diagnosis, and marks only what the intervals carry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from overtone.experiments import FROZEN, QUANTITIES, Curve, Diagnosis, Measured, quantity
from overtone.objectives import metric_losses
from overtone.report import diagnosis_report
from overtone.report.diagnosis import cell, champion
from overtone.report.diagnosis_classes import MOST_ROWS, class_variances, maps
from overtone.report.diagnosis_figures import lines, plane
from overtone.report.palette import SHAPES, Style, loss_styles

Maker = Callable[..., Any]
LOSSES = tuple(metric_losses())


@pytest.fixture
def page(diagnosis: Any, read: Maker) -> Any:
    return read(diagnosis_report(Diagnosis.from_dict(diagnosis)))


def figure(page: Any, start: str) -> dict[str, Any]:
    return next(one for one in page.figures if one["alt"].startswith(start))


def table_with(page: Any, column: str) -> list[list[str]]:
    return next(one for one in page.tables if column in one[0])


def test_losses_stand_best_first_and_features_last(page: Any, diagnosis: Any) -> None:
    names = [row[0] for row in table_with(page, "mAP@R")[1:]]
    means = [diagnosis["losses"][name]["over_seeds"]["map"]["mean"] for name in names[:-1]]
    assert means == sorted(means, reverse=True)
    assert names[-1] == "frozen features"


def test_cells_have_mean_spread_and_interval(page: Any, diagnosis: Any) -> None:
    entry = diagnosis["losses"]["triplet"]["over_seeds"]["map"]
    row = next(row for row in table_with(page, "mAP@R") if row[0] == "triplet")
    low, high = entry["ci95"]
    assert row[2] == f"{entry['mean']:.3f} ± {entry['std']:.3f}{low:.3f} to {high:.3f}"


def test_frozen_features_have_no_row_where_they_have_no_number(page: Any) -> None:
    assert [row[0] for row in table_with(page, "updates to half")[1:]].count("frozen features") == 0


def test_the_best_is_marked_only_beyond_doubt(make_diagnosis: Maker) -> None:
    close = make_diagnosis({"a": (0.03, 30.0, 0.970, 0.1), "b": (0.02, 20.0, 0.9701, 0.1)})
    apart = make_diagnosis({"a": (0.03, 30.0, 0.97, 0.1), "b": (0.02, 20.0, 0.70, 0.1)})
    alone = make_diagnosis({"a": (0.03, 30.0, 0.97, 0.1), "b": (0.02, 20.0, 0.70, 0.1)}, seeds=1)
    close, apart, alone = (Diagnosis.from_dict(one) for one in (close, apart, alone))
    champions = [champion(one, "map") for one in (close, apart, alone)]
    assert champions == [None, "a", None]
    assert "a is best: its mAP is 0.9" in diagnosis_report(apart)
    assert "but its lead over at least one other loss is not significant" in diagnosis_report(close)
    assert "but with one seed no test of its lead was possible" in diagnosis_report(alone)


def test_the_paired_test_goes_before_the_seeds(make_diagnosis: Maker) -> None:
    losses = {"a": (0.03, 30.0, 0.97, 0.1), "b": (0.02, 20.0, 0.70, 0.1)}
    tests = [{"a": "b", "b": "a", "quantity": "map", "difference": -0.2, "ci95": [-0.5, 0.1]}]
    diagnosis = Diagnosis.from_dict(make_diagnosis(losses, paired_tests=tests))
    assert diagnosis.difference("a", "b", "map") == (-0.1, 0.5)
    assert champion(diagnosis, "map") is None
    assert champion(diagnosis, "recall@1") == "a"


def test_no_space_is_best(diagnosis: Any) -> None:
    assert all(champion(Diagnosis.from_dict(diagnosis), key) is None for key in ("intra_variance", "active_ratio"))


def test_a_seed_without_a_number_leaves_nothing_to_pair() -> None:
    values = {"mean": 4.0, "std": 1.0, "ci95": None, "values": [3, None, 5]}
    entry = {"over_seeds": {"updates_to_half": values}}
    diagnosis = Diagnosis.from_dict({"losses": {"a": entry, "b": entry}, "seeds": [0, 1, 2]})
    assert diagnosis.difference("a", "b", "updates_to_half") is None
    assert diagnosis.measured("a", "updates_to_half").mean == 4.0


def test_spread_over_classes_is_not_taken_for_spread_over_seeds() -> None:
    entry = {"centroid_distance": {"mean": 1.4, "std": 0.2}}
    one = Diagnosis.from_dict({"losses": {"a": entry}}).measured("a", "centroid_distance")
    assert (one.mean, one.std) == (1.4, None)


@pytest.mark.parametrize(
    ("one", "written"),
    [
        (Measured(0.0123456, 0.00234, (0.01, 0.015)), "0.0123 ± 0.0023"),
        (Measured(12.34, 0.56, None), "12.3 ± 0.6"),
        (Measured(0.000004567, 0.0000012, None), "4.57 × 10⁻⁶ ± 1.2 × 10⁻⁶"),
        (Measured(None, 0.1, None), "–"),
    ],
)
def test_spread_is_as_fine_as_its_mean(one: Measured, written: str) -> None:
    assert cell(one, quantity("intra_variance")).startswith(written)


def test_verdicts_name_the_figure_the_threshold_and_what_to_try(page: Any) -> None:
    assert "Over compaction intra-class variance 0.0052, threshold 0.01" in page.words
    assert "Next: Widen the positive margin" in page.words
    calm = page.words.split("No rule fired for ")[1].split(".")[0]
    assert "contrastive" not in calm
    assert "triplet" in calm


def test_rules_that_fired_are_shown_at_a_glance(page: Any) -> None:
    head, *rows = table_with(page, "easy gradient")
    assert head == ["loss", "over compaction", "easy gradient"]
    assert sorted(rows) == [["contrastive", "0.0052", "0.71"], ["n-pair", "", "0.71"]]


def test_recommendation_is_repeated_word_by_word(page: Any, diagnosis: Any) -> None:
    assert all(sentence in page.words for sentence in diagnosis["recommendation"]["sentences"])


def test_curves_are_those_of_the_evaluations(page: Any, diagnosis: Any) -> None:
    drawn = {trace["name"]: trace for trace in figure(page, "intra-class variance of 7")["data"]}
    looks = diagnosis["losses"]["scl"]["looks"]
    assert drawn["scl"]["x"] == pytest.approx(looks["updates"])
    assert drawn["scl"]["y"] == pytest.approx(looks["intra_variance"], rel=1e-3)
    assert set(drawn["frozen features"]["y"]) == {0.31}


def test_losses_are_drawn_in_relation_to_their_first_epoch(page: Any) -> None:
    for trace in figure(page, "loss of 7")["data"]:
        assert trace["y"][0] == 1
        assert max(trace["y"]) == 1


def test_long_curves_are_averaged_into_few_points(make_diagnosis: Maker, read: Maker) -> None:
    page = read(diagnosis_report(Diagnosis.from_dict(make_diagnosis({"a": (0.03, 30.0, 0.97, 0.1)}, epochs=200))))
    (trace,) = figure(page, "active ratio of 1")["data"]
    assert len(trace["x"]) == 40
    assert trace["x"][-1] == 200
    assert "Of 200 epochs, neighbours are averaged into 40 points." in page.words


def test_gaps_in_a_series_are_left_out(page: Any) -> None:
    (trace, *_) = figure(page, "easy share of 7")["data"]
    assert trace["x"][0] == 2
    assert None not in trace["y"]


def test_logarithmic_steps_keep_the_evaluation_before_training() -> None:
    course = Curve((0.0, 10.0, 20.0, 40.0), (1.0, 0.5, 0.2, 0.1))
    drawn = lines({"a": course}, loss_styles(["a"]), places="updates", sizes=True, alt="")
    assert drawn.views["logarithmic steps"]["x"] == [[5.0, 10.0, 20.0, 40.0]]
    assert drawn.views["even steps"]["x"] == [list(course.at)]
    assert drawn.layout["yaxis"]["type"] == "log"


def test_values_with_a_zero_are_drawn_on_an_even_axis() -> None:
    course = Curve((0.0, 10.0), (0.0, 100.0))
    drawn = lines({"a": course}, loss_styles(["a"]), places="updates", sizes=True, alt="")
    assert drawn.layout["yaxis"]["type"] == "linear"
    assert drawn.views == {}


@pytest.mark.parametrize("sizes", [True, False])
def test_a_constant_quantity_has_its_number_on_the_axis(sizes: bool) -> None:
    course = Curve((0.0, 10.0), (-2e-4, -2e-4))
    axis = lines({"a": course}, loss_styles(["a"]), places="updates", sizes=sizes, alt="").layout["yaxis"]
    assert (axis["range"], axis["ticktext"]) == ([-3e-4, -1e-4], ["-0.0002"])


@pytest.mark.parametrize(("reference", "drawn"), [(0.9, 2), (1.4, 2), (1.6, 1), (-0.4, 2), (-0.6, 1), (None, 1)])
def test_a_reference_far_off_does_not_press_the_curves_together(reference: float | None, drawn: int) -> None:
    course = Curve((0.0, 10.0), (0.0, 1.0))
    styles = {**loss_styles(["a"]), FROZEN: Style("#000000", "", "circle")}
    traces = lines({"a": course}, styles, places="updates", sizes=False, reference=reference, alt="").data
    assert len(traces) == drawn


def test_what_the_last_epoch_did_not_measure_is_taken_from_the_epoch_before(diagnosis: Any, read: Maker) -> None:
    entry = diagnosis["losses"]["scl"]
    entry["over_seeds"]["easy_share"] = {"mean": None, "std": None, "ci95": None, "values": [None] * 5}
    entry["easy_share"] = None
    entry["series"]["easy_share"] = [0.1, 0.25, None]
    rows = table_with(read(diagnosis_report(Diagnosis.from_dict(diagnosis))), "easy share")
    assert next(row for row in rows if row[0] == "scl")[3] == "0.250"


def test_never_is_a_dash(diagnosis: Any, read: Maker) -> None:
    for entry in diagnosis["losses"].values():
        entry["updates_to_half"] = None
        entry["over_seeds"]["updates_to_half"] = {"mean": None, "std": None, "ci95": None, "values": [None] * 5}
    rows = table_with(read(diagnosis_report(Diagnosis.from_dict(diagnosis))), "updates to half")
    assert {row[-1] for row in rows[1:]} == {"–"}


def test_what_is_unknown_has_no_whisker() -> None:
    points = {"a": (Measured(0.1), Measured(0.5, 0.1, (0.4, 0.7)))}
    (trace,) = plane(points, loss_styles(["a"]), axes=("x", "y"), alt="").data
    assert trace["error_x"] is None
    assert trace["error_y"]["array"] == [pytest.approx(0.2)]
    assert trace["error_y"]["arrayminus"] == [pytest.approx(0.1)]


def test_a_loss_looks_the_same_in_all_figures(page: Any) -> None:
    looks: dict[str, set[Any]] = {}
    for one in page.figures:
        for trace in one["data"]:
            looks.setdefault(trace["legendgroup"], set()).add(trace["marker"]["color"])
    assert set(looks) == {f"loss:{name}" for name in (*LOSSES, "frozen features")}
    assert all(len(colours) == 1 for colours in looks.values())


def test_losses_differ_in_colour_dash_and_symbol() -> None:
    styles = loss_styles([*LOSSES, *"abcdefg"])
    known = [styles[name] for name in LOSSES]
    for mark in ("colour", "dash", "symbol"):
        assert len({getattr(style, mark) for style in known}) == len(known)
    assert len(set(styles.values())) == len(styles)
    assert all(style.symbol in SHAPES for style in styles.values())


def test_a_known_loss_keeps_its_style_whoever_stands_beside_it() -> None:
    assert loss_styles(["scl"])["scl"] == loss_styles(["mine", "scl", "ccl"])["scl"]
    assert isinstance(loss_styles(["mine"])["mine"], Style)


def test_the_most_uneven_loss_is_named(diagnosis: Any, read: Maker) -> None:
    per_class = {"tight": {"variance": 0.001, "rows": 5}, "wide": {"variance": 0.5, "rows": 5}}
    diagnosis["losses"]["ccl"]["per_class"] = per_class
    words = read(diagnosis_report(Diagnosis.from_dict(diagnosis))).words
    assert (
        "Classes differ most under ccl: the variance of class wide (0.500) is 500 times that of class tight (0.00100)."
        in words
    )


def test_the_loss_that_compacts_the_most_is_named(page: Any) -> None:
    assert "contrastive compacts the most: its intra-class variance goes from 0.300 to " in page.words


def test_the_ends_of_compactness_are_named_at_the_top(page: Any, diagnosis: Any) -> None:
    mean = {name: entry["over_seeds"]["intra_variance"]["mean"] for name, entry in diagnosis["losses"].items()}
    low, high = f"{mean['contrastive']:.3g}", f"{mean['n-pair']:.3g}"
    assert f"contrastive makes the most compact classes (intra-class variance {low.ljust(7, '0')})." in page.words
    assert f"n-pair keeps the most diversity within the classes ({high.ljust(6, '0')})." in page.words


def test_of_many_classes_the_ends_are_drawn(make_diagnosis: Maker, read: Maker) -> None:
    page = read(str(class_variances(Diagnosis.from_dict(make_diagnosis(classes=100))).body))
    strip, rows = page.figures
    assert all(len(trace["x"]) == 100 for trace in strip["data"])
    assert all(len(trace["x"]) == MOST_ROWS for trace in rows["data"])
    assert "the 20 lowest and the 20 highest of 100" in page.words


def test_the_trade_has_variance_across_and_retrieval_upwards(page: Any, diagnosis: Any) -> None:
    drawn = figure(page, "mAP against intra-class variance of 7 losses")
    assert [drawn["layout"][axis]["title"]["text"] for axis in ("xaxis", "yaxis")] == ["intra-class variance", "mAP"]
    for trace in drawn["data"]:
        entry = diagnosis["losses"][trace["name"]]["over_seeds"]
        for axis, key in (("x", "intra_variance"), ("y", "map")):
            low, high = entry[key]["ci95"]
            assert trace[axis] == pytest.approx([entry[key]["mean"]], rel=1e-3)
            assert trace[f"error_{axis}"]["array"] == pytest.approx([high - entry[key]["mean"]], rel=1e-3)
            assert trace[f"error_{axis}"]["arrayminus"] == pytest.approx([entry[key]["mean"] - low], rel=1e-3)


def test_classes_stand_by_their_variance(diagnosis: Any, read: Maker) -> None:
    for scale, entry in enumerate(diagnosis["losses"].values(), 1):
        variances = {"wide": 0.5, "tight": 0.001, "between": 0.1}
        entry["per_class"] = {name: {"variance": scale * one, "rows": 5} for name, one in variances.items()}
    del diagnosis["features"]
    drawn = read(str(class_variances(Diagnosis.from_dict(diagnosis)).body)).figures[1]
    assert drawn["layout"]["yaxis"]["ticktext"] == ["tight", "between", "wide"]
    assert all(trace["x"] == sorted(trace["x"]) for trace in drawn["data"])


def test_closest_classes_are_named_with_their_gap(page: Any, diagnosis: Any) -> None:
    row = next(row for row in table_with(page, "closest classes") if row[0] == "triplet")
    entry = diagnosis["losses"]["triplet"]["over_seeds"]
    gap, mean = entry["smallest_gap"]["mean"], entry["centroid_distance"]["mean"]
    assert row[1:5] == ["kind-0 and kind-9", f"{gap:.3f}", f"{mean:.3f}", f"{gap / mean:.3f}"]


def test_maps_share_their_scale_and_their_rows(diagnosis: Any, make_details: Maker, read: Maker) -> None:
    section = maps(Diagnosis.from_dict(diagnosis, **make_details(diagnosis, rows=100)))
    page = read(str(section.body))
    assert len({tuple(one["layout"]["xaxis"]["range"]) for one in page.figures}) == 1
    for one in page.figures:
        assert list(one["views"]) == ["directions of most variance (PCA)", "neighbourhoods (t-SNE)"]
        assert sum(len(trace["x"]) for trace in one["data"]) == 100
        assert [trace["name"] for trace in one["data"]] == [f"kind-{number}" for number in range(10)]
        reach = one["layout"]["xaxis"]["range"][1]
        assert all(np.abs(trace[axis]).max() < reach for trace in one["data"] for axis in "xy")


def test_every_quantity_says_what_low_and_high_mean(page: Any) -> None:
    explained = {row[0] for row in table_with(page, "how it is measured")[1:]}
    assert explained == {one.name for one in QUANTITIES.values()}
    assert all(one.means and one.unit and one.low and one.high for one in QUANTITIES.values())


def test_paired_tests_are_all_listed(make_diagnosis: Maker, read: Maker) -> None:
    tests = [
        {"a": "scl", "b": "ccl", "quantity": key, "difference": -0.01, "ci95": [-0.03, 0.01], "p_value": 0.2}
        for key in ("map", "intra_variance")
    ]
    page = read(diagnosis_report(Diagnosis.from_dict(make_diagnosis(paired_tests=tests))))
    assert "All 2 paired tests" in page.words
    assert ["mAP", "scl", "ccl", "−0.0100", "−0.0300 to 0.0100", "p = 0.200"] in table_with(page, "difference")
