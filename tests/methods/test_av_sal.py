"""av-sal: rows without labels, mixtures, what explains what, temperatures."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from overtone.features import SimulatorSettings, from_arrays, simulate
from overtone.methods.av_sal import COOLEST, HOTTEST
from overtone.objectives.classification import positive_unlabelled, soft_cross_entropy
from overtone.training import train

HEADS = ("softmax", "sigmoid")


@pytest.mark.parametrize("head", HEADS)
def test_the_loss_is_the_weighted_sum_of_its_terms(ready, head):
    method, batch = ready(
        "av-sal", head=head, dropout=0.0, agreement=0.7, feature_reconstruction=2.0, negative_weight=0.4
    )
    z = [net(rows) for net, rows in zip(method.heads, batch.features)]
    fits = [
        soft_cross_entropy(one, batch.targets)
        if head == "softmax"
        else positive_unlabelled(one, batch.targets, negative_weight=0.4)
        for one in z
    ]
    terms = method.step(batch)
    torch.testing.assert_close(terms["fit"], (fits[0] + fits[1]) / 2)
    wanted = terms["fit"] + 0.7 * terms["agreement"] + 2.0 * terms["feature_reconstruction"]
    torch.testing.assert_close(terms["loss"], wanted)


def test_prototypes_begin_as_class_means_and_explain(ready):
    method, batch = ready("av-sal", dropout=0.0, feature_reconstruction=1.0)
    classes = batch.targets.argmax(1)
    for prototypes, rows in zip(method.prototypes, batch.features):
        means = torch.stack([rows[classes == number].mean(0) for number in range(4)])
        torch.testing.assert_close(prototypes[:-1], means)
        assert not prototypes[-1].any()
    guess = method.heads[0](batch.features[0]).sigmoid() @ method.prototypes[0][:-1]
    wanted = F.mse_loss(guess, batch.features[0])
    weights = torch.ones(len(batch))
    found = method.unexplained(batch.features[0], method.heads[0](batch.features[0]), 0, weights)
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("mixup", [0.0, 0.6])
def test_rows_without_a_label_teach_nothing(ready, mixup):
    """Whatever stands in them, neither the loss nor a gradient knows."""
    method, batch = ready("av-sal", dropout=0.0, mixup=mixup, feature_reconstruction=1.0)
    known = torch.arange(48) % 3 > 0
    partly = replace(batch, labels=batch.targets * known[:, None])
    noise = [torch.where(known[:, None], part, torch.randn_like(part)) for part in batch.features]
    method.on_train_start(partly)
    losses = []
    for features in (batch.features, (noise[0], noise[1])):
        generator = torch.Generator().manual_seed(1)
        losses.append(method.step(replace(partly, features=features, generator=generator))["loss"])
    torch.testing.assert_close(losses[0], losses[1])
    if not mixup:
        some = [part[known] for part in batch.features]
        only = replace(partly, features=(some[0], some[1]), labels=batch.targets[known])
        torch.testing.assert_close(method.step(only)["loss"], losses[0])


def test_mixtures_are_sums_of_two_clips_with_both_labels(ready):
    method, batch = ready("av-sal", mixup=1.0)
    features, targets = method.mixed(batch, batch.targets)
    for mixed, alone in zip(features, batch.features):
        added = mixed - alone
        partners = torch.cdist(added, alone).argmin(1)
        torch.testing.assert_close(added, alone[partners], atol=1e-5, rtol=0)
        assert torch.equal(targets, torch.maximum(batch.targets, batch.targets[partners]))


@pytest.mark.parametrize("true", [0.4, 1.0, 3.0])
@pytest.mark.parametrize("head", HEADS)
def test_the_temperature_of_labels_that_were_drawn_at_it_is_found(make, head, true):
    method, _ = make("av-sal", head=head, negative_weight=1.0)
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(20_000, 4, generator=generator, dtype=torch.float64)
    if head == "softmax":
        drawn = torch.multinomial((logits / true).softmax(1), 1, generator=generator)[:, 0]
        targets = torch.eye(4, dtype=torch.float64)[drawn]
    else:
        targets = torch.bernoulli((logits / true).sigmoid(), generator=generator)
    found = method.best_temperature(logits, targets)
    assert found == pytest.approx(true, rel=0.05)
    assert method.best_temperature(2 * logits, targets) == pytest.approx(2 * found, rel=1e-4)


@pytest.mark.parametrize("head", HEADS)
def test_no_other_temperature_fits_better(ready, head):
    method, batch = ready("av-sal", head=head, negative_weight=0.3)
    method.eval()
    method.calibrate(batch)
    for side in (0, 1):
        logits = method.logits(batch.features[side], side)

        def misfit(temperature, logits=logits):
            scaled = logits / temperature
            if head == "softmax":
                return soft_cross_entropy(scaled, batch.targets)
            return positive_unlabelled(scaled, batch.targets)

        best = float(method.temperatures[side])
        others = torch.logspace(torch.tensor(COOLEST).log10(), torch.tensor(HOTTEST).log10(), 60)
        assert float(misfit(best)) <= min(float(misfit(other)) for other in others) + 1e-6


def test_held_out_rows_without_labels_leave_the_temperature_alone(ready):
    method, batch = ready("av-sal")
    method.calibrate(replace(batch, labels=torch.zeros_like(batch.targets)))
    assert method.temperatures.tolist() == [1.0, 1.0]


def test_calibration_is_part_of_a_run_with_held_out_rows():
    settings = SimulatorSettings(train_rows=200, test_rows=50, classes=4, interactions=2)
    data = from_arrays(simulate(settings, 0), source="simulated")
    short = {"epochs": 5, "width": 16}
    run = train("av-sal", data, settings={**short, "validation_fraction": 0.2}, evaluate=False)
    assert all(temperature != 1.0 for temperature in run.method.temperatures.tolist())
    assert train("av-sal", data, settings=short, evaluate=False).method.temperatures.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("head", HEADS)
def test_soft_labels_are_probabilities(ready, head):
    method, batch = ready("av-sal", head=head)
    soft = method.soft_labels(batch.features[1], 1)
    assert soft.shape == (48, 4)
    assert ((soft > 0) & (soft < 1)).all()
    assert torch.allclose(soft.sum(1), torch.ones(48)) == (head == "softmax")


def test_explaining_makes_unannotated_events_visible():
    """Held-out clips of other classes: how well a class's probability tells where it is present without annotation."""
    settings = SimulatorSettings(train_rows=1500, test_rows=500, classes=8, interactions=6)
    data = from_arrays(simulate(settings, 100), source="simulated")
    test = data.split("test")
    seen = {}
    for weight in (0.0, 3.0):
        run = train("av-sal", data, settings={"feature_reconstruction": weight, "epochs": 25}, evaluate=False)
        soft = run.apply(test, lambda rows, side, run=run: {"": run.method.soft_labels(rows, side)})[""]["audio"]
        ranks = []
        for number in range(8):
            others = test.targets[:, number] == 0
            present = test.truth["events_audio"][others, number] > 0
            p = soft[others, number]
            ranks.append((p[present][:, None] > p[~present]).float().mean())
        seen[weight] = torch.stack(ranks).mean()
    assert seen[3.0] > seen[0.0] + 0.01
