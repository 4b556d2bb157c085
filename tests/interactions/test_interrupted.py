"""A run that is interrupted, overwritten or refused: the same weights after any kill, nothing done twice."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from overtone.core import InputError
from overtone.features import from_arrays
from overtone.interactions import InteractionTrainer, SoftLabels
from overtone.interactions.rewiring import rewire
from overtone.training import TrainingStopped

from .conftest import SHORT, TEACHER, Killed, kill_at, kill_in_student, matrices, same, train, weights


@pytest.mark.parametrize(
    ("stage", "epoch"),
    [
        ("teacher, fold 1/3", 2),
        ("teacher, fold 2/3", 1),
        ("teacher, fold 3/3", 4),
        ("graph, search", 1),
        ("graph, bootstrap", 2),
        ("student", 2),
    ],
)
def test_a_run_killed_in_any_stage_ends_as_if_it_had_not_been(whole, corpus, tmp_path, stage, epoch):
    options = {"settings": SHORT, "out": tmp_path, "label": "student"}
    seen = []

    def callback(report):
        if report.label == stage or (stage != "student" and stage in report.label):
            seen.append(report.done)
            if report.done >= epoch:
                raise Killed

    with pytest.raises(Killed):
        train("told", corpus, progress=callback, **options)
    assert seen
    resumed = train("told", corpus, resume=True, **options)
    assert same(weights(resumed), weights(whole))
    soft, wanted = (SoftLabels.load(run.folder / "soft_labels.safetensors") for run in (resumed, whole))
    for name, part in wanted.probabilities.items():
        assert torch.equal(soft.probabilities[name], part)
    found, known = (matrices(run.folder) for run in (resumed, whole))
    assert all(np.array_equal(found[name], known[name]) for name in known)
    assert resumed.evaluation.to_dict() == whole.evaluation.to_dict()


def test_a_run_killed_in_a_trial_chooses_the_same(corpus, tmp_path):
    settings = {**SHORT, "folds": 2, "teacher": {**TEACHER, "feature_reconstruction": None}}
    known = train("told", corpus, settings=settings, out=tmp_path / "whole")
    with pytest.raises(Killed):
        train(
            "told",
            corpus,
            settings=settings,
            out=tmp_path / "killed",
            progress=kill_at("trial with feature_reconstruction=3", 2),
        )
    resumed = train("told", corpus, settings=settings, out=tmp_path / "killed", resume=True)
    assert same(weights(resumed), weights(known))
    assert resumed.info["interactions"]["teacher"] == known.info["interactions"]["teacher"]
    assert known.info["interactions"]["teacher"]["feature_reconstruction"] in (0.0, 3.0)


def test_what_is_done_is_not_done_again(corpus, tmp_path, teachers, searches):
    with pytest.raises(Killed):
        train("told", corpus, settings=SHORT, out=tmp_path, progress=kill_at("graph, bootstrap", 1), label="x")
    assert (len(teachers), len(searches)) == (3, 1)
    with pytest.raises(Killed):
        train("told", corpus, settings=SHORT, out=tmp_path, progress=kill_in_student, label="x", resume=True)
    assert (len(teachers), len(searches)) == (3, 2)
    train("told", corpus, settings=SHORT, out=tmp_path, resume=True)
    assert (len(teachers), len(searches)) == (3, 2)


def test_an_overwritten_run_forgets_its_stages(corpus, tmp_path, teachers):
    train("told", corpus, settings=SHORT, out=tmp_path)
    before = SoftLabels.load(tmp_path / "soft_labels.safetensors")
    train("told", corpus, settings={**SHORT, "folds": 2, "seed": 1}, out=tmp_path, overwrite=True)
    after = SoftLabels.load(tmp_path / "soft_labels.safetensors")
    assert int(after.folds.max()) == 1
    assert not torch.equal(before.both[0], after.both[0])
    assert not (tmp_path / "teacher" / "fold-3" / "run.json").exists()


def test_entries_of_one_comparison_share_teachers_and_graph(corpus, teachers, searches):
    dense = {"bootstrap": 4, "penalty": 1.0, "strength": 0.0}  # edges enough to exchange some
    trainer, own = InteractionTrainer(), {**SHORT, "seed": 3, "inference": dense}
    first = trainer.train("told", corpus, settings=own, evaluate=False)
    second = trainer.train("told", corpus, settings={**own, "graph": "shuffled"}, evaluate=False)
    assert (len(teachers), len(searches)) == (3, 1)
    graph, other = first.method.told[0].graph, second.method.told[0].graph
    assert torch.equal(rewire(graph, torch.Generator().manual_seed(3)), other)
    assert not torch.equal(graph, other)
    trainer.train("told", corpus, settings={**own, "graph": "planted"}, evaluate=False)
    assert (len(teachers), len(searches)) == (3, 1)
    trainer.train("told", corpus, settings={**own, "inference": {"bootstrap": 0}}, evaluate=False)
    assert (len(teachers), len(searches)) == (3, 2)
    trainer.train("told", corpus, settings={**SHORT, "seed": 1}, evaluate=False)
    assert (len(teachers), len(searches)) == (6, 3)
    train("told", corpus, settings=own, evaluate=False)
    assert (len(teachers), len(searches)) == (9, 4)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"teacher": {"hed": "softmax"}}, "did you mean 'head'"),
        ({"teacher": {"mixup": 2}}, "setting 'mixup'"),
        ({"inference": {"bootstraps": 3}}, "did you mean 'bootstrap'"),
        ({"folds": 1}, "too few labelled training rows"),
        ({"folds": 100}, "too few labelled training rows"),
    ],
)
def test_wrong_settings_are_refused_before_a_teacher_is_trained(corpus, teachers, settings, said):
    with pytest.raises(InputError, match=said):
        train("told", corpus, settings=settings)
    assert teachers == []


def test_a_teacher_that_diverges_stops_the_run_and_says_so(corpus, tmp_path):
    with pytest.raises(TrainingStopped):
        train("told", corpus, settings={"teacher": {"learning_rate": 1e30, "grad_clip": None}}, out=tmp_path)
    assert json.loads((tmp_path / "run.json").read_text())["state"] == "stopped"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"teacher": {"hed": "softmax"}}, "did you mean 'head'"),
        ({"teacher": {"head": "tanh"}}, "settings of av-sal: setting 'head'"),
        ({"inference": {"strenth": 1}}, "did you mean 'strength'"),
        ({"graph": "planted"}, "needs the true interactions"),
    ],
)
def test_what_no_stage_could_use_is_refused_before_anything_is_written(tmp_path, settings, said):
    random = np.random.default_rng(0)
    arrays = {
        "audio": random.standard_normal((60, 4)),
        "visual": random.standard_normal((60, 5)),
        "y": np.arange(60) % 3,
    }
    data = from_arrays({**arrays, "split": np.where(np.arange(60) < 40, "train", "test")})
    with pytest.raises(InputError, match=said):
        train("interactions", data, settings=settings, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
