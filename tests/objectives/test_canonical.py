"""The canonical loss against CCA written from its definition, and where eigenvalues vanish or coincide."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from overtone.objectives.canonical import canonical_loss, whitened_cross_covariance

POWERS = ["rho", "rho2"]


def draw(n: int, d: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Two views that share half of what is in them."""
    generator = torch.Generator().manual_seed(seed)
    common, first, second = (torch.randn(n, d, generator=generator, dtype=dtype) for _ in range(3))
    mixing = torch.randn(d, d, generator=generator, dtype=dtype)
    return (common + first) @ mixing + 3.0, common + 0.5 * second


def inverse_root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return vectors @ np.diag(values**-0.5) @ vectors.T


def correlations(first: Tensor, second: Tensor, ridge: float) -> np.ndarray:
    """Canonical correlations with symmetric roots, as textbooks have them."""
    a, b = (view.numpy() - view.numpy().mean(0) for view in (first, second))
    d = a.shape[1]
    covariances = [view.T @ view / (len(view) - 1) for view in (a, b)]
    roots = [inverse_root(s + ridge * np.trace(s) / d * np.eye(d)) for s in covariances]
    return np.linalg.svd(roots[0] @ (a.T @ b / (len(a) - 1)) @ roots[1], compute_uv=False)


@pytest.mark.parametrize("ridge", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("power", POWERS)
def test_equals_textbook_cca(power: str, ridge: float) -> None:
    first, second = draw(200, 5)
    rho = correlations(first, second, ridge)
    wanted = 1 - (rho if power == "rho" else rho**2).mean()
    assert 0.1 < wanted < 0.9  # a loss at its end would hide an error
    assert canonical_loss(first, second, ridge, power).item() == pytest.approx(wanted, abs=1e-6)
    found = torch.linalg.svdvals(whitened_cross_covariance(first, second, ridge))
    np.testing.assert_allclose(found.numpy(), rho, atol=1e-6)


@pytest.mark.parametrize("ridge", [0.0, 0.1])
@pytest.mark.parametrize("power", POWERS)
def test_gradient_is_that_of_the_value(power: str, ridge: float) -> None:
    first, second = (view.requires_grad_() for view in draw(12, 3))
    assert torch.autograd.gradcheck(lambda a, b: canonical_loss(a, b, ridge, power), (first, second))


@pytest.mark.parametrize("power", POWERS)
def test_gradient_is_right_where_all_correlations_are_equal(power: str) -> None:
    first = draw(30, 3)[0]
    rotation = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))).Q
    second = (first - first.mean(0)) @ rotation
    assert torch.linalg.svdvals(whitened_cross_covariance(first, second, 0.0)).std() < 1e-4
    pair = first.requires_grad_(), second.detach().requires_grad_()
    # moved a little away from the point where nothing can improve, the slope must be the finite difference's
    moved = pair[0], pair[1] + 0.3 * torch.sin(pair[0].detach())
    assert torch.autograd.gradcheck(lambda a, b: canonical_loss(a, b, 0.1, power), moved)
    loss = canonical_loss(*pair, 0.1, power)
    assert all(gradient.isfinite().all() for gradient in torch.autograd.grad(loss, pair))


