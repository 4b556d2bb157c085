"""VICReg: its terms against numpy, and their part in the loss."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from overtone.core import InputError
from overtone.methods.vicreg import vicreg_terms


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(st.integers(0, 300), st.floats(0.1, 3))
def test_terms_are_those_of_numpy(seed: int, scale: float) -> None:
    first, second = scale * draw(9, 4, seed=seed), draw(9, 4, seed=seed + 1)
    a, v = first.numpy(), second.numpy()
    found = {key: value.item() for key, value in vicreg_terms(first, second).items()}
    assert found["invariance"] == pytest.approx(((a - v) ** 2).mean())
    spread = [np.maximum(0, 1 - np.sqrt(x.var(axis=0, ddof=1) + 1e-4)).mean() for x in (a, v)]
    assert found["variance"] == pytest.approx(sum(spread) / 2)
    covariances = [np.cov(x, rowvar=False) for x in (a, v)]
    assert found["covariance"] == pytest.approx(sum(((c - np.diag(np.diag(c))) ** 2).sum() / 4 for c in covariances))


def test_collapse_costs_variance_and_copies_cost_covariance() -> None:
    flat = torch.ones(6, 3)
    terms = vicreg_terms(flat, flat)
    assert (terms["invariance"], terms["covariance"]) == (0, 0)
    assert terms["variance"].item() == pytest.approx(0.99)
    white = torch.linalg.qr(draw(50, 3) - draw(50, 3).mean(0))[0] * 49**0.5 * 2
    white = white - white.mean(0)
    assert vicreg_terms(white, white)["variance"] == 0
    copied = white[:, :1].expand(-1, 3)
    assert vicreg_terms(copied, copied)["covariance"] > 10 * vicreg_terms(white, white)["covariance"]


@given(st.integers(0, 100))
def test_shifts_change_invariance_alone_and_turns_none_but_covariance_and_variance(seed: int) -> None:
    first, second = draw(9, 4, seed=seed), draw(9, 4, seed=seed + 1)
    before, after = vicreg_terms(first, second), vicreg_terms(first + 1, second)
    torch.testing.assert_close(after["variance"], before["variance"])
    torch.testing.assert_close(after["covariance"], before["covariance"])
    turn = torch.linalg.qr(draw(4, 4, seed=seed + 2))[0]
    torch.testing.assert_close(vicreg_terms(first @ turn, second @ turn)["invariance"], before["invariance"])


@pytest.mark.parametrize("width", [0, 24])
def test_the_loss_is_the_weighted_sum_of_the_terms(ready, width):
    weights = {"invariance": 3.0, "variance": 5.0, "covariance": 0.5}
    given = {f"{name}_weight": weight for name, weight in weights.items()}
    method, batch = ready("vicreg", dropout=0.0, expander_width=width, **given)
    terms = method.step(batch)
    torch.testing.assert_close(terms["loss"], sum(weight * terms[name] for name, weight in weights.items()))
    if not width:
        wanted = vicreg_terms(*method.encode(batch, batch.features))
        torch.testing.assert_close(terms["loss"], sum(weight * wanted[name] for name, weight in weights.items()))


def test_every_term_switched_off_is_refused(ready):
    method, batch = ready("vicreg", invariance_weight=0.0, variance_weight=0.0, covariance_weight=0.0)
    with pytest.raises(InputError, match="every term of the method is switched off"):
        method.step(batch)
