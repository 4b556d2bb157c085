"""Outliers: found where planted, in the modality where they are, and none where distances are ordinary."""

from __future__ import annotations

import pytest
import torch
from sklearn.metrics import average_precision_score

from overtone.features import Features
from overtone.search import Outliers, ScaledClips, find_outliers

from .planted import corpus


def test_planted_outliers_are_found_where_they_are() -> None:
    data = corpus()
    generator = torch.Generator().manual_seed(3)
    rows = {"audio": [4, 100], "visual": [9, 300]}
    for name, chosen in rows.items():
        shape = (len(chosen), data.modalities[name].shape[1])
        data.modalities[name][chosen] += 4 * data.modalities[name].std() * torch.randn(shape, generator=generator)
    found = find_outliers(ScaledClips.of(data))
    assert {(one.clip.id, one.modality) for one in found.outliers[:4]} == {
        (f"clip-{row}", name) for name, chosen in rows.items() for row in chosen
    }
    assert found.outliers[0].distance > 2
    assert found.expected <= 0.05 * len(found.outliers)
    truth = torch.zeros(600)
    truth[[row for chosen in rows.values() for row in chosen]] = 1
    assert average_precision_score(truth, -found.chances) == pytest.approx(1.0)
    assert {one.modality for one in find_outliers(ScaledClips.of(data, only="visual")).outliers} == {"visual"}


def test_ordinary_clips_are_no_outliers() -> None:
    """Of points of a normal distribution a twentieth has a chance of a twentieth, and none is reported."""
    points = torch.randn(2000, 20, generator=torch.Generator().manual_seed(0))
    found = find_outliers(ScaledClips.of(Features({"image": points}, tuple(map(str, range(2000))))))
    assert len(found.outliers) <= 1
    assert float((found.chances < 0.05).double().mean()) == pytest.approx(0.05, abs=0.02)


def test_scores_by_hand() -> None:
    """Median 1, and 68 % of the smaller ones within a factor of e: a distance of e³ is at three standard deviations."""
    from overtone.search.outliers import _standardise

    below = torch.linspace(-1 / 0.6827, 0, 1000)[:-1]
    logs = torch.cat([below, torch.tensor([0.0]), -below / 2])
    logs[-3:] = 3.0
    scores, times = _standardise(logs.double().exp())
    assert float(scores[-1]) == pytest.approx(3.0, rel=0.01)
    assert float(times[-1]) == pytest.approx(torch.e**3, rel=0.01)
    scores, _ = _standardise((-logs.clamp_max(2.0)).double().exp())  # the larger side counts, whichever it is
    assert float(scores[0]) == pytest.approx(1 / 0.6827, rel=0.01)


def test_a_thinly_populated_region_is_no_outlier() -> None:
    """Seven clips of ten close together and three far apart from each other: two densities, and nothing strange."""
    generator = torch.Generator().manual_seed(0)
    dense, thin = torch.randn(1400, 5, generator=generator), torch.randn(600, 5, generator=generator)
    points = torch.cat([0.2 * dense, thin + 6])
    assert not find_outliers(ScaledClips.of(Features({"image": points}, tuple(map(str, range(2000)))))).outliers


@pytest.mark.parametrize("seed", range(3))
def test_evenly_filled_space_has_hardly_any(seed: int) -> None:
    points = torch.rand(2000, 3, generator=torch.Generator().manual_seed(seed))
    found = find_outliers(ScaledClips.of(Features({"image": points}, tuple(map(str, range(2000))))))
    assert len(found.outliers) <= 5  # corners of the cube


def test_result_survives_json() -> None:
    data = corpus()
    data.modalities["audio"][7] *= 50
    found = find_outliers(ScaledClips.of(data))
    assert found.outliers[0].clip.file == "clip-7.wav"
    assert Outliers.from_dict(found.to_dict()).outliers == found.outliers
