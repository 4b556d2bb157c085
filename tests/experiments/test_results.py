"""Results of comparisons and diagnoses: what they answer, and that JSON brings them back whole."""

from __future__ import annotations

import json
import math
import statistics
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from overtone.evaluation import student_interval
from overtone.experiments import (
    Comparison,
    Curve,
    Diagnosis,
    Measured,
    MethodResult,
    PairedTest,
    ProbeResult,
    SeedScore,
    SeedTest,
    SpaceResult,
    compare,
)
from overtone.experiments.scores import paired_interval
from overtone.features import PairedFeatures, from_arrays


def result(mean: float | None, seeds: tuple[float, ...] = (), metric: str = "map", **more: float) -> MethodResult:
    scores = {metric: SeedScore({"a2v": mean, "v2a": mean}, mean, (0.2, 0.9), 0.1)}
    scores |= {name: SeedScore({"a2v": value, "v2a": value}, value) for name, value in more.items()}
    return MethodResult(scores, seeds, 1.5)


def comparison(**changes: Any) -> Comparison:
    given: dict[str, Any] = {
        "corpus": "folder/x.npz",
        "modalities": ("audio", "visual"),
        "seeds": (0, 1, 2),
        "queries": 50,
        "chance_map": {"a2v": 0.1, "v2a": 0.3, "mean": 0.2},
        "methods": {
            "b": result(0.5, (0.4, 0.5, 0.6), map_events=0.9),
            "c": result(0.7, (0.6, 0.7, 0.8)),
            "a": result(0.5, (0.5, 0.5, 0.5), map_events=0.8),
        },
        "ablation": {"b/no-x": result(0.3, (0.1, 0.3, 0.5)), "b/no-y": result(0.6, (0.5, 0.7, 0.6))},
        "controls": {"b": ["a"]},
        "paired_tests": [
            PairedTest("b", "a", "map_events", 0.1, (0.05, 0.15), 0.01, 50, 3),
            PairedTest("b", "a", "map", 0.0, (-0.1, 0.2), 0.9, 50, 1),
            PairedTest("b", "b/no-x", "map", 0.25, (0.1, 0.4), 0.001, 50, 3),
        ],
        "seconds": 9.125,
    }
    return Comparison(**{**given, **changes})


def test_methods_are_ranked_by_their_mean_and_equal_ones_by_name() -> None:
    found = comparison()
    assert list(found.ranked()) == ["c", "a", "b"]
    assert found.best == "c"
    assert list(found.methods) == ["b", "c", "a"]
    assert Comparison().best is None


def test_what_has_no_number_is_ranked_last() -> None:
    methods = {"a": result(None), "b": result(math.nan), "c": result(-0.5), "d": MethodResult({})}
    found = comparison(methods=methods)
    assert list(found.ranked()) == ["c", "a", "b", "d"]
    assert found.value("d") == found.value("unknown") == -math.inf


def test_a_test_is_turned_to_the_order_that_is_asked_for() -> None:
    found = comparison()
    test = found.test("b", "a", "map_events")
    assert (test.difference, test.ci95, test.seeds_ahead) == (0.1, (0.05, 0.15), 3)
    turned = found.test("a", "b", "map_events")
    assert (turned.a, turned.b, turned.difference, turned.ci95) == ("a", "b", -0.1, (-0.15, -0.05))
    assert (turned.p_value, turned.queries, turned.seeds_ahead) == (0.01, 50, None)
    assert found.test("b", "a").p_value == 0.9
    assert found.test("a", "c") is None
    assert found.test("b", "a", "recall@1") is None


def test_an_ablation_takes_the_interval_of_its_test_or_that_over_the_seeds() -> None:
    found = comparison()
    effect = found.ablated("b/no-x")
    assert (effect.method, effect.name, effect.basis) == ("b", "no-x", "queries")
    assert (effect.difference, effect.ci95) == (-0.25, (-0.4, -0.1))
    effect = found.ablated("b/no-y")
    assert effect.basis == "seeds"
    assert effect.difference == pytest.approx(0.1)
    assert effect.ci95 == pytest.approx(student_interval([0.1, 0.2, 0.0]))
    two = comparison(ablation={"b/no-x": result(0.3), "c/no-x": result(0.3)})
    assert [two.ablated(name).name for name in two.ablation] == ["b/no-x", "c/no-x"]
    effect = two.ablated("c/no-x")
    assert (effect.ci95, effect.basis) == (None, None)
    assert effect.difference == pytest.approx(-0.4)


def test_chance_is_the_mean_of_both_directions() -> None:
    assert comparison().chance == 0.2
    assert comparison(chance_map=None).chance is None


def test_json_brings_a_comparison_back_whole() -> None:
    found = comparison()
    document = json.loads(json.dumps(found.to_dict()))
    assert Comparison.from_dict(document) == found
    assert Comparison.from_dict(document).to_dict() == found.to_dict()
    beside = Comparison.from_dict(document, notes=("a note",))
    assert beside.notes == ("a note",)


