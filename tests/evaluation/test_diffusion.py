"""Diffusion on the gallery's neighbour graph: the closed form, what no number may depend on, what stays as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from overtone.core import InputError
from overtone.evaluation import Diffusion, DiffusionSettings, Evaluation, evaluate


def unit(rows: int, width: int, seed: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return F.normalize(torch.randn(rows, width, generator=torch.Generator().manual_seed(seed), dtype=dtype), dim=1)


def dense(queries: torch.Tensor, gallery: torch.Tensor, k: int, alpha: float, power: float) -> np.ndarray:
    """f by a dense inverse, from the formula, item by item; no two cosines may be tied."""
    cosines, n = (gallery @ gallery.T).numpy(), len(gallery)
    near = [set(sorted((j for j in range(n) if j != i), key=lambda j: -cosines[i, j])[:k]) for i in range(n)]
    a = np.array(
        [[max(cosines[i, j], 0) ** power * (j in near[i] and i in near[j]) for j in range(n)] for i in range(n)]
    )
    d = a.sum(1)
    s = np.array([[a[i, j] / np.sqrt(d[i] * d[j]) if a[i, j] else 0.0 for j in range(n)] for i in range(n)])
    found = (queries @ gallery.T).numpy()
    y = np.zeros_like(found)
    for row, cosine in zip(y, found):
        for i in np.argsort(-cosine)[:k]:
            row[i] = max(cosine[i], 0) ** power
    return y @ np.linalg.inv(np.eye(n) - alpha * s)


@given(st.integers(0, 500), st.integers(1, 6), st.sampled_from([0.0, 0.5, 0.9, 0.99]), st.sampled_from([0.5, 1.0, 3.0]))
def test_scores_are_the_closed_form(seed: int, k: int, alpha: float, power: float) -> None:
    gallery, queries = unit(14, 4, seed), unit(5, 4, seed + 1)
    walks = Diffusion(gallery, DiffusionSettings(neighbours=k, alpha=alpha, power=power), block=4)
    cosines = queries @ gallery.T
    found, wanted = walks(cosines), torch.from_numpy(dense(queries, gallery, k, alpha, power))
    wanted = wanted / wanted.amax(1, keepdim=True).clamp_min(1e-300)
    near = (wanted > 1e-5) & (wanted < 1 + 1e-9)
    torch.testing.assert_close(found[near], wanted[near], rtol=1e-4, atol=1e-5)
    far = wanted < 1e-9
    torch.testing.assert_close(found[far], ((cosines - 1) / 2)[far])


def test_a_chain_of_two_by_hand() -> None:
    """Two items see each other: with S = [[0, 1], [1, 0]] and y = (1, 0), f = (1, α) / (1 − α²)."""
    gallery = torch.tensor([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
    walks = Diffusion(gallery, DiffusionSettings(neighbours=1, alpha=0.7))
    assert walks(torch.tensor([[1.0, 0.6, 0.0]])).tolist() == [pytest.approx([1.0, 0.7, -0.5], abs=1e-6)]


def test_edges_need_both_ends() -> None:
    """The far item's nearest is the first of a pair, whose nearest is the other: no edge, so no walk gets there."""
    angles = torch.tensor([0.0, 0.1, 0.5])
    gallery = torch.stack([angles.cos(), angles.sin()], 1)
    assert Diffusion(gallery, DiffusionSettings(neighbours=1)).transitions.toarray().round(6).tolist() == [
        [0, 1, 0],
        [1, 0, 0],
        [0, 0, 0],
    ]


@given(st.integers(0, 200))
def test_no_query_depends_on_another_nor_on_the_order_of_the_gallery(seed: int) -> None:
    gallery, queries = unit(30, 3, seed), unit(7, 3, seed + 1)
    gallery = torch.cat([gallery, gallery[:6]])  # the same item twice: tied neighbours
    settings = DiffusionSettings(neighbours=4, alpha=0.95)
    together = Diffusion(gallery, settings)(queries @ gallery.T)
    alone = torch.cat([Diffusion(gallery, settings, block=5)(row[None] @ gallery.T) for row in queries])
    torch.testing.assert_close(alone, together, rtol=1e-9, atol=1e-9)
    order = torch.randperm(len(gallery), generator=torch.Generator().manual_seed(seed))
    shuffled = Diffusion(gallery[order], settings)(queries @ gallery[order].T)
    torch.testing.assert_close(shuffled, together[:, order], rtol=1e-5, atol=1e-6)


