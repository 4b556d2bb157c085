"""Every metric-learning loss keeps the same promises: the registry is walked."""

from __future__ import annotations

import copy
import importlib
import pickle

import pytest
import torch

from overtone.core import InputError
from overtone.objectives import metric_losses, objectives

from .every_loss import CLASSES, PAIRED, VARIANTS, build, check_counts, classes, every, rows, soft, takes_several


@pytest.mark.parametrize("name", sorted(metric_losses()))
def test_describes_itself(name: str) -> None:
    kind = metric_losses()[name]
    assert objectives[name] is kind
    assert kind.name == name
    assert kind.active_means is not None
    assert kind.active_means.endswith(".")
    assert len(kind.active_means.split()) > 5
    assert kind.needs_classes == bool(list(build(name, {}).parameters()))
    assert all(about.strip() for *_, about in kind.settings_type.table())


@every
def test_a_misspelt_setting_is_refused_with_the_closest(name: str, settings: dict[str, object]) -> None:
    setting = list(metric_losses()[name].settings_type.model_fields)[-1]
    with pytest.raises(InputError, match=f"did you mean '{setting}'"):
        build(name, {setting[:-1] + "_": 1})


@pytest.mark.parametrize("across", [False, True], ids=["within", "across"])
@pytest.mark.parametrize("kind", ["hard", "soft", "several"])
@every
def test_trains_and_counts(name: str, settings: dict[str, object], kind: str, across: bool) -> None:
    if kind != "hard" and not takes_several(name, settings):
        pytest.skip("takes one class a row, which another test sees to")
    loss = build(name, settings)
    n, m = 16, 12
    make = {"hard": classes, "soft": soft, "several": lambda n: (soft(n) > 0.25).float()}[kind]
    z, gallery = rows(n).requires_grad_(), rows(m, 1).requires_grad_()
    more = (gallery, make(m)) if across else ()
    value = loss(z, make(n), *more)
    value.backward()
    assert value.dim() == 0
    assert value.isfinite()
    for grown in [z, gallery][: 1 + across]:
        assert grown.grad is not None
        assert grown.grad.isfinite().all()
        assert grown.grad.any()
    check_counts(loss.counts, n + m if across and loss.needs_classes else n)
    before = value.item()
    for _ in range(20):  # downhill, the loss falls
        z = (z - 0.3 * torch.autograd.grad(loss(z, make(n), *more), z)[0]).detach().requires_grad_()
    assert (
        loss(z, make(n), *more).item() < before or settings.get("reduction") is None
    )  # a mean over the active may rise


@pytest.mark.parametrize(("name", "settings"), PAIRED, ids=["-".join([n, *map(str, s.values())]) for n, s in PAIRED])
def test_targets_in_place_of_labels(name: str, settings: dict[str, object]) -> None:
    loss, y = build(name, settings), classes()
    same = (y[:, None] == y[None, :]).float()
    if not takes_several(name, settings):
        with pytest.raises(InputError, match="one class for each row"):
            loss(rows(), targets=same)
        return
    wanted = loss(rows(), y)
    before = loss.counts
    kept = same.clone()
    torch.testing.assert_close(loss(rows(), targets=same), wanted)
    assert torch.equal(same, kept)
    assert before is not None
    assert loss.counts is not None
    torch.testing.assert_close([float(c) for c in loss.counts], [float(c) for c in before])
    across = loss(rows(), y, rows(9, 1), classes(9))
    torch.testing.assert_close(loss(rows(), gallery=rows(9, 1), targets=same[:, :9]), across)


@every
def test_one_hot_targets_are_classes(name: str, settings: dict[str, object]) -> None:
    loss = build(name, settings)
    if not takes_several(name, settings):
        with pytest.raises(InputError, match="one class"):
            loss(rows(), soft())
        return
    one_hot = torch.eye(CLASSES)[classes()]
    torch.testing.assert_close(loss(rows(), one_hot), loss(rows(), classes()))


@every
def test_only_directions_count(name: str, settings: dict[str, object]) -> None:
    loss = build(name, settings)
    scales = torch.arange(1.0, 17)[:, None]
    torch.testing.assert_close(loss(rows() * scales, classes()), loss(rows(), classes()), rtol=1e-4, atol=1e-5)


