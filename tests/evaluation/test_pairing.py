"""Which pairs belong together: by hand, on views that share all or nothing, and with pairs shuffled on purpose."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from overtone.core import InputError
from overtone.evaluation.pairing import _chances, _ranks, pair_agreement


def clustered(rows: int, seed: int = 0, noise: float = 0.3) -> tuple[torch.Tensor, torch.Tensor]:
    """Two noisy linear views of points on 12 arcs."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(12, 10, generator=generator)
    along = torch.randn(12, 10, generator=generator)
    event = torch.randint(0, 12, (rows,), generator=generator)
    points = centres[event] + torch.rand(rows, 1, generator=generator) * along[event]
    views = (points @ torch.randn(10, 16, generator=generator) for _ in range(2))
    first, second = (view + noise * torch.randn(rows, 16, generator=generator) for view in views)
    return first, second


def shuffle(rows: torch.Tensor, share: float) -> tuple[torch.Tensor, np.ndarray]:
    """Some rows moved round in a circle, and which."""
    chosen = np.random.default_rng(0).choice(len(rows), round(share * len(rows)), replace=False)
    order, wrong = np.arange(len(rows)), np.zeros(len(rows), dtype=bool)
    order[chosen], wrong[chosen] = np.roll(chosen, 1), True
    return rows[order], wrong


def test_ranks_by_hand() -> None:
    """Of the pairs (0, 1), (1, 2), ... the entries 2 and 1 stand below 9 everywhere; ties count half."""
    agreement = torch.tensor([[9.0, 1.0, 2.0], [2.0, 0.0, 1.0], [1.0, 2.0, 2.0]])
    # every wrong pair's mean of row share and column share, entry by entry
    wrong = []
    for i in range(3):
        for j in range(3):
            if i != j:
                row = [float(agreement[i, k] < agreement[i, j]) + 0.5 * float(agreement[i, k] == agreement[i, j])
                       for k in range(3) if k != j]  # fmt: skip
                column = [float(agreement[k, j] < agreement[i, j]) + 0.5 * float(agreement[k, j] == agreement[i, j])
                          for k in range(3) if k != i]  # fmt: skip
                wrong.append((sum(row) + sum(column)) / 4)
    right = [1.0, 0.0, (0.75 + 0.75) / 2]
    wanted = [np.mean([(w < r) + 0.5 * (w == r) for w in wrong]) for r in right]
    assert _ranks(agreement, "own")[0].tolist() == pytest.approx(wanted)


def test_independent_views_have_uniform_ranks() -> None:
    first, _ = clustered(1500, 0)
    second, _ = clustered(1500, 1)
    found = pair_agreement(first, second)
    bins = torch.histc(found.ranks, 10, 0, 1) / len(found.ranks)
    assert (bins - 0.1).abs().max() < 0.03
    assert found.wrong_share == pytest.approx(1.0, abs=0.06)
    assert found.recognised < 0.1
    assert found.chances.min() > 0.7


def test_same_views_have_no_wrong_pair() -> None:
    first, _ = clustered(400)
    found = pair_agreement(first, first)
    assert found.wrong_share == 0.0
    assert found.recognised > 0.95
    assert not found.chances.any()


@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
def test_shuffled_pairs_are_found_and_counted(share: float) -> None:
    first, second = clustered(2000)
    second, wrong = shuffle(second, share)
    found = pair_agreement(first, second)
    clean = pair_agreement(*clustered(2000)).wrong_share
    assert clean < 0.05
    assert found.wrong_share == pytest.approx(share, abs=0.05)
    assert roc_auc_score(wrong, -found.ranks) > 0.9
    assert average_precision_score(wrong, -found.ranks) > 0.6
    assert float(found.chances.sum()) == pytest.approx(wrong.sum(), abs=0.05 * len(wrong))
    flagged = found.chances.numpy() > 0.5
    assert wrong[flagged].mean() > 0.5
    inside = np.quantile(found.ranks[torch.from_numpy(wrong)], [0.25, 0.5, 0.75])
    assert inside == pytest.approx([0.25, 0.5, 0.75], abs=0.1)


def test_order_of_the_clips_does_not_matter() -> None:
    first, second = clustered(600)
    second, _ = shuffle(second, 0.2)
    order = torch.randperm(600, generator=torch.Generator().manual_seed(0))
    found, moved = pair_agreement(first, second), pair_agreement(first[order], second[order])
    torch.testing.assert_close(moved.ranks, found.ranks[order], atol=0.03, rtol=0)
    assert moved.wrong_share == pytest.approx(found.wrong_share, abs=0.03)


def test_sides_can_be_swapped() -> None:
    first, second = clustered(300)
    torch.testing.assert_close(
        pair_agreement(first, second).ranks, pair_agreement(second, first).ranks, atol=0.03, rtol=0
    )