def test_scores_stay_in_range_and_few_steps_stay_close() -> None:
    gallery = unit(200, 6, 0)
    cosines = unit(40, 6, 1) @ gallery.T
    scores = Diffusion(gallery, DiffusionSettings(alpha=0.99))(cosines)
    assert scores.amin() >= -1
    torch.testing.assert_close(scores.amax(1), torch.ones(40, dtype=torch.float64))
    few = Diffusion(gallery, DiffusionSettings(alpha=0.99, steps=20))(cosines)
    assert (few - scores).abs().max() < 0.1
    assert Diffusion(gallery, DiffusionSettings(alpha=0.99, steps=1))(cosines).isfinite().all()


def test_more_neighbours_than_items_and_a_crowd_of_equals() -> None:
    gallery = unit(3, 2, 0)
    assert Diffusion(gallery, DiffusionSettings(neighbours=50))(gallery @ gallery.T).isfinite().all()
    equal = torch.ones(40, 2, dtype=torch.float64) / 2**0.5  # nobody is nearer than anybody: no edge, and no memory
    walks = Diffusion(equal, DiffusionSettings(neighbours=3))
    assert walks.transitions.nnz == 0
    assert walks(equal[:1] @ equal.T).unique().numel() == 1


def test_clusters_that_cosines_confuse_are_found() -> None:
    """Two arcs: an end of one is nearer to the other than to its own far end, but walks follow the arc."""
    along = torch.linspace(0, 2.2, 60, dtype=torch.float64)
    first = torch.stack([along.cos(), along.sin(), torch.full_like(along, 0.35)], 1)
    gallery = F.normalize(torch.cat([first, first * torch.tensor([1.0, 1.0, -1.0])]), dim=1)
    labels = torch.arange(120) // 60
    found = evaluate(gallery, gallery, labels, bootstrap=0, diffusion={"neighbours": 4, "alpha": 0.99})
    assert found["map"].mean < 0.85
    assert found.diffusion is not None
    assert found.diffusion.evaluation["map"].mean > 0.99


def test_plain_figures_are_untouched_and_the_block_stands_beside_them() -> None:
    first, second, labels = unit(50, 5, 0), unit(50, 5, 1), torch.arange(50) % 4
    events = (torch.eye(4)[labels], torch.eye(4)[labels.flip(0)])
    plain = evaluate(first, second, labels, events=events)
    both = evaluate(first, second, labels, events=events, diffusion={"neighbours": 5})
    document = both.to_dict()
    block = document.pop("diffusion")
    assert document == plain.to_dict()
    assert block["settings"] == {"neighbours": 5, "alpha": 0.9, "power": 3.0, "steps": 100}
    assert block["evaluation"].keys() == document.keys()
    assert block["evaluation"]["map"] != document["map"]
    assert block["evaluation"]["chance_map"] == document["chance_map"]
    assert Evaluation.from_dict(both.to_dict()).to_dict() == both.to_dict()
    assert both.diffusion is not None
    assert both.diffusion.evaluation.per_query["map"]["a2v"].shape == (50,)


def test_without_diffusing_only_the_order_of_the_cosines_is_left() -> None:
    """α = 0: the k nearest keep their order, all others follow in theirs."""
    first, second, labels = unit(50, 5, 0), unit(50, 5, 1), torch.arange(50) % 4
    found = evaluate(first, second, labels, bootstrap=0, diffusion={"alpha": 0.0}).to_dict()
    block = found.pop("diffusion")["evaluation"]
    assert block == found


def test_memory_changes_no_number() -> None:
    first, second, labels = unit(300, 5, 0), unit(300, 5, 1), torch.arange(300) % 4
    results = [evaluate(first, second, labels, memory_mb=mb, bootstrap=0, diffusion=True).diffusion for mb in (1, 256)]
    assert results[0] is not None
    assert results[0].to_dict() == results[1].to_dict()


@pytest.mark.parametrize("wrong", [{"neighbours": 0}, {"alpha": 1.0}, {"alpha": -0.1}, {"power": 0}, {"steps": 0}])
def test_settings_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="diffusion.*" + next(iter(wrong))):
        evaluate(unit(5, 3, 0), unit(5, 3, 1), diffusion=wrong)
    with pytest.raises(InputError, match=r"did you mean 'alpha'"):
        evaluate(unit(5, 3, 0), unit(5, 3, 1), diffusion={"alhpa": 0.5})
