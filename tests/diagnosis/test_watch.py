"""What a watch measures: gradients against finite differences, counted triplets, steps and epochs, what follows."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from overtone.diagnosis import watch
from overtone.objectives import metric_losses

from .conftest import LABELS, Between, Pull, numeric_gradient, only, rows


@pytest.mark.parametrize("summed", [False, True])
def test_gradient_norm_against_finite_differences(summed: bool) -> None:
    pull, z = Pull(), rows()

    def loss(z: Tensor, labels: Tensor) -> Tensor:
        return pull(z, labels) * (len(z) if summed else 1)

    with watch(loss, reduction="sum" if summed else "mean") as w:
        w(z, LABELS).backward()
    wanted = numeric_gradient(lambda z: pull(z, LABELS), z.detach()).norm(dim=1).mean() * len(z)
    assert only(w.steps, "gradient_norm") == pytest.approx(float(wanted), rel=1e-7)
    assert only(w.steps, "loss") == pytest.approx(loss(z, LABELS).item())


def test_gradient_of_the_gallery_counts_too() -> None:
    loss, first, second = Between(), rows(1), rows(2, count=9)
    with watch(loss) as w:
        loss(first, LABELS, gallery=second, gallery_labels=LABELS[:9]).backward()
    parts = [
        numeric_gradient(lambda z: loss(z, LABELS, second, LABELS[:9]), first.detach()),
        numeric_gradient(lambda z: loss(first, LABELS, z, LABELS[:9]), second.detach()),
    ]
    wanted = torch.cat(parts).norm(dim=1).mean() * 12
    assert only(w.steps, "gradient_norm") == pytest.approx(wanted.item(), rel=1e-7)


def test_only_the_gradient_of_this_loss_counts_whatever_it_is_multiplied_by() -> None:
    loss = Pull()
    with watch(loss) as w:
        z = rows()
        loss(z, LABELS).backward()
        z = rows()
        (1024 * 0.3 * loss(z, LABELS) + 100 * z.pow(3).sum()).backward()
    alone, among_others = w.steps.gradient_norm
    assert alone == pytest.approx(among_others, rel=1e-12)


def test_gradient_norm_does_not_depend_on_the_batch_size() -> None:
    loss = Pull()
    with watch(loss) as w:
        for copies in (1, 5):
            loss(rows().detach().repeat(copies, 1).requires_grad_(), LABELS.repeat(copies)).backward()
    one, five = w.steps.gradient_norm
    assert one == pytest.approx(five, rel=1e-9)


@pytest.mark.parametrize(("options", "summed"), [({"reduction": "sum"}, True), ({"reduction": "mean"}, False)])
def test_reduction_is_asked_from_the_loss(options: dict[str, str], summed: bool) -> None:
    assert watch(nn.TripletMarginLoss(**options)).summed is summed

    class SumReducer(nn.Module): ...

    wrapped, inner = Pull(), Pull()
    wrapped.loss = inner
    assert not watch(wrapped).summed
    inner.reducer = SumReducer()
    assert watch(wrapped).summed
    assert not watch(wrapped, reduction="mean").summed


# Three rows on a line: anchor 0, positive at .4, negative at .5; and a far negative.
LINE = torch.tensor([[0.0], [0.4], [0.5], [3.0]])


def triplets(z: Tensor, margin: float) -> Tensor:
    """All triplets of LINE with rows 0 and 1 of one class and rows 2 and 3 of two others, as a mean."""
    gaps = (z - z.mT).abs()
    terms = [F.relu(gaps[a, p] - gaps[a, n] + margin) for a, p in ((0, 1), (1, 0)) for n in (2, 3)]
    return torch.stack(terms).mean()


def test_active_samples_of_counted_triplets() -> None:
    """Of four triplets only (0, 1, 2) and (1, 0, 2) push: rows 0, 1 and 2 get a gradient and row 3 does not."""
    with watch(lambda z: triplets(z, 0.2)) as w:
        w(LINE.clone().requires_grad_()).backward()
    assert only(w.steps, "active_samples") == only(w.steps, "active_ratio") == pytest.approx(3 / 4)
    assert w.summary()["active_by"] == "samples"


def test_active_ratio_is_the_loss_s_own_count_of_triplets() -> None:
    """Unit vectors at 0, 10, 20 and 180 degrees: two rows of a class, one row each of two others; margin .3."""
    angle = torch.deg2rad(torch.tensor([0.0, 10.0, 20.0, 180.0]))
    z = torch.stack([angle.cos(), angle.sin()], dim=1).requires_grad_()
    labels = torch.tensor([0, 0, 1, 2])
    loss = metric_losses()["triplet"](margin=0.3, mining="all")
    with watch(loss) as w:
        loss(z, labels).backward()
    # anchors 0 and 1, one positive and two negatives each: 4 triplets; the negative at 180 degrees is satisfied
    gaps = torch.cdist(z.detach(), z.detach())
    terms = [float(gaps[a, p] - gaps[a, n] + 0.3) for a, p in ((0, 1), (1, 0)) for n in (2, 3)]
    active = sum(term > 0 for term in terms)
    assert active == 2
    assert only(w.steps, "active_ratio") == pytest.approx(active / 4)
    assert only(w.steps, "active_samples") == pytest.approx(3 / 4)
    summary = w.summary()
    assert summary["active_by"] == "terms"
    assert summary["active_means"] == loss.active_means


def test_several_calls_before_the_gradients_are_one_step() -> None:
    loss = Pull()
    with watch(loss) as w:
        z = rows()
        (loss(z, LABELS) + loss(2 * z, LABELS)).backward()
        loss(rows(), LABELS).backward()
        loss(rows(), LABELS)  # no backward: no step
    assert w.steps.step == [1, 2]
    both, one = w.steps.gradient_norm
    assert both == pytest.approx(1.5 * one)  # the mean over both calls; each sees the gradient at its own rows
    assert w.steps.loss[0] == pytest.approx(2.5 * w.steps.loss[1])


def test_accumulated_batches_are_steps_of_their_own_and_the_optimiser_s_gradient_is_the_last_one_s() -> None:
    loss, head = Pull(), nn.Linear(4, 3).double()
    optimizer = torch.optim.SGD(head.parameters(), 0.1)
    with watch(loss, parameters=head.parameters()) as w:
        for _ in range(2):
            optimizer.zero_grad()
            for seed in range(3):
                (loss(head(rows(seed)), LABELS) / 3).backward()
            wanted = torch.cat([one.grad.flatten() for one in head.parameters() if one.grad is not None]).norm()
            optimizer.step()
    norms = w.steps.parameter_gradient_norm
    assert [math.isnan(norm) for norm in norms] == [True, True, False] * 2
    assert norms[-1] == pytest.approx(float(wanted), rel=1e-9)


def test_parameters_of_two_optimisers_are_one_set_and_those_of_others_are_none() -> None:
    loss, first, second, third = Pull(), nn.Linear(4, 3), nn.Linear(3, 3), nn.Linear(3, 3)
    optimizers = [torch.optim.Adam(layer.parameters()) for layer in (first, second, third)]
    watched = [*first.parameters(), *second.parameters()]
    with watch(loss, parameters=watched) as w:
        loss(third(second(first(rows(dtype=torch.float32)))), LABELS).backward()
        for optimizer in optimizers:
            optimizer.step()
    wanted = torch.cat([one.grad.flatten() for one in watched if one.grad is not None]).norm()
    assert only(w.steps, "parameter_gradient_norm") == pytest.approx(float(wanted), rel=1e-6)


def test_the_batch_is_measured_every_few_steps() -> None:
    loss = Pull()
    with watch(loss, every=3) as w:
        for seed in range(7):
            loss(rows(seed), LABELS).backward()
    assert w.steps.step == list(range(1, 8))
    assert w.steps.measured_at == [1, 4, 7]
    for at, found in zip(w.steps.measured_at, w.steps.intra_variance):
        z = rows(at - 1).detach()
        per_class = [z[c == LABELS].var(dim=0, correction=1).sum() for c in range(3)]
        assert found == pytest.approx(float(torch.stack(per_class).mean()), rel=1e-5)


def test_share_of_the_gradient_on_easy_samples() -> None:
    """Rows 0 to 2 lie together; row 3 is of their class but lies with the other class, where nothing is easy."""
    z = torch.tensor([[1, 0.0], [1, 0.1], [1, -0.1], [0, 1], [0.1, 1], [-0.1, 1]]).requires_grad_()
    labels = torch.tensor([0, 0, 0, 0, 1, 1])
    weights = torch.tensor([1.0, 2, 3, 4, 5, 6])
    with watch(lambda z, labels: (z.sum(1) * weights).sum()) as w:
        w(z, labels).backward()
    assert only(w.steps, "easy_samples") == pytest.approx(3 / 6)
    assert only(w.steps, "easy_share") == pytest.approx(6 / 21)


def test_easy_samples_look_in_the_gallery_and_weights_are_labels_too() -> None:
    z = torch.eye(3).requires_grad_()
    gallery, theirs = torch.eye(3)[[0, 1, 2]].requires_grad_(), torch.tensor([0, 1, 0])
    loss = Between()
    with watch(loss) as w:
        loss(z, torch.tensor([0, 1, 1]), gallery, theirs).backward()
    assert only(w.steps, "easy_samples") == pytest.approx(2 / 3)
    hot = F.one_hot(torch.tensor([0, 1, 1])).float()
    with watch(lambda z, labels: z.sum()) as w:
        w(torch.tensor([[1.0, 0], [0, 1], [0, 1]]).requires_grad_(), labels=hot).backward()
    assert only(w.steps, "easy_samples") == pytest.approx(2 / 3)
    assert only(w.steps, "intra_variance") == pytest.approx(0)


def test_without_labels_there_is_no_geometry_and_no_complaint() -> None:
    with watch(lambda z, scale, extra: scale * z.square().mean()) as w:
        w(rows(), 2.0, {"anything": None}).backward()
    assert w.steps.measured_at == []
    assert only(w.steps, "gradient_norm") > 0


@pytest.mark.parametrize("name", sorted(metric_losses()))
def test_every_loss_of_ours_counts_its_own_terms(name: str) -> None:
    kind = metric_losses()[name]
    loss = kind(**({"classes": 3, "embedding_dim": 4} if kind.needs_classes else {}))
    with watch(loss) as w:
        loss(rows(dtype=torch.float32), LABELS).backward()
    assert w.summary()["active_by"] == "terms"
    assert 0 <= only(w.steps, "active_ratio") <= 1
    assert only(w.steps, "gradient_norm") > 0


def test_epochs_are_means_over_their_steps() -> None:
    loss = Pull()
    with watch(loss, every=2) as w:
        w.epoch()  # nothing happened yet
        for steps in (4, 3):
            for seed in range(steps):
                loss(rows(seed), LABELS).backward()
            w.epoch()
    assert w.epochs.step == w.epochs.measured_at == [4, 7]
    assert w.epochs.loss == pytest.approx([sum(w.steps.loss[:4]) / 4, sum(w.steps.loss[4:]) / 3])
    assert w.epochs.intra_variance[0] == pytest.approx(sum(w.steps.intra_variance[:2]) / 2)
    assert all(math.isnan(norm) for norm in w.epochs.parameter_gradient_norm)
    assert w.summary()["epochs"] == 2


def test_long_series_are_thinned_and_epochs_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("overtone.diagnosis.watch")
    monkeypatch.setattr(module, "_MOST_STEPS", 10)
    monkeypatch.setattr(importlib.import_module("overtone.diagnosis.step_buffer"), "_ROWS", 50)
    loss = Pull()
    with watch(loss, every=1) as w:
        for seed in range(45):
            loss((1 + seed) * rows(), LABELS).backward()
        w.epoch()
    assert w.steps.step == [1, 9, 17, 25, 33, 41]
    assert [value / w.steps.loss[0] for value in w.steps.loss] == pytest.approx([s**2 for s in w.steps.step])
    assert w.epochs.loss[0] / w.steps.loss[0] == pytest.approx(sum(s**2 for s in range(1, 46)) / 45)
    assert w.summary()["steps"] == 45


def compacting() -> Iterator[float]:
    """Spread of a class that shrinks."""
    yield from (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05)


def test_what_is_derived_from_the_series() -> None:
    loss = Pull()
    with watch(loss, every=1) as w:
        for spread in compacting():
            around = torch.eye(4)[LABELS] + spread * rows(3, dtype=torch.float32).detach()
            loss(around.requires_grad_(), LABELS).backward()
    summary = w.summary()
    half = summary["half_compaction"]
    assert 3 < half < 9
    assert w.steps.intra_variance[half - 1] < 0.6 * w.steps.intra_variance[0]
    assert summary["loss_decay_rate"] > 0
    assert summary["loss"]["first"] > summary["loss"]["last"]
    assert summary["intra_variance"] == {"first": w.steps.intra_variance[0], "last": w.steps.intra_variance[-1]}


def test_a_loss_that_never_fell_and_a_batch_that_never_compacted() -> None:
    loss = Pull()
    with watch(loss) as w:
        for _ in range(5):
            loss(rows(), LABELS).backward()
    summary = w.summary()
    assert summary["loss_decay_rate"] is None
    assert summary["half_compaction"] is None
