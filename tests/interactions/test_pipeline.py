"""The pipeline: what a method gets, what is stored, and that no test row takes part."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from overtone.core import InputError
from overtone.interactions import EventChances, SoftLabels, estimate_presences, event_chances, infer_graph
from overtone.interactions.class_graph import load_graph
from overtone.training import Run

from .conftest import INFERENCE, SHORT, TEACHER, same, train, weights


def test_a_run_holds_its_stages(whole, corpus):
    folder = whole.folder
    soft = SoftLabels.load(folder / "soft_labels.safetensors")
    graph = load_graph(folder)
    assert graph.nodes[0] == "audio:class 00"
    assert graph.nodes[4] == "visual:class 00"
    (inferred,) = whole.method.told
    settings = whole.settings["inference"]
    chances = event_chances(soft.arrays, soft.labels, graph, kind=soft.kind, settings=settings)
    for given, found in zip(inferred.soft_labels, chances.modalities.values()):
        assert torch.equal(given, found.float())
        assert given.shape == (150, 4)
    assert torch.equal(inferred.events, chances.clips.float())
    stored = EventChances.load(folder / "events.safetensors")
    assert torch.equal(stored.clips, inferred.events)
    assert stored.loudness == chances.loudness
    assert torch.equal(inferred.graph, torch.as_tensor(graph.matrix(), dtype=torch.float32))
    said = json.loads((folder / "run.json").read_text())["interactions"]
    assert said["teacher"]["reliability"]["audio"]["calibrated"]["nll"] > 0
    assert said["graph"]["edges"] == len(graph.edges)
    assert [Run.load(folder / "teacher" / f"fold-{k}").name for k in (1, 2, 3)] == ["av-sal"] * 3
    assert Run.load(folder).name == "told"
    assert not list(folder.rglob("*.pkl"))
    assert not list(folder.rglob("*.pt"))


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
    other = train("told", replace(data, modalities=noise, labels=labels, truth={}), settings=SHORT, evaluate=False)
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
    chances = event_chances(soft.arrays, soft.labels, told.graph, kind=soft.kind, settings=inference)
    for given, found in zip(told.soft_labels, chances.modalities.values()):
        assert torch.equal(given, found.float())
    assert not np.array_equal(estimate_presences(soft, inference)["audio"], estimate_presences(soft)["audio"])


def test_truth_changes_nothing_for_who_does_not_ask(corpus, whole):
    run = train("told", replace(corpus, truth={}), settings=SHORT, evaluate=False)
    assert same(weights(run), weights(whole))


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
