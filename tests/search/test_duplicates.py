"""Near-duplicates: found where planted, none where there are none, and as many by chance as is said."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from overtone.core import InputError
from overtone.features import Features
from overtone.search import Duplicates, ScaledClips, find_duplicates
from overtone.search.clips import select_significant
from overtone.search.nearest import nearest_rows

from .planted import corpus, with_copies


def names(found: Duplicates) -> set[frozenset[str]]:
    return {frozenset(clip.id for clip in group.clips) for group in found.groups}


@given(st.integers(3, 40), st.integers(1, 8), st.integers(0, 1000))
def test_nearest_rows_are_all_distances_sorted(rows: int, k: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    points = torch.randint(-3, 4, (rows, 2), generator=generator).float() * 0.5 + 100
    k = min(k, rows - 1)
    found = nearest_rows(points, k)
    every = torch.cdist(points.double(), points.double(), compute_mode="donot_use_mm_for_euclid_dist")
    every.fill_diagonal_(torch.inf)
    torch.testing.assert_close(found.distances, every.sort(dim=1).values[:, :k])
    torch.testing.assert_close(every.gather(1, found.rows), found.distances)


def test_nearest_rows_by_small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    points = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    whole = nearest_rows(points, 4)
    monkeypatch.setattr("overtone.search.nearest._BLOCK", 130)
    monkeypatch.setattr("overtone.search.nearest._GATHERED", 40)
    seen = []
    parts = nearest_rows(points, 4, lambda progress: seen.append(progress.done))
    assert torch.equal(parts.rows, whole.rows)
    assert torch.equal(parts.distances, whole.distances)
    assert seen[-1] == 50
    assert len(seen) == 25


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_copies_are_found_and_only_they(noise: float) -> None:
    rows = [3, 77, 150, 400]
    found = find_duplicates(ScaledClips.of(with_copies(corpus(), rows, noise)))
    planted = {frozenset({f"clip-{row}", f"copy-{number}"}) for number, row in enumerate(rows)}
    assert planted <= names(found)
    assert len(found.groups) <= len(planted) + 1
    assert found.found == 2 * len(found.groups)
    assert found.expected <= 0.05 * found.found
    if not noise:
        assert all(group.distance == 0.0 for group in found.groups[: len(rows)])
        assert all(group.expected == 0.0 for group in found.groups[: len(rows)])


def test_nothing_copied_nothing_found() -> None:
    sizes = [find_duplicates(ScaledClips.of(corpus(seed=seed))).found for seed in range(5)]
    assert sum(sizes) <= 4


def test_chances_are_uniform_where_nothing_was_copied() -> None:
    """Evenly filled space of a known dimension: the yardstick counts what chance does."""
    points = torch.randn(3000, 4, generator=torch.Generator().manual_seed(0))
    found = find_duplicates(ScaledClips.of(Features({"image": points}, tuple(map(str, range(3000))))))
    shares = np.quantile(found.chances, [0.05, 0.25, 0.5, 0.75])
    assert shares == pytest.approx([0.05, 0.25, 0.5, 0.75], abs=0.03)
    assert found.dimension == pytest.approx(3, abs=0.4)  # four directions in unit rows


def test_a_group_larger_than_a_neighbourhood() -> None:
    exact = find_duplicates(ScaledClips.of(with_copies(corpus(), [5] * 30)))
    assert names(exact) == {frozenset({"clip-5", *(f"copy-{number}" for number in range(30))})}
    near = find_duplicates(ScaledClips.of(with_copies(corpus(2000), [5] * 14, 0.002)))
    assert max(map(len, names(near))) == 15


@pytest.mark.parametrize("noise", [0.0, 0.01])
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_a_corpus_of_which_most_occurs_twice(share: float, noise: float) -> None:
    """Copies so many that the typical distance to the nearest clip is that to a copy."""
    rows = list(range(round(share * 600)))
    found = find_duplicates(ScaledClips.of(with_copies(corpus(600), rows, noise)))
    pairs = {frozenset({f"clip-{row}", f"copy-{row}"}) for row in rows}
    assert len(pairs & names(found)) > 0.95 * len(rows)
    assert len(names(found) - pairs) <= 0.05 * len(rows)
    assert found.dimension > 0.5 * find_duplicates(ScaledClips.of(corpus(600))).dimension


def test_copies_of_a_few_clips_only() -> None:
    few = find_duplicates(ScaledClips.of(with_copies(corpus(12).subset(range(3)), [0, 1, 2] * 5)))
    assert sorted(map(len, names(few))) == [6, 6, 6]
    assert (few.found, few.expected, few.dimension) == (18, 0.0, 0.0)


def test_copies_of_one_half_only() -> None:
    data = with_copies(corpus(), [3, 77, 150, 400])
    data.modalities["visual"][-4:] = data.modalities["visual"][[10, 20, 30, 40]]
    assert not [group for group in names(find_duplicates(ScaledClips.of(data))) if "copy-0" in group]
    alone = find_duplicates(ScaledClips.of(data, only="audio"))
    assert frozenset({"clip-3", "copy-0"}) in names(alone)
    assert alone.modalities == ("audio",)


def test_result_survives_json() -> None:
    found = find_duplicates(ScaledClips.of(with_copies(corpus(), [3, 77])))
    again = Duplicates.from_dict(found.to_dict())
    assert again.to_dict() == found.to_dict()
    assert again.groups == found.groups


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_significant_ones_are_those_of_benjamini_and_hochberg(share: float) -> None:
    chances = torch.tensor([0.001, 0.9, 0.02, 0.04, 0.5, 0.03])
    ordered = sorted(chances.tolist())
    last = max(number for number, p in enumerate(ordered, 1) if p * 6 / number <= share)
    assert int(select_significant(chances, share).sum()) == last
    assert not select_significant(torch.tensor([0.5, 0.9]), share=0.05).any()


def test_what_cannot_be_compared() -> None:
    with pytest.raises(InputError, match="too few clips to compare; got 11; valid: 12 or more"):
        ScaledClips.of(corpus().subset(range(11)))
    with pytest.raises(InputError, match="no modality 'sound'; valid: audio, visual"):
        ScaledClips.of(corpus(), only="sound")


def test_clips_without_a_modality_are_left_out() -> None:
    data = corpus(60)
    has = torch.arange(60) >= 10
    data.present["audio"] = has
    data.modalities["audio"][~has] = torch.nan
    assert len(ScaledClips.of(data)) == 50
    assert len(ScaledClips.of(data, only="audio")) == 50
    assert len(ScaledClips.of(data, only="visual")) == 60
    assert ScaledClips.of(data).clips[0].file == "clip-10.wav"
