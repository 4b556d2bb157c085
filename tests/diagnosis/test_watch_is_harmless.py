"""What a watch leaves alone: training, hooks, validation, number formats, the device; and what it refuses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from overtone.core import InputError
from overtone.diagnosis import Watch, watch
from overtone.objectives import metric_losses

from .conftest import LABELS, Pull, only, rows


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
