"""An evaluation is typed, and goes to JSON and back without loss."""

from __future__ import annotations

import json
import math

import pytest
import torch

from overtone.core import InputError
from overtone.core.files import json_text
from overtone.evaluation import (
    ClassScore,
    Evaluation,
    Score,
    evaluate,
    evaluate_within,
    find_metric,
    metric_order,
    metrics,
)


def made(**options: object) -> Evaluation:
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.randn(30, 5, generator=generator) for _ in range(2))
    return evaluate(first, second, torch.arange(30) % 4, class_names=["a", "b", "c", "d"], **options)


@pytest.mark.parametrize(
    "evaluation",
    [
        made(),
        made(bootstrap=0, recall_at=(2,)),
        evaluate_within(torch.eye(4) + 0.1, [0, 0, 1, 2], bootstrap=0),
        evaluate(torch.eye(4) + 0.1, torch.eye(4) + 0.2),
    ],
)
def test_goes_to_json_and_back(evaluation: Evaluation) -> None:
    document = json_text(evaluation.to_dict())
    assert json_text(Evaluation.from_dict(json.loads(document)).to_dict()) == document


def test_a_score_is_the_mean_of_its_directions() -> None:
    evaluation = made()
    score = evaluation["map"]
    assert score.mean == pytest.approx((score.directions["a2v"] + score.directions["v2a"]) / 2)
    assert score.ci95 is not None
    assert score.ci95[0] < score.mean < score.ci95[1]
    assert "map" in evaluation
    assert "map_events" not in evaluation
    assert evaluation.get("map_events") is None
    assert evaluation.modalities == ("audio", "visual")
    assert (evaluation.queries, evaluation.gallery) == (30, 30)


def test_what_no_query_has_is_not_a_number_and_null_in_json() -> None:
    score = Score({"a2v": math.nan, "v2a": math.nan})
    assert json.loads(json_text(score.to_dict())) == {"a2v": None, "v2a": None, "mean": None}
    assert math.isnan(Score.from_dict({"a2v": None, "v2a": 1.0, "mean": None}).mean)


def test_queries_that_count_in_no_mean_are_not_counted_for_their_class() -> None:
    """The one clip of class 2 has nothing to find, so its class has no mAP; it must not pull one down either."""
    evaluation = evaluate_within(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]), [[1, 0], [1, 1], [0, 0]])
    assert evaluation.skipped_queries == {"within": 1}
    lonely = evaluate_within(torch.eye(3) + 0.1, [[1, 0], [1, 0], [0, 1]], bootstrap=0)
    assert lonely.per_class["0"] == ClassScore({"within": lonely["map"].directions["within"]}, 2)
    assert math.isnan(lonely.per_class["1"].mean)
    # a class some of whose queries are skipped: the mean is over the others
    both = evaluate(
        torch.eye(4), torch.eye(4), torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]), bootstrap=0
    )
    values = both.average_precision["a2v"]
    assert both.per_class["0"].directions["a2v"] == pytest.approx(float(values[:2].mean()))


def test_what_is_no_evaluation_is_refused() -> None:
    with pytest.raises(InputError, match="not a stored evaluation"):
        Evaluation.from_dict({"map": {"mean": 0.5}})


def test_every_metric_says_what_it_is() -> None:
    for name, metric in metrics.items():
        assert metric.title, name
        assert metric.explanation, name
        assert metric.better in ("high", "low", None)
        assert ("{k}" in name) == ("{k}" in metric.title) == metric.at_cutoffs


def test_a_key_finds_its_metric() -> None:
    found = find_metric("instance_recall@10")
    assert found is not None
    assert (found.title, found.level) == ("counterpart R@10", "instance")
    assert find_metric("map@r") is metrics["map@r"]
    assert find_metric("map_events") is not None
    for unknown in ("recall@", "recall@x", "nothing@3", "nothing", ""):
        assert find_metric(unknown) is None


def test_metrics_stand_in_the_order_of_their_definition() -> None:
    keys = ["mean_rank", "instance_recall@1", "recall@10", "recall@5", "chance_map", "unknown", "map_events", "map"]
    assert sorted(keys, key=metric_order) == [
        "map",
        "map_events",
        "chance_map",
        "recall@5",
        "recall@10",
        "instance_recall@1",
        "mean_rank",
        "unknown",
    ]


def test_keys_that_only_look_like_a_cutoff_come_last() -> None:
    for unknown in ("recall@x", "nothing@3", "recall@"):
        assert sorted([unknown, "mean_rank"], key=metric_order) == ["mean_rank", unknown]
