"""Verdict: each rule at its threshold, silence without figures."""

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
from overtone.diagnosis import Evidence, RuleHit, recommend, rules, variance, verdict, watch
from overtone.objectives import metric_losses

from .conftest import HEALTHY, changed, course, geometry

DOCS = Path(__file__).resolve().parents[2] / "docs" / "diagnosis.md"


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


def test_a_collapse_silences_what_follows_from_it_and_nothing_else() -> None:
    flat = {"intra_variance": 0.001, "between_variance": 0.002, "variance_ratio": 0.01, "effective_rank": 1.0}
    saturated = {"active_ratio": {"first": 1.0, "last": 0.0}}
    hits = verdict(
        Evidence({**flat, "classes": 10, "dimensions": 8}, greediness=saturated, recall=0.1, features_recall=0.6)
    )
    assert [hit.rule for hit in hits] == ["collapse", "worse-than-features"]
    assert "saturated" in [hit.rule for hit in verdict(Evidence(greediness=saturated))]
    for name, rule in rules.items():
        assert set(rule.silences) <= set(rules) - {name}
