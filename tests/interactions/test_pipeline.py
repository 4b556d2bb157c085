"""The pipeline: what a method gets, what is stored, and that a run killed in any stage ends with the same weights."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import overtone.interactions.cross_fitting as fitting
import overtone.interactions.pipeline as pipeline
from overtone.core import InputError
from overtone.features import from_arrays
from overtone.interactions import InteractionTrainer, SoftLabels, estimate_presences, infer_graph
from overtone.interactions.class_graph import load_graph
from overtone.training import Run, TrainingStopped

from .conftest import INFERENCE, TEACHER

SHORT = {"checkpoint_seconds": 0}


def train(*arguments, **options):
    """Train with a trainer that keeps nothing of earlier runs."""
    return InteractionTrainer().train(*arguments, **options)


class Killed(Exception):
    """As a kill would end it: nothing that comes after is done."""


def kill_at(stage: str, epoch: int):
    def callback(report):
        if stage in report.label and report.done >= epoch:
            raise Killed

    return callback


def kill_in_student(report):
    if ":" not in report.label:
        raise Killed


@pytest.fixture
def searches(monkeypatch):
    """The soft labels of every search for a graph."""
    calls = []
    search = pipeline.infer_graph

    def spy(soft, *rest, **options):
        calls.append(soft)
        return search(soft, *rest, **options)

    monkeypatch.setattr(pipeline, "infer_graph", spy)
    return calls


@pytest.fixture
def teachers(monkeypatch):
    """The data of every training of a teacher."""
    calls = []
    taught = fitting.train
    monkeypatch.setattr(
        fitting, "train", lambda method, data, **rest: (calls.append(data), taught(method, data, **rest))[1]
    )
    return calls


def weights(run):
    return run.method.state_dict()


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def matrices(folder):
    with np.load(folder / "graph.npz") as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="module")
def whole(corpus, tmp_path_factory):
    """A run that nobody interrupted."""
    from overtone.methods.base import methods

    from .conftest import Told

    len(methods)
    methods._things["told"] = Told
    try:
        return train("told", corpus, settings=SHORT, out=tmp_path_factory.mktemp("whole"))
    finally:
        del methods._things["told"]


def test_a_run_holds_its_stages(whole, corpus):
    folder = whole.folder
    soft = SoftLabels.load(folder / "soft_labels.safetensors")
    graph = load_graph(folder)
    assert graph.nodes[0] == "audio:class 00"
    assert graph.nodes[4] == "visual:class 00"
    (inferred,) = whole.method.told
    for given, chances in zip(inferred.soft_labels, estimate_presences(soft, whole.settings["inference"]).values()):
        assert torch.equal(given, torch.as_tensor(chances, dtype=torch.float32))
        assert given.shape == (150, 4)
    assert torch.equal(inferred.graph, torch.as_tensor(graph.matrix(), dtype=torch.float32))
    said = json.loads((folder / "run.json").read_text())["interactions"]
    assert said["teacher"]["reliability"]["audio"]["calibrated"]["nll"] > 0
    assert said["graph"]["edges"] == len(graph.edges)
    assert [Run.load(folder / "teacher" / f"fold-{k}").name for k in (1, 2, 3)] == ["av-sal"] * 3
    assert Run.load(folder).name == "told"
    assert not list(folder.rglob("*.pkl"))
    assert not list(folder.rglob("*.pt"))


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


def test_neither_test_nor_validation_rows_reach_teacher_or_graph(with_validation, whole, searches, teachers):
    """By name, and by value: whatever they hold, soft labels and graph do not know it."""
    data = with_validation
    names = {split: {data.ids[row] for row in rows.tolist()} for split, rows in data.splits.items()}
    run = train("told", data, settings=SHORT, evaluate=False)
    (soft,) = searches
    assert set(soft.ids) == names["train"]
    for taught in teachers:
        rows = {taught.ids[row] for row in taught.splits["train"].tolist()}
        assert rows < names["train"]
        assert not set(taught.ids) & names["test"]
    noise = {name: rows.clone() for name, rows in data.modalities.items()}
    for rows in noise.values():
        rows[data.splits["test"]] = -1e5
    labels = data.targets.clone()
    labels[data.splits["test"]] = labels[data.splits["test"]].roll(1, 1)
    other = train("told", replace(data, modalities=noise, targets=labels, truth={}), settings=SHORT, evaluate=False)
    assert same(weights(other), weights(run))
    assert torch.equal(other.method.told[0].graph, run.method.told[0].graph)
    assert not set(SoftLabels.load(whole.folder / "soft_labels.safetensors").ids) <= names["train"]  # it could be seen


def test_held_out_rows_do_not_reach_them_either(corpus, searches):
    run = train("told", corpus, settings={**SHORT, "validation_fraction": 0.2}, evaluate=False)
    (soft,) = searches
    assert len(soft) == run.info["splits"]["train"] == 120


def test_the_caller_s_seed_reaches_the_teachers(corpus):
    first, second, third = (
        train("told", corpus, settings={**SHORT, "seed": seed}, evaluate=False).method.told[0] for seed in (0, 0, 1)
    )
    assert torch.equal(first.soft_labels[0], second.soft_labels[0])
    assert not torch.equal(first.soft_labels[0], third.soft_labels[0])


def test_controls_that_need_nothing_are_told_nothing(corpus, teachers, tmp_path):
    for graph in ("none", "pairs"):
        run = train("told", corpus, settings={**SHORT, "graph": graph}, out=tmp_path / graph)
        assert run.method.told == []
        assert not (tmp_path / graph / "soft_labels.safetensors").exists()
    assert teachers == []


def test_the_planted_graph_is_the_truth_and_only_for_who_asks(corpus, searches):
    run = train("told", corpus, settings={**SHORT, "graph": "planted"}, evaluate=False)
    truth = corpus.truth["interactions"]
    graph = run.method.told[0].graph
    assert torch.equal(graph > 0, truth > 0)
    sums = graph.sum(0)
    torch.testing.assert_close(sums[truth.any(0)], torch.ones(int(truth.any(0).sum())))
    assert searches == []
    with pytest.raises(InputError, match="needs the true interactions"):
        train("told", replace(corpus, truth={}), settings={"graph": "planted"})
    one = train("told", corpus, settings={**SHORT, "graph": "planted", "top": 1}, evaluate=False).method.told[0].graph
    assert ((one > 0).sum(0) <= (graph > 0).sum(0)).all()


@pytest.mark.parametrize(
    ("top", "wanted"), [(None, [1 / 7, 3 / 7, 3 / 7]), (1, [0.0, 0.5, 0.5]), (9, [1 / 7, 3 / 7, 3 / 7])]
)
def test_planted_weights_by_hand(corpus, top, wanted):
    """Shares of what enters a node; equally strong ones stay together."""
    strengths = torch.zeros_like(corpus.truth["interactions"], dtype=torch.float32)
    strengths[:3, 5] = torch.tensor([0.2, 0.6, 0.6])
    strengths[3, 6] = 0.4
    settings = {**SHORT, "graph": "planted", "top": top, "teacher": {**TEACHER, "epochs": 1}}
    run = train("told", replace(corpus, truth={"interactions": strengths}), settings=settings, evaluate=False)
    graph = run.method.told[0].graph
    torch.testing.assert_close(graph[:3, 5], torch.tensor(wanted))
    assert graph[3, 6] == 1
    assert graph.sum() == pytest.approx(2)


def test_top_edges_and_settings_of_presences_reach_the_student(corpus, tmp_path):
    inference = {**INFERENCE, "sharpness": 3.0, "strength": 0.0}
    run = train("told", corpus, settings={**SHORT, "top": 1, "inference": inference}, out=tmp_path, evaluate=False)
    (told,) = run.method.told
    soft, graph = SoftLabels.load(tmp_path / "soft_labels.safetensors"), load_graph(tmp_path)
    assert torch.equal(told.graph, torch.as_tensor(graph.matrix(1), dtype=torch.float32))
    assert not np.array_equal(graph.matrix(1), graph.matrix())
    for given, chances in zip(told.soft_labels, estimate_presences(soft, inference).values()):
        assert torch.equal(given, torch.as_tensor(chances, dtype=torch.float32))
    assert not np.array_equal(estimate_presences(soft, inference)["audio"], estimate_presences(soft)["audio"])


def test_truth_changes_nothing_for_who_does_not_ask(corpus, whole):
    run = train("told", replace(corpus, truth={}), settings=SHORT, evaluate=False)
    assert same(weights(run), weights(whole))


def test_entries_of_one_comparison_share_teachers_and_graph(corpus, teachers, searches):
    trainer = InteractionTrainer()
    first = trainer.train("told", corpus, settings=SHORT, evaluate=False)
    second = trainer.train("told", corpus, settings={**SHORT, "graph": "shuffled"}, evaluate=False)
    assert (len(teachers), len(searches)) == (3, 1)
    assert torch.equal(first.method.told[0].graph, second.method.told[0].graph)
    trainer.train("told", corpus, settings={**SHORT, "graph": "planted"}, evaluate=False)
    assert (len(teachers), len(searches)) == (3, 1)
    trainer.train("told", corpus, settings={**SHORT, "inference": {"bootstrap": 0}}, evaluate=False)
    assert (len(teachers), len(searches)) == (3, 2)
    trainer.train("told", corpus, settings={**SHORT, "seed": 1}, evaluate=False)
    assert (len(teachers), len(searches)) == (6, 3)
    train("told", corpus, settings=SHORT, evaluate=False)
    assert (len(teachers), len(searches)) == (9, 4)


def test_progress_speaks_of_each_stage(corpus):
    labels, lines = [], []

    def callback(report):
        labels.append(report.label)
        lines.append(report.line())

    train("told", corpus, settings=SHORT, progress=callback, label="student, seed 0 (1/2)")
    seen = list(dict.fromkeys(labels))
    name = "student, seed 0 (1/2)"
    assert seen[:3] == [f"{name}: teacher, fold {k}/3" for k in (1, 2, 3)]
    assert seen[3].startswith(f"{name}: graph, ")
    assert seen[-1] == name
    assert any(": step " in line for line in lines)


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


def test_damaged_files_of_a_graph_are_named(whole, tmp_path):
    for name in ("graph.json", "graph.npz"):
        (tmp_path / name).write_bytes((whole.folder / name).read_bytes())
    (tmp_path / "graph.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match="not a whole graph"):
        load_graph(tmp_path)


def test_a_stored_graph_is_the_graph(whole):
    soft = SoftLabels.load(whole.folder / "soft_labels.safetensors")
    made, stored = infer_graph(soft, whole.settings["inference"]), load_graph(whole.folder)
    for name in ("directed", "undirected", "weights", "dag", "presence", "direction"):
        assert np.array_equal(getattr(made, name), getattr(stored, name))
    assert stored.edges == made.edges
    assert stored.notes == made.notes
    assert stored.to_dict()["found"] == json.loads(json.dumps(made.to_dict()["found"]))


def test_support_of_an_edge_is_the_product_of_its_clips_chances(whole):
    soft = SoftLabels.load(whole.folder / "soft_labels.safetensors")
    chances = estimate_presences(soft, whole.settings["inference"])
    graph = load_graph(whole.folder)
    assert len(graph.support) >= 3
    assert [one[:2] for one in graph.edges] == [(entry.source, entry.target) for entry in graph.support]
    for entry in graph.support:
        (a, i), (b, j) = (end.split(":") for end in (entry.source, entry.target))
        product = chances[a][:, soft.classes.index(i)] * chances[b][:, soft.classes.index(j)]
        assert [strength for _, strength in entry.rows] == pytest.approx(np.sort(product)[::-1][:5])
        for name, strength in entry.rows:
            assert product[soft.ids.index(name)] == pytest.approx(strength)


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
