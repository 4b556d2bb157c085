"""Metric losses in use: found by name, applied to one view or across two."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from overtone.core import InputError
from overtone.objectives import build_loss, loss_choices, loss_kind, loss_of_views, metric_losses
from overtone.objectives.base import hinge

LABELS = torch.arange(12) % 3


def views() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    first, second = (F.normalize(torch.randn(12, 5, generator=generator), dim=1) for _ in range(2))
    return first, second


@pytest.mark.parametrize("name", sorted(metric_losses()))
def test_two_views_are_judged_in_both_directions(name: str) -> None:
    torch.manual_seed(0)
    loss, (first, second) = build_loss(name, {}, classes=3, embedding_dim=5), views()
    if loss.needs_classes:
        wanted = 0.5 * (loss(first, LABELS) + loss(second, LABELS))
    else:
        wanted = 0.5 * (loss(first, LABELS, second, LABELS) + loss(second, LABELS, first, LABELS))
    torch.testing.assert_close(loss_of_views(loss, (first, second), LABELS), wanted)
    torch.testing.assert_close(loss_of_views(loss, (second, first), LABELS), wanted)


@pytest.mark.parametrize("name", [name for name, kind in metric_losses().items() if not kind.needs_classes])
def test_relief_of_the_way_back_is_that_of_the_way_there(name: str) -> None:
    loss, (first, second) = build_loss(name), views()
    relief = torch.rand(12, 12, generator=torch.Generator().manual_seed(2))
    there = loss(first, LABELS, second, LABELS, negative_relief=relief)
    back = loss(second, LABELS, first, LABELS, negative_relief=relief.T)
    torch.testing.assert_close(loss_of_views(loss, (first, second), LABELS, relief), 0.5 * (there + back))
    within = loss_of_views(loss, (first,), LABELS, relief)
    torch.testing.assert_close(within, loss(first, LABELS, negative_relief=relief))


def test_losses_with_class_centres_ignore_relief() -> None:
    torch.manual_seed(0)
    loss, pair = build_loss("ccl", classes=3, embedding_dim=5), views()
    relief = torch.rand(12, 12)
    assert torch.equal(loss_of_views(loss, pair, LABELS, relief), loss_of_views(loss, pair, LABELS))
    assert torch.equal(loss_of_views(loss, pair[:1], LABELS, relief), loss_of_views(loss, pair[:1], LABELS))


@pytest.mark.parametrize("reduction", ["active", "all"])
def test_a_mean_of_hinges(reduction: str) -> None:
    total, active, possible, none = (torch.tensor(value) for value in (6.0, 3.0, 12.0, 0.0))
    assert hinge(total, active, possible, reduction) == {"active": 2.0, "all": 0.5}[reduction]
    assert hinge(none, none, possible, reduction) == 0
    assert hinge(none, none, none, reduction).isnan()


@pytest.mark.parametrize("name", sorted(metric_losses()))
def test_one_view_is_the_loss_itself(name: str) -> None:
    torch.manual_seed(0)
    loss, (first, _) = build_loss(name, {}, classes=3, embedding_dim=5), views()
    assert torch.equal(loss_of_views(loss, (first,), LABELS), loss(first, LABELS))


def test_what_follows_from_the_data_is_no_choice() -> None:
    assert "margin" in loss_choices(loss_kind("arcface"))
    assert not {"classes", "embedding_dim"} & set(loss_choices(loss_kind("arcface")))
    with pytest.raises(InputError, match="unknown setting of ccl 'classes'"):
        build_loss("ccl", {"classes": 7}, classes=3, embedding_dim=5)
    with pytest.raises(InputError, match="did you mean 'triplet'"):
        loss_kind("triplett")


def test_a_refused_batch_is_named_with_the_remedy() -> None:
    loss = build_loss("triplet", {}, classes=3, embedding_dim=5)
    with pytest.raises(InputError, match=r"triplet, a batch of 12 rows: .*raise batch_size"):
        loss_of_views(loss, views(), torch.zeros(12, dtype=torch.long))
    with pytest.raises(InputError, match="raise batch_size"):
        loss_of_views(loss, views()[:1], torch.arange(12))
    assert loss_of_views(loss, views(), torch.arange(12)).isfinite()  # across views every row has its partner
