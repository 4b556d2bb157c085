"""Trials of the weight of event chances."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from overtone.core import InputError
from overtone.core.files import read_json
from overtone.features import PairedFeatures, SimulatorSettings, from_arrays, simulate
from overtone.graphs import Graph
from overtone.interactions import InteractionTrainer, pipeline, weight_trials
from overtone.interactions.event_chances import EventChances
from overtone.interactions.folds import fold_training_rows
from overtone.interactions.soft_labels import SoftLabels
from overtone.interactions.weight_trials import check_trials
from overtone.methods.event_gate import WEIGHTS, EdgeTrial, Trials, choose_weight, try_edges
from overtone.training import train

QUICK = {"epochs": 3, "teacher": {"epochs": 2, "feature_reconstruction": 0}, "inference": {"starts": 1}}


@pytest.fixture(scope="module")
def corpus():
    return from_arrays(simulate(SimulatorSettings(train_rows=240, test_rows=60, classes=4, interactions=3), 0))


@pytest.fixture(scope="module")
def run(corpus, tmp_path_factory):
    return InteractionTrainer().train("interactions", corpus, settings=QUICK, out=tmp_path_factory.mktemp("run") / "r")


def test_every_labelled_row_is_a_query_of_both_modalities(run):
    assert run.method.gate.queries == 2 * 240
    assert list(run.method.gate.curve) == list(WEIGHTS)
    assert np.isfinite([change for change, _ in run.method.gate.curve.values()]).all()
    assert float(run.method.event_weight) == pytest.approx(run.info["gate"]["weight"])
    assert run.decisions["unannotated events"] == run.method.gate.said


def test_students_of_trials_have_not_seen_the_rows_that_they_are_tried_on(run):
    parts = {
        kind: [read_json(run.folder / "trials" / f"{kind}-{number}" / "run.json") for number in (1, 2, 3)]
        for kind in ("with", "without")
    }
    seen = {kind: [part["data"]["trained_on"] for part in of_kind] for kind, of_kind in parts.items()}
    assert seen["with"] == seen["without"]
    assert len(set(seen["with"])) == 3
    assert [part["splits"] for part in parts["with"]] == 3 * [{"train": 160}]


def test_teachers_of_trials_have_not_seen_the_rows_that_the_students_are_tried_on(run):
    whole = SoftLabels.load(run.folder / "soft_labels.safetensors")
    parts = [
        SoftLabels.load(run.folder / "trials" / f"with-{number}" / "soft_labels.safetensors") for number in (1, 2, 3)
    ]
    unseen = [set(whole.ids) - set(part.ids) for part in parts]
    assert [len(rows) for rows in unseen] == 3 * [80]
    assert set.union(*unseen) == set(whole.ids)
    assert all(part.choice == {} for part in parts)  # what teachers reconstruct is not chosen anew


@pytest.mark.parametrize("graph", ["soft", "raw", "events"])
def test_trials_have_targets_of_the_same_kind(corpus, graph):
    found = InteractionTrainer().train("interactions", corpus, settings={**QUICK, "graph": graph})
    assert list(found.method.gate.curve) == list(WEIGHTS)


def test_trials_in_memory_and_in_a_folder_find_the_same(run, corpus):
    again = InteractionTrainer().train("interactions", corpus, settings=QUICK)
    assert again.info["gate"] == run.info["gate"]
    assert not (run.folder / "trials" / "with-4").exists()


@pytest.mark.parametrize("settings", [{"event_weight": 0.2}, {"graph": "none"}])
def test_there_are_no_trials_where_there_is_nothing_to_choose(corpus, settings, tmp_path):
    found = InteractionTrainer().train("interactions", corpus, settings={**QUICK, **settings}, out=tmp_path / "r")
    assert not (tmp_path / "r" / "trials").exists()
    assert found.method.gate is None


def test_rows_without_a_label_are_not_judged(corpus):
    few = corpus.labels.clone()
    few[corpus.splits["train"][::3]] = 0 if few.dim() == 2 else -1
    found = InteractionTrainer().train("interactions", replace(corpus, labels=few), settings=QUICK)
    assert found.method.gate.queries == 2 * 160


@pytest.mark.parametrize("weight", [None, 0.3])
def test_a_pull_is_mixed_with_the_student_without_it(corpus, weight):
    settings = {**QUICK, "student": "lir", "event_weight": weight}
    found = InteractionTrainer().train("interactions", corpus, settings=settings)
    alone = InteractionTrainer().train("interactions", corpus, settings={**settings, "graph": "none"})
    rows = corpus.modalities["audio"]
    before = alone.embed_one("audio", rows)
    without = found.apply(corpus, lambda part, side: {"": found.method.at_weight(part, side, 0.0)})[""]["audio"]
    torch.testing.assert_close(without[:, : before.shape[1]], before)
    assert (found.method.gate is None) == (weight is not None)


def test_another_run_in_the_folder_finds_nothing_of_this_one(run, corpus, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(run.folder, folder)
    others = {**QUICK, "epochs": 2}
    again = InteractionTrainer().train("interactions", corpus, settings=others, out=folder, overwrite=True)
    assert again.history[-1]["epoch"] == 2
    InteractionTrainer().train("cca", corpus, out=folder, overwrite=True)
    assert not [place.name for place in folder.iterdir() if place.is_dir()]


def test_controls_share_the_students_without_event_chances(corpus, monkeypatch):
    trained = []

    def counted(method, data, **options):
        trained.append(options["settings"]["graph"])
        return train(method, data, **options)

    monkeypatch.setattr(weight_trials, "train", counted)
    trainer = InteractionTrainer(workers=1)
    found = [
        trainer.train("interactions", corpus, settings={**QUICK, "graph": graph}) for graph in ("inferred", "soft")
    ]
    assert [trained.count(graph) for graph in ("none", "inferred", "soft")] == [3, 3, 3]
    monkeypatch.undo()
    alone = InteractionTrainer(workers=1).train("interactions", corpus, settings={**QUICK, "graph": "soft"})
    assert found[1].info["gate"] == alone.info["gate"]


def few(rows: int) -> PairedFeatures:
    """A corpus with so many training rows of its second class."""
    generator = np.random.default_rng(0)
    arrays = {name: generator.normal(size=(40, 5)).astype(np.float32) for name in ("audio", "visual")}
    labels, split = np.arange(40) % 2, np.where(np.arange(40) < 30, "train", "test")
    labels[:30] = np.arange(30) < rows
    return from_arrays({**arrays, "labels": labels, "split": split})


@pytest.mark.parametrize(("rows", "settings"), [(1, {}), (1, {"event_weight": 0.2}), (2, {})])
def test_too_few_rows_of_a_second_class_are_refused_before_anything_is_written(tmp_path, rows, settings):
    with pytest.raises(InputError, match="too few labelled training rows of a second class"):
        InteractionTrainer().train("interactions", few(rows), settings=settings, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_two_rows_of_a_second_class_are_enough_for_teachers_and_three_for_those_of_trials():
    assert fold_training_rows(few(2), 5, 0)[:2].unique().numel() == 2
    check_trials(few(3), 3, 0)


def one_edge(soft, settings, progress=None):
    nodes = tuple(f"{name}:{part}" for name in soft.probabilities for part in soft.classes)
    weights = np.zeros((len(nodes), len(nodes)))
    weights[0, 5] = 1.0
    return Graph(nodes, weights > 0, np.zeros_like(weights, dtype=bool), weights, weights > 0, 0.0, nodes, 0.0, {})


@pytest.mark.parametrize(
    ("change", "weight", "edges"), [(-0.3, 0.2, 0), (-0.24, 0.2, 1), (0.3, 0.2, 1), (0.3, None, 0)]
)
def test_edges_that_do_harm_or_whose_chances_are_of_no_use_are_left_out(
    corpus, monkeypatch, tmp_path, change, weight, edges
):
    monkeypatch.setattr(pipeline, "infer_graph", one_edge)
    tried = []

    def found(using, alone):
        tried.append((using, alone))
        return EdgeTrial(change, 0.1, 0.05)

    monkeypatch.setattr(pipeline, "try_edges", found)
    monkeypatch.setattr(pipeline, "choose_weight", lambda trials, hidden: choose_weight(trials)._replace(weight=weight))
    made = InteractionTrainer().train("interactions", corpus, settings=QUICK, out=tmp_path / "r")
    ((using, alone),) = tried
    assert np.array_equal(using.reference, alone.reference, equal_nan=True)
    assert not np.array_equal(using.weights[0.0], alone.weights[0.0], equal_nan=True)
    for kind in ("with", "alone"):
        assert (tmp_path / "r" / "trials" / f"{kind}-3" / "weights.safetensors").exists()
    assert made.info["gate"]["edges"] == {"change": change, "error": 0.1, "allowed": 0.05, "left_out": not edges}
    assert ("without the edges" in made.info["gate"]["said"]) == (not edges)
    assert made.info["interactions"]["graph"]["edges"] == 1  # it was found, whatever it is used for
    assert ("effects" in made.info["interactions"]["graph"]) == bool(edges)
    kept = EventChances.load(tmp_path / "r" / "events.safetensors")
    assert (kept.strengths[0, 5] > 0) == bool(edges)
    assert int((kept.strengths > 0).sum()) == edges


def test_edges_are_judged_query_by_query():
    reference = np.full(60, 0.5)
    one, other = np.tile([0.5, 0.7], 30), np.tile([0.51, 0.71], 30)
    one[0] = other[0] = np.nan
    using, alone = (Trials(reference, {0.0: part, 0.1: 0 * part}) for part in (one, other))
    found = try_edges(using, alone)
    assert found.change == pytest.approx(-0.01)
    assert found.error == pytest.approx(0, abs=1e-12)
    assert found.harm
    assert not try_edges(alone, using).harm
    assert found.allowed == pytest.approx(0.003)
    assert not EdgeTrial(-0.01, 0.004, 0.003).harm