@every
def test_order_of_the_rows_does_not_matter(name: str, settings: dict[str, object]) -> None:
    if metric_losses()[name].row_order:
        pytest.skip("it declares that the order matters")
    loss, order = build(name, settings), torch.randperm(16, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(loss(rows()[order], classes()[order]), loss(rows(), classes()), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("across", [False, True], ids=["within", "across"])
@pytest.mark.parametrize(
    ("name", "settings", "several"),
    [(*one, False) for one in VARIANTS] + [(*one, True) for one in VARIANTS if takes_several(*one)],
)
def test_a_row_without_a_label_is_as_good_as_none(
    name: str, settings: dict[str, object], several: bool, across: bool
) -> None:
    loss, labels = build(name, settings), torch.tensor([0, 1, -1, 0, 2, 1, -1, 2, 0, 1])
    known = labels >= 0
    y = known[:, None] * torch.eye(CLASSES)[labels] if several else labels
    z, gallery = rows(10).requires_grad_(), rows(10, 1)
    value = loss(z, y, *((gallery, y) if across else ()))
    assert loss.counts is not None
    assert loss.counts.anchors - loss.counts.skipped <= int(known.sum()) * (1 + (across and loss.needs_classes))
    left = loss(z[known], y[known], *((gallery[known], y[known]) if across else ()))
    torch.testing.assert_close(value, left)
    gradient, wanted = (torch.autograd.grad(each, z)[0] for each in (value, left))
    torch.testing.assert_close(gradient, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", sorted(metric_losses()))
def test_arrays_and_lists_are_as_good_as_tensors(name: str) -> None:
    loss, z, y = build(name, {}), rows(), classes()
    wanted = loss(z, y, z.flip(0), y.flip(0))
    found = loss(z.numpy(), y.tolist(), z.flip(0).numpy(), y.flip(0).numpy())
    torch.testing.assert_close(found, wanted)
    for wrong in (["a"] * 16, [[1], [1, 2]]):
        with pytest.raises(InputError, match="labels: not an array of numbers; got list"):
            loss(z, wrong)


@pytest.mark.parametrize("name", sorted(metric_losses()))
def test_a_loss_can_be_pickled_and_copied(name: str) -> None:
    loss = build(
        name,
        {"active_threshold": 0.3} if "active_threshold" in metric_losses()[name].settings_type.model_fields else {},
    )
    value = loss(rows(), classes())
    for again in (pickle.loads(pickle.dumps(loss)), copy.deepcopy(loss)):
        assert type(again) is type(loss)
        assert again.settings == loss.settings
        assert torch.equal(again(rows(), classes()), value)
        assert all(one is not other for one, other in zip(again.parameters(), loss.parameters()))


@every
def test_wrong_input_is_named(name: str, settings: dict[str, object]) -> None:
    loss, z, y = build(name, settings), rows(), classes()
    poisoned = z.clone()
    poisoned[5, 2] = torch.nan
    wrong = [
        ("row 5 holds NaN", (poisoned, y)),
        ("row 5 holds NaN", (z, y, poisoned, y)),
        ("matrix of rows", (z[0], y)),
        ("matrix of rows", (z.long(), y)),
        ("matrix of rows", (z[:0], y[:0])),
        ("labels are missing", (z,)),
        ("15 labels for 16 rows", (z, y[:15])),
        ("not labels", (z, y.float())),
        ("labels, row 0: a class is out of range; got -2", (z, y - 2)),
        ("gallery_labels, row 0: a class is out of range; got -2", (z, y, z, y - 2)),
        ("not labels", (z, y[:, None, None])),
        ("differ in width", (z, y, z[:, :4], y)),
        ("gallery_labels are missing", (z, y, z)),
        ("5 labels for 16 rows", (z, y, z, y[:5])),
        ("different kinds", (z, y, z, soft())),
        ("without a gallery", (z, y, None, y)),
    ]
    if takes_several(name, settings):
        wrong.append((r"not in \[0, 1\]", (z, 9 * soft())))
    if loss.needs_classes:
        wrong += [
            ("out of range.*0 to 5.*valid: 0 to 3", (z, torch.arange(16) % 6)),
            ("differ in width", (z[:, :4], y)),
        ]
    else:
        wrong += [
            ("no two rows", (z, torch.arange(16))),
            ("one class only", (z, torch.zeros_like(y))),
            ("no two rows", (z, y, z, y + 10)),
        ]
    for message, arguments in wrong:
        with pytest.raises(InputError, match=message):
            loss(*arguments)
    with pytest.raises(InputError, match="targets"):
        loss(z, y, targets=torch.eye(16))


@every
def test_unseen_input_without_a_term_is_nan_not_zero(
    name: str, settings: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where values are not looked at, as on an accelerator, nonsense must still not pass for a loss of 0."""
    monkeypatch.setattr(importlib.import_module("overtone.objectives.pairs"), "holds", lambda condition: True)
    loss, y = build(name, settings), classes()
    poisoned = rows()
    poisoned[3, 3] = torch.nan
    assert loss(poisoned, y).isnan()
    if loss.needs_classes:
        assert loss(rows(), y + 10).isnan()
    else:
        assert loss(rows(), torch.arange(16)).isnan()
        assert loss(rows(), torch.zeros(16, dtype=torch.long)).isnan() == loss.needs_negatives


def test_labels_on_another_device_are_named() -> None:
    with pytest.raises(InputError, match="different devices"):
        build("triplet", {})(rows(), classes().to("meta"))
