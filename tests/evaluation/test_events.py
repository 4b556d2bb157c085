"""mAP against all events of the clips, whichever modality they are in."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from overtone.core import InputError
from overtone.evaluation import evaluate


def by_definition(queries: torch.Tensor, gallery: torch.Tensor, asked: torch.Tensor, held: torch.Tensor) -> np.ndarray:
    scores = torch.nn.functional.normalize(queries, dim=1) @ torch.nn.functional.normalize(gallery, dim=1).T
    relevant = (asked @ held.T > 0).numpy()
    found = [average_precision_score(r, s) if r.any() else np.nan for r, s in zip(relevant, scores.numpy())]
    return np.array(found)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 30), st.integers(1, 6))
def test_it_is_average_precision_where_any_event_is_shared(seed, rows, classes):
    generator = torch.Generator().manual_seed(seed)
    a, v = torch.randn(2, rows, 5, generator=generator).double()
    heard, seen = (torch.rand(2, rows, classes, generator=generator) < 0.3).float()
    result = evaluate(a, v, torch.zeros(rows, dtype=torch.int64), events=(heard, seen), bootstrap=0)
    either = torch.maximum(heard, seen)
    wanted = {"a2v": by_definition(a, v, either, either), "v2a": by_definition(v, a, either, either)}
    for way, values in wanted.items():
        np.testing.assert_allclose(result.per_query["map_events"][way].numpy(), values, atol=1e-6)
        if not np.isnan(values).all():
            assert result.to_dict()["map_events"][way] == pytest.approx(np.nanmean(values))


def test_it_stands_beside_the_annotation_and_changes_nothing_else():
    generator = torch.Generator().manual_seed(0)
    a, v = torch.randn(2, 40, 5, generator=generator)
    labels = torch.arange(40) % 4
    events = torch.eye(4)[labels]
    plain, judged = evaluate(a, v, labels).to_dict(), evaluate(a, v, labels, events=(events, events)).to_dict()
    assert judged["map_events"] == judged["map"] == plain["map"]  # the annotation is all there is
    assert {key: value for key, value in judged.items() if key != "map_events"} == plain
    assert "map_events" not in plain
    only = evaluate(a, v, events=(events, events)).to_dict()
    assert only["map_events"]["mean"] == plain["map"]["mean"]
    assert "map" not in only


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ((torch.eye(4), torch.eye(4)[:, :3]), "same classes are needed in both.*got shapes"),
        ((torch.arange(4), torch.arange(4)), "valid: both \\(N, C\\)"),
        ((torch.eye(4)[:3], torch.eye(4)[:3]), "events of audio: one row per clip.*got 3 rows"),
        ((torch.eye(4), -torch.eye(4)), "events of visual, row 0.*outside"),
    ],
)
def test_wrong_events_are_refused(events, said):
    with pytest.raises(InputError, match=said):
        evaluate(torch.eye(4), torch.eye(4), torch.arange(4), events=events)
