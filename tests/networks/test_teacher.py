"""The teacher: a moving average by its closed form, without gradient, always at rest."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from overtone.networks import Teacher, ramp


def student() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2)).double()


def test_many_updates_are_the_closed_form() -> None:
    r"""θ_t after T updates is Π m_t θ_0 + Σ_t (1 − m_t) Π_{u>t} m_u s_t."""
    model = student()
    teacher = Teacher(model)
    momenta = [ramp(0.9, 0.999, step / 199) for step in range(200)]
    seen = [[p.detach().clone() for p in model.parameters()]]
    for momentum in momenta:
        with torch.no_grad():
            for p in model.parameters():
                p.add_(torch.randn_like(p))
        seen.append([p.detach().clone() for p in model.parameters()])
        teacher.update(model, momentum)
    left = torch.tensor([*momenta, 1.0], dtype=torch.float64).flip(0).cumprod(0).flip(0)  # Π of all from t on
    weights = [left[0], *((1 - m) * left[at + 1] for at, m in enumerate(momenta))]
    assert sum(weights).item() == pytest.approx(1)
    for index, parameter in enumerate(teacher.module.parameters()):
        wanted = sum(w * parameters[index] for w, parameters in zip(weights, seen))
        torch.testing.assert_close(parameter.detach(), wanted)


def test_buffers_are_copied() -> None:
    model = student()
    teacher = Teacher(model)
    model(torch.randn(9, 3, dtype=torch.float64) + 4)
    assert not torch.equal(teacher.module[1].running_mean, model[1].running_mean)
    teacher.update(model, 0.99)
    assert torch.equal(teacher.module[1].running_mean, model[1].running_mean)
    model(torch.randn(9, 3, dtype=torch.float64) + 40)
    assert not torch.equal(teacher.module[1].running_mean, model[1].running_mean)


def test_a_teacher_is_a_copy_without_gradient_that_never_trains() -> None:
    model = student()
    holder = nn.ModuleList([model, Teacher(model)]).train()
    teacher = holder[1]
    assert isinstance(teacher, Teacher)
    assert model.training
    assert not any(module.training for module in teacher.modules())
    assert not any(p.requires_grad for p in teacher.parameters())
    rows = torch.randn(5, 3, dtype=torch.float64)
    assert torch.equal(teacher.module(rows), teacher.module(rows))
    assert not teacher.module(rows).requires_grad
    before = [p.clone() for p in model.parameters()]
    with torch.no_grad():
        next(iter(teacher.parameters())).add_(1)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters()))
    assert teacher.train(True) is teacher
    assert not teacher.training


def test_the_momentum_rises_in_a_line() -> None:
    assert [ramp(0.9, 1.0, x) for x in (0.0, 0.5, 1.0)] == pytest.approx([0.9, 0.95, 1.0])
