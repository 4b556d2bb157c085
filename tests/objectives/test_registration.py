"""Any loss: functions, module classes and loss objects of other libraries are losses like our own."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
import torch
from pydantic import Field
from torch import Tensor, nn

from overtone.core import InputError
from overtone.objectives import (
    LossResult,
    Pairs,
    as_metric_loss,
    build_loss,
    loss_choices,
    loss_kind,
    loss_of_views,
    metric_loss,
    metric_losses,
    objectives,
    register_loss,
)

ROWS = torch.randn(12, 4, generator=torch.Generator().manual_seed(0))
OTHERS = torch.randn(12, 4, generator=torch.Generator().manual_seed(1))
LABELS = torch.arange(12) % 3


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is gone after it."""
    assert len(objectives) > 0
    monkeypatch.setattr(objectives, "_things", dict(objectives._things))


class Own(nn.Module):
    """A loss that knows its batch alone."""

    def __init__(self, weight: float = 1.0, centres: int = 3) -> None:
        super().__init__()
        self.weight = weight
        self.centres = nn.Parameter(torch.ones(centres, 4))

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        return self.weight * (embeddings - self.centres[labels]).square().mean()


class Across(nn.Module):
    """A loss that takes references, as pytorch-metric-learning spells them."""

    def forward(self, embeddings, labels, indices_tuple=None, ref_emb=None, ref_labels=None):
        others = embeddings if ref_emb is None else ref_emb
        return (embeddings.sum(0) - 2 * others.sum(0)).square().sum()


class Refusing(nn.Module):
    """A loss that has the arguments only to refuse them."""

    def forward(self, embeddings, labels, ref_emb=None, ref_labels=None):
        if ref_emb is not None:
            raise ValueError("ref_emb is not supported for this loss function")
        return embeddings.square().mean()


def test_a_function_declares_its_settings_in_its_signature() -> None:
    @metric_loss("ours", active_means="A pair is active always.")
    def ours(
        pairs: Pairs, margin: Annotated[float, Field(ge=0)] = 0.5, kind: Literal["one", "two"] = "one"
    ) -> LossResult:
        """A loss.

        Args:
            pairs: Pairs.
            margin: How far,
                in ``radians``.
            kind: One of two.
        """
        return LossResult(margin * (pairs.positive * pairs.cosines()).sum())

    kind = metric_losses()["ours"]
    assert kind.settings_type.table() == [
        ("margin", "float", "0.5", "How far, in `radians`."),
        ("kind", "Literal['one', 'two']", "one", "One of two."),
    ]
    assert (kind.name, kind.active_means, kind.needs_classes) == ("ours", "A pair is active always.", False)
    assert kind.__module__ == __name__
    loss = build_loss("ours", {"margin": 2.0})
    torch.testing.assert_close(loss(ROWS, LABELS), 4 * build_loss("ours")(ROWS, LABELS))
    assert repr(loss) == "OursLoss(margin=2.0, kind='one')"
    for wrong in ({"margin": -1.0}, {"margins": 1.0}, {"kind": "three"}):
        with pytest.raises(InputError):
            build_loss("ours", wrong)


def test_a_scalar_will_do_and_is_not_counted() -> None:
    @metric_loss("plain")
    def plain(pairs: Pairs) -> Tensor:
        return pairs.cosines().sum()

    loss = build_loss("plain")
    assert loss(ROWS, LABELS).isfinite()
    assert loss.counts is None
    assert loss.active_means is None


def test_a_function_of_class_centres_gets_them() -> None:
    @metric_loss("centred", centres=True)
    def centred(pairs: Pairs, weight: float = 1.0) -> Tensor:
        return weight * (pairs.positive * (1 - pairs.cosines())).sum()

    loss = build_loss("centred", {"weight": 3.0}, classes=3, embedding_dim=4)
    assert loss.needs_classes
    assert [tuple(p.shape) for p in loss.parameters()] == [(3, 4)]
    assert loss_choices(loss_kind("centred")) == ["weight"]
    with pytest.raises(InputError, match="classes"):
        build_loss("centred")


@pytest.mark.parametrize("name", sorted(metric_losses()))
def test_declared_traits_are_those_of_the_class(name: str) -> None:
    kind = metric_losses()[name]
    assert {type(getattr(kind, trait)) for trait in ("stop_gradient", "row_order", "needs_negatives")} == {bool}


def test_a_module_class_is_made_with_its_settings() -> None:
    metric_loss("own")(Own)
    loss = build_loss("own", {"weight": 2.0}, classes=3, embedding_dim=4)
    assert torch.equal(loss(ROWS, LABELS), Own(2.0)(ROWS, LABELS))
    assert len(list(loss.parameters())) == 1
    assert loss_choices(loss_kind("own")) == ["weight", "centres"]
    with pytest.raises(InputError, match="did you mean 'weight'"):
        build_loss("own", {"weigth": 1.0})


def test_arguments_that_follow_from_the_data_are_filled_in() -> None:
    @metric_loss("follows")
    class Follows(nn.Module):
        def __init__(self, num_classes: int, embedding_size: int, scale: float = 1.0) -> None:
            super().__init__()
            self.layer = nn.Linear(embedding_size, num_classes)

        def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
            return nn.functional.cross_entropy(self.layer(embeddings), labels)

    loss = build_loss("follows", {}, classes=3, embedding_dim=4)
    assert loss_choices(loss_kind("follows")) == ["scale"]
    assert loss(ROWS, LABELS).isfinite()
    assert [tuple(p.shape) for p in loss.parameters()] == [(3, 4), (3,)]


