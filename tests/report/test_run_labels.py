"""A run's report by its labels: none, several, soft, many classes, classes without a query, and few rows."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch

from overtone.plots.colours import FIRST, QUIET, SECOND

from .conftest import Maker


def test_without_labels_the_instance_level_is_told(report: Maker, make_data: Maker) -> None:
    page = report(make_data(classes=0))
    assert page.headings == [
        "How good is the retrieval?",
        "How did the training go?",
        "What does the embedding space look like?",
        "What do queries retrieve?",
        "At what rank is the true counterpart?",
        "How was this made?",
    ]
    assert "the result is judged by true counterparts: of 20 test pairs" in page.words
    assert "of each direction by the rank of their true counterpart" in page.words
    assert "find theirs among the first 10 items. Chance would give 50.0 %." in page.words


def test_queries_and_what_they_find_are_of_the_modalities_of_the_direction(report: Maker, make_data: Maker) -> None:
    data = make_data()
    media = {name: tuple(f"{name}/{row}" for row in range(len(data))) for name in data.names}
    page = report(replace(data, media=media))
    first, second = [one for one in page.figures if one["alt"].startswith("Confusion")]
    titles = [[one["layout"][axis]["title"]["text"] for axis in ("yaxis", "xaxis")] for one in (first, second)]
    assert titles == [["sound query", "picture found first"], ["picture query", "sound found first"]]
    cards = re.findall(r'<div class="card">.*?</table></div>', page.html)
    sides = [[link.split("/")[0] for link in re.findall(r'href="([^"]*)"', card)] for card in cards]
    assert [side[0] for side in sides] == ["sound"] * 3 + ["picture"] * 3
    assert [set(side[1:]) for side in sides] == [{"picture"}] * 3 + [{"sound"}] * 3


@pytest.mark.parametrize("kind", ["multi", "soft"])
def test_other_kinds_of_labels(report: Maker, make_data: Maker, kind: str) -> None:
    data = make_data()
    targets = data.targets.clone()
    targets[::3, 0] = 1.0
    if kind == "soft":
        targets = targets * 0.7
        targets[5] = 0.0
    page = report(replace(data, labels=targets, label_kind=kind))
    assert "Which classes are confused?" in page.headings
    assert "kind-0 and kind-" in page.words
    if kind == "soft":
        assert "no class" in str(page.figures)


def test_classes_stand_best_first(report: Maker, make_data: Maker, judge: Maker) -> None:
    page, classes = report(), judge(make_data()).per_class
    order = sorted(classes, key=lambda name: classes[name].mean, reverse=True)
    table = next(one for one in page.tables if one[0][0] == "class")
    assert [row[0] for row in table[1:]] == order
    best, worst = order[0], order[-1]
    assert f"The best class is {best} (mAP {classes[best].mean:.3f}), the worst is {worst}" in page.words


def test_a_class_without_a_query_does_not_stop_it(report: Maker, make_data: Maker) -> None:
    data = make_data()
    wider = torch.cat([data.targets, torch.zeros(len(data), 1)], dim=1)
    page = report(replace(data, labels=wider, class_names=(*data.class_names, "never")))
    assert page.row("never")[-1] == "0"
    assert "nan" not in page.words.lower()


def test_many_classes_are_cut_to_the_telling_ones(report: Maker, make_data: Maker) -> None:
    page = report(make_data(rows=280, classes=70))
    bars = next(one for one in page.figures if one["alt"].startswith("mAP of"))
    order = [row[0] for row in next(one for one in page.tables if one[0][0] == "class")[1:]]
    assert bars["data"][0]["y"] == order[:20] + order[-20:]
    assert "Drawn are the 20 best and the 20 worst of 70." in page.words
    assert not any(one["alt"].startswith("Confusion") for one in page.figures)
    assert "The most frequent confusions" in page.words


def test_ranks_of_the_true_counterpart_stand_beside_those_by_chance(report: Maker) -> None:
    page = report()
    figure = next(one for one in page.figures if one["alt"].startswith("Histogram of the rank"))
    names, shares = [trace["name"] for trace in figure["data"]], [trace["y"] for trace in figure["data"]]
    assert names == ["sound → picture", "picture → sound", "by chance"]
    assert [trace["marker"]["color"] for trace in figure["data"]] == [FIRST, SECOND, QUIET]
    assert figure["data"][0]["x"] == ["1", "2 to 3", "4 to 10", "11 to 20"]
    assert shares[2] == [0.05, 0.1, 0.35, 0.5]
    assert [sum(one) for one in shares] == pytest.approx([1.0] * 3)
    assert "In a random order it is 10.5." in page.words


def test_the_most_frequent_confusion_stands_first(report: Maker, make_data: Maker) -> None:
    table = next(one for one in report(make_data(rows=140, classes=35)).tables if "found first" in one[0])
    shares = [float(row[-1]) for row in table[1:]]
    assert len(set(shares)) > 1
    assert shares == sorted(shares, reverse=True)


@pytest.mark.parametrize("rows", [2, 3, 4, 6])
def test_tiny_test_sets(report: Maker, make_data: Maker, rows: int) -> None:
    page = report(make_data(rows=rows, classes=1))
    assert "How was this made?" in page.headings
    assert f"{rows // 2} test item" in page.words
