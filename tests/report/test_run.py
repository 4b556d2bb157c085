"""A run's report: whole, harmless, the same every time, and with the run's numbers in it."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from overtone.core import InputError
from overtone.evaluation import Evaluation, evaluate
from overtone.features import PairedFeatures, Provenance
from overtone.report import run_report

from .conftest import Maker, embedded

NASTY = '<script>alert("1")</script>'


def curve(page: Any, name: str) -> dict[str, Any]:
    return next(one for one in page.figures if one["alt"].startswith(f"{name} over"))


def test_every_question_is_answered_in_order(report: Maker) -> None:
    page = report()
    assert page.headings == [
        "How good is the retrieval?",
        "How did the training go?",
        "What does the embedding space look like?",
        "How good is the retrieval of each class?",
        "Which classes are confused?",
        "What do queries retrieve?",
        "At what rank is the true counterpart?",
        "How was this made?",
    ]
    assert page.unbalanced == []


def test_nothing_is_loaded_from_anywhere(report: Maker) -> None:
    page = report()
    assert page.loaded == []
    assert all(not re.match(r"(https?:)?//", link) for link in page.links)
    assert page.policy.startswith("default-src 'none';")
    assert "http" not in page.policy
    assert page.html.count('id="library"') == 1


def test_all_figures_are_valid_plotly(report: Maker) -> None:
    for figure in report().figures:
        go.Figure({"data": figure["data"], "layout": figure["layout"]})  # raises on a name Plotly does not know


def test_table_has_the_numbers_of_the_evaluation(report: Maker, make_data: Maker, judge: Maker) -> None:
    page, expected = report(), judge(make_data()).to_dict()
    row = page.row("mAP")
    assert row[1:4] == [f"{expected['map'][key]:.3f}" for key in ("a2v", "v2a", "mean")]
    assert row[4] == " to ".join(f"{end:.3f}" for end in expected["map"]["ci95"])
    assert re.fullmatch(r"0\.\d{3} to [01]\.\d{3}", page.row("R@1")[4])
    assert page.row("counterpart median rank")[4] == "–"


def test_curves_show_the_history_and_the_chosen_epoch(report: Maker) -> None:
    page = report()
    drawn = curve(page, "agreement")
    assert drawn["data"][0]["x"] == list(range(1, 9))
    assert drawn["data"][0]["y"] == [float(f"{1 / epoch:.4g}") for epoch in range(1, 9)]
    assert drawn["layout"]["shapes"][0]["x0"] == 6
    assert "epoch 6, whose weights were kept: the best one by validation: correlation" in page.words


def test_epochs_without_a_number_are_left_out_of_a_curve(report: Maker) -> None:
    history = [{"epoch": 1, "loss": 1.0}, {"epoch": 2, "loss": None, "val_map": 0.5}, {"epoch": 3, "loss": 0.5}]
    assert curve(report(history=history), "loss")["data"][0]["x"] == [1, 3]


def test_a_constant_curve_has_its_number_on_the_axis(report: Maker) -> None:
    """Plotly's own range would be one unit to either side, with a learning rate of .002 at a tick that says 0."""
    page = report(history=[{"epoch": epoch, "loss": 0.5 / epoch, "learning_rate": 2e-3} for epoch in (1, 2, 3)])
    axis = curve(page, "learning rate")["layout"]["yaxis"]
    assert (axis["range"], axis["tickvals"], axis["ticktext"]) == ([1e-3, 3e-3], [2e-3], ["0.002"])
    assert "range" not in curve(page, "loss")["layout"]["yaxis"]


def test_a_closed_form_has_no_course(report: Maker) -> None:
    page = report(history=[{"epoch": 0, "val_correlation": 0.5, "seconds": 1.0}])
    assert "How did the training go?" not in page.headings


def test_map_shows_each_pair_twice_halves_of_a_trace_apart(report: Maker, make_data: Maker) -> None:
    test = make_data().split("test")
    figure = next(one for one in report().figures if one["pairs"])
    assert sum(len(trace["x"]) for trace in figure["data"]) == 2 * len(test)
    assert [trace["name"] for trace in figure["data"]] == list(test.class_names)
    first = figure["data"][0]
    half = len(first["x"]) // 2
    assert first["text"][:half] == first["text"][half:]
    assert first["customdata"] == ["sound"] * half + ["picture"] * half
    assert first["marker"]["symbol"][0] != first["marker"]["symbol"][-1]
    views = figure["views"]
    assert len(views) == 2
    assert all(len(view["x"]) == len(figure["data"]) for view in views.values())


