"""Mismatched pairs: found where planted, counted, and refused for one modality."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from overtone.core import InputError
from overtone.features import load
from overtone.search import Mismatches, ScaledClips, find_mismatched

from .planted import corpus, with_wrong_pairs


def chosen(rows: int, share: float) -> list[int]:
    return np.random.default_rng(0).choice(rows, round(share * rows), replace=False).tolist()


def test_planted_mismatches_are_found_and_counted() -> None:
    rows = chosen(1500, 0.05)
    found = find_mismatched(ScaledClips.of(with_wrong_pairs(corpus(1500), rows)))
    truth = np.zeros(1500)
    truth[rows] = 1
    assert average_precision_score(truth, -found.ranks) > 0.7
    assert found.wrong_share == pytest.approx(0.05, abs=0.03)
    listed = {int(one.clip.id.removeprefix("clip-")) for one in found.mismatches}
    wrong = len(listed - set(rows))
    assert found.expected <= 0.5 * len(listed)
    assert found.expected == pytest.approx(wrong, abs=0.2 * len(listed))
    assert [one.rank for one in found.mismatches] == sorted(one.rank for one in found.mismatches)


def test_split_digits_with_a_twentieth_shuffled() -> None:
    """The figure that the docs name."""
    data = load("split-digits")
    rows = chosen(len(data), 0.05)
    found = find_mismatched(ScaledClips.of(with_wrong_pairs(data, rows)))
    truth = np.zeros(len(data))
    truth[rows] = 1
    assert average_precision_score(truth, -found.ranks) > 0.7
    assert found.wrong_share == pytest.approx(0.05, abs=0.03)


def test_a_smaller_share_lists_fewer() -> None:
    clips = ScaledClips.of(with_wrong_pairs(corpus(1500), chosen(1500, 0.2)))
    long, short = (find_mismatched(clips, share) for share in (0.5, 0.2))
    assert 0 < len(short.mismatches) < len(long.mismatches)
    assert short.expected <= 0.2 * len(short.mismatches)
    assert long.mismatches[: len(short.mismatches)] == short.mismatches


def test_same_views_have_none() -> None:
    data = corpus()
    data.modalities["visual"] = data.modalities["audio"].clone()
    found = find_mismatched(ScaledClips.of(data))
    assert found.mismatches == ()
    assert found.expected == 0.0
    assert Mismatches.from_dict(found.to_dict()).to_dict() == found.to_dict()


def test_one_modality_is_refused() -> None:
    with pytest.raises(InputError, match="mismatched pairs need two modalities; got audio"):
        find_mismatched(ScaledClips.of(corpus(), only="audio"))
    torch.testing.assert_close(ScaledClips.of(corpus(), only="audio").joined().norm(dim=1), torch.ones(600))