def test_chunks_are_spread_over_the_corpus() -> None:
    """Sorted by event, so that a chunk of neighbours would hold one event only."""
    first, second = clustered(1200)
    order = first[:, 0].argsort()
    second, wrong = shuffle(second[order], 0.2)
    first = first[order]
    seen = []
    whole, parts = pair_agreement(first, second), pair_agreement(first, second, rows=400, progress=seen.append)
    assert [(report.done, report.total) for report in seen] == [(1, 3), (2, 3), (3, 3)]
    assert parts.wrong_share == pytest.approx(whole.wrong_share, abs=0.05)
    alone = pair_agreement(first[1::3], second[1::3])
    assert torch.equal(parts.ranks[1::3], alone.ranks)
    assert roc_auc_score(wrong, -parts.ranks) > 0.85


def even(rows: int) -> torch.Tensor:
    return (torch.arange(rows).double() + 0.5) / rows


def test_chances_are_wrong_share_by_density() -> None:
    counts = torch.tensor([10, 20, 20, 30])  # four bins, 20 rows each on average
    ranks = torch.tensor([0.1, 0.3, 0.6, 0.9]).double().repeat_interleave(counts)
    wanted = 0.2 / (4 * counts / 80.0)
    found = _chances(ranks, even(400), 0.2)
    assert found.tolist() == pytest.approx(wanted.double().repeat_interleave(counts).tolist())
    falling = torch.cat([torch.full((60,), 0.3), torch.full((20,), 0.9)]).double()
    assert _chances(falling, even(400), 0.5).unique().numel() == 1  # a higher rank never raises the chance
    crowded = torch.where(even(400) < 0.5, 0.1, even(400))  # half of the wrong pairs are tied at 0.1
    assert _chances(ranks, crowded, 0.2)[0] == pytest.approx(0.2 / (10 / 80 / 0.5))
    assert not _chances(ranks, crowded, 0.2)[10:30].any()  # no wrong pair has rank 0.3


def test_tied_wrong_pairs_are_allowed_for() -> None:
    """Most clips share no neighbourhood, so most wrong pairs agree by 0 and have rank 0.45 together."""
    agreement = torch.zeros(40, 40)
    agreement[:, ::10] = torch.rand(40, 4, generator=torch.Generator().manual_seed(0))
    ranks, wrong = _ranks(agreement, "all")
    assert float((wrong < 0.5).double().mean()) == pytest.approx(0.9, abs=0.01)
    assert float((ranks < 0.5).double().mean()) == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_all_pairs_as_the_yardstick(share: float) -> None:
    first, second = clustered(1200)
    second, wrong = shuffle(second, share)
    own, every = (pair_agreement(first, second, restart=0.1, against=against) for against in ("own", "all"))
    assert every.wrong_share == pytest.approx(share, abs=0.03)
    order = average_precision_score(wrong, -own.ranks), average_precision_score(wrong, -every.ranks)
    assert order[1] > order[0] - 0.02
    assert float(every.ranks[torch.from_numpy(wrong)].mean()) == pytest.approx(0.5, abs=0.08)  # many are tied


def test_sequences_and_rows_without_direction() -> None:
    first, second = clustered(60)
    second[3] = 0.0
    steps = torch.stack([first, first], dim=1)
    found = pair_agreement(steps, second)
    assert torch.isfinite(found.ranks).all()
    torch.testing.assert_close(found.ranks, pair_agreement(first, second).ranks, atol=0.02, rtol=0)


@pytest.mark.parametrize(("one", "other"), [(5, 4), (2, 2)])
def test_pairs_that_cannot_be_compared(one: int, other: int) -> None:
    with pytest.raises(InputError, match=f"got {one} and {other} rows"):
        pair_agreement(torch.randn(one, 2), torch.randn(other, 2))


def test_right_pairs_that_rank_low_are_not_counted_as_wrong() -> None:
    """Weakly related halves, all of them right: below 1/2 their ranks are not even, as wrong pairs' would be."""
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(2000, 8, generator=generator)
    first, second = (points + 1.6 * torch.randn(points.shape, generator=generator) for _ in range(2))
    half, flat = (pair_agreement(first, second, against="all", tail=tail) for tail in ("half", "flat"))
    assert flat.wrong_share < 0.7 * half.wrong_share
    assert torch.equal(flat.ranks, half.ranks)


def test_where_ranks_are_even_both_counts_agree() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = clustered(1200)
    rows = torch.randperm(1200, generator=generator)[:240]
    second[rows] = second[rows.roll(1)]
    half, flat = (pair_agreement(first, second, tail=tail) for tail in ("half", "flat"))
    assert flat.wrong_share == pytest.approx(half.wrong_share, abs=0.04)
    assert flat.wrong_share == pytest.approx(0.2, abs=0.04)