def test_examples_are_the_best_the_median_and_the_worst_query(report: Maker, make_data: Maker, judge: Maker) -> None:
    data = make_data()
    precision = judge(data).average_precision["a2v"].numpy()
    ids = np.array(data.split("test").ids)
    order = np.lexsort((np.arange(len(ids)), -precision))
    words = report(data).words
    for name, place in (("Best", 0), ("Median", len(ids) // 2), ("Worst", -1)):
        assert f"{name}: {ids[order[place]]}" in words


def test_examples_mark_what_is_relevant_and_the_partner(make_data: Maker, make_run: Maker, judge: Maker) -> None:
    data = make_data()
    html = run_report(make_run(data), data, judge(data), embedded(data))
    cards = re.findall(r'<div class="card">.*?</table></div>', html)
    assert len(cards) == 6
    found = {row["id"]: data.class_names[int(row["code"])] for row in rows_of(data)}
    for card in cards:
        asked = re.search(r'<h4 title="([^"]*)"', card)
        assert asked is not None
        for line in re.findall(r"<tr.*?</tr>", card)[1:]:
            hit = re.search(r'title="(clip-\d+)"', line)
            assert hit is not None
            assert ("✓" in line) == (found[asked[1]] == found[hit[1]])
            assert ('class="partner"' in line) == (asked[1] == hit[1])


def rows_of(data: PairedFeatures) -> list[dict[str, Any]]:
    assert data.targets is not None
    return [{"id": name, "code": int(row.argmax())} for name, row in zip(data.ids, data.targets)]


def test_summary_says_what_was_done_and_found(report: Maker, make_data: Maker, judge: Maker) -> None:
    words, summary = report().words, judge(make_data()).to_dict()
    assert "some-method was trained without labels on 18 training pairs of clips.h5" in words
    assert "to map sound and picture into one space" in words
    assert f"mean average precision (mAP) is {summary['map']['mean']:.3f} (95 % interval" in words
    assert f"Chance would give {summary['chance_map']['mean']:.3f}." in words
    better = max(("a2v", "sound → picture"), ("v2a", "picture → sound"), key=lambda way: summary["map"][way[0]])[1]
    assert f"The better direction is {better}" in words


def test_provenance_is_at_the_end(report: Maker) -> None:
    words = report().words
    for said in (
        "c0ffee",
        "1 min 15 s",
        "overtone 0.1.0",
        "made a split",
        "18 train, 2 val and 20 test",
        "All 2 settings",
    ):
        assert said in words.split("How was this made?")[-1]


def test_warnings_of_the_data_stand_at_the_top(report: Maker, make_data: Maker) -> None:
    data = make_data(provenance=Provenance("clips.h5", "h5", "", (), ("3 test rows are also training rows.",)))
    assert "3 test rows are also training rows." in report(data).words.split("How good is")[0]


def test_no_word_of_a_user_becomes_markup(report: Maker, make_data: Maker, read: Maker) -> None:
    plain = report()
    data = make_data()
    data = replace(
        data,
        ids=tuple(f"{NASTY}{name}" for name in data.ids),
        class_names=tuple(f"{NASTY}{name}" for name in data.class_names),
        modalities={f"{NASTY}{name}": rows for name, rows in data.modalities.items()},
        provenance=Provenance(f"{NASTY}", NASTY, NASTY, (NASTY,), (NASTY,)),
        media={f"{NASTY}sound": tuple(f'"{NASTY}/{row}' for row in range(len(data)))},
    )
    history = [{"epoch": epoch, "loss": 1.0, NASTY: 1.0} for epoch in (1, 2)]
    page = report(data, name=NASTY, settings={NASTY: NASTY}, history=history, info={"versions": {NASTY: NASTY}})
    assert page.elements.count("script") == len(page.figures) + 2
    assert set(page.elements) <= set(plain.elements) | {"a", "span"}
    assert page.unbalanced == []
    assert f"{NASTY}clip-1" in page.words
    shown = next(one for one in page.figures if one["pairs"])["data"][0]
    assert "<script" not in shown["name"] + shown["text"][0]


def test_media_are_linked_where_they_lie_on_this_machine(report: Maker, make_data: Maker) -> None:
    data = make_data()
    paths = tuple(f"https://example.org/{row}" if row % 2 else f"clips/{row} a.wav" for row in range(len(data)))
    files = tuple(f"/media/{row}.png" for row in range(len(data)))
    page = report(replace(data, media={"sound": paths, "picture": files}))
    assert any(link.startswith("file:///media/") for link in page.links)
    assert not any("example.org" in link for link in page.links)


def test_same_input_gives_the_same_page(make_data: Maker, make_run: Maker, judge: Maker) -> None:
    data = make_data(rows=80)
    pages = {run_report(make_run(data), data, judge(data), embedded(data)) for _ in range(2)}
    assert len(pages) == 1


def test_an_evaluation_read_from_a_file_will_do(make_data: Maker, make_run: Maker, judge: Maker, read: Maker) -> None:
    data = make_data()
    stored = Evaluation.from_dict(judge(data).to_dict())
    page = read(run_report(make_run(data), data, stored, embedded(data)))
    assert "of each direction by the rank of their true counterpart" in page.words
    assert page.row("R@1")[4] == "–"


def test_data_without_splits_is_taken_whole(make_data: Maker, make_run: Maker, read: Maker) -> None:
    data = replace(make_data(), splits={})
    result = evaluate(*data.modalities.values(), data.targets, names=data.names, bootstrap=0)
    assert "On 40 test pairs" in read(run_report(make_run(data), data, result, dict(data.modalities))).words


def test_an_evaluation_of_other_rows_is_refused(make_data: Maker, make_run: Maker, judge: Maker) -> None:
    data = make_data()
    larger = make_data(rows=60)
    with pytest.raises(InputError, match=r"got 20 items evaluated and 30 test rows"):
        run_report(make_run(data), larger, judge(data), embedded(larger))
    with pytest.raises(InputError, match=r"got 30 rows embedded and 20 test rows"):
        run_report(make_run(data), data, judge(data), embedded(larger))


def test_a_supervised_run_says_so(report: Maker) -> None:
    assert "was trained with labels" in report(method=SimpleNamespace(supervised=True)).words
