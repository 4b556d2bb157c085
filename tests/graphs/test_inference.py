"""Inference of interactions from scores: edges, directions, their weights and certainty."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from overtone.core import InputError, Progress
from overtone.graphs import Graph, InferenceSettings, Knowledge, infer_interactions, presences

from .conftest import CLASSES, brought, clips, scored

QUICK: dict[str, Any] = {"bootstrap": 20, "ils_steps": 1}


def infer(scores: Any, labels: Any, knowledge: Knowledge | None = None, **chosen: Any) -> Graph:
    return infer_interactions(
        scores, labels, kind="sigmoid-logits", classes=CLASSES, knowledge=knowledge, settings={**QUICK, **chosen}
    )


def arrows(graph: Graph) -> set[tuple[str, str]]:
    return {(edge.source, edge.target) for edge in graph.edges if edge.kind == "directed"}


def test_a_chain_has_no_short_cut_and_a_pair_may_go_both_ways() -> None:
    random, labels, events = clips()
    brought(random, events, (0, 0), (1, 2))  # a heard train brings a horn into view, that one rain to hear
    brought(random, events, (1, 2), (0, 3), 0.9)
    brought(random, events, (0, 1), (1, 4))
    brought(random, events, (1, 4), (0, 1))
    found = arrows(infer(scored(random, events, 0.3), labels))
    assert {("audio:train", "visual:horn"), ("visual:horn", "audio:rain")} <= found
    of_classes = {(source.split(":")[1], target) for source, target in found}
    assert of_classes == {
        ("train", "visual:horn"),
        ("horn", "audio:rain"),
        ("dog", "visual:crowd"),
        ("crowd", "audio:dog"),
    }


def test_a_sure_teacher_is_no_trouble_and_said_to_say_nothing_new() -> None:
    _, labels, _ = clips()
    graph = infer({"audio": 6 * labels - 3, "visual": 6 * labels - 3}, labels)
    assert graph.edges == []
    assert "say little beyond the annotated ones" in graph.notes[0]
    random, labels, events = clips()
    assert infer(scored(random, events), labels).notes == ()


def test_nothing_is_found_where_nothing_is() -> None:
    random, labels, events = clips()
    assert infer(scored(random, events), labels).edges == []


def test_the_source_is_in_the_modality_that_speaks_for_it() -> None:
    random, labels, events = clips(2000)
    events[0] &= random.random(events[0].shape) < 0.6  # what is heard and what is seen differ
    events[1] &= random.random(events[1].shape) < 0.6
    brought(random, events, (1, 0), (1, 2), 0.9)
    brought(random, events, (0, 1), (1, 4), 0.9)
    found = arrows(infer(scored(random, events, 0.5), labels))
    assert found == {("visual:train", "visual:horn"), ("audio:dog", "visual:crowd")}


def test_several_labels_a_clip_are_no_causes() -> None:
    random, labels, events = clips(2000)
    events |= random.random(events.shape) < 0.08
    brought(random, events, (0, 0), (1, 2), 0.8)
    union = (events[0] | events[1]).astype(float)
    graph = infer(scored(random, events), union)
    assert graph.labels == "none"
    assert {frozenset(edge[:2]) for edge in graph.edges} == {frozenset(("audio:train", "visual:horn"))}
    assert infer(scored(random, events), labels).labels == "nodes"


def test_unannotated_rows_take_part_and_unannotated_classes_stay_alone() -> None:
    random, labels, events = clips(2000)
    brought(random, events, (0, 0), (1, 2))
    labels[random.random(len(labels)) < 0.5] = 0
    labels[labels[:, 4] > 0] = 0
    scores = scored(random, events)
    graph = infer(scores, labels)
    assert {edge.target for edge in graph.edges} == {"visual:horn"}
    assert graph.rows == 2000
    assert not graph.adjacency[[4, 9]].any()
    found = presences(scores, labels, kind="sigmoid-logits")["audio"]
    assert (found[:, 4] == 0).all()
    assert (found[labels.sum(1) == 0][:, 0] > 0.9).any()


def test_knowledge_about_presences_is_kept() -> None:
    random, labels, events = clips()
    brought(random, events, (0, 0), (1, 2))
    scores = scored(random, events)
    assert arrows(infer(scores, labels)) == {("audio:train", "visual:horn")}
    required = Knowledge(required=[("audio:rain", "visual:dog")])
    graph = infer(scores, labels, required, strength=0.0)
    assert graph.direction is not None
    assert graph.direction[3, 5 + 1] == 1
    with pytest.raises(InputError, match="unknown variable"):
        infer(scores, labels, Knowledge(forbidden=[("audio:rain", "visual:cow")]))


def test_edges_say_how_frequent_and_how_strong_they_are() -> None:
    random, labels, events = clips(3000)
    brought(random, events, (0, 0), (1, 2), 0.7)
    graph = infer(scored(random, events, 0.2), labels, sharpness=30.0)
    (edge,) = graph.edges
    assert edge.presence == edge.direction == 1
    # By hand: a horn comes into view in .7 of the clips with a train, .04 without; in units of what the label leaves.
    seen = events[1][:, 2].astype(float)
    left = seen - np.where(labels[:, 2] > 0, seen[labels[:, 2] > 0].mean(), seen[labels[:, 2] == 0].mean())
    others, train = labels[:, [1, 3, 4]].any(1), labels[:, 0] > 0
    assert edge.weight == pytest.approx((seen[train].mean() - seen[others].mean()) / left.std(), abs=0.15)
    share = graph.matrix(top=1)
    assert share[0, 5 + 2] == 1
    assert share.sum() == 1
    only = infer(scored(random, events, 0.2), labels, bootstrap=0)
    assert (only.presence, only.direction, only.edges[0].presence) == (None, None, None)
    assert infer(scored(random, events, 0.2), labels, strength=5.0).edges == []


def test_the_same_seed_gives_the_same_graph_and_order_does_not_matter() -> None:
    random, labels, events = clips()
    brought(random, events, (0, 0), (1, 2))
    scores = scored(random, events)
    first, again = infer(scores, labels), infer(scores, labels)
    np.testing.assert_array_equal(first.presence, again.presence)
    np.testing.assert_array_equal(first.weights, again.weights)
    rows, columns = random.permutation(len(labels)), [4, 2, 0, 1, 3]
    moved = infer_interactions(
        {name: part[rows][:, columns] for name, part in scores.items()},
        labels[rows][:, columns],
        kind="sigmoid-logits",
        classes=[CLASSES[at] for at in columns],
        settings=QUICK,
    )
    assert arrows(moved) == arrows(first)


def test_halves_are_inferred_from_their_own_rows() -> None:
    random, labels, events = clips()
    brought(random, events, (0, 0), (1, 2))
    brought(random, events, (1, 1), (0, 3))
    graph = infer(scored(random, events), labels, halves=2)
    agreeing = graph.halves
    assert agreeing.splits == 2
    assert agreeing.jaccard > 10 * agreeing.random
    assert agreeing.edges == pytest.approx(2, abs=1)


def test_pairs_of_one_class_do_not_count_in_the_agreement_of_halves() -> None:
    random, labels, events = clips(2000)
    brought(random, events, (0, 0), (1, 2))
    agreeing = infer(scored(random, events, 0.3), labels, halves=1).halves
    assert agreeing.edges == 1
    assert agreeing.random == pytest.approx((1 / 40) / (2 - 1 / 40))  # of 45 pairs of nodes five are of one class


def test_weights_are_regressions_on_presences_and_labels() -> None:
    random, labels, events = clips()
    brought(random, events, (0, 0), (1, 2))
    scores = scored(random, events)
    (edge,) = infer(scores, labels, bootstrap=0).edges
    assert edge[:2] == ("audio:train", "visual:horn")
    chances = np.hstack(list(presences(scores, labels, kind="sigmoid-logits").values()))
    target = chances[:, 7] - chances[:, 7].mean()
    causes = np.column_stack([chances[:, [0, 5]], labels[:, [0, 2]], np.ones(len(labels))])
    own = np.column_stack([labels[:, 2], np.ones(len(labels))])
    left = target - own @ np.linalg.lstsq(own, target, rcond=None)[0]
    coefficients = np.linalg.lstsq(causes, target, rcond=None)[0]
    assert edge.weight == pytest.approx(coefficients[:3].sum() / left.std(), rel=1e-4)


def test_the_order_is_one_of_the_dag() -> None:
    random, labels, events = clips()
    brought(random, events, (0, 0), (1, 2))
    graph = infer(scored(random, events), labels, bootstrap=0, penalty=1.0)
    place = np.array([graph.order.index(name) for name in graph.nodes])
    sources, targets = np.nonzero(graph.dag)
    assert len(sources) > 3
    assert (place[sources] < place[targets]).all()


def test_the_penalty_may_be_chosen_by_stability() -> None:
    random, labels, events = clips()
    graph = infer(scored(random, events), labels, penalty="stability", bootstrap=3)
    assert len(graph.repeatability) >= 3
    assert graph.settings["penalty"] in {1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0}
    assert infer(scored(random, events), labels, bootstrap=0).repeatability == {}


def test_a_stop_leaves_the_graph_of_all_rows() -> None:
    random, labels, events = clips()
    brought(random, events, (0, 0), (1, 2))
    reports: list[Progress] = []
    graph = infer_interactions(
        scored(random, events),
        labels,
        kind="sigmoid-logits",
        classes=CLASSES,
        progress=lambda report: reports.append(report) or True,
    )
    assert [report.done for report in reports] == [0, 1]  # and no other start, no resample
    assert graph.resamples == 0
    assert not graph.complete
    assert graph.presence is None


@pytest.mark.parametrize(
    ("scores", "labels", "options", "said"),
    [
        (np.zeros((4, 3)), np.eye(3), {}, r"one row a clip and one column a class; got shape \(3, 3\)"),
        (np.zeros((4, 3)), np.zeros((4, 3)), {}, "no class is annotated in some clips and not in others"),
        (np.zeros((4, 3)), np.ones((4, 3)), {}, "no class is annotated in some clips and not in others"),
        (np.zeros((3, 3)), np.eye(3), {"classes": ["a"]}, "one name a class; got 1 names, 3 classes"),
        (np.zeros((3, 3)), np.eye(3), {"classes": ["a", "b", "a"]}, "two classes are called 'a'"),
        (np.zeros((3, 3)), np.eye(3), {"settings": {"strenght": 1}}, "unknown setting in inference settings"),
        (np.zeros((3, 3)), np.eye(3), {"settings": {"midpoint": 1}}, "setting 'midpoint'"),
        (np.zeros((6, 3)), np.tile(np.eye(3), (2, 1)), {}, "constant"),
    ],
)
def test_what_tells_nothing_is_refused(scores: Any, labels: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        infer_interactions({"audio": scores, "visual": scores}, labels, kind="sigmoid-logits", **options)


def test_settings_are_those_of_a_search_with_other_defaults() -> None:
    chosen = InferenceSettings()
    assert (chosen.penalty, chosen.bootstrap, chosen.threshold) == (8, 100, 0.5)
