"""The parts a report is made of: escaping, ranks, confusion, maps, figures."""

from __future__ import annotations

import base64
import gzip
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from plotly.offline import get_plotlyjs

from overtone.experiments import PairedTest
from overtone.report import run_figures
from overtone.report.comparison_words import difference_in_words
from overtone.report.figures import Figure, heat, whiskers
from overtone.report.maps import MOST_PAIRS, spaced
from overtone.report.markup import el, link_to_media
from overtone.report.page import asset, draw, packed_library
from overtone.report.palette import class_colour
from overtone.report.run_queries import confusion_shares, rank_bins, rank_shares, telling
from overtone.report.run_result import RunResult
from overtone.report.words import better_direction, class_of, duration, number, p_value, signed, span

Maker = Callable[..., Any]


@given(st.text())
def test_no_text_leaves_its_element(text: str) -> None:
    written = el("td", text, title=text)
    inside = written.removeprefix('<td title="').removesuffix("</td>")
    assert inside.count("<") == 0
    assert inside.count('"') == 1


@given(st.text())
def test_no_figure_ends_its_script(text: str) -> None:
    html = draw(Figure([{"name": text}], "alt"))
    assert html.count("</script>") == 1
    assert html.count("<") == 6  # three elements, none of the text's


def test_the_library_unpacks_to_the_library() -> None:
    assert gzip.decompress(base64.b64decode(packed_library())).decode() == get_plotlyjs()


@pytest.mark.parametrize(
    "path", ["javascript:alert(1)", "https://example.org/a", "//example.org/a", "\\\\host\\a", "data:x"]
)
def test_addresses_with_a_scheme_are_not_linked(path: str) -> None:
    assert "href" not in link_to_media(path, "x")


def test_ranks_are_those_of_the_evaluation_or_counted_anew(make_data: Maker, make_run: Maker, judge: Maker) -> None:
    data = make_data()
    evaluation, embeddings = judge(data), dict(data.split("test").modalities)
    known = RunResult.of(make_run(data), data, evaluation, embeddings).ranks
    counted = RunResult.of(make_run(data), data, replace(evaluation, per_query={}), embeddings).ranks
    for way in ("a2v", "v2a"):
        assert known[way].tolist() == evaluation.per_query["median_rank"][way].tolist()
        assert counted[way].tolist() == known[way].tolist()


def test_rankings_agree_with_a_full_sort(make_data: Maker, make_run: Maker, judge: Maker) -> None:
    data = make_data()
    result = RunResult.of(make_run(data), data, judge(data), dict(data.split("test").modalities))
    first, second = result.embeddings
    for way, cosines in {"a2v": first @ second.T, "v2a": second @ first.T}.items():
        found = result.ranking(way, 7, 20)
        assert [hit.row for hit in found] == np.argsort(-cosines[7]).tolist()
        assert [hit.similarity for hit in found] == pytest.approx(sorted(cosines[7], reverse=True))
        assert len(result.ranking(way, 7, 3)) == 3


def test_only_means_over_queries_get_an_interval(make_data: Maker, make_run: Maker, judge: Maker) -> None:
    data = make_data()
    result = RunResult.of(make_run(data), data, judge(data), dict(data.split("test").modalities))
    with_interval = {key for key, score in result.scores.items() if score.ci95}
    assert {"map", "map@r", "ndcg", "recall@1", "instance_recall@10"} <= with_interval
    assert with_interval.isdisjoint({"median_rank", "mean_rank", "chance_map"})
    assert result.scores["map"] == result.evaluation["map"]


def test_equal_scores_are_told_apart_by_their_rows() -> None:
    assert telling(np.zeros(5)) == {"best": 0, "median": 2, "worst": 4}
    assert telling(np.array([np.nan, 0.5, np.nan])) == {"best": 1}
    assert telling(np.array([np.nan])) == {}


def test_confusions_are_the_evaluation_s_as_shares_of_a_row(make_data: Maker, make_run: Maker, judge: Maker) -> None:
    data = make_data()
    counted = torch.tensor([[3.0, 1.0], [0.0, 0.0]])
    evaluation = replace(judge(data), confusion={"a2v": counted, "v2a": counted.T})
    result = RunResult.of(make_run(data), data, evaluation, dict(data.split("test").modalities))
    shares = confusion_shares(result)
    assert shares["a2v"][0].tolist() == [0.75, 0.25]
    assert np.isnan(shares["a2v"][1]).all()
    assert shares["v2a"].tolist() == [[1.0, 0.0], [1.0, 0.0]]


@given(st.integers(1, 300_000))
def test_rank_bins_hold_every_rank_once(longest: int) -> None:
    bins = rank_bins(longest)
    assert bins[0] == (1, 1)
    assert all(low <= high for low, high in bins)
    assert [low for low, _ in bins[1:]] == [high + 1 for _, high in bins[:-1]]
    assert bins[-1][1] == longest


