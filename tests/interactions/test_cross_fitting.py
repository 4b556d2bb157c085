"""Cross-fitting: who is scored by whom, on what temperatures are found, what is stored and found again."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open

import overtone.interactions.cross_fitting as fitting
from overtone.core import InputError
from overtone.graphs.reading import read_soft_labels
from overtone.interactions import SoftLabels, cross_fit, reliability
from overtone.interactions.cross_fitting import select_labelled_splits
from overtone.methods.base import CorpusInfo, methods
from overtone.training import Run, TrainingStopped

from .conftest import TEACHER


@pytest.fixture
def teachers(monkeypatch):
    """Every training of a teacher, with the data that it was given."""
    calls = []
    train = fitting.train

    def spy(method, data, **options):
        run = train(method, data, **options)
        calls.append((data, run))
        return run

    monkeypatch.setattr(fitting, "train", spy)
    return calls


def ids(data, split):
    return {data.ids[row] for row in data.splits[split].tolist()}


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(first.both, second.both))


def test_a_row_is_scored_by_the_one_teacher_that_has_not_seen_it(corpus, teachers):
    soft = cross_fit(corpus, folds=3, settings=TEACHER)
    assert len(soft) == 150
    assert soft.ids == tuple(corpus.ids[row] for row in corpus.splits["train"].tolist())
    part = corpus.split("train")
    for number, (data, run) in enumerate(teachers):
        own = (soft.folds == number).nonzero()[:, 0]
        scored = {soft.ids[row] for row in own.tolist()}
        assert not scored & (ids(data, "train") | ids(data, "val"))
        assert scored | ids(data, "train") | ids(data, "val") == set(soft.ids)
        assert not ids(data, "train") & ids(data, "val")
        said = run.apply(part, lambda rows, side, run=run: {"": run.method.soft_labels(rows, side)})[""]
        for name, probabilities in soft.probabilities.items():
            for ours, theirs in zip(probabilities[own].logit().T, said[name][own].logit().T):
                slope, _ = np.polyfit(theirs, ours, 1)
                assert slope > 0
                assert np.corrcoef(theirs, ours)[0, 1] > 0.9999  # each fold is only moved and stretched
            assert not torch.equal(probabilities[own], soft.in_sample[name][own])


def test_rows_without_a_label_teach_nothing_and_are_scored_by_all(make, teachers):
    data = make(missing=0.3)
    soft = cross_fit(data, folds=3, settings=TEACHER)
    unknown = soft.labels < 0
    assert 20 < unknown.sum() < 70
    assert torch.equal(soft.folds < 0, unknown)
    nameless = {name for name, without in zip(soft.ids, unknown.tolist()) if without}
    part, said = data.split("train"), []
    for taught, run in teachers:
        assert not nameless & (ids(taught, "train") | ids(taught, "val"))
        said.append(run.apply(part, lambda rows, side, run=run: {"": run.method.soft_labels(rows, side)})[""])
    for name, probabilities in soft.probabilities.items():
        mean = torch.stack([one[name] for one in said]).mean(0)
        assert np.corrcoef(probabilities[unknown].flatten(), mean[unknown].flatten())[0, 1] > 0.95
        assert torch.equal(soft.in_sample[name][unknown], probabilities[unknown])  # no teacher was trained on them


def test_no_row_of_another_split_reaches_a_teacher(with_validation, teachers):
    """Validation rows are where temperatures come from, and nothing else; test rows are not even there."""
    data = with_validation
    soft = cross_fit(data, folds=3, settings=TEACHER)
    assert set(soft.ids) == ids(data, "train")
    for taught, _ in teachers:
        assert set(taught.ids) == ids(data, "train") | ids(data, "val")
        assert ids(taught, "val") == ids(data, "val")
        assert ids(taught, "train") < ids(data, "train")
        assert not taught.truth
    noise = {name: rows.clone() for name, rows in data.modalities.items()}
    for rows in noise.values():
        rows[data.splits["test"]] = 1e6
    labels = data.targets.clone()
    labels[data.splits["test"]] = 0
    changed = replace(data, modalities=noise, labels=labels, truth={})
    assert same(cross_fit(changed, folds=3, settings=TEACHER), soft)
    moved = replace(data, splits={**data.splits, "train": torch.arange(30, 160)})  # ten test rows among them
    assert not set(cross_fit(moved, folds=3, settings=TEACHER).ids) <= ids(data, "train")


@pytest.mark.parametrize("head", ["softmax", "sigmoid"])
def test_several_labels_a_clip_and_both_kinds_of_head(make, head):
    soft = cross_fit(make(annotation="all"), folds=2, settings={**TEACHER, "head": head})
    assert (soft.labels.sum(1) > 1).any()
    assert soft.kind == head
    for probabilities in (*soft.both, *soft.in_sample.values()):
        assert ((probabilities > 0) & (probabilities < 1)).all()
        assert torch.allclose(probabilities.sum(1), torch.ones(150), atol=1e-4) == (head == "softmax")
    for figures in soft.reliability.values():
        assert len(figures["temperatures"]) == 2
        for name in ("calibrated", "uncalibrated", "in_sample"):
            assert figures[name].keys() == {"nll", "ece", "accuracy", "map"}


def test_figures_are_of_their_modality_and_of_their_scores(corpus, teachers):
    soft = cross_fit(corpus, folds=2, settings=TEACHER)
    part = corpus.split("train")
    for side, (name, figures) in enumerate(soft.reliability.items()):
        assert figures["temperatures"] == [float(run.method.temperatures[side]) for _, run in teachers]
        assert figures["calibrated"] == reliability(soft.probabilities[name], soft.labels, soft.kind)
        assert figures["in_sample"] == reliability(soft.in_sample[name], soft.labels, soft.kind)
        raw = torch.zeros_like(soft.probabilities[name])
        for fold, (_, run) in enumerate(teachers):

            def score(rows, side, teacher=run.method):
                return {"": teacher.probabilities(teacher.logits(rows, side))}

            raw[soft.folds == fold] = run.apply(part, score)[""][name][soft.folds == fold]
        assert figures["uncalibrated"]["nll"] == pytest.approx(reliability(raw, soft.labels, soft.kind)["nll"])
        assert figures["uncalibrated"]["nll"] != pytest.approx(figures["calibrated"]["nll"], rel=1e-6)
    first, second = (figures["temperatures"] for figures in soft.reliability.values())
    assert first != second


def test_a_tenth_of_a_teacher_s_rows_is_held_out_where_no_row_is_for_validation(corpus, teachers):
    soft = cross_fit(corpus, folds=3, settings=TEACHER)
    for fold, (taught, _) in enumerate(teachers):
        rows = int((soft.folds != fold).sum())
        assert len(ids(taught, "val")) == pytest.approx(0.1 * rows, abs=1)
        assert len(ids(taught, "train") | ids(taught, "val")) == rows


def test_in_sample_scores_flatter(make):
    data = make(noise=4.0)
    soft = cross_fit(data, folds=3, settings={"epochs": 40, "width": 64, "dropout": 0.0})
    for figures in soft.reliability.values():
        assert figures["in_sample"]["accuracy"] > figures["calibrated"]["accuracy"] + 0.1


def test_a_file_gives_back_what_was_written(corpus, tmp_path):
    soft = cross_fit(corpus, folds=2, settings=TEACHER, out=tmp_path)
    path = tmp_path / "soft_labels.safetensors"
    again = SoftLabels.load(path)
    for name in ("kind", "classes", "ids", "choice"):
        assert getattr(again, name) == getattr(soft, name)
    assert again.provenance == json.loads(json.dumps(soft.provenance))
    assert again.reliability == soft.reliability
    assert same(again, soft)
    assert torch.equal(again.labels, soft.labels)
    assert torch.equal(again.folds, soft.folds)
    assert again.in_sample.keys() == soft.in_sample.keys()
    assert all(torch.equal(again.in_sample[name], soft.in_sample[name]) for name in soft.in_sample)
    taken = read_soft_labels(path, ("audio", "visual"))  # as overtone graph does
    assert taken.classes == soft.classes
    assert torch.equal(torch.from_numpy(taken.parts["visual"]), soft.both[1])
    assert torch.equal(torch.from_numpy(taken.labels), soft.labels)


def test_what_is_stored_is_found_and_what_depends_on_something_else_is_not(corpus, tmp_path, teachers):
    soft = cross_fit(corpus, folds=2, settings=TEACHER, out=tmp_path)
    assert len(teachers) == 2
    assert same(cross_fit(corpus, folds=2, settings=TEACHER, out=tmp_path), soft)
    assert len(teachers) == 2
    with pytest.raises(InputError, match="cannot be resumed, because these differ: width"):
        cross_fit(corpus, folds=2, settings={**TEACHER, "width": 9}, out=tmp_path)
    (tmp_path / "soft_labels.safetensors").unlink()
    assert same(cross_fit(corpus, folds=2, settings=TEACHER, out=tmp_path), soft)  # from the finished teachers
    assert len(Run.load(tmp_path / "teacher" / "fold-2").history) == TEACHER["epochs"]


def test_other_files_are_no_soft_labels_of_a_run(tmp_path):
    from overtone.core.files import save_tensors

    path = tmp_path / "other.safetensors"
    save_tensors(path, {"audio": torch.zeros(2, 2)}, {"format": "pt", "note": "{"})
    with pytest.raises(InputError, match="not soft labels of a run"):
        SoftLabels.load(path)
    with pytest.raises(InputError, match="no such file"):
        SoftLabels.load(tmp_path / "none.safetensors")


def test_the_file_holds_no_pickle_and_says_where_it_is_from(corpus, tmp_path):
    cross_fit(corpus, folds=2, settings=TEACHER, out=tmp_path)
    with safe_open(str(tmp_path / "soft_labels.safetensors"), "pt") as file:
        said = json.loads(file.metadata()["provenance"])
    assert said["folds"] == 2
    assert said["teacher"]["width"] == 8
    assert said["data"]["source"] == "simulated"
    assert "torch" in said["versions"]


def test_data_without_labels_or_training_rows_is_refused(corpus):
    with pytest.raises(InputError, match="learnt from training rows with labels"):
        cross_fit(replace(corpus, labels=None, label_kind="none"), settings=TEACHER)
    with pytest.raises(InputError, match="learnt from training rows with labels"):
        cross_fit(corpus.split("train"), settings=TEACHER)
    with pytest.raises(InputError, match="did you mean 'negative_weight'"):
        cross_fit(corpus, settings={"negativ_weight": 1})


def test_what_teachers_see_is_in_the_order_of_the_splits(with_validation):
    part = select_labelled_splits(with_validation)
    for name in ("train", "val"):
        rows = with_validation.splits[name].tolist()
        assert [part.ids[row] for row in part.splits[name].tolist()] == [with_validation.ids[row] for row in rows]
    assert len(part) == 150


def test_explaining_is_kept_where_features_are_sums_of_events_and_dropped_where_they_are_not(make, teachers):
    """Sums of loud events against noise that the labels do not explain, many times as strong as what they do."""
    sums = make(rows=600, classes=8, interactions=6, noise=2.0, audio_size=32, visual_size=32)
    soft = cross_fit(sums, folds=2, settings={"epochs": 40})
    assert len(teachers) == 4
    assert soft.choice["feature_reconstruction"] == 3.0
    assert soft.choice["map"]["3"] >= 0.9 * soft.choice["map"]["0"]
    assert all(run.settings["feature_reconstruction"] == 3.0 for _, run in teachers[2:])
    generator = torch.Generator().manual_seed(0)
    loud = {
        name: rows + 8 * torch.randn(len(sums), 4, generator=generator) @ torch.randn(4, 32, generator=generator)
        for name, rows in sums.modalities.items()
    }
    soft = cross_fit(replace(sums, modalities=loud), folds=2, settings={"epochs": 40})
    assert soft.choice["feature_reconstruction"] == 0.0
    assert soft.choice["map"]["3"] < 0.9 * soft.choice["map"]["0"]


@pytest.mark.parametrize(("share", "chosen"), [(1.1, 3.0), (0.88, 3.0), (0.87, 0.0)])
def test_reconstruction_may_cost_twelve_percent_of_the_ranking_of_the_first_fold(corpus, monkeypatch, share, chosen):
    judged, figures = [], iter([0.5, 0.5, 0.5 * share, 0.5 * share])

    def judge(scores, labels):
        judged.append(labels)
        return next(figures)

    monkeypatch.setattr(fitting, "mean_class_precision", judge)
    soft = cross_fit(corpus, folds=3, settings={**TEACHER, "epochs": 1, "feature_reconstruction": None})
    assert soft.choice["feature_reconstruction"] == chosen
    assert soft.choice["map"] == {"0": 0.5, "3": 0.5 * share}
    assert len(judged) == 4
    for labels in judged:
        assert torch.equal(labels, soft.labels[soft.folds == 0])


@pytest.mark.parametrize(("noise", "chosen"), [(0.3, 0.0), (2.0, 3.0)])
def test_features_are_not_reconstructed_where_nearly_every_label_is_recognised(make, noise, chosen):
    corpus = make(rows=600, classes=8, interactions=0, background=0.0, noise=noise, audio_size=32, visual_size=32)
    choice = cross_fit(corpus, folds=2, settings={"epochs": 40}).choice
    assert choice["map"]["3"] >= 0.88 * choice["map"]["0"]
    assert (choice["accuracy"] >= 0.95) == (chosen == 0.0)
    assert choice["feature_reconstruction"] == chosen


def test_what_is_set_is_not_tried(corpus, teachers):
    assert cross_fit(corpus, folds=2, settings={**TEACHER, "feature_reconstruction": 0.7}).choice == {}
    assert [run.settings["feature_reconstruction"] for _, run in teachers] == [0.7, 0.7]


def test_trials_do_not_see_what_they_are_judged_on(corpus, teachers):
    soft = cross_fit(corpus, folds=3, settings={**TEACHER, "feature_reconstruction": None})
    first = {soft.ids[row] for row in (soft.folds == 0).nonzero()[:, 0].tolist()}
    for taught, _ in teachers[:2]:
        assert not first & (ids(taught, "train") | ids(taught, "val"))


@pytest.mark.parametrize("stored", [False, True])
def test_workers_fit_the_teachers_of_one_process(corpus, tmp_path, stored):
    settings = {**TEACHER, "feature_reconstruction": None}
    options = {"folds": 3, "settings": settings}
    one = cross_fit(corpus, **options, workers=1)
    seen = set()
    out = tmp_path if stored else None
    two = cross_fit(corpus, **options, out=out, workers=2, progress=lambda report: seen.add(report.worker))
    assert same(two, one)
    assert two.choice == one.choice
    assert two.reliability == one.reliability
    assert torch.equal(two.folds, one.folds)
    assert seen == {0, 1, 2}
    if stored:
        assert (tmp_path / "teacher" / "fold-3" / "run.json").exists()
        (tmp_path / "soft_labels.safetensors").unlink()
        again = cross_fit(corpus, **options, out=out, workers=2)  # from the finished teachers
        assert same(again, one)


@pytest.mark.parametrize(("given", "wanted"), [({}, None), ({"epochs": 3}, 3)])
def test_the_trial_trains_half_as_long_as_the_teachers_of_many_classes(make, monkeypatch, given, wanted):
    """With 60 classes as long as for 30; what the settings say goes first."""
    asked = []

    def refuse(method, data, *, settings, **options):
        corpus = CorpusInfo(data.shapes, len(data.splits["train"]), 30)
        asked.append((settings["epochs"], methods[method].training_defaults(corpus).epochs))
        raise TrainingStopped("enough")

    monkeypatch.setattr(fitting, "train", refuse)
    with pytest.raises(TrainingStopped):
        cross_fit(make(classes=60), folds=2, settings=given, workers=1)
    assert asked == [(wanted or asked[0][1], asked[0][1])]
