"""Every metric-learning loss keeps the same promises: the registry is walked."""

from __future__ import annotations

import importlib
from typing import get_args

import pytest
import torch
from torch import Tensor

from overtone.core import InputError
from overtone.objectives import MetricLoss, TermCounts, metric_losses, objectives

CLASSES, WIDTH = 4, 6


def other_choices(kind: type[MetricLoss]) -> list[tuple[str, object]]:
    """Every value of every setting with a choice of values, but for the defaults."""
    fields = kind.settings_type.model_fields.items()
    return [(name, value) for name, field in fields for value in get_args(field.annotation) if value != field.default]


VARIANTS: list[tuple[str, dict[str, object]]] = [
    *((name, {}) for name in metric_losses()),
    *((name, {field: value}) for name, kind in metric_losses().items() for field, value in other_choices(kind)),
    ("contrastive", {"distance": "cosine", "reduction": "kinds"}),
    ("contrastive", {"power": 1, "reduction": "active"}),
    ("triplet", {"mining": "semi-hard", "margin": 0.5}),
    ("triplet", {"mining": "batch-hard", "distance": "cosine"}),
    ("triplet", {"reduction": "all", "margin": 0.3}),
    ("ccl", {"margin": 0.2, "pull": 0.0}),
    ("arcface", {"margin": 0.0}),
]
IDS = ["-".join([name, *map(str, settings.values())]) for name, settings in VARIANTS]
PAIRED = [(name, settings) for name, settings in VARIANTS if not metric_losses()[name].needs_classes]
every = pytest.mark.parametrize(("name", "settings"), VARIANTS, ids=IDS)


def build(name: str, settings: dict[str, object]) -> MetricLoss:
    torch.manual_seed(7)
    kind = metric_losses()[name]
    required = {"classes": CLASSES, "embedding_dim": WIDTH} if kind.needs_classes else {}
    return kind(**required, **settings)


def takes_several(name: str, settings: dict[str, object]) -> bool:
    """Whether it takes several labels a row; which losses must is seen to where their values are tested."""
    try:
        build(name, settings)(rows(), soft())
    except InputError as error:
        return "one class" not in str(error)
    return True


