"""The published student: what its pull adds to the metric loss, when, and what its controls are."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from overtone.features import load
from overtone.methods.base import InferredTargets, methods
from overtone.methods.interactions import MARGIN
from overtone.objectives import loss_of_views
from overtone.objectives.interaction import interaction, relatedness
from overtone.training import train


def told(method, batch, edges=((0, 5), (1, 6), (2, 7), (3, 4), (4, 1), (6, 3), (5, 0))):
    """Soft labels that know the class of every clip, and a graph from class to class."""
    soft = tuple(0.1 + 0.6 * batch.targets for _ in range(2))
    graph = torch.zeros(8, 8)
    graph[tuple(zip(*edges))] = 1.0
    method.set_inferred_targets(InferredTargets(soft, graph))
    return soft, graph


@pytest.fixture
def informed(make):
    """A method that was told and has begun, its batch, and what it was told."""

    def build(**settings):
        method, batch = make("interactions", student="lir", dropout=0.0, **settings)
        soft, graph = told(method, batch)
        method.on_train_start(batch)
        return method, batch, soft, graph

    return build


def at(batch, progress):
    return replace(batch, progress=progress)


def test_it_is_the_metric_loss_and_a_weighted_pull(informed):
    method, batch, soft, graph = informed(weight=0.7, threshold=0.2, graph_start=0.0)
    terms = method.step(batch)
    views = method.encode(batch, batch.features)
    pull = interaction(views, batch.targets, soft, graph, 0.2).loss
    assert pull > 0
    torch.testing.assert_close(terms["pull"], pull)
    torch.testing.assert_close(terms["loss"], terms["metric"] + 0.7 * pull)


def test_each_row_has_its_own_soft_labels(informed, some):
    method, batch, soft, graph = informed(weight=1.0, threshold=0.2, graph_start=0.0)
    rows = torch.tensor([40, 3, 17, 8, 21, 30, 46, 11] * 4)
    first, second = (part[rows] for part in batch.features)
    some = replace(batch, rows=rows, features=(first, second), labels=batch.targets[rows], global_size=len(rows))
    views = method.encode(some, some.features)
    wanted = interaction(views, some.targets, [part[rows] for part in soft], graph, 0.2).loss
    torch.testing.assert_close(method.step(some)["pull"], wanted)


@pytest.mark.parametrize("loss", ["triplet", "scl", "ccl"])
def test_without_a_graph_it_is_metric_step_by_step(loss):
    data = load("split-digits")
    same = {"loss": loss, "loss_settings": {"margin": 0.3} if loss == "triplet" else {}, "epochs": 2, "seed": 3}
    runs = [
        train(name, data, settings={**same, **more}, evaluate=False)
        for name, more in (
            ("interactions", {"graph": "none", "student": "lir", "validation_fraction": 0.0}),
            ("metric", {}),
        )
    ]
    history = [[(r["loss"], r["gradient_norm"]) for r in run.history] for run in runs]
    assert history[0] == history[1]
    first, second = (run.method.state_dict() for run in runs)
    assert all(torch.equal(first[name], second[name]) for name in second)


def test_before_the_switch_the_metric_loss_is_alone(informed):
    method, batch, *_ = informed(graph_start=0.25, graph_warmup=0.5)
    early = method.step(at(batch, 0.2))
    assert early["pull"] == 0
    assert torch.equal(early["loss"], early["metric"])
    assert early.keys() == method.step(at(batch, 0.3)).keys()  # one epoch may hold both


def test_the_weight_rises_after_the_switch_and_the_threshold_goes_to_its_end(informed):
    method, batch, soft, graph = informed(
        weight=2.0, graph_start=0.2, graph_warmup=0.4, threshold=0.5, threshold_end=0.8
    )
    found = [method.settings.strength_at(p) for p in (0.2, 0.4, 0.6, 1.0)]
    assert found == pytest.approx([0.0, 1.0, 2.0, 2.0])
    views = method.encode(batch, batch.features)
    assert (
        method.pull(*views, batch.targets, at(batch, 0.2)) == interaction(views, batch.targets, soft, graph, 0.5).loss
    )
    assert method.pull(*views, batch.targets, at(batch, 1.0)) == 0  # no soft label is above 0.8


def test_pairs_alone_pull_each_clip_together_and_need_not_be_told(make):
    method, batch = make("interactions", student="lir", dropout=0.0, graph="pairs", weight=0.5, graph_start=0.0)
    method.on_train_start(batch)
    terms = method.step(batch)
    first, second = (F.normalize(z, dim=1) for z in method.encode(batch, batch.features))
    torch.testing.assert_close(terms["pull"], (first - second).square().sum(1).mean())
    torch.testing.assert_close(terms["loss"], terms["metric"] + 0.5 * terms["pull"])


def test_nothing_flows_into_soft_labels_and_no_checkpoint_holds_them(informed):
    method, batch, soft, _ = informed(graph_start=0.0)
    method.step(batch)["loss"].backward()
    assert not any(part.requires_grad for part in (method.soft_first, method.soft_second, method.edges))
    assert not {"heard", "seen", "edges"} & method.state_dict().keys()
    assert not {id(part) for part in soft} & {id(p) for p in method.parameters()}


def test_rows_without_a_label_are_pulled_too(informed):
    method, batch, *_ = informed(threshold=0.2)
    labelled = (torch.arange(48) < 24).float()[:, None]
    whole = method.encode(batch, batch.features)
    first, second = (z.detach().requires_grad_() for z in whole)
    method.pull(first, second, batch.targets * labelled, batch).backward()
    assert all((z.grad[24:].abs().sum(1) > 0).any() for z in (first, second))


@pytest.mark.parametrize("graph", ["inferred", "pairs"])
def test_two_processes_descend_what_one_does(informed, two_processes, graph):
    method, batch, *_ = informed(graph=graph, threshold=0.2, graph_start=0.0)
    whole = method.step(batch)
    halves, _ = two_processes(method, batch)
    for terms in halves:
        for name, value in terms.items():
            torch.testing.assert_close(value, whole[name])


def test_the_margin_of_the_triplet_is_wide_unless_it_is_set(make):
    assert make("interactions", student="lir")[0].loss.settings.margin == MARGIN
    narrow = {"margin": 0.3, "mining": "semi-hard"}
    assert make("interactions", student="lir", loss_settings=narrow)[0].settings.loss_settings == narrow
    assert make("interactions", student="lir", loss="scl")[0].settings.loss_settings == {}


def test_it_does_not_begin_before_it_is_told(make):
    method, batch = make("interactions", student="lir")
    method.edges = torch.zeros(0)
    method.soft_first = torch.zeros(0)
    with pytest.raises(RuntimeError, match="set_inferred_targets"):
        method.on_train_start(batch)


def test_the_controls_are_settings_of_the_method():
    kind = methods["interactions"]
    assert list(kind.controls()) == ["no-graph", "soft-only", "shuffled-graph", "pairs-only"]
    assert list(kind.controls({"interactions", "events_audio"}))[-1] == "planted-graph"
    assert methods["triplet"].controls() == {}
    graphs = [kind.settings_type.build(settings).graph for settings in kind.controls({"interactions"}).values()]
    assert graphs == ["none", "soft", "shuffled", "pairs", "planted"]
    assert list(kind.controls({"events_audio", "events_visual"}))[-1] == "true-events"


@pytest.mark.parametrize("relief", [0.4, 0.85])
def test_the_relief_is_the_setting_times_what_relates_two_clips(informed, relief):
    method, batch, soft, graph = informed(negative_relief=relief, threshold=0.2, graph_start=0.0)
    related = relatedness(soft, graph, 0.2)
    torch.testing.assert_close(method.negative_relief(batch), relief * related)
    first, second = method.encode(batch, batch.features)
    wanted = loss_of_views(method.loss, (first, second), batch.targets.argmax(1), relief * related)
    torch.testing.assert_close(method.step(batch)["metric"], wanted)
    for other in (0.0, 1.0):
        without = loss_of_views(method.loss, (first, second), batch.targets.argmax(1), other * related)
        assert not torch.allclose(wanted, without)


def test_clips_that_graph_and_soft_labels_join_are_no_negatives(informed):
    (sparing, batch, _, _), (strict, *_) = informed(negative_relief=1.0), informed(negative_relief=0.0)
    strict.load_state_dict(sparing.state_dict())
    spared = sparing.negative_relief(at(batch, 0.9))
    assert spared is not None
    assert 0 < spared.mean() < 1
    assert strict.negative_relief(at(batch, 0.9)) is None
    metric = [[method.step(at(batch, done))["metric"] for method in (sparing, strict)] for done in (0.0, 0.9)]
    assert metric[0][0] == metric[0][1]
    assert metric[1][0] != metric[1][1]
