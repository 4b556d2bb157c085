"""A sample of the clips queries, all are found; and long evaluations report their progress."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

from overtone.core import InputError, Progress
from overtone.core.progress import Meter
from overtone.evaluation import Evaluation, QuerySample, evaluate


def clips(rows: int = 400, seed: int = 0) -> tuple[Any, Any, Any]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 5, rows)
    hidden = np.eye(5)[labels] + 0.4 * random.standard_normal((rows, 5))
    first, second = (hidden + 0.3 * random.standard_normal((rows, 5)) for _ in range(2))
    return first, second, labels


def test_sampled_queries_have_the_values_that_they_have_among_all() -> None:
    first, second, labels = clips()
    whole, some = evaluate(first, second, labels), evaluate(first, second, labels, queries=80)
    assert some.sample == QuerySample(80, 400, 0)
    assert (some.queries, some.gallery) == (80, 400)
    assert whole.sample is None
    for key, ways in some.per_query.items():
        asked = ~ways["a2v"].isnan()
        assert int(asked.sum()) == 80
        for way, values in ways.items():
            assert torch.equal(values[asked], whole.per_query[key][way][asked])
            if key != "median_rank":
                assert some[key].directions[way] == pytest.approx(float(values[asked].mean()))


@pytest.mark.parametrize("present", [{}, {"audio": np.arange(400) > 0}])
def test_a_single_clip_can_query(present: dict[str, Any]) -> None:
    first, second, labels = clips()
    whole, one = (evaluate(first, second, labels, present=present, queries=count) for count in (None, 1))
    asked = ~one.average_precision["v2a"].isnan()
    assert int(asked.sum()) == 1
    assert torch.equal(one.average_precision["v2a"][asked], whole.average_precision["v2a"][asked])


def test_every_mean_of_a_sample_has_an_interval() -> None:
    first, second, labels = clips()
    some = evaluate(first, second, labels, queries=80)
    assert {key for key, score in some.scores.items() if score.ci95 is None} == {"median_rank"}
    assert {key for key, score in evaluate(first, second, labels).scores.items() if score.ci95} == {"map"}
    assert all(score.ci95 is None for score in evaluate(first, second, labels, queries=80, bootstrap=0).scores.values())


def test_intervals_of_samples_cover_the_value_of_all_queries() -> None:
    first, second, labels = clips(1500)
    wanted = evaluate(first, second, labels, bootstrap=0)["map"].mean
    spans = [evaluate(first, second, labels, queries=150, seed=seed, bootstrap=300)["map"].ci95 for seed in range(30)]
    assert sum(span is not None and span[0] <= wanted <= span[1] for span in spans) >= 26


def test_a_sample_is_that_of_its_seed_and_a_large_one_is_all() -> None:
    first, second, labels = clips()
    drawn = [evaluate(first, second, labels, queries=50, seed=seed).average_precision["a2v"] for seed in (0, 0, 1)]
    assert torch.equal(drawn[0].isnan(), drawn[1].isnan())
    assert not torch.equal(drawn[0].isnan(), drawn[2].isnan())
    assert evaluate(first, second, labels, queries=400).to_dict() == evaluate(first, second, labels).to_dict()
    with pytest.raises(InputError, match="at least one clip must query; got 0"):
        evaluate(first, second, labels, queries=0)


def test_samples_with_groups_absent_modalities_events_and_diffusion() -> None:
    first, second, labels = clips(120)
    events = np.eye(5)[labels], np.eye(5)[labels]
    options: dict[str, Any] = {
        "present": {"visual": np.arange(120) % 3 > 0},
        "groups": [f"g{row // 2}" for row in range(120)],
        "events": events,
        "diffusion": True,
    }
    whole, some = evaluate(first, second, labels, **options), evaluate(first, second, labels, queries=60, **options)
    assert some.diffusion is not None
    assert some.diffusion.evaluation.sample == some.sample
    assert some.sizes["a2v"].queries == 60
    assert some.sizes["v2a"].queries == int((~some.per_query["map"]["v2a"].isnan()).sum())
    assert some.sizes["a2v"].gallery == whole.sizes["a2v"].gallery == 80
    for key in ("map", "map_events", "instance_recall@1"):
        for way, values in some.per_query[key].items():
            asked = ~values.isnan()
            assert torch.equal(values[asked], whole.per_query[key][way][asked])


def test_a_sample_is_said_in_the_document_and_read_back() -> None:
    document = json.loads(json.dumps(evaluate(*clips(), queries=30, seed=3).to_dict()))
    assert document["sample"] == {"queries": 30, "of": 400, "seed": 3}
    assert document["recall@1"]["ci95"]
    assert Evaluation.from_dict(document).to_dict() == document
    assert "sample" not in evaluate(*clips()).to_dict()


def test_progress_is_reported_of_long_work_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Progress] = []
    evaluate(*clips(), progress=seen.append)
    assert seen == []
    monkeypatch.setattr("overtone.core.progress._WORTH_SECONDS", 0.0)
    evaluate(*clips(), progress=seen.append, diffusion=True)
    assert seen[-1].done == seen[-1].total == 1600
    assert {(one.label, one.unit) for one in seen} == {("evaluation", "query")}


def test_a_meter_reports_a_few_times_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    seen: list[Progress] = []
    meter = Meter("work", 1000, "row", seen.append)
    for _ in range(1000):
        now += 0.01
        meter.add(1)
    assert 40 <= len(seen) <= 60
    assert (seen[0].done, seen[-1].done) == (1, 1000)
    assert seen[-1].seconds == pytest.approx(10.0)
