"""What nobody annotated: the list that a person gets."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import overtone
from overtone.cli.app import app
from overtone.core import InputError
from overtone.core.files import read_json
from overtone.interactions import EventChances
from overtone.interactions.graph_effects import GraphEffect, measure_graph_effects
from overtone.interactions.missing_events import MissingEvents, find_missing_events
from overtone.methods.event_gate import Gate

from .conftest import INFERENCE, SHORT, TEACHER, made, train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    data = made(rows=600, seed=1)
    folder = tmp_path_factory.mktemp("events") / "run"
    settings = {**SHORT, "epochs": 2, "folds": 2, "inference": INFERENCE, "collapse_rank": 0}
    settings["teacher"] = {**TEACHER, "epochs": 60, "width": 32, "feature_reconstruction": 3.0}
    train("interactions", data, settings=settings, out=folder, evaluate=False)
    return folder, data


def test_the_list_holds_what_the_chances_say_the_surest_first(run):
    folder, data = run
    chances = EventChances.load(folder / "events.safetensors")
    found = find_missing_events(folder, 0.6)
    assert found.events
    ranked = [event.chance for event in found.events]
    assert ranked == sorted(ranked, reverse=True)
    assert min(ranked) >= 0.6
    places = {name: row for row, name in enumerate(data.ids)}
    names = list(data.class_names)
    truth = torch.maximum(*(data.truth[f"events_{name}"] for name in data.names))
    right = [bool(truth[places[event.id], names.index(event.event)]) for event in found.events]
    half = len(right) // 2
    assert np.mean(right[:half]) > max(0.8, np.mean(right[half:]))
    assert not any(event.event in event.annotated for event in found.events)
    assert sum(found.expected.values()) == pytest.approx(chances.unannotated * found.clips, abs=0.5)
    only = find_missing_events(folder, 0.6, names[0])
    assert [event for event in found.events if event.event == names[0]] == list(only.events)


def test_the_report_of_the_run_names_them(run):
    folder, data = run
    found = find_missing_events(folder)
    page = overtone.report_run(folder, data).read_text(encoding="utf-8")
    assert "Which events did nobody annotate?" in page
    assert f"{sum(found.expected.values()):,.0f} events are expected" in page
    assert found.gate.said in page
    assert Gate.from_dict(found.gate.to_dict()) == found.gate
    assert found.events[0].id in page
    other = overtone.train("cca", data, out=folder.parent / "cca")
    assert "nobody annotate" not in overtone.report_run(other.folder, data).read_text(encoding="utf-8")


def test_the_verb_writes_a_table(run, tmp_path):
    folder, _ = run
    found = overtone.events(folder, chance=0.6, csv=tmp_path / "e.csv")
    rows = list(csv.DictReader((tmp_path / "e.csv").open(encoding="utf-8")))
    assert [(row["id"], row["event"]) for row in rows] == [(event.id, event.event) for event in found.events]
    with pytest.raises(InputError, match="overwrite"):
        overtone.events(folder, csv=tmp_path / "e.csv")


@pytest.mark.parametrize(
    ("words", "said"), [({"chance": 0}, "least chance"), ({"event": "nobody"}, "unknown class of the run 'nobody'")]
)
def test_wrong_words_are_refused(run, words, said):
    with pytest.raises(InputError, match=said):
        overtone.events(run[0], **words)


def test_a_run_without_chances_says_what_has_some(run):
    with pytest.raises(InputError, match="has no event chances; got a run of interactions"):
        overtone.events(run[0] / "trials" / "without-1")


def test_what_the_graph_adds_is_said_by_class():
    labels = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 0]])
    without = torch.tensor([[1.0, 0.1, 0.2], [0.3, 1, 0.2], [0.2, 0.1, 0.2]])
    chances = torch.tensor([[1.0, 0.9, 0.2], [0.3, 1, 0.1], [0.2, 0.6, 0.2]])
    effects = measure_graph_effects(chances, without, labels, ("dog", "cat", "owl"))
    assert effects == [GraphEffect("cat", 1.5, 0.2, 2)]
    found = MissingEvents((), 0.9, 3, {}, effects=tuple(effects))
    assert found.effect_said is not None
    assert "by +1, most in cat (0 to 2)" in found.effect_said
    assert found.to_dict()["effects"] == [{"event": "cat", "expected": 1.5, "without": 0.2, "raised": 2}]
    assert MissingEvents((), 0.9, 3, {}).effect_said is None


@pytest.mark.parametrize(("expected", "doubted"), [(50.0, True), (10.0, False)])
def test_more_events_than_are_likely_are_doubted(expected, doubted):
    found = MissingEvents((), 0.9, 10, {"cat": expected, "dog": 0.0}, annotated=10)
    assert (found.doubt is not None) == doubted
    if found.doubt:
        assert found.doubt.startswith("5.0 times as many events are expected as are annotated.")
    assert MissingEvents((), 0.9, 10, {"cat": expected}).doubt is None


def test_a_run_says_what_its_graph_adds(run):
    folder, _ = run
    stored = read_json(folder / "run.json")["interactions"]["graph"]
    found = find_missing_events(folder)
    assert [effect._asdict() for effect in found.effects] == stored["effects"]
    assert all(effect.raised or abs(effect.expected - effect.without) >= 0.9 for effect in found.effects)
    assert found.calibration is not None
    assert found.calibration.expected == pytest.approx(sum(found.expected.values()), abs=1)
    assert found.calibration.said in overtone_says(folder)


def overtone_says(folder):
    called = CliRunner().invoke(app, ["events", str(folder)], terminal_width=400)
    assert called.exit_code == 0
    return " ".join(called.output.split())


def test_chances_that_trials_found_no_use_for_are_doubted():
    refused, used = Gate(None, {0.0: (-0.01, 0.0)}, 0.001, 90), Gate(0.1, {0.0: (0.0, 0.0), 0.1: (0.0, 0.0)}, 0.001, 90)
    doubts = [MissingEvents((), 0.9, 10, {"cat": 10.0}, gate=gate, annotated=10).doubt for gate in (refused, used)]
    assert doubts[0] is not None
    assert doubts[0].startswith("Trials found no use for the chances. Look at some")
    assert doubts[1] is None
    both = MissingEvents((), 0.9, 10, {"cat": 50.0}, gate=refused, annotated=10).doubt
    assert both is not None
    assert both.startswith("5.0 times as many events are expected as are annotated, and trials found no use")
