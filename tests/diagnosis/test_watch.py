"""Watch: gradients against finite differences, counted triplets, steps and epochs, and training that is left alone."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from overtone.core import InputError
from overtone.diagnosis import Watch, watch
from overtone.diagnosis.series import Greediness
from overtone.objectives import metric_losses

LABELS = torch.arange(12) % 3


def rows(seed: int = 0, count: int = 12, width: int = 4, dtype: torch.dtype = torch.float64) -> Tensor:
    """Unit rows that a gradient flows to."""
    drawn = torch.randn(count, width, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return F.normalize(drawn, dim=1).requires_grad_()


class Pull(nn.Module):
    """Mean squared distance of each row to the mean of its class: a loss with a gradient everywhere."""

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        one_hot = F.one_hot(labels).to(embeddings)
        means = one_hot.mT @ embeddings / one_hot.sum(0)[:, None]
        return (embeddings - means[labels]).square().sum(1).mean()


class Between(nn.Module):
    """Mean cosine of queries with the gallery's rows of another class."""

    def forward(self, embeddings: Tensor, labels: Tensor, gallery: Tensor, gallery_labels: Tensor) -> Tensor:
        others = labels[:, None] != gallery_labels[None, :]
        return (embeddings @ gallery.mT)[others].mean()


def numeric_gradient(function: Callable[[Tensor], Tensor], at: Tensor, step: float = 1e-6) -> Tensor:
    """Central differences, one number at a time."""
    gradient = torch.zeros_like(at)
    for place in range(at.numel()):
        shift = torch.zeros_like(at).flatten()
        shift[place] = step
        shift = shift.view_as(at)
        gradient.view(-1)[place] = (function(at + shift) - function(at - shift)).item() / (2 * step)
    return gradient


def only(greediness: Greediness, name: str) -> float:
    (value,) = greediness[name]
    return value


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


def train(watched: bool, loss: nn.Module, steps: int = 12) -> tuple[list[Tensor], list[float]]:
    """A little training in which the embeddings serve this loss only."""
    torch.manual_seed(0)
    head = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
    optimizer = torch.optim.Adam([*head.parameters(), *loss.parameters()], 1e-2)
    values = []

    def run() -> None:
        for seed in range(steps):
            optimizer.zero_grad()
            value = loss(F.normalize(head(rows(seed, dtype=torch.float32))), LABELS)
            value.backward()
            optimizer.step()
            values.append(float(value))

    if watched:
        with watch(loss, parameters=head.parameters(), every=2):
            run()
    else:
        run()
    return [*head.parameters(), *loss.parameters()], values


@pytest.mark.parametrize("name", sorted(metric_losses()))
def test_training_is_bit_for_bit_the_same_with_and_without(name: str) -> None:
    def made() -> nn.Module:
        torch.manual_seed(1)
        kind = metric_losses()[name]
        return kind(**({"classes": 3, "embedding_dim": 3} if kind.needs_classes else {}))

    plain, watched = train(False, made()), train(True, made())
    assert plain[1] == watched[1]
    assert all(torch.equal(a, b) for a, b in zip(plain[0], watched[0]))


@pytest.mark.parametrize("name", sorted(metric_losses()))
def test_every_loss_of_ours_counts_its_own_terms(name: str) -> None:
    kind = metric_losses()[name]
    loss = kind(**({"classes": 3, "embedding_dim": 4} if kind.needs_classes else {}))
    with watch(loss) as w:
        loss(rows(dtype=torch.float32), LABELS).backward()
    assert w.summary()["active_by"] == "terms"
    assert 0 <= only(w.steps, "active_ratio") <= 1
    assert only(w.steps, "gradient_norm") > 0


def hooks(module: nn.Module) -> int:
    return len(module._forward_hooks) + len(module._forward_pre_hooks)


def test_hooks_go_even_when_the_block_ends_badly() -> None:
    from torch.optim import optimizer

    loss, head = Pull(), nn.Linear(4, 3)
    before = len(optimizer._global_optimizer_pre_hooks)
    w = watch(loss, parameters=head.parameters())

    def run() -> None:
        with w:
            assert hooks(loss) == 2
            loss(head(rows(dtype=torch.float32)), LABELS).backward()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run()
    assert hooks(loss) == 0
    assert len(optimizer._global_optimizer_pre_hooks) == before
    loss(rows(), LABELS).backward()
    assert len(w.steps) == 1
    assert w(rows(), LABELS).requires_grad  # afterwards it is the loss itself
    assert len(w.steps) == 1


