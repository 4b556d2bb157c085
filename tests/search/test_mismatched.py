"""Mismatched pairs: found where planted, counted, and refused for one modality."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from overtone.core import InputError
from overtone.evaluation.pairing import PairAgreement
from overtone.features import load
from overtone.report.finding import finding_report
from overtone.report.finding_words import found_in_words
from overtone.search import Mismatches, ScaledClips, find_mismatched
from overtone.search.clips import Clip
from overtone.search.mismatched import MOST_WRONG
from overtone.search.outliers import Outlier, Outliers

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


def unrelated(rows: int = 1500, shared: float = 0.0) -> ScaledClips:
    """Two modalities of which one says little or nothing of the other."""
    data, other = corpus(rows), corpus(rows, seed=1)
    second = data.modalities["visual"].std(0), other.modalities["visual"]
    mixed = shared * data.modalities["visual"] + (1 - shared) * second[1] / second[1].std(0) * second[0]
    return ScaledClips.of(replace(data, modalities={"audio": data.modalities["audio"], "visual": mixed}))


def test_modalities_that_share_nothing_leave_no_pair_to_be_judged() -> None:
    found = find_mismatched(unrelated())
    assert not found.judged
    assert found.wrong_share > MOST_WRONG
    assert len(found.mismatches) <= 2
    assert found.lowest == pytest.approx(0.05 * 1500, rel=0.4)
    said = " ".join(found_in_words(found))
    assert "nearly all pairs agree no more than random ones do" in said
    assert "which would be 75 pairs; of these pairs" in said


def test_modalities_that_share_little_leave_no_pair_to_be_judged() -> None:
    found = find_mismatched(unrelated(shared=0.1))
    assert not found.judged
    assert found.wrong_share < MOST_WRONG
    assert found.mismatches == ()
    assert found.expected == 0.0
    said = " ".join(found_in_words(found))
    assert "single pairs cannot be judged: the two modalities share too little" in said
    assert "none is listed" in said


def test_an_estimate_of_none_is_not_said_to_be_exact() -> None:
    one = find_mismatched(ScaledClips.of(with_wrong_pairs(corpus(1500), chosen(1500, 0.05))))
    none = replace(one, wrong_share=0.0, wrong_share_error=0.0, mismatches=(), expected=0.0)
    assert "no pair looks wrong" in " ".join(found_in_words(none))
    assert "0.0 %" not in " ".join(found_in_words(none))
    assert "--fdr" not in " ".join(found_in_words(none))  # no rate lists any
    few = replace(none, wrong_share=0.004, wrong_share_error=0.0002)
    assert "0.4 % (± 0.1 %)" in found_in_words(few)[0]


def test_what_chance_explains_has_one_place() -> None:
    found = Outliers(("audio",), 4485, (Outlier(Clip("a", {}), "audio", 8.3, 3.9e-9),), 2.517, 0.05)
    said = "Among 4,485 clips (audio) 1 lies far from all others; chance explains 2.5 of them."
    assert found_in_words(found)[0] == said
    page = finding_report(found, source="clips.npz")
    assert "3.90 × 10⁻⁹" in page


def test_many_wrong_pairs_are_listed_where_right_ones_stand_out() -> None:
    rows = chosen(1500, 0.5)
    found = find_mismatched(ScaledClips.of(with_wrong_pairs(corpus(1500), rows)))
    assert found.judged
    assert found.wrong_share == pytest.approx(0.5, abs=0.06)
    assert len(found.mismatches) > 500


def test_pairs_that_agree_even_less_are_listed_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty halves that avoid each other beyond chance, among pairs that look random."""
    even = torch.linspace(0.001, 0.999, 1460, dtype=torch.float64)
    ranks = torch.cat([torch.full((40,), 1e-5, dtype=torch.float64), even])
    agreement = PairAgreement(ranks, 1.0, 0.0, torch.ones(1500), 0.0)
    monkeypatch.setattr("overtone.search.mismatched.pair_agreement", lambda *views, **options: agreement)
    found = find_mismatched(unrelated())
    assert not found.judged
    assert [one.clip.id for one in found.mismatches][:40] == [f"clip-{row}" for row in range(40)]
    assert len(found.mismatches) <= 42
    assert found.expected <= 0.05 * len(found.mismatches)
    assert "agree even less than those of random pairs" in " ".join(found_in_words(found))
