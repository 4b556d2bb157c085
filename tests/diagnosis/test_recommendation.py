"""Recommendation: the best loss for each purpose, and ties that are called ties."""

from __future__ import annotations

import json
from typing import Any

import pytest

from overtone.core import InputError
from overtone.diagnosis import Evidence, Recommendation, recommend

from .conftest import HEALTHY, changed, course, geometry


def seeds_of(recalls: list[float], **more: Any) -> list[Evidence]:
    return [Evidence(recall=recall, **more) for recall in recalls]


def test_the_best_loss_for_each_purpose() -> None:
    found = recommend(
        {
            "triplet": changed(recall=0.9, variance=geometry(intra_variance=0.5, variance_ratio=0.8)),
            "contrastive": changed(recall=0.8, greediness=course(half_compaction=50)),
            "n-pair": changed(
                recall=0.7,
                variance=geometry(variance_ratio=0.2, centroid_distance={"mean": 1.0, "std": 0.3}),
                greediness=course(half_compaction=None),
            ),
        }
    )
    assert found["fine_grained"] == found["diversity"] == "triplet"
    assert found["compaction"] == "n-pair"
    assert found["speed"] == "contrastive"
    assert found["spacing"] in ("triplet", "contrastive")
    assert sorted([found["spacing"], *found.ties["spacing"]]) == ["contrastive", "triplet"]
    assert "halved after 50 steps" in " ".join(found.sentences)
    assert found.figures["speed"]["n-pair"] == 0
    assert Recommendation.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_a_tie_over_seeds_is_called_a_tie() -> None:
    found = recommend(
        {
            "scl": seeds_of([0.80, 0.84, 0.82, 0.81, 0.83]),
            "triplet": seeds_of([0.81, 0.82, 0.83, 0.80, 0.82]),
            "ccl": seeds_of([0.70, 0.74, 0.72, 0.71, 0.73]),
        }
    )
    assert found["fine_grained"] == "scl"
    assert found.ties["fine_grained"] == ["triplet"]
    assert found.sentences == [
        "For a right first neighbour (fine-grained retrieval): scl (R@1 0.820), tied with triplet (R@1 0.816), "
        "ahead of ccl (R@1 0.720)."
    ]
    assert found["compaction"] is None


def test_a_small_difference_that_every_seed_shows_is_no_tie() -> None:
    recalls = [0.80, 0.84, 0.82, 0.81, 0.83]
    found = recommend({"scl": seeds_of(recalls), "triplet": seeds_of([recall - 0.01 for recall in recalls])})
    assert found.ties["fine_grained"] == []


def test_two_seeds_are_enough_for_a_test() -> None:
    """Means that differ by a fifth, but whose two seeds disagree, are a tie; single numbers would not be."""
    found = recommend({"scl": seeds_of([0.80, 0.90]), "triplet": seeds_of([0.85, 0.55])})
    assert found.ties["fine_grained"] == ["triplet"]
    assert "not significant" in found.sentences[0]


def test_single_numbers_are_equal_within_two_per_cent() -> None:
    for other, ties in ((0.785, ["triplet"]), (0.783, [])):
        found = recommend({"scl": Evidence(recall=0.8), "triplet": Evidence(recall=other)})
        assert found.ties["fine_grained"] == ties
    assert "significant" not in found.sentences[0]


def test_sentences_and_means_say_what_was_compared() -> None:
    near = geometry(variance_ratio=0.25, centroid_distance={"mean": 1.0, "std": 0.1})
    far = geometry(variance_ratio=0.5, centroid_distance={"mean": 2.0, "std": 0.1})
    found = recommend({"scl": Evidence(near), "ccl": Evidence(far)})
    assert found.figures["compaction"] == {"scl": 4.0, "ccl": 2.0}
    assert found.figures["spacing"] == pytest.approx({"scl": -0.1, "ccl": -0.05})
    assert (found["compaction"], found["spacing"]) == ("scl", "ccl")
    assert found.sentences[1].endswith(
        "scl (variance within by between 0.250), ahead of ccl (variance within by between 0.500)."
    )
    assert found.sentences[2].endswith("ccl (distances vary by 5 %), ahead of scl (distances vary by 10 %).")


def test_when_all_are_tied_no_loss_stands_out() -> None:
    found = recommend({"scl": Evidence(recall=0.800), "triplet": Evidence(recall=0.801)})
    assert found.ties["fine_grained"] == ["scl"]
    assert "no loss stands out" in found.sentences[0]


@pytest.mark.parametrize("losses", [{}, {"scl": HEALTHY}, {"scl": HEALTHY, "triplet": []}])
def test_a_recommendation_needs_something_to_compare(losses: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="needs several losses"):
        recommend(losses)


def test_none_is_named_for_what_no_loss_reached() -> None:
    never = {name: [Evidence(greediness={"steps": 100, "half_compaction": None})] * 2 for name in ("scl", "ccl")}
    found = recommend(never)
    assert found["speed"] is None
    assert not any("halved" in sentence for sentence in found.sentences)


def test_ties_end_at_the_first_loss_that_is_behind() -> None:
    """A loss whose seeds scatter cannot be told apart from the best, and is still no tie above one that can."""
    seeds = {"scl": [0.90, 0.91, 0.92], "ccl": [0.80, 0.81, 0.82], "n-pair": [0.30, 0.95, 0.40]}
    found = recommend({name: [Evidence(recall=value) for value in values] for name, values in seeds.items()})
    assert found.ties["fine_grained"] == []
    assert "ahead of ccl" in found.sentences[0]