def rows(n: int = 16, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(n, WIDTH, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def classes(n: int = 16) -> Tensor:
    return torch.arange(n) % CLASSES


def soft(n: int = 16, seed: int = 3) -> Tensor:
    return torch.rand(n, CLASSES, generator=torch.Generator().manual_seed(seed)).softmax(1)


def check_counts(counts: TermCounts | None, anchors: int) -> None:
    assert counts is not None
    assert counts.anchors == anchors
    for value in counts[:3]:
        assert value.dim() == 0
        assert not value.requires_grad
    assert 0 <= counts.active <= counts.total * (1 + 1e-6)
    assert counts.total > 0
    assert 0 <= counts.skipped <= anchors


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


@every
def test_half_precision_in_and_around(name: str, settings: dict[str, object]) -> None:
    loss = build(name, settings)
    wanted = loss(rows(), classes())
    with torch.autocast("cpu", torch.bfloat16):
        z = rows().requires_grad_()
        around = loss(z, classes(), rows(), classes())
        within = loss(z, classes())
        several = loss(z, soft()) if takes_several(name, settings) else within
        (around + within + several).backward()
    assert z.grad is not None
    assert z.grad.isfinite().all()
    assert torch.equal(within, wanted)
    assert torch.equal(around, loss(rows(), classes(), rows(), classes()))
    if takes_several(name, settings):
        assert torch.equal(several, loss(rows(), soft()))
    half = rows().bfloat16().requires_grad_()
    value = loss(half, classes())
    value.backward()
    assert value.dtype == torch.float32
    assert half.grad is not None
    assert half.grad.isfinite().all()
    assert torch.equal(value, loss(half.float(), classes()))
    mixed = loss(rows(), classes(), rows(9, 1).bfloat16(), classes(9))
    assert torch.equal(mixed, loss(rows(), classes(), rows(9, 1).bfloat16().float(), classes(9)))


@every
def test_float64_stays_and_the_gradient_is_that_of_the_value(name: str, settings: dict[str, object]) -> None:
    loss, z = build(name, settings).double(), rows(8, dtype=torch.float64).requires_grad_()
    gallery = rows(6, 2, torch.float64).requires_grad_()
    assert loss(z, classes(8)).dtype == torch.float64
    if loss.stop_gradient:
        pytest.skip("it declares that its gradient is not that of its value")
    assert torch.autograd.gradcheck(lambda a: loss(a, classes(8)), (z,))
    assert torch.autograd.gradcheck(lambda a, b: loss(a, classes(8), b, classes(6)), (z, gallery))
    if loss.twice_differentiable:
        assert torch.autograd.gradgradcheck(lambda a: loss(a, classes(8)), (z,))
    if takes_several(name, settings):
        assert torch.autograd.gradcheck(lambda a: loss(a, soft(8).double()), (z,))
    for own, parameter in loss.named_parameters():
        assert torch.autograd.gradcheck(
            lambda p, own=own: torch.func.functional_call(loss, {own: p}, (z, classes(8))), (parameter,)
        )


@pytest.mark.parametrize("place", ["identical", "opposite", "collapsed classes", "one zero row", "tiny", "huge"])
@every
def test_degenerate_rows_give_finite_gradients(name: str, settings: dict[str, object], place: str) -> None:
    y, one = classes(), rows(1)
    z = {
        "identical": one.repeat(16, 1),
        "opposite": one * (1 - 2 * (y % 2))[:, None],
        "collapsed classes": rows(CLASSES)[y],
        "one zero row": rows() * (torch.arange(16) > 0)[:, None],
        "tiny": rows() * 1e-15,
        "huge": rows() * 1e15,
    }[place].requires_grad_()
    loss = build(name, settings)
    value = loss(z, y)
    value.backward()
    assert value.isfinite()
    assert z.grad is not None
    assert z.grad.isfinite().all()
    check_counts(loss.counts, 16)


@pytest.mark.parametrize("temperature", [1e-3, 0.01, 10.0, 1e3])
@pytest.mark.parametrize("name", sorted(metric_losses()))
def test_extreme_temperatures_stay_finite(name: str, temperature: float) -> None:
    fields = metric_losses()[name].settings_type.model_fields
    if not {"temperature", "scale"} & set(fields):
        pytest.skip("has none")
    loss = build(name, {"temperature": temperature} if "temperature" in fields else {"scale": 1 / temperature})
    for z in (rows(), rows(CLASSES)[classes()], rows(CLASSES)[classes() // 2]):
        z = z.requires_grad_()
        value = loss(z, classes())
        (gradient,) = torch.autograd.grad(value, z)
        assert value.isfinite()
        assert gradient.isfinite().all()
        check_counts(loss.counts, 16)


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
            ("out of range", (z, y - 2)),
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
def test_nothing_makes_the_host_wait(name: str, settings: dict[str, object], watch_syncs) -> None:
    loss, z = build(name, settings), rows().requires_grad_()
    with watch_syncs() as syncs:
        value = loss(z, classes()) + loss(z, classes(), rows(9, 1), classes(9))
        if takes_several(name, settings):
            value = value + loss(z, soft())
        value.backward()
    assert syncs.found == []


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


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@every
def test_a_gpu_computes_the_same(name: str, settings: dict[str, object]) -> None:
    loss = build(name, settings)
    wanted = loss(rows(64), classes(64))
    there = loss.cuda()
    torch.testing.assert_close(there(rows(64).cuda(), classes(64).cuda()).cpu(), wanted, rtol=1e-4, atol=1e-5)


def test_labels_on_another_device_are_named() -> None:
    with pytest.raises(InputError, match="different devices"):
        build("triplet", {})(rows(), classes().to("meta"))