def test_a_document_with_gaps_is_read_as_far_as_it_goes() -> None:
    assert Comparison.from_dict({}) == Comparison()
    assert Diagnosis.from_dict({}) == Diagnosis()
    found = Comparison.from_dict(
        {"methods": {"a": {"recall@1": {"mean": 0.5}}}, "paired_tests": [{"a": "a", "b": "b"}]}
    )
    assert found.metric == "recall@1"
    assert found.test("a", "b").difference is None
    gaps = Diagnosis.from_dict(
        {"losses": {"a": {"map": None, "over_seeds": {"map": {"mean": 0.5, "ci95": [None, 1]}}}}}
    )
    assert gaps.measured("a", "map") == Measured(0.5)
    bare = Diagnosis.from_dict({"features": {"centroid_distance": {"mean": 1.2, "std": 0.3}}}).features
    assert bare.measured("centroid_distance_std") == Measured(0.3)
    assert MethodResult.from_dict({"seeds": [0.5, None]}).seeds == (0.5,)
    assert gaps.measured("a", "recall@1") == gaps.measured("b", "map") == Measured()


def probe(mean: float | None, values: tuple[float | None, ...], **more: Any) -> ProbeResult:
    measured = Measured(mean, 0.1, (0.0, 1.0), values)
    measures = {"map": measured, "centroid_distance": Measured(1.2), "centroid_distance_std": Measured(0.3)}
    given: dict[str, Any] = {
        "series": {"epoch": [1, 2, 3], "updates": [5, 10, 15], "active_ratio": [0.9, 0.4, None]},
        "evaluations": {"epoch": [0, 3], "updates": [0, 15], "map": [0.2, None]},
        "active_means": "it pushes",
        "settings": {"margin": 0.2},
        "seconds": 2.5,
        "verdict": [],
    }
    return ProbeResult(measures, **{**given, **more})


def diagnosis(**changes: Any) -> Diagnosis:
    given: dict[str, Any] = {
        "corpus": "x",
        "modalities": ("image",),
        "seeds": (0, 1, 2),
        "rows": {"train": 10, "test": 5},
        "classes": {"train": 3, "test": 2},
        "class_disjoint": True,
        "losses": {
            "b": probe(0.5, (0.4, 0.5, 0.6)),
            "c": probe(0.9, (0.89, 0.9, 0.91)),
            "a": probe(0.5, (0.5, None, 0.5)),
            "d": probe(None, (None, None, None)),
        },
        "features": SpaceResult({"map": Measured(0.3)}, ("x", "y")),
        "paired_tests": [SeedTest("b", "c", "map", -0.4, (-0.6, -0.2), 0.01, 0, 3)],
        "seconds": 4.5,
    }
    return Diagnosis(**{**given, **changes})


def test_losses_are_ranked_and_ordered_and_those_without_a_number_come_last() -> None:
    found = diagnosis()
    assert list(found.ranked()) == ["c", "a", "b", "d"]
    assert found.best == "c"
    assert found.ordered("map") == [(0.5, "a"), (0.5, "b"), (0.9, "c")]


def test_a_difference_is_the_tests_or_students() -> None:
    found = diagnosis()
    assert found.difference("b", "c", "map") == (-0.6, -0.2)
    assert found.difference("c", "b", "map") == (0.2, 0.6)
    bare = diagnosis(paired_tests=[])
    assert bare.difference("c", "b", "map") == pytest.approx(student_interval([0.49, 0.4, 0.31]))
    assert found.difference("c", "a", "map") is None  # a seed without a number
    assert found.difference("c", "b", "recall@1") is None


def test_a_leader_leads_beyond_doubt_or_there_is_none() -> None:
    losses = {"b": probe(0.5, (0.4, 0.5, 0.6)), "c": probe(0.9, (0.89, 0.9, 0.91))}
    assert diagnosis(losses=losses).leader("map") == "c"
    assert diagnosis(losses=losses).leader("map", highest=False) == "b"
    assert diagnosis().leader("map") is None  # against a nothing is known
    close = [SeedTest("b", "c", "map", -0.4, (-0.9, 0.1))]
    assert diagnosis(losses=losses, paired_tests=close).leader("map") is None
    assert diagnosis(losses={"c": losses["c"]}).leader("map") is None
    touching = [SeedTest("b", "c", "map", -0.4, (-0.8, 0.0))]
    assert diagnosis(losses=losses, paired_tests=touching).leader("map") is None


def test_a_curve_leaves_out_what_was_not_measured() -> None:
    found = diagnosis()
    assert found.curve("b", "active_ratio", kind="series") == Curve((5.0, 10.0), (0.9, 0.4))
    assert found.curve("b", "active_ratio", kind="series", at="epoch") == Curve((1.0, 2.0), (0.9, 0.4))
    assert found.curve("b", "map") == Curve((0.0,), (0.2,))
    assert found.curve("b", "recall@1") == Curve((), ())
    assert found.measured("b", "active_ratio") == Measured(0.4)
    assert found.has("active_ratio")
    assert found.has("map")
    assert not found.has("recall@1")
    assert diagnosis(losses={}, features=None, views={"left": SpaceResult({"map": Measured(0.3)})}).has("map")
    drawn = diagnosis(losses={"b": probe(0.5, (), series={"loss": [2.0, 1.0]})})
    assert drawn.measured("b", "loss") == Measured()  # a series of what is watched stands for its last value, no other


