"""Clips with one modality only, and clips that belong together, against plain loops over queries."""

import numpy as np
import pytest
import torch

from overtone.core import InputError
from overtone.evaluation import Evaluation, evaluate


@pytest.fixture
def clips():
    generator = np.random.default_rng(3)
    first, second = generator.standard_normal((2, 30, 4))
    return first, second, np.arange(30) % 3, {"audio": np.arange(30) % 5 != 0, "visual": np.arange(30) % 7 != 1}


def test_each_clip_queries_by_what_it_has(clips):
    first, second, labels, present = clips
    asks, held = np.flatnonzero(present["audio"]), np.flatnonzero(present["visual"])
    first[~present["audio"]], second[~present["visual"]] = 0.0, np.nan  # nothing looks at them
    found = evaluate(first, second, labels, present=present)
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (first[asks], second[held])]
    cosines = unit[0] @ unit[1].T
    for at, clip in enumerate(asks):
        order = np.argsort(-cosines[at])
        relevant = labels[held[order]] == labels[clip]
        precision = np.cumsum(relevant) / np.arange(1, len(order) + 1)
        assert float(found.per_query["map"]["a2v"][clip]) == pytest.approx(precision[relevant].mean())
        rank = float(found.per_query["median_rank"]["a2v"][clip])
        where = np.flatnonzero(held[order] == clip)
        assert rank == where[0] + 1 if len(where) else np.isnan(rank)
    assert found.per_query["map"]["a2v"][~torch.from_numpy(present["audio"])].isnan().all()
    both = int((present["audio"] & present["visual"]).sum())
    assert found.sizes == {"a2v": (len(asks), len(held), both), "v2a": (len(held), len(asks), both)}
    assert Evaluation.from_dict(found.to_dict()).sizes == found.sizes
    assert found.skipped_queries == {"a2v": 0, "v2a": 0}
    assert sum(score.queries for score in found.per_class.values()) >= len(asks)


def test_complete_clips_are_judged_as_ever(clips):
    first, second, labels, _ = clips
    plain = evaluate(first, second, labels)
    everyone = {"audio": np.ones(30, dtype=bool)}
    assert evaluate(first, second, labels, present=everyone).to_dict() == plain.to_dict()
    assert evaluate(first, second, labels, groups=[""] * 30).to_dict() == plain.to_dict()
    assert "sizes" not in plain.to_dict()


def test_any_item_of_the_group_is_a_counterpart(clips):
    first, second, _, present = clips
    groups = [str(row // 3) for row in range(30)]
    found = evaluate(first, second, groups=groups, recall_at=(1, 4), bootstrap=0)
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (first, second)]
    order = np.argsort(-(unit[0] @ unit[1].T), axis=1)
    ranks = np.argmax(np.array(groups)[order] == np.array(groups)[:, None], axis=1) + 1
    assert found.per_query["median_rank"]["a2v"].tolist() == ranks.tolist()
    assert found["instance_recall@4"].directions["a2v"] == pytest.approx((ranks <= 4).mean())
    part = evaluate(first, second, groups=groups, present=present, bootstrap=0)
    assert part.sizes["a2v"].paired >= int((present["audio"] & present["visual"]).sum())


def test_tied_items_of_a_group_share_their_ranks():
    first, second = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]), np.array([[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]])
    found = evaluate(first, second, groups=["a", "a", "b"], recall_at=(1,), bootstrap=0)
    assert found.per_query["median_rank"]["a2v"].tolist() == pytest.approx([4 / 3, 4 / 3, 2.0])
    assert found.per_query["instance_recall@1"]["a2v"].tolist() == pytest.approx([2 / 3, 2 / 3, 1 / 3])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"present": {"audio": np.ones(4)}}, "presence of audio: one entry per clip|audio: one entry per clip"),
        ({"present": {"text": np.ones(30)}}, "presence of an unknown modality; got text; valid: audio, visual"),
        ({"present": {"audio": np.zeros(30)}}, "no clip has audio"),
        ({"groups": ["a"]}, "groups: one entry per clip is needed; got 1 for 30 clips"),
    ],
)
def test_what_does_not_fit_is_refused(clips, options, message):
    with pytest.raises(InputError, match=message):
        evaluate(clips[0], clips[1], **options)