def view(kind: str, n: int, d: int, dtype: torch.dtype) -> Tensor:
    full = draw(n, d, seed=5, dtype=dtype)[0]
    return {
        "full": full,
        "zero": torch.zeros(n, d, dtype=dtype),
        "constant": torch.full((n, d), 3.7, dtype=dtype),
        "one constant column": torch.cat([full[:, :-1], torch.full((n, 1), 3.7, dtype=dtype)], dim=1),
        "duplicated columns": full[:, torch.arange(d) // 2],
        "rank one": full[:, :1].expand(n, d).clone(),
        "rank two": full[:, :2] @ full[:2],
    }[kind]


DEGENERATE = ["zero", "constant", "one constant column", "duplicated columns", "rank one", "rank two"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1e-2, 1.0, 1e3])
@pytest.mark.parametrize("ridge", [0.0, 0.1])
@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("kind", DEGENERATE)
def test_degenerate_views_have_finite_losses_and_gradients(
    kind: str, power: str, ridge: float, scale: float, dtype: torch.dtype
) -> None:
    for other in ("full", kind):
        pair = [(scale * view(k, 64, 8, dtype)).requires_grad_() for k in (kind, other)]
        loss = canonical_loss(*pair, ridge, power)
        assert -1e-3 <= loss.item() <= 1 + 1e-3
        gradients = torch.autograd.grad(loss, pair)
        assert all(gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_columns_that_say_nothing_new_add_no_correlation(scale: float, power: str) -> None:
    """Rank r in d columns has r correlations, also in float32 and without a ridge."""
    first, second = draw(4000, 16, dtype=torch.float32)
    rank_two = scale * first[:, :2] @ torch.randn(2, 16, generator=torch.Generator().manual_seed(0))
    rho = correlations(first[:, :2].double(), torch.cat([second[:, :1], second[:, 1:2]], 1).double(), 0.0)
    assert rho.max() < 1  # so the bound is not met by chance
    loss = canonical_loss(rank_two, second, 0.0, power)
    assert 1 - 2.2 / 16 < loss.item() < 1


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("kind", ["zero", "constant"])
def test_a_constant_view_correlates_with_nothing(kind: str, power: str) -> None:
    full = view("full", 64, 8, torch.float32)
    assert canonical_loss(view(kind, 64, 8, torch.float32), full, 0.1, power).item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("power", POWERS)
def test_fewer_rows_than_dimensions_need_the_ridge(power: str) -> None:
    pair = [v.requires_grad_() for v in draw(10, 20, dtype=torch.float32)]
    loss = canonical_loss(*pair, 0.1, power)
    assert 0 <= loss.item() <= 1
    assert all(gradient.isfinite().all() for gradient in torch.autograd.grad(loss, pair))


@pytest.mark.parametrize("power", POWERS)
def test_without_a_ridge_invertible_maps_change_nothing(power: str) -> None:
    first, second = draw(300, 4)
    maps = torch.randn(2, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) + 2 * torch.eye(4)
    moved = canonical_loss(first @ maps[0] - 5, second @ maps[1] + 1, 0.0, power)
    torch.testing.assert_close(moved, canonical_loss(first, second, 0.0, power), atol=1e-5, rtol=0)


@pytest.mark.parametrize("power", POWERS)
def test_with_a_ridge_units_change_nothing_and_shapes_do(power: str) -> None:
    first, second = draw(300, 4)
    loss = canonical_loss(first, second, 0.5, power)
    scaled = canonical_loss(50 * first, 0.1 * second, 0.5, power)
    torch.testing.assert_close(scaled, loss, atol=1e-3, rtol=0)
    stretched = canonical_loss(first * torch.tensor([1.0, 1, 1, 30]), second, 0.5, power)
    assert abs(stretched - loss) > 0.01


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("seed", range(5))
def test_lies_between_perfect_and_nothing(power: str, seed: int) -> None:
    first, second = draw(40, 6, seed=seed, dtype=torch.float32)
    assert 0 < canonical_loss(first, second, 0.0, power).item() < 1
    assert canonical_loss(first, first, 0.0, power).item() == pytest.approx(0, abs=1e-4)


def test_squares_never_exceed_the_correlations() -> None:
    first, second = draw(100, 5)
    assert canonical_loss(first, second, 0.1, "rho2") > canonical_loss(first, second, 0.1, "rho")


@pytest.mark.parametrize("power", POWERS)
def test_half_precision_is_left_for_float32(power: str) -> None:
    first, second = draw(100, 5, dtype=torch.float32)
    halves = first.bfloat16(), second.bfloat16()
    wanted = canonical_loss(*(half.float() for half in halves), 0.1, power)
    assert canonical_loss(*halves, 0.1, power).dtype == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        found = canonical_loss(*halves, 0.1, power)
        whole = canonical_loss(first, second, 0.1, power)
    assert torch.equal(found, wanted)
    assert torch.equal(whole, canonical_loss(first, second, 0.1, power))


@pytest.mark.parametrize("power", POWERS)
def test_what_is_not_finite_comes_out_as_it_is(power: str) -> None:
    """The loop names the term that is not finite; an exception of the decomposition would keep it from doing so."""
    first, second = draw(20, 3)
    first[3, 1] = torch.nan
    assert canonical_loss(first, second, 0.1, power).isnan()
