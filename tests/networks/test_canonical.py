"""The canonical projection against CCA from its definition, and on views that are not of full rank."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.cross_decomposition import CCA
from torch import Tensor

from overtone.core import InputError
from overtone.networks import CanonicalProjection, canonical


def draw(n: int = 400, seed: int = 0) -> tuple[Tensor, Tensor]:
    """A view of 6 and one of 4 columns with three things in common, heard more or less well."""
    generator = torch.Generator().manual_seed(seed)
    common = torch.randn(n, 3, generator=generator)
    views = [
        common * torch.tensor(loud) @ torch.randn(3, d, generator=generator) + torch.randn(n, d, generator=generator)
        for loud, d in (((4.0, 2.0, 1.0), 6), ((4.0, 2.0, 0.5), 4))
    ]
    return views[0] + 10, views[1] * torch.tensor([1.0, 5, 0.2, 1])


def fitted(first: Tensor, second: Tensor, ridge: float = 0.0, dimensions: int | None = None) -> CanonicalProjection:
    projection = CanonicalProjection((first.shape[1], second.shape[1]), dimensions)
    projection.fit(first, second, ridge)
    return projection


def coordinates(projection: CanonicalProjection, rows: Tensor, modality: int) -> Tensor:
    """Canonical coordinates before they are scaled to unit length."""
    mean, matrix = (
        (projection.mean_first, projection.map_first),
        (projection.mean_second, projection.map_second),
    )[modality]
    return (rows - mean) @ matrix


def test_without_a_ridge_it_is_cca() -> None:
    first, second = draw()
    projection = fitted(first, second)
    theirs = CCA(n_components=4, max_iter=5000, tol=1e-12).fit(first.numpy(), second.numpy())
    left, right = theirs.transform(first.numpy(), second.numpy())
    wanted = [np.corrcoef(left[:, k], right[:, k])[0, 1] for k in range(4)]
    np.testing.assert_allclose(projection.correlations.numpy(), wanted, atol=2e-3)
    for modality, (rows, score) in enumerate(((first, left), (second, right))):
        own = coordinates(projection, rows, modality).numpy()
        for k in range(3):  # up to the sign
            assert abs(np.corrcoef(own[:, k], score[:, k])[0, 1]) == pytest.approx(1, abs=1e-3)


def test_on_the_fitted_rows_coordinates_are_white_and_correlate_as_said() -> None:
    pair = draw()
    projection = fitted(*pair)
    a, v = (coordinates(projection, rows, modality) for modality, rows in enumerate(pair))
    torch.testing.assert_close(a.T @ a / len(a), torch.eye(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(v.T @ v / len(v), torch.eye(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(a.T @ v / len(a), torch.diag(projection.correlations), atol=1e-4, rtol=0)
    assert (projection.correlations.diff() <= 0).all()
    assert projection.correlations.min() > 0
    assert projection.correlations.max() < 1


def test_the_ridge_is_a_share_of_the_mean_variance() -> None:
    pair = draw()
    projection = fitted(*pair, ridge=0.5)
    a, v = (rows.double().numpy() - rows.double().numpy().mean(0) for rows in pair)

    def root(s: np.ndarray) -> np.ndarray:
        values, vectors = np.linalg.eigh(s + 0.5 * np.trace(s) / len(s) * np.eye(len(s)))
        return vectors @ np.diag(values**-0.5) @ vectors.T

    rho = np.linalg.svd(root(a.T @ a / 400) @ (a.T @ v / 400) @ root(v.T @ v / 400), compute_uv=False)
    np.testing.assert_allclose(projection.correlations.numpy(), rho, atol=1e-6)
    rescaled = fitted(pair[0] * 100, pair[1] * 0.01, ridge=0.5)
    torch.testing.assert_close(rescaled.correlations, projection.correlations)


@pytest.mark.parametrize("power", [0.0, 1.0, 3.0])
def test_embeddings_are_unit_rows_scaled_by_correlation(power: float) -> None:
    first, second = draw()
    projection = fitted(first, second, 0.1, 3)
    new = draw(7, seed=1)[1]
    wanted = coordinates(projection, new, 1) * projection.correlations**power
    torch.testing.assert_close(projection(new, 1, power), wanted / wanted.norm(dim=1, keepdim=True))
    assert projection(new, 1, power).shape == (7, 3)


def test_fewer_dimensions_are_the_first_of_all() -> None:
    pair = draw()
    few, all_ = fitted(*pair, dimensions=2), fitted(*pair)
    torch.testing.assert_close(few.correlations, all_.correlations[:2])
    torch.testing.assert_close(few.map_first.abs(), all_.map_first[:, :2].abs())


def test_more_dimensions_than_there_are_is_refused() -> None:
    with pytest.raises(InputError, match="more canonical dimensions .* got 5; valid: 1 to 4"):
        CanonicalProjection((6, 4), 5)


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_a_constant_column_adds_nothing(ridge: float) -> None:
    first, second = draw()
    more = torch.cat([first, torch.full((len(first), 1), 3.3)], dim=1)
    projection = fitted(more, second, ridge)
    assert projection.map_first[6].abs().max() < 1e-6
    assert projection.map_first[:6].abs().min() > 1e-6
    if ridge == 0:  # (a ridge is a share of the mean variance, which another column changes)
        plain = fitted(first, second)
        torch.testing.assert_close(projection.correlations, plain.correlations)
        torch.testing.assert_close(projection.map_first[:6].abs(), plain.map_first.abs())


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_fewer_rows_than_columns(ridge: float) -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.randn(5, d, generator=generator) for d in (12, 9))
    projection = fitted(first, second, ridge)
    assert (projection.correlations <= 1).all()
    for modality, rows in enumerate((first, second)):
        torch.testing.assert_close(projection(rows, modality, 1.0).norm(dim=1), torch.ones(5))
    if ridge == 0:  # five centred rows span four directions, in which anything correlates
        torch.testing.assert_close(projection.correlations[:4], torch.ones(4), atol=1e-4, rtol=0)
        assert projection.correlations[4:].max() < 1e-3


def test_a_constant_view_is_finite() -> None:
    first, _ = draw()
    projection = fitted(first, torch.ones(400, 4))
    assert projection.correlations.abs().max() < 1e-6
    assert projection(first, 0, 1.0).isfinite().all()


def test_what_is_not_finite_stays_so_instead_of_raising() -> None:
    first, second = draw()
    second[3, 1] = torch.inf
    projection = fitted(first, second)
    assert projection.correlations.isnan().all()
    assert projection(first, 0, 1.0).isnan().all()


def test_the_state_is_all_there_is() -> None:
    pair = draw()
    projection = fitted(*pair, ridge=0.1)
    again = CanonicalProjection((6, 4))
    again.load_state_dict(projection.state_dict())
    assert torch.equal(again(pair[0], 0, 1.0), projection(pair[0], 0, 1.0))
    assert not list(projection.parameters())


def test_half_precision_around_it_costs_no_digits() -> None:
    pair = draw()
    projection = fitted(*pair)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(projection(pair[0], 0, 1.0), projection(pair[0], 0, 1.0).float())
        inside = projection(pair[0], 0, 1.0)
    assert torch.equal(inside, projection(pair[0], 0, 1.0))


@pytest.mark.parametrize("kind", ["one class", "some none", "several"])
def test_on_classes_it_is_cca_of_all_pairs_of_a_class_listed(kind: str) -> None:
    first, second = draw(60)
    generator = torch.Generator().manual_seed(1)
    targets = torch.eye(5)[torch.randint(5, (60,), generator=generator)]
    if kind == "some none":
        targets[::3] = 0
    elif kind == "several":
        targets = torch.maximum(targets, torch.eye(5)[torch.randint(5, (60,), generator=generator)])
    listed = [(i, j) for c in range(5) for i in range(60) for j in range(60) if targets[i, c] and targets[j, c]]
    left, right = torch.tensor(listed).T
    wanted = fitted(first[left], second[right], ridge=0.2)
    found = CanonicalProjection((6, 4))
    found.fit(first, second, 0.2, targets)
    torch.testing.assert_close(found.correlations, wanted.correlations, atol=1e-5, rtol=0)
    for modality, rows in enumerate((first, second)):
        mine, theirs = (coordinates(projection, rows, modality) for projection in (found, wanted))
        torch.testing.assert_close(mine.abs(), theirs.abs(), atol=1e-3, rtol=1e-3)


def test_a_class_for_each_clip_is_plain_cca() -> None:
    first, second = draw(50)
    wanted, found = fitted(first, second, ridge=0.1), CanonicalProjection((6, 4))
    found.fit(first, second, 0.1, torch.eye(50))
    for name, buffer in wanted.named_buffers():
        torch.testing.assert_close(found.get_buffer(name), buffer, atol=1e-5, rtol=1e-5)


def test_soft_targets_weigh_pairs() -> None:
    first, second = draw(40)
    targets = torch.rand(40, 3, generator=torch.Generator().manual_seed(2))
    found = CanonicalProjection((6, 4))
    found.fit(first, second, 0.0, targets)
    weights = (targets @ targets.T).double().flatten()
    a, v = first.double().repeat_interleave(40, 0), second.double().repeat(40, 1)
    a, v = (rows - (weights[:, None] * rows).sum(0) / weights.sum() for rows in (a, v))
    aa, vv, av = ((x * weights[:, None]).T @ y / weights.sum() for x, y in ((a, a), (v, v), (a, v)))
    squared = torch.linalg.eigvals(torch.linalg.solve(aa, av) @ torch.linalg.solve(vv, av.T)).real.sort().values
    torch.testing.assert_close(found.correlations.double().square(), squared.flip(0)[:4], atol=1e-5, rtol=0)


@pytest.mark.parametrize("targets", [None, torch.eye(4).repeat(7, 1)])
@pytest.mark.parametrize("ridge", [1e-3, 0.1])
def test_few_wide_rows_are_solved_in_their_span(targets, ridge: float, monkeypatch) -> None:
    torch.manual_seed(0)
    first, second = torch.randn(28, 90), torch.randn(28, 70)
    fast, slow = CanonicalProjection((90, 70), 20), CanonicalProjection((90, 70), 20)
    fast.fit(first, second, ridge, targets)
    monkeypatch.setattr(canonical._View, "of", lambda rows, mean: canonical._View(rows, mean, None))
    slow.fit(first, second, ridge, targets)
    torch.testing.assert_close(fast.correlations, slow.correlations, atol=1e-6, rtol=0)
    new = torch.randn(5, 90)
    certain = slow.correlations > 1e-3
    coordinates = [(new - one.mean_first) @ one.map_first[:, certain] for one in (fast, slow)]
    torch.testing.assert_close(coordinates[0].abs(), coordinates[1].abs(), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("labels", [None, torch.arange(60) % 4 - 1, (torch.arange(180).view(60, 3) % 5 < 2).float()])
def test_blocks_of_rows_give_the_same_fit(labels: Tensor | None, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = draw(60)
    whole, parts = CanonicalProjection((6, 4)), CanonicalProjection((6, 4))
    whole.fit(*pair, 0.1, labels)
    monkeypatch.setattr(canonical, "_ENTRIES", 50)  # 8 rows
    parts.fit(*pair, 0.1, labels)
    torch.testing.assert_close(parts.correlations, whole.correlations, atol=1e-6, rtol=0)
    certain = whole.correlations > 1e-3
    for name in ("map_first", "map_second"):
        mine, wanted = getattr(parts, name)[:, certain], getattr(whole, name)[:, certain]
        torch.testing.assert_close(mine.abs(), wanted.abs(), atol=1e-5, rtol=1e-4)
