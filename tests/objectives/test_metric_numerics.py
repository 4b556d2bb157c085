"""Numbers of every metric-learning loss: half and double precision, degenerate rows, temperatures, and a GPU."""

from __future__ import annotations

import pytest
import torch

from overtone.objectives import metric_losses

from .every_loss import CLASSES, build, check_counts, classes, every, rows, soft, takes_several


@every
def test_half_precision_in_and_around(name: str, settings: dict[str, object]) -> None:
    loss = build(name, settings)
    wanted = loss(rows(), classes())
    with torch.autocast("cpu", torch.bfloat16):
        z = rows().requires_grad_()
        around = loss(z, classes(), rows(), classes())
        within = loss(z, classes())
        several = loss(z, soft()) if takes_several(name, settings) else within
        (around + within + several).backward()
    assert z.grad is not None
    assert z.grad.isfinite().all()
    assert torch.equal(within, wanted)
    assert torch.equal(around, loss(rows(), classes(), rows(), classes()))
    if takes_several(name, settings):
        assert torch.equal(several, loss(rows(), soft()))
    half = rows().bfloat16().requires_grad_()
    value = loss(half, classes())
    value.backward()
    assert value.dtype == torch.float32
    assert half.grad is not None
    assert half.grad.isfinite().all()
    assert torch.equal(value, loss(half.float(), classes()))
    mixed = loss(rows(), classes(), rows(9, 1).bfloat16(), classes(9))
    assert torch.equal(mixed, loss(rows(), classes(), rows(9, 1).bfloat16().float(), classes(9)))


@every
def test_float64_stays_and_the_gradient_is_that_of_the_value(name: str, settings: dict[str, object]) -> None:
    loss, z = build(name, settings).double(), rows(8, dtype=torch.float64).requires_grad_()
    gallery = rows(6, 2, torch.float64).requires_grad_()
    assert loss(z, classes(8)).dtype == torch.float64
    if loss.stop_gradient:
        pytest.skip("it declares that its gradient is not that of its value")
    assert torch.autograd.gradcheck(lambda a: loss(a, classes(8)), (z,))
    assert torch.autograd.gradcheck(lambda a, b: loss(a, classes(8), b, classes(6)), (z, gallery))
    if loss.twice_differentiable:
        assert torch.autograd.gradgradcheck(lambda a: loss(a, classes(8)), (z,))
    if takes_several(name, settings):
        assert torch.autograd.gradcheck(lambda a: loss(a, soft(8).double()), (z,))
    for own, parameter in loss.named_parameters():
        assert torch.autograd.gradcheck(
            lambda p, own=own: torch.func.functional_call(loss, {own: p}, (z, classes(8))), (parameter,)
        )


@pytest.mark.parametrize("place", ["identical", "opposite", "collapsed classes", "one zero row", "tiny", "huge"])
@every
def test_degenerate_rows_give_finite_gradients(name: str, settings: dict[str, object], place: str) -> None:
    y, one = classes(), rows(1)
    z = {
        "identical": one.repeat(16, 1),
        "opposite": one * (1 - 2 * (y % 2))[:, None],
        "collapsed classes": rows(CLASSES)[y],
        "one zero row": rows() * (torch.arange(16) > 0)[:, None],
        "tiny": rows() * 1e-15,
        "huge": rows() * 1e15,
    }[place].requires_grad_()
    loss = build(name, settings)
    value = loss(z, y)
    value.backward()
    assert value.isfinite()
    assert z.grad is not None
    assert z.grad.isfinite().all()
    check_counts(loss.counts, 16)


@pytest.mark.parametrize("temperature", [1e-3, 0.01, 10.0, 1e3])
@pytest.mark.parametrize("name", sorted(metric_losses()))
def test_extreme_temperatures_stay_finite(name: str, temperature: float) -> None:
    fields = metric_losses()[name].settings_type.model_fields
    if not {"temperature", "scale"} & set(fields):
        pytest.skip("has none")
    loss = build(name, {"temperature": temperature} if "temperature" in fields else {"scale": 1 / temperature})
    for z in (rows(), rows(CLASSES)[classes()], rows(CLASSES)[classes() // 2]):
        z = z.requires_grad_()
        value = loss(z, classes())
        (gradient,) = torch.autograd.grad(value, z)
        assert value.isfinite()
        assert gradient.isfinite().all()
        check_counts(loss.counts, 16)


@every
def test_nothing_makes_the_host_wait(name: str, settings: dict[str, object], watch_syncs) -> None:
    loss, z = build(name, settings), rows().requires_grad_()
    with watch_syncs() as syncs:
        value = loss(z, classes()) + loss(z, classes(), rows(9, 1), classes(9))
        if takes_several(name, settings):
            value = value + loss(z, soft())
        value.backward()
    assert syncs.found == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@every
def test_a_gpu_computes_the_same(name: str, settings: dict[str, object]) -> None:
    loss = build(name, settings)
    wanted = loss(rows(64), classes(64))
    there = loss.cuda()
    torch.testing.assert_close(there(rows(64).cuda(), classes(64).cuda()).cpu(), wanted, rtol=1e-4, atol=1e-5)
