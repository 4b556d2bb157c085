"""A comparison's report: order, intervals, tests in words, ablation, and what is left out when it is not known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import pytest

from overtone.experiments import Comparison, SeedScore
from overtone.report import comparison_report

Maker = Callable[..., Any]
Document = dict[str, Any]


@pytest.fixture
def report(comparison: Document, read: Maker) -> Callable[..., Any]:
    def make(beside: dict[str, Any] | None = None, **changes: Any) -> Any:
        return read(comparison_report(Comparison.from_dict({**comparison, **changes}, **(beside or {}))))

    return make


def test_every_question_is_answered_in_order(report: Maker) -> None:
    page = report({"per_class": {"best": {"dog": SeedScore({}, 0.7), "cat": SeedScore({}, 0.6)}}})
    assert page.headings == [
        "Which method is best?",
        "Are the differences significant?",
        "Which terms matter?",
        "Do other metrics agree?",
        "How good is each method per class?",
        "How was this made?",
    ]
    assert page.unbalanced == []
    assert page.loaded == []
    for figure in page.figures:
        go.Figure({"data": figure["data"], "layout": figure["layout"]})


def test_methods_stand_best_first_with_intervals_and_seeds(report: Maker) -> None:
    page = report(chance_map={"a2v": 0.1, "v2a": 0.1, "mean": 0.1})
    assert [row[0] for row in page.tables[0][1:]] == ["best", "close", "plain", "chance"]
    assert page.row("chance")[1:4] == ["0.100", "0.100", "0.100"]
    assert page.row("best")[1:6] == ["0.720", "0.680", "0.700", "0.010", "0.670 to 0.730"]
    big, small = page.figures[0]["data"]
    assert big["x"] == [0.7, 0.69, 0.5]
    assert big["error_x"]["array"] == pytest.approx([0.03] * 3)
    assert big["error_x"]["arrayminus"] == pytest.approx([0.03] * 3)
    assert small["x"] == [0.68, 0.7, 0.72, 0.69, 0.69, 0.69, 0.49, 0.5, 0.51]
    assert page.figures[0]["layout"]["shapes"][0]["x0"] == 0.1
    low, high = page.figures[0]["layout"]["xaxis"]["range"]
    assert low < 0.1
    assert high > 0.73


def test_the_lead_is_judged_by_the_paired_test(report: Maker) -> None:
    lead = report().words.split("Which method is best?")[0]
    assert "best is best: its mAP on the test rows is 0.700 (95 % interval 0.670 to 0.730)" in lead
    assert "best and close do not differ significantly: +0.010 mAP (95 % interval −0.010 to +0.030, p = 0.300)." in lead


def test_tests_are_told_in_words_whichever_comes_first(report: Maker) -> None:
    page = report()
    assert "best is better than plain by 0.200 mAP (95 % interval 0.180 to 0.220, p < 0.001)." in page.words
    assert ["plain", "best", "−0.200", "−0.220 to −0.180", "< 0.001", "0 of 3"] in page.tables[1]
    assert page.tables[1][2][-1] == "–"


def test_tests_name_the_metric_they_are_of(report: Maker) -> None:
    test = {
        "a": "x",
        "b": "y",
        "metric": "instance_recall@10",
        "difference": 0.1,
        "ci95": [0.05, 0.15],
        "p_value": 0.01,
    }
    assert (
        "x is better than y by 0.100 counterpart R@10 (95 % interval 0.050 to 0.150, p = 0.010)."
        in report(paired_tests=[test]).words
    )


def test_the_best_number_of_a_column_is_bold(comparison: Document) -> None:
    html = comparison_report(Comparison.from_dict(comparison))
    assert '<td class="number best">0.700</td>' in html
    assert '<td class="number best">0.690</td>' not in html


def test_ablation_gives_the_difference_with_its_interval(report: Maker, comparison: Document) -> None:
    page = report()
    figure = next(one for one in page.figures if one["alt"].startswith("Change of"))
    assert figure["layout"]["yaxis"]["ticktext"] == ["no-anchor", "no-sail"]
    assert figure["data"][0]["x"] == [-0.1, 0.0]
    assert figure["layout"]["shapes"][0]["x0"] == 0
    assert figure["layout"]["xaxis"]["range"][1] > 0
    low, high = Comparison.from_dict(comparison).ablated("best/no-anchor").ci95
    # differences -.10, -.09, -.11; Student's t with 2 degrees of freedom is 4.3027
    assert (low, high) == (pytest.approx(-0.1 - 4.3027 * 0.01 / 3**0.5, abs=1e-4), pytest.approx(-0.0752, abs=1e-4))
    assert "Significantly worse: no-anchor. No significant difference: no-sail." in page.words
    assert "The intervals are over seeds." in page.words


def test_ablation_prefers_a_paired_test(comparison: Document, read: Maker) -> None:
    tests = [{"a": "best", "b": "best/no-anchor", "difference": 0.11, "ci95": [0.09, 0.13], "p_value": 0.001}]
    page = read(comparison_report(Comparison.from_dict({**comparison, "paired_tests": tests})))
    assert page.row("no-anchor")[2:4] == ["−0.110", "−0.130 to −0.090"]
    assert "The intervals are over queries and seeds." in page.words


def test_tests_of_variants_stay_out_of_the_methods_table(report: Maker) -> None:
    tests = [{"a": "best", "b": "best/no-sail", "difference": 0.0, "ci95": [-0.1, 0.1], "p_value": 1.0}]
    assert "Are the differences significant?" not in report(paired_tests=tests).headings


def test_variants_of_several_methods_keep_their_full_names(report: Maker, comparison: Document) -> None:
    ablation = {**comparison["ablation"], "plain/no-sail": comparison["ablation"]["best/no-sail"]}
    assert report(ablation=ablation).row("plain/no-sail")


def test_ranks_are_written_as_ranks_and_low_is_best(report: Maker, comparison: Document) -> None:
    comparison["methods"]["plain"]["median_rank"] = {"a2v": 12.0, "v2a": 12.0, "mean": 12.0}
    page = report()
    table = next(one for one in page.tables if "counterpart median rank" in one[0])
    at = table[0].index("counterpart median rank")
    assert {row[0]: row[at] for row in table[1:]} == {"best": "4.5", "close": "4.5", "plain": "12"}
    assert '<td class="number best">12</td>' not in page.html


def test_other_embeddings_are_reported_beside(report: Maker) -> None:
    assert report().row("best, raw")[-1] == "0.600"


def test_one_seed_is_said_and_has_no_spread(report: Maker, comparison: Document) -> None:
    methods = {name: {**entry, "seeds": entry["seeds"][:1]} for name, entry in comparison["methods"].items()}
    ablation = {name: {**entry, "seeds": entry["seeds"][:1]} for name, entry in comparison["ablation"].items()}
    page = report(seeds=[0], methods=methods, ablation=ablation, paired_tests=[])
    assert page.row("best")[4] == "–"
    assert "One seed only" in page.words
    assert "With one seed and no paired test there is no interval." in page.words
    assert len(page.figures[0]["data"]) == 1
    assert "not tested against each other" in page.words


def test_a_method_no_better_than_chance_is_named(report: Maker) -> None:
    assert "No better than chance (0.480): plain." in report(chance_map={"mean": 0.48}).words


def test_what_is_just_enough_gives_no_warning(report: Maker) -> None:
    assert (
        "No better than chance (0.470): plain." in report(chance_map={"mean": 0.47}).words
    )  # where its interval begins
    assert "No better than chance" not in report(chance_map={"mean": 0.469}).words
    assert "One seed only" not in report(seeds=[0, 1]).words
    assert "There are only 99 queries in each direction" in report(queries=99).words
    assert "There are only" not in report(queries=100).words


def test_without_labels_methods_are_ranked_by_their_partners(report: Maker) -> None:
    def entry(mean: float) -> dict[str, Any]:
        return {"instance_recall@10": {"a2v": mean, "v2a": mean, "mean": mean}, "seeds": [mean, mean]}

    page = report(methods={"low": entry(0.2), "high": entry(0.3)}, paired_tests=[], ablation={})
    assert [row[0] for row in page.tables[0][1:]] == ["high", "low"]
    assert "its counterpart R@10 on the test rows is 0.300" in page.words


def test_nothing_and_almost_nothing(read: Maker) -> None:
    assert read(comparison_report(Comparison())).headings == ["How was this made?"]
    alone = read(comparison_report(Comparison.from_dict({"methods": {"only": {"map": {"mean": 0.5}}}})))
    assert "only was trained on a corpus with 0 seeds. Its mAP on the test rows is 0.500." in alone.words


def test_what_stands_beside_the_numbers_is_escaped_and_listed(read: Maker, comparison: Document) -> None:
    nasty = "<script>alert(1)</script>"
    comparison["methods"][nasty] = comparison["methods"].pop("best")
    comparison["corpus"] = nasty
    details = {
        "checksum": nasty,
        "versions": {"torch": "2.0", "overtone": "0.1"},
        "per_class": {nasty: {nasty: SeedScore({}, 0.5)}},
        "settings": {nasty: {"tau": 0.05}},
        "notes": (nasty,),
        "warnings": (nasty,),
    }
    page = read(comparison_report(Comparison.from_dict(comparison, **details)))
    assert page.elements.count("script") == len(page.figures) + 2
    assert page.unbalanced == []
    assert "torch 2.0, overtone 0.1" in page.words


def test_same_input_gives_the_same_page(comparison: Document) -> None:
    turned = Comparison.from_dict(dict(reversed(comparison.items())))
    assert comparison_report(Comparison.from_dict(comparison)) == comparison_report(turned)
