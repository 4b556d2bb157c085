"""Methods with labels: what their losses see, which losses they take, what they refuse."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from overtone.core import InputError
from overtone.features import hold_out, load
from overtone.methods.base import CorpusInfo, methods
from overtone.methods.metric_learning import SupervisedTwoTower, labelled_rows
from overtone.objectives import build_loss, loss_of_views, metric_losses, objectives
from overtone.training import Run, train

LABELLED = [name for name, kind in methods.items() if issubclass(kind, SupervisedTwoTower)]


def test_all_four_baselines_and_the_general_method_are_there():
    assert {"metric", "triplet", "supervised-infonce", "cluster-cca", "tnn-c-cca"} <= set(methods)
    assert all(methods[name].supervised for name in ("cluster-cca", *LABELLED))


@pytest.mark.parametrize("name", ["av-sal", "interactions"])
def test_heads_with_more_classes_take_more_steps(name):
    def epochs(classes: int) -> int | None:
        return methods[name].training_defaults(CorpusInfo(((8,), (9,)), 2560, classes)).epochs

    assert [epochs(classes) for classes in (2, 20, 40, 100, 1000)] == [40, 40, 80, 200, 800]


@pytest.mark.parametrize("loss", list(metric_losses()))
def test_metric_takes_each_loss_and_trains_what_it_learns(ready, loss):
    method, batch = ready("metric", loss=loss)
    own = list(method.loss.parameters())
    assert bool(own) == metric_losses()[loss].needs_classes
    optimizer = torch.optim.SGD(method.parameter_groups(1.0, 0.0))
    before = [p.detach().clone() for p in own]
    method.step(batch)["loss"].backward()
    optimizer.step()
    assert all(not torch.equal(p, was) for p, was in zip(own, before))
    assert all(p.shape == (4, 4) for p in own)  # a centre for each of four classes, in four dimensions


def test_settings_of_the_loss_reach_it(ready):
    method, batch = ready("metric", loss="triplet", loss_settings={"margin": 0.0, "mining": "batch-hard"}, dropout=0.0)
    other, _ = ready("triplet", margin=0.0, mining="batch-hard", dropout=0.0)
    assert method.loss.settings.margin == 0.0
    assert torch.equal(method.step(batch)["loss"], other.step(batch)["loss"])
    third, _ = ready("supervised-infonce", temperature=0.3)
    assert third.loss.settings.temperature == 0.3


def test_the_triplet_is_the_mean_over_all_active_triplets_across_both_ways(ready):
    method, batch = ready("triplet", dropout=0.0, margin=0.3)
    first, second = (F.normalize(z, dim=1) for z in method.encode(batch, batch.features))
    classes = batch.targets.argmax(1)
    means = []
    for a, v in ((first, second), (second, first)):
        apart = (a[:, None] - v[None]).square().sum(2)
        same = classes[:, None] == classes[None]
        terms = apart[:, :, None] - apart[:, None, :] + 0.3
        terms = terms[same[:, :, None] & ~same[:, None, :]].clamp_min(0)
        means.append(terms[terms > 0].mean())
    torch.testing.assert_close(method.step(batch)["loss"], (means[0] + means[1]) / 2)


def test_class_centres_judge_both_modalities(ready):
    method, batch = ready("metric", loss="ccl", dropout=0.0)
    first, second = method.encode(batch, batch.features)
    labels = batch.targets.argmax(1)
    wanted = (method.loss(first, labels) + method.loss(second, labels)) / 2
    torch.testing.assert_close(method.step(batch)["loss"], wanted)


@pytest.mark.parametrize("name", LABELLED)
def test_rows_without_a_label_teach_nothing(ready, name):
    """Whatever stands in them, the loss is that of the labelled rows, repeated as often as they fill the batch."""
    form = {"student": "lir"} if name == "interactions" else {}  # its heads learn events from all rows
    method, batch = ready(name, dropout=0.0, **form)
    labelled = torch.arange(48) % 2 == 0
    partly = replace(batch, labels=batch.targets * labelled[:, None])
    method.on_train_start(partly)
    loss = method.step(partly)["loss"]
    noise = [torch.where(labelled[:, None], part, torch.randn_like(part)) for part in batch.features]
    torch.testing.assert_close(method.step(replace(partly, features=(noise[0], noise[1])))["loss"], loss)
    twice = torch.arange(48)[labelled].repeat(2)
    z = [part[twice] for part in method.encode(batch, batch.features)]
    torch.testing.assert_close(loss_of_views(method.loss, z, batch.targets[twice].argmax(1)), loss)


@given(st.lists(st.booleans(), min_size=1, max_size=12).filter(any))
def test_labelled_rows_come_in_order_and_in_turn(flags):
    rows = labelled_rows(torch.tensor(flags, dtype=torch.float32)[:, None]).tolist()
    wanted = [row for row, flag in enumerate(flags) if flag]
    assert rows == [wanted[place % len(wanted)] for place in range(len(flags))]


def test_one_hot_targets_and_class_numbers_are_the_same(ready):
    method, batch = ready("triplet", dropout=0.0)
    assert method.single
    loss = method.step(batch)["loss"]
    method.single = False
    torch.testing.assert_close(method.step(batch)["loss"], loss)


@pytest.mark.parametrize("name", ["cluster-cca", *LABELLED])
@pytest.mark.parametrize("kind", ["several", "soft"])
def test_several_and_soft_labels_are_taken(make, name, kind):
    method, batch = make(name)
    targets = (batch.targets + batch.targets.roll(1, 1)).clamp_max(1)
    targets = targets if kind == "several" else targets * 0.4
    batch = replace(batch, labels=targets)
    method.on_train_start(batch)
    if method.iterative:
        assert not method.single
        assert method.step(batch)["loss"].isfinite()
    assert method.embed(batch.features[0], 0).isfinite().all()


def test_a_loss_that_takes_one_class_a_row_says_so(make):
    method, batch = make("metric", loss="arcface")
    batch = replace(batch, labels=torch.ones_like(batch.targets))
    method.on_train_start(batch)
    with pytest.raises(InputError, match=r"arcface, a batch of 48 rows: .*margin=0"):
        method.step(batch)


@pytest.mark.parametrize("name", ["cluster-cca", *LABELLED])
def test_labels_of_one_class_are_refused(make, name):
    method, batch = make(name)
    with pytest.raises(InputError, match="too few classes to learn from; got 1 of 4 classes"):
        method.on_train_start(replace(batch, labels=batch.targets[:1].expand(48, -1)))


def test_wrong_losses_and_settings_are_refused(make):
    with pytest.raises(InputError, match="unknown loss 'triplets'.*did you mean 'triplet'"):
        make("metric", loss="triplets")
    with pytest.raises(InputError, match="unknown setting of triplet 'margn'.*did you mean 'margin'"):
        make("metric", loss_settings={"margn": 1})
    with pytest.raises(InputError, match="unknown setting of ccl 'classes'"):
        build_loss("ccl", {"classes": 7}, classes=4, embedding_dim=8)  # follows from the data
    with pytest.raises(InputError, match="'margin'"):
        make("metric", loss_settings={"margin": -1})


class Spread(torch.nn.Module):
    """A loss of the user's own: each class around a centre that is learned."""

    def __init__(self) -> None:
        super().__init__()
        self.centres = torch.nn.Parameter(torch.eye(4))

    def forward(self, embeddings, labels):
        return (torch.nn.functional.normalize(embeddings, dim=1) - self.centres[labels]).square().sum(1).mean()


