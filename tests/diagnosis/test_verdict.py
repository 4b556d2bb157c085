"""Verdict and recommendation: each rule at its threshold, silence without figures, ties that are called ties."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from overtone.core import InputError
from overtone.diagnosis import Evidence, Recommendation, RuleHit, recommend, rules, variance, verdict, watch
from overtone.objectives import metric_losses

DOCS = Path(__file__).resolve().parents[2] / "docs" / "diagnosis.md"


def geometry(**more: Any) -> dict[str, Any]:
    """A healthy embedding of ten classes."""
    return {
        "intra_variance": 0.3,
        "centroid_distance": {"mean": 1.1, "std": 0.1},
        "between_variance": 0.6,
        "variance_ratio": 0.5,
        "smallest_gap": 0.8,
        "smallest_gap_classes": ["cat", "dog"],
        "effective_rank": 9.0,
        "dimensions": 128,
        "classes": 10,
        "per_class": {"cat": {"variance": 0.3, "rows": 50}, "dog": {"variance": 0.3, "rows": 50}},
        **more,
    }


def course(**more: Any) -> dict[str, Any]:
    """A healthy training."""
    return {
        "steps": 1000,
        "not_finite": 0,
        "active_ratio": {"first": 0.9, "last": 0.3},
        "easy_share": {"first": 0.2, "last": 0.3},
        "easy_samples": {"first": 0.2, "last": 0.6},
        "late_fall": 0.0,
        "half_compaction": 300,
        **more,
    }


HEALTHY = Evidence(
    variance=geometry(),
    train_variance=geometry(intra_variance=0.25),
    features_variance=geometry(variance_ratio=1.5),
    greediness=course(),
    recall=0.8,
    features_recall=0.7,
)


def changed(**parts: Any) -> Evidence:
    return Evidence(**{**vars(HEALTHY), **parts})


CASES: list[tuple[str, Evidence, Evidence, float]] = [
    (
        "collapse",
        changed(variance=geometry(intra_variance=0.04, between_variance=0.05)),
        changed(variance=geometry(intra_variance=0.05, between_variance=0.06)),
        0.09,
    ),
    (
        "few-dimensions",
        changed(variance=geometry(effective_rank=2.7)),
        changed(variance=geometry(effective_rank=3.0)),
        0.3,
    ),
    (
        "few-dimensions",
        changed(variance=geometry(classes=500, effective_rank=32.0)),
        changed(variance=geometry(classes=500, effective_rank=64.0)),
        0.25,
    ),
    (
        "over-compaction",
        changed(variance=geometry(variance_ratio=0.029)),
        changed(variance=geometry(variance_ratio=0.031)),
        0.029,
    ),
    (
        "no-compaction",
        changed(features_variance=geometry(variance_ratio=0.5)),
        changed(features_variance=geometry(variance_ratio=0.6)),
        1.0,
    ),
    (
        "overfit",
        changed(train_variance=geometry(intra_variance=0.1)),
        changed(train_variance=geometry(intra_variance=0.16)),
        3.0,
    ),
    ("worse-than-features", changed(features_recall=0.85), changed(features_recall=0.8), -0.05),
    (
        "uneven-spacing",
        changed(variance=geometry(centroid_distance={"mean": 1.0, "std": 0.25})),
        changed(variance=geometry(centroid_distance={"mean": 1.0, "std": 0.2})),
        0.25,
    ),
    (
        "crowded-classes",
        changed(variance=geometry(smallest_gap=0.22)),
        changed(variance=geometry(smallest_gap=0.4)),
        0.2,
    ),
    (
        "wide-class",
        changed(variance=geometry(per_class={"cat": {"variance": 0.2}, "dog": {"variance": 0.75}})),
        changed(variance=geometry(per_class={"cat": {"variance": 0.2}, "dog": {"variance": 0.5}})),
        2.5,
    ),
    ("diverged", changed(greediness=course(not_finite=3)), HEALTHY, 3),
    (
        "saturated",
        changed(greediness=course(active_ratio={"first": 0.15, "last": 0.02})),
        changed(greediness=course(active_ratio={"first": 0.03, "last": 0.02})),
        0.02,
    ),
    (
        "easy-gradient",
        changed(greediness=course(easy_share={"last": 0.6}, easy_samples={"last": 0.6})),
        changed(greediness=course(easy_share={"last": 0.6}, easy_samples={"last": 0.9})),
        0.6,
    ),
    ("still-falling", changed(greediness=course(late_fall=0.1)), changed(greediness=course(late_fall=0.02)), 0.1),
]


@pytest.mark.parametrize(("name", "ill", "well", "figure"), CASES, ids=[case[0] for case in CASES])
def test_a_rule_fires_beyond_its_threshold_and_not_before(
    name: str, ill: Evidence, well: Evidence, figure: float
) -> None:
    (found,) = [hit for hit in verdict(ill) if hit.rule == name]
    assert found.figure == pytest.approx(figure)
    assert found.threshold == rules[name].threshold
    assert found.quantity == rules[name].quantity
    for sentence in (found.says, found.advice):
        assert not sentence[0].islower()
        assert sentence.endswith(".")
    assert name not in [hit.rule for hit in verdict(well)]


@pytest.mark.parametrize(("name", "ill", "figure"), [(case[0], case[1], case[3]) for case in CASES])
def test_a_threshold_belongs_to_one_side_only(name: str, ill: Evidence, figure: float) -> None:
    """At its own figure a rule is silent, but where the docs say "or equal"."""
    (found,) = [hit for hit in verdict(ill) if hit.rule == name]
    at_threshold = [hit.rule for hit in verdict(ill, {name: found.figure})]
    assert (name in at_threshold) is (name == "no-compaction")


def test_severity_says_what_is_lost() -> None:
    by_severity = {level: {name for name, rule in rules.items() if rule.severity == level} for level in (1, 2, 3)}
    assert by_severity[1] == {"collapse", "diverged", "worse-than-features"}
    assert by_severity[2] == {"few-dimensions", "over-compaction", "no-compaction", "overfit", "saturated"}
    assert by_severity[1] | by_severity[2] | by_severity[3] == set(rules)


def test_nothing_is_divided_by_zero() -> None:
    points = geometry(intra_variance=0.0, variance_ratio=0.0, centroid_distance={"mean": 0.0, "std": 0.0})
    evidence = changed(variance=points, train_variance=points, features_variance=points)
    assert {hit.rule for hit in verdict(evidence)} == {"over-compaction"}
    idle = changed(greediness=course(easy_share={"last": 0.6}, easy_samples={"last": 0.0}))
    assert verdict(idle) == []


def test_every_rule_is_tested_here() -> None:
    assert {case[0] for case in CASES} == set(rules)


def test_a_healthy_embedding_has_no_verdict_and_missing_figures_say_nothing() -> None:
    assert verdict(HEALTHY) == []
    assert verdict(Evidence()) == []
    nothing: dict[str, Any] = dict.fromkeys(geometry(), None)
    assert verdict(Evidence(nothing, nothing, nothing, dict.fromkeys(course(), None), None, None)) == []
    hollow = json.loads(
        json.dumps(geometry(variance_ratio=None, effective_rank=float("nan"), smallest_gap_classes=None))
    )
    assert verdict(Evidence(hollow, greediness={})) == []


def test_the_gravest_comes_first_and_names_are_said() -> None:
    ill = changed(
        variance=geometry(smallest_gap=0.1, effective_rank=1.1), features_recall=0.9, greediness=course(late_fall=0.2)
    )
    found = verdict(ill)
    assert [hit.rule for hit in found] == ["worse-than-features", "few-dimensions", "crowded-classes", "still-falling"]
    assert "cat and dog" in found[2].says
    assert [RuleHit.from_dict(json.loads(json.dumps(hit.to_dict()))) for hit in found] == found


def test_thresholds_can_be_one_s_own() -> None:
    (found,) = verdict(HEALTHY, {"uneven-spacing": 0.05})
    assert (found.rule, found.threshold) == ("uneven-spacing", 0.05)
    with pytest.raises(InputError, match="unknown rule 'uneven-spacign'.*did you mean 'uneven-spacing'"):
        verdict(HEALTHY, {"uneven-spacign": 0.05})


def test_the_docs_state_every_threshold() -> None:
    rows = dict(re.findall(r"^\| `([\w-]+)` \| [^|]+ \| [<>]=? ([\d.]+)", DOCS.read_text(encoding="utf-8"), flags=re.M))
    assert {name: float(threshold) for name, threshold in rows.items()} == {
        name: rule.threshold for name, rule in rules.items()
    }


def test_means_over_seeds() -> None:
    seeds = [
        changed(variance=geometry(intra_variance=0.2), greediness=course(half_compaction=None)),
        changed(variance=geometry(intra_variance=0.4), greediness=course(half_compaction=100), recall=0.9),
    ]
    mean = Evidence.mean(seeds)
    assert mean.variance is not None
    assert mean.variance["intra_variance"] == pytest.approx(0.3)
    assert mean.variance["smallest_gap_classes"] == ["cat", "dog"]
    assert mean.figure("greediness", "half_compaction") == 100
    assert mean.recall == pytest.approx(0.85)
    assert Evidence.mean([Evidence()]) == Evidence()
    with pytest.raises(InputError, match="no seed"):
        Evidence.mean([])


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


def test_from_training_to_verdict() -> None:
    """What watch and variance give is what the rules read: a head that learns nothing is called so."""
    random = np.random.default_rng(0)
    labels = torch.arange(200) % 5
    rows = torch.tensor(np.eye(5)[labels.numpy()] + 0.6 * random.normal(size=(200, 5)), dtype=torch.float32)
    evidence = {}
    for rate in (0.0, 0.05):
        torch.manual_seed(0)
        loss, head = metric_losses()["triplet"](), nn.Linear(5, 5)
        optimizer = torch.optim.Adam(head.parameters(), rate)
        before = variance(F.normalize(head(rows), dim=1), labels).to_dict()
        with watch(loss, parameters=head.parameters()) as w:
            for _ in range(60):
                optimizer.zero_grad()
                loss(F.normalize(head(rows), dim=1), labels).backward()
                optimizer.step()
        after = variance(F.normalize(head(rows), dim=1), labels).to_dict()
        evidence[f"{rate}"] = Evidence(after, features_variance=before, greediness=w.summary())
    assert "no-compaction" in [hit.rule for hit in verdict(evidence["0.0"])]
    assert "no-compaction" not in [hit.rule for hit in verdict(evidence["0.05"])]
    assert recommend(evidence)["compaction"] == "0.05"


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