def test_rank_shares_add_up_also_with_shared_places() -> None:
    ranks = np.array([1.0, 1.5, 3.5, 50.0])
    assert rank_shares(ranks, rank_bins(50)).tolist() == [0.25, 0.25, 0.25, 0.0, 0.25]


def test_points_of_a_map_are_capped() -> None:
    assert len(spaced(1_000_000)) == MOST_PAIRS
    assert spaced(3).tolist() == [0, 1, 2]


def test_twenty_four_classes_have_colours_of_their_own() -> None:
    assert len({class_colour(number) for number in range(24)}) == 24


def test_equal_names_keep_their_own_cells() -> None:
    figure = heat(["a", "a"], ["b", "b"], np.eye(2), alt="")
    assert len(set(figure.data[0]["x"])) == 2


def test_whiskers_of_one_value_have_room() -> None:
    low, high = whiskers(["a"], [0.5], [None], [], axis="", alt="").layout["xaxis"]["range"]
    assert low < 0.5 < high


def test_whiskers_reach_to_both_ends_of_a_lopsided_interval() -> None:
    ends = whiskers(["a"], [0.5], [(0.4, 0.8)], [], axis="", alt="").data[0]["error_x"]
    assert (ends["array"], ends["arrayminus"]) == ([0.3], [0.1])


def test_whiskers_show_the_reference_however_far_it_is() -> None:
    low, high = whiskers(["a"], [-0.5], [(-0.6, -0.4)], [], axis="", alt="", reference=0).layout["xaxis"]["range"]
    assert low < -0.6
    assert high > 0


def test_numbers_in_words() -> None:
    assert number(-0.00001) == "0.000"
    assert number(-0.5) == "−0.500"
    assert duration(59.99) == "1 min 0 s"
    assert duration(None) == "–"
    assert span((0.1, float("nan"))) == "–"
    assert [p_value(value) for value in (0.001, 0.00099, None)] == ["p = 0.001", "p < 0.001", "p –"]
    assert [signed(value) for value in (0.5, 0.0, -0.5, None)] == ["+0.500", "0.000", "−0.500", "–"]


@pytest.mark.parametrize(
    ("a2v", "v2a", "said"),
    [
        (0.5, 0.4, "The better direction is sound → picture (0.500 against 0.400)."),
        (0.4, 0.5, "The better direction is picture → sound (0.500 against 0.400)."),
        (0.5, 0.496, "Both directions are equally good."),
        (0.5, float("nan"), ""),
        (None, 0.4, ""),
    ],
)
def test_the_better_direction_is_named_if_one_is(a2v: float | None, v2a: float | None, said: str) -> None:
    assert better_direction({"a2v": a2v, "v2a": v2a}, ("sound", "picture")) == said


def test_difference_of_two_methods_in_words() -> None:
    def said(difference: float | None, *interval: float) -> str:
        return difference_in_words(PairedTest("a", "b", "map", difference, interval or None, 0.01))

    assert said(None) == "a and b were not compared query by query."
    assert said(0.2, 0.1, 0.3) == "a is better than b by 0.200 mAP (95 % interval 0.100 to 0.300, p = 0.010)."
    assert said(-0.2, -0.3, -0.1) == "b is better than a by 0.200 mAP (95 % interval 0.100 to 0.300, p = 0.010)."
    tiny = "a is better than b by 0.0002 mAP (95 % interval 4 × 10⁻⁶ to 0.0003, p = 0.010)."
    assert said(0.0002, 0.000004, 0.0003) == tiny
    for interval in ((-0.1, 0.3), (0.0, 0.4), (-0.1, 0.0)):
        assert said(sum(interval) / 2, *interval).startswith("a and b do not differ significantly: ")


def test_axes_of_few_epochs_have_whole_ticks() -> None:
    short = run_figures.curve("loss", [1, 2, 3], [3.0, 2.0, 1.0], None, 3).layout["xaxis"]
    assert short == {"range": [1, 3], "dtick": 1}
    assert "dtick" not in run_figures.curve("loss", [1, 90], [3.0, 2.0], None, 90).layout["xaxis"]


def test_the_ends_of_the_scale_and_chance_do_not_meet(make_data: Maker, make_run: Maker, judge: Maker) -> None:
    data = make_data()
    result = RunResult.of(make_run(data), data, judge(data), dict(data.split("test").modalities))
    drawn = run_figures.scale(result) or ""
    heights = {text: int(y) for y, text in re.findall(r'<text[^>]* y="(\d+)"[^>]*>([^<]+)</text>', drawn)}
    chance = next(height for text, height in heights.items() if text.startswith("chance"))
    assert abs(chance - heights["0"]) >= 12  # a line of text


def test_a_class_is_not_called_a_class_twice() -> None:
    said = [class_of(label) for label in ("dog", "class 07", "Classical", "")]
    assert said == ["class dog", "class 07", "class Classical", ""]


def test_assets_are_read_from_the_package_and_cannot_end_their_element() -> None:
    assert "</style" not in asset("page.css")
    assert "</script" not in asset("page.js")
    assert "prefers-color-scheme: dark" in asset("page.css")