def test_a_loss_that_raises_leaves_the_watch_in_order() -> None:
    loss = Pull()
    with watch(loss) as w:
        with pytest.raises(RuntimeError):
            loss(rows(), LABELS[:5])
        loss(rows(), LABELS).backward()
    assert len(w.steps) == 1


def test_validation_is_not_training() -> None:
    loss = Pull()
    with watch(loss) as w:
        with torch.no_grad():
            loss(rows(), LABELS)
        with torch.inference_mode():
            loss(rows().clone(), LABELS)
        loss(rows().detach(), LABELS)
    assert len(w.steps) == 0
    with pytest.raises(InputError, match="nothing was recorded; inside the with block"):
        w.summary()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_and_autocast(dtype: torch.dtype) -> None:
    loss, head = Pull(), nn.Linear(4, 3)
    with watch(loss, every=1) as w:
        with torch.autocast("cpu", dtype):
            loss(head(rows(dtype=torch.float32)), LABELS).backward()
        loss(head(rows(dtype=torch.float32)), LABELS).backward()
    half, full = w.steps.gradient_norm
    assert half == pytest.approx(full, rel=0.05)
    assert w.steps.intra_variance[0] == pytest.approx(w.steps.intra_variance[1], abs=0.02)


def test_gradients_asked_for_by_name_are_seen_too() -> None:
    loss, z = Pull(), rows()
    with watch(loss) as w:
        torch.autograd.grad(loss(z, LABELS), z, create_graph=True)
    assert only(w.steps, "gradient_norm") > 0


def test_embeddings_that_are_given_twice_stay_one_tensor() -> None:
    class Same(nn.Module):
        def forward(self, embeddings: Tensor, labels: Tensor, ref_emb: Tensor) -> Tensor:
            assert ref_emb is embeddings
            return embeddings.square().sum() / len(embeddings)

    loss, z = Same(), rows()
    with watch(loss) as w:
        loss(z, LABELS, ref_emb=z).backward()
    assert only(w.steps, "gradient_norm") == pytest.approx(2.0)


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
    monkeypatch.setattr(importlib.import_module("overtone.diagnosis.ledger"), "_ROWS", 50)
    loss = Pull()
    with watch(loss, every=1) as w:
        for seed in range(45):
            loss((1 + seed) * rows(), LABELS).backward()
        w.epoch()
    assert w.steps.step == [1, 9, 17, 25, 33, 41]
    assert [value / w.steps.loss[0] for value in w.steps.loss] == pytest.approx([s**2 for s in w.steps.step])
    assert w.epochs.loss[0] / w.steps.loss[0] == pytest.approx(sum(s**2 for s in range(1, 46)) / 45)
    assert w.summary()["steps"] == 45


def test_a_step_makes_nobody_wait_for_the_device(watch_syncs: Any) -> None:
    loss, head = Pull(), nn.Linear(4, 3)
    optimizer = torch.optim.SGD(head.parameters(), 0.1)
    inputs = rows(dtype=torch.float32)
    with watch(loss, parameters=head.parameters(), every=1) as w:
        with watch_syncs() as syncs:
            for _ in range(3):
                loss(head(inputs), LABELS).backward()
                optimizer.step()
        plain = len(syncs.found)
    with watch_syncs() as syncs:
        for _ in range(3):
            loss(head(inputs), LABELS).backward()
            optimizer.step()
    assert plain == len(syncs.found)
    assert len(w.steps) == 3


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


def test_nan_is_shown_and_not_left_out() -> None:
    loss = Pull()
    with watch(loss) as w:
        loss(rows(), LABELS).backward()
        loss((rows().detach() * math.nan).requires_grad_(), LABELS).backward()
        w.epoch()
    assert math.isnan(w.steps.loss[1])
    assert math.isnan(w.epochs.loss[0])
    assert w.summary()["not_finite"] == 1


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: watch(3), r"the loss cannot be called; got int"),
        (lambda: watch(Pull(), every=0), r"'every' is a number of steps; got 0; valid: 1 or more"),
        (lambda: watch(Pull(), active_threshold=0), r"'active_threshold' is a length"),
        (lambda: watch(Pull(), reduction="median"), r"reduction.*valid: auto, mean, sum"),
    ],
)
def test_wrong_arguments_are_refused(make: Callable[[], Watch], said: str) -> None:
    with pytest.raises(InputError, match=said):
        make()


@pytest.mark.parametrize("output", [lambda z: z.sum(1), lambda z: {"loss": z.sum()}, lambda z: 0.0])
def test_a_loss_must_be_one_number(output: Callable[[Tensor], Any]) -> None:
    with watch(output) as w, pytest.raises(InputError, match="the loss must come out as one number"):
        w(rows())