def test_metric_takes_a_loss_object_and_its_parameters_are_trained(make, monkeypatch, tmp_path):
    assert len(objectives) > 0
    monkeypatch.setattr(objectives, "_things", dict(objectives._things))
    loss, digits = Spread(), load("split-digits")
    method, batch = make("metric", loss=loss)
    assert method.settings.loss == "Spread"
    method.on_train_start(batch)
    value = method.step(batch)["loss"]
    views, labels = method.encode(batch, batch.features), batch.targets.argmax(1)
    method.step(batch)["loss"].backward()
    assert value.isfinite()
    assert method.loss.module.centres.grad.any()
    assert loss.centres.grad is None
    assert loss_of_views(method.loss, views, labels).isfinite()
    few = replace(digits, class_names=digits.class_names[:4], labels=torch.eye(4)[digits.targets.argmax(1) % 4])
    settings = {"loss": loss, "epochs": 2, "embedding_dim": 4, "width": 8, "depth": 1}
    run = train("metric", few, settings=settings, out=tmp_path / "run", evaluate=False)
    again = Run.load(tmp_path / "run")
    assert again.settings["loss"] == "Spread"
    assert torch.equal(again.method.loss.module.centres, run.method.loss.module.centres)
    monkeypatch.setattr(objectives, "_things", {n: k for n, k in objectives._things.items() if n != "Spread"})
    with pytest.raises(InputError, match="unknown loss 'Spread'"):
        Run.load(tmp_path / "run")


def test_tnn_c_cca_sees_nothing_but_the_cluster_coordinates(ready):
    method, batch = ready("tnn-c-cca", dropout=0.0)
    assert method.clusters.map_first.shape == (6, 3)  # four classes differ in three directions
    gone = torch.linalg.svd(method.clusters.map_first.mT).Vh[3:]
    entries = method.coordinates(batch.features[0], 0).square().mean(1)
    torch.testing.assert_close(entries, torch.ones(48))  # as scaled features have them
    moved = batch.features[0] + 5.0 * torch.randn(48, 3) @ gone
    torch.testing.assert_close(method.embed(moved, 0), method.embed(batch.features[0], 0), atol=1e-4, rtol=0)
    assert not torch.allclose(method.embed(batch.features[0] + 1.0, 0), method.embed(batch.features[0], 0), atol=1e-2)


def test_cluster_cca_is_ahead_of_cca_on_held_out_rows():
    """The published order on VEGAS, .65 against .32, on halves of digits; labels of the test split play no part."""
    data = hold_out(load("split-digits"), 0.2, 0)
    data = replace(data, splits={"train": data.splits["train"], "test": data.splits["val"]})
    plain, clustered = (train(name, data).evaluation["map"].mean for name in ("cca", "cluster-cca"))
    assert clustered > plain + 0.03