def test_across_two_views_references_are_used_or_the_rows_are_judged_as_one_batch() -> None:
    across = loss_of_views(as_metric_loss(Across()), (ROWS, OTHERS), LABELS)
    there, back = Across()(ROWS, LABELS, ref_emb=OTHERS), Across()(OTHERS, LABELS, ref_emb=ROWS)
    torch.testing.assert_close(across, 0.5 * (there + back))
    both, twice = torch.cat((ROWS, OTHERS)), LABELS.repeat(2)
    assert torch.equal(loss_of_views(as_metric_loss(Own()), (ROWS, OTHERS), LABELS), Own()(both, twice))
    for _ in range(2):
        assert torch.equal(loss_of_views(as_metric_loss(Refusing()), (ROWS, OTHERS), LABELS), both.square().mean())
    assert torch.equal(loss_of_views(as_metric_loss(Own()), (ROWS,), LABELS), Own()(ROWS, LABELS))


def test_an_error_of_the_loss_itself_comes_through() -> None:
    class Failing(nn.Module):
        def forward(self, embeddings, labels, ref_emb=None, ref_labels=None):
            raise ValueError("too cold today")

    with pytest.raises(ValueError, match="too cold"):
        as_metric_loss(Failing())(ROWS, LABELS, OTHERS, LABELS)


def test_the_object_keeps_its_parameters_and_a_built_one_has_a_copy() -> None:
    loss = Own()
    wrapped = as_metric_loss(loss)
    assert next(wrapped.parameters()) is loss.centres
    built = build_loss(loss)
    assert built.name == "Own"
    assert next(built.parameters()) is not loss.centres
    assert torch.equal(built(ROWS, LABELS), loss(ROWS, LABELS))
    assert as_metric_loss(build_loss("triplet")).name == "triplet"


def test_an_object_gets_a_name_of_its_own() -> None:
    first, second = Own(1.0), Own(2.0)
    assert (register_loss(first), register_loss(second), register_loss(first)) == ("Own", "Own-2", "Own")
    assert register_loss("triplet") == "triplet"
    assert torch.equal(build_loss("Own-2")(ROWS, LABELS), second(ROWS, LABELS))
    with pytest.raises(InputError, match="not a loss; got int"):
        register_loss(3)


def test_what_is_no_loss_is_refused() -> None:
    for wrong, message in (
        (nn.Flatten(), "not a loss of embeddings and labels; got forward"),
        (lambda z, y: z, "not a loss; got function"),
    ):
        with pytest.raises(InputError, match=message):
            as_metric_loss(wrong)
    for value, message in ((ROWS, r"its value is not a loss; got \(12, 4\)"), ({"loss": 1}, "got dict")):

        class Wrong(nn.Module):
            def forward(self, embeddings, labels, value=value):
                return value

        with pytest.raises(InputError, match=message):
            as_metric_loss(Wrong())(ROWS, LABELS)


def test_a_value_without_a_gradient_is_no_loss() -> None:
    class Detached(nn.Module):
        def forward(self, embeddings, labels):
            return embeddings.detach().square().mean()

    loss = as_metric_loss(Detached())
    assert loss(ROWS, LABELS).isfinite()
    with pytest.raises(InputError, match="Detached: its value does not depend on the embeddings"):
        loss(ROWS.clone().requires_grad_(), LABELS)


def test_what_it_cannot_take_is_named() -> None:
    loss = as_metric_loss(Own())
    poisoned = ROWS.clone()
    poisoned[5] = torch.nan
    for message, arguments, more in [
        ("row 5 holds NaN", (poisoned, LABELS), {}),
        ("11 labels for 12 rows", (ROWS, LABELS[:11]), {}),
        (r"Own takes one class for each row; got labels \(12, 3\)", (ROWS, torch.eye(3)[LABELS]), {}),
        ("no weights of pairs; pass labels", (ROWS,), {"targets": torch.eye(12)}),
        ("set negative_relief=0", (ROWS, LABELS, OTHERS, LABELS), {"negative_relief": torch.zeros(12, 12)}),
    ]:
        with pytest.raises(InputError, match=message):
            loss(*arguments, **more)
    with pytest.raises(InputError, match="set negative_relief=0"):
        loss_of_views(loss, (ROWS, OTHERS), LABELS, torch.zeros(12, 12))


def test_losses_of_pytorch_metric_learning() -> None:
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    theirs = losses.TripletMarginLoss(margin=0.3)
    loss = build_loss(theirs)
    there, back = (theirs(a, LABELS, ref_emb=b, ref_labels=LABELS) for a, b in ((ROWS, OTHERS), (OTHERS, ROWS)))
    wanted = 0.5 * (there + back)
    assert torch.equal(loss_of_views(loss, (ROWS, OTHERS), LABELS), wanted)
    assert torch.equal(loss(ROWS, LABELS), theirs(ROWS, LABELS))
    metric_loss("their-arcface")(losses.ArcFaceLoss)
    arcface = build_loss("their-arcface", {"margin": 10.0}, classes=3, embedding_dim=4)
    value = loss_of_views(arcface, (ROWS, OTHERS), LABELS)
    assert torch.equal(value, arcface.module(torch.cat((ROWS, OTHERS)), LABELS.repeat(2)))
    value.backward()
    assert all(p.grad is not None and p.grad.any() for p in arcface.parameters())


def test_a_loss_that_nobody_registered_is_perhaps_the_users_own() -> None:
    with pytest.raises(InputError, match=r"unknown loss 'logistic'.*--import FILE\.py"):
        build_loss("logistic")


def test_a_misspelt_trait_is_refused() -> None:
    with pytest.raises(TypeError, match="no trait need_negatives"):
        metric_loss("own", need_negatives=False)
