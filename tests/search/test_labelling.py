"""Labels by a few labelled clips: right ones, as few wrong ones as asked for, and none where nothing is known."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from overtone.core import InputError
from overtone.search import labelling
from overtone.search.clips import Clip
from overtone.search.labelling import Labelling, _fit_temperature, _fit_threshold, label_clips


def space(spread: float, each: int = 120, seed: int = 0) -> tuple[list[Clip], torch.Tensor, torch.Tensor]:
    """Four classes around axes of a sphere."""
    generator = torch.Generator().manual_seed(seed)
    truth = torch.arange(4).repeat(each)
    rows = torch.eye(8)[truth] + spread * torch.randn(4 * each, 8, generator=generator)
    return [Clip(f"clip-{row}", {}) for row in range(len(truth))], F.normalize(rows, dim=1), truth


def known(truth: torch.Tensor, each: int) -> torch.Tensor:
    """The first few clips of each class keep their label."""
    numbers = torch.full_like(truth, -1)
    numbers[: 4 * each] = truth[: 4 * each]
    return numbers


NAMES = ("cat", "dog", "horn", "train")


@pytest.mark.parametrize("by", ["neighbours", "prototypes"])
def test_clear_classes_are_labelled(by: str) -> None:
    clips, rows, truth = space(0.1)
    found = label_clips(clips, rows, known(truth, 10), NAMES, by=by)
    assert [one.label for one in found.labels] == [NAMES[number] for number in truth[40:].tolist()]
    assert (found.references, found.measured_error, found.measured_coverage) == (40, 0.0, 1.0)
    assert Labelling.from_dict(found.to_dict()) == found
    assert found.given == 440


@pytest.mark.parametrize("by", ["neighbours", "prototypes"])
@pytest.mark.parametrize("error", [0.05, 0.2])
def test_error_and_coverage_are_what_is_said(by: str, error: float) -> None:
    clips, rows, truth = space(0.35, each=500)
    found = label_clips(clips, rows, known(truth, 60), NAMES, by=by, error=error)
    pairs = [(one.label, NAMES[number]) for one, number in zip(found.labels, truth[240:].tolist()) if one.label]
    wrong = sum(label != name for label, name in pairs) / len(pairs)
    assert wrong < error + 0.03
    assert found.measured_error == pytest.approx(wrong, abs=0.05)
    assert found.measured_coverage == pytest.approx(len(pairs) / len(found.labels), abs=0.08)
    assert all(one.probability >= found.threshold for one in found.labels if one.label)


def test_noise_gets_no_label() -> None:
    clips, rows, truth = space(50.0)
    found = label_clips(clips, rows, known(truth, 20), NAMES)
    assert (found.threshold, found.measured_error, found.measured_coverage) == (None, None, 0.0)
    assert not found.given
    assert all(one.best in NAMES for one in found.labels)


@pytest.mark.parametrize("by", ["neighbours", "prototypes"])
def test_each_clip_is_scored_without_itself(by: str) -> None:
    """With itself among its neighbours each clip of noise would be right."""
    clips, rows, truth = space(50.0, each=30)
    assert label_clips(clips, rows, known(truth, 25), NAMES, by=by, neighbours=1).measured_coverage < 0.2


@pytest.mark.parametrize("by", ["neighbours", "prototypes"])
def test_scores_in_blocks_are_those_of_each_row_alone(by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clips, rows, truth = space(0.6, each=40)
    numbers = known(truth, 15)
    whole = label_clips(clips, rows, numbers, NAMES, by=by)
    monkeypatch.setattr(labelling, "_CELLS", 7 * 60)
    blocks = label_clips(clips, rows, numbers, NAMES, by=by)
    assert [one.best for one in blocks.labels] == [one.best for one in whole.labels]
    assert [one.probability for one in blocks.labels] == pytest.approx([one.probability for one in whole.labels])
    reference, own = rows[:60].double(), numbers[:60]
    scorer = labelling._Scorer(rows[:60], own, 4, by, 10, None)
    scores = torch.cat(list(scorer.blocks(rows[:60], left_out=True)))
    for row in range(60):
        others = torch.arange(60) != row
        cosines, classes = reference[others] @ reference[row], own[others]
        if by == "prototypes":
            means = torch.stack([reference[others][classes == number].mean(0) for number in range(4)])
            wanted = F.normalize(means, dim=1) @ reference[row]
        else:
            nearest = cosines.topk(10)
            votes = [(20 * (nearest.values - 1))[classes[nearest.indices] == number].exp().sum() for number in range(4)]
            wanted = torch.stack(votes).clamp_min(torch.e**-40).log() / 20
        torch.testing.assert_close(scores[row], wanted, atol=1e-6, rtol=1e-5)


def test_rows_that_stand_for_classes() -> None:
    clips, rows, truth = space(0.1)
    found = label_clips(clips, rows, torch.full_like(truth, -1), NAMES, prototypes=torch.eye(8)[:4])
    assert [one.label for one in found.labels] == [NAMES[number] for number in truth.tolist()]
    assert (found.by, found.references, found.measured_error) == ("classes", 0, None)
    calibrated = label_clips(clips, rows, known(truth, 5), NAMES, prototypes=torch.eye(8)[:4])
    assert (calibrated.references, calibrated.measured_error) == (20, 0.0)


def test_threshold_by_hand() -> None:
    sure = torch.tensor([0.9, 0.8, 0.7, 0.6, 0.5]).double()
    right = torch.tensor([True, True, False, True, False])
    threshold, wrong, coverage = _fit_threshold(sure, right, 0.4)  # (1 + 1) / (4 + 1)
    assert (threshold, wrong, coverage) == pytest.approx((0.6, 0.25, 0.8))
    assert _fit_threshold(sure, right, 0.34)[0] == pytest.approx(0.8)  # (0 + 1) / (2 + 1)
    assert _fit_threshold(sure, right, 0.1) == (2.0, None, 0.0)
    equal = torch.full((5,), 0.5).double()
    assert _fit_threshold(equal, right, 0.4)[2] == 0.0  # all or none


def test_temperature_makes_scores_as_sure_as_they_are_right() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(4000, 3, generator=generator, dtype=torch.float64)
    truth = torch.multinomial((logits / 0.5).softmax(1), 1, generator=generator)[:, 0]
    assert _fit_temperature(logits.split(1500), truth) == pytest.approx(0.5, rel=0.15)


@pytest.mark.parametrize(
    ("numbers", "names", "more", "said"),
    [
        ([0, 1, 1, 0], NAMES[:2], {}, "every clip has a label"),
        ([0, 0, -1, -1], NAMES[:2], {}, "a class has no labelled clip; got dog"),
        ([0, 0, -1, -1], NAMES[:1], {}, "labelling needs two classes; got cat"),
        ([0, 1, -1, -1], NAMES[:2], {"error": 1.0}, "error is a share of the labels given; got 1.0"),
    ],
)
def test_what_cannot_be_labelled(numbers: list[int], names: tuple[str, ...], more: dict[str, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        label_clips([Clip(str(row), {}) for row in range(4)], torch.eye(4), torch.tensor(numbers), names, **more)