def test_json_brings_a_diagnosis_back_whole() -> None:
    for found in (diagnosis(), diagnosis(features=None, views={"left": SpaceResult({"map": Measured(0.3)})})):
        document = json.loads(json.dumps(found.to_dict()))
        assert Diagnosis.from_dict(document) == found
        assert Diagnosis.from_dict(document).to_dict() == found.to_dict()


def test_a_document_of_an_earlier_version_is_read() -> None:
    document = json.loads(json.dumps(diagnosis().to_dict()))
    for entry in document["losses"].values():
        entry["looks"] = entry.pop("evaluations", entry.get("looks"))
    assert Diagnosis.from_dict(document) == diagnosis()


ROWS, CLASSES = 40, 4


def corpus() -> PairedFeatures:
    rows = torch.randn(ROWS, 3, generator=torch.Generator().manual_seed(0))
    split = ["train"] * (ROWS // 2) + ["test"] * (ROWS // 2)
    return from_arrays(
        {"audio": rows.numpy(), "visual": rows.numpy(), "y": [n % CLASSES for n in range(ROWS)], "split": split}
    )


def trained(noise: dict[str, float], seconds: float = 2.0) -> Any:
    """A trainer whose runs embed the classes with some noise."""

    def train(method: str, data: PairedFeatures, *, settings: dict[str, Any], **_: Any) -> Any:
        def embed(part: PairedFeatures) -> dict[str, torch.Tensor]:
            assert part.targets is not None
            generator = torch.Generator().manual_seed(settings["seed"])
            draws = [torch.randn(len(part), CLASSES, generator=generator) for _ in part.modalities]
            return dict(zip(part.names, (part.targets + noise[method] * draw for draw in draws)))

        info, known = {"seconds": seconds}, {"memory_mb": 64, **settings}
        return SimpleNamespace(embed=embed, variants=lambda part: {}, settings=known, info=info)

    return train


def test_means_are_over_the_seeds_and_tests_count_strict_wins_only() -> None:
    train = trained({"cca": 0.3, "dcca": 1.0, "infonce": 0.3})
    names = ["dcca", "cca", "infonce"]
    found = compare(names, corpus(), seeds=[3, 4, 5], train=train)
    alone = [compare(names, corpus(), seeds=[seed], train=train) for seed in (3, 4, 5)]
    for name in names:
        score = found.methods[name].scores["map"]
        means = [one.methods[name].scores["map"].mean for one in alone]
        assert found.methods[name].seeds == pytest.approx(means)
        assert score.mean == pytest.approx(statistics.fmean(means))
        assert score.std == pytest.approx(statistics.stdev(means))
        assert alone[0].methods[name].scores["map"].std is None
        for way in ("a2v", "v2a"):
            single = [one.methods[name].scores["map"].directions[way] for one in alone]
            assert score.directions[way] == pytest.approx(statistics.fmean(single))
        assert found.methods[name].seconds == 6.0
    assert [(test.a, test.b) for test in found.paired_tests] == [
        ("cca", "infonce"),
        ("cca", "dcca"),
        ("infonce", "dcca"),
    ]
    tied, lost = found.test("cca", "infonce"), found.test("cca", "dcca")
    assert (tied.difference, tied.p_holm) == (0.0, 1.0)
    assert lost.difference == pytest.approx(found.value("cca") - found.value("dcca"))
    assert lost.difference > 0
    assert lost.seeds_ahead == 3
    assert lost.p_holm == pytest.approx(3 * lost.p_value)  # the smallest of three
    same = compare(["cca", "infonce"], corpus(), seeds=[3, 4], train=train)
    assert (same.paired_tests[0].difference, same.paired_tests[0].seeds_ahead) == (0.0, 0)
    assert compare(["cca", "dcca"], corpus(), seeds=[3, 4, 5], train=train).paired_tests[0].seeds_ahead == 3
    assert found.seconds >= 18.0
    assert found.best == "cca"  # as good as infonce, and before it by name


def test_per_query_values_are_the_means_over_the_seeds() -> None:
    train = trained({"cca": 1.0})
    found = compare(["cca"], corpus(), seeds=[0, 1], train=train).methods["cca"]
    alone = [compare(["cca"], corpus(), seeds=[seed], train=train).methods["cca"] for seed in (0, 1)]
    for way in ("a2v", "v2a"):
        first, second = (one.per_query["map"][way] for one in alone)
        assert torch.allclose(found.per_query["map"][way], (first + second) / 2)
    assert "chance_map" not in found.scores


def test_a_single_seed_has_no_interval() -> None:
    assert paired_interval([0.5], [0.4]) is None
    assert paired_interval([0.5, 0.6], [0.4]) is None
    assert paired_interval([0.5, None], [0.4, 0.5]) is None
    assert paired_interval([0.5, 0.6], [0.4, 0.5]) == pytest.approx((0.1, 0.1))
