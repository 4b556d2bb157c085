"""The pull along the edges of a class graph against its formula written out in loops, and what must not pull."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from overtone.core import InputError
from overtone.objectives import metric_losses
from overtone.objectives.interaction import interaction, relatedness


class Case:
    """A random batch: rows of no particular length, several labels or none, soft labels, a sparse graph."""

    def __init__(self, seed: int, n: int = 7, classes: int = 3, several: bool = True) -> None:
        random = torch.Generator().manual_seed(seed)
        draw = lambda *shape: torch.rand(*shape, generator=random, dtype=torch.float64)  # noqa: E731
        self.n, self.classes = n, classes
        self.views = tuple((draw(n, 4) - 0.5).requires_grad_() for _ in range(2))
        one = F.one_hot(torch.randint(classes, (n,), generator=random), classes).double()
        self.labels = (draw(n, classes) > 0.6).double() if several else one
        self.soft = tuple(draw(n, classes) for _ in range(2))
        self.graph = draw(2 * classes, 2 * classes) * (draw(2 * classes, 2 * classes) > 0.6)

    def loss(self, threshold: float = 0.5) -> Tensor:
        return interaction(self.views, self.labels, self.soft, self.graph, threshold).loss

    def gradients(self, **more: Any) -> tuple[Tensor, ...]:
        return torch.autograd.grad(self.loss(**more), self.views)


def by_hand(case: Case, threshold: float) -> tuple[Tensor, int]:
    """The formula of METHODS: edge by edge, pair by pair."""
    rows = [F.normalize(view, dim=1) for view in case.views]
    total, active = torch.zeros((), dtype=torch.float64), 0
    for i, j in product(range(2 * case.classes), repeat=2):
        if case.graph[i, j] == 0:
            continue
        (a, ci), (b, cj) = divmod(i, case.classes), divmod(j, case.classes)
        pulls, weight = [], 0.0
        for n, m in product(range(case.n), repeat=2):
            if (a == b and n == m) or not (case.soft[a][n, ci] > threshold and case.soft[b][m, cj] > threshold):
                continue
            eligible = 1 - min(1.0, float(case.labels[n] @ case.labels[m]))
            weight += eligible
            pulls.append(
                eligible * case.soft[a][n, ci] * case.soft[b][m, cj] * (rows[a][n] - rows[b][m]).square().sum()
            )
        if weight:
            active += 1
            total = total + case.graph[i, j] * torch.stack(pulls).sum() / weight
    return total / max(case.classes, float(case.graph.sum())), active


@given(st.integers(0, 10_000), st.integers(2, 7), st.booleans(), st.sampled_from([0.0, 0.3, 0.8]))
def test_equals_the_loop_over_edges_and_pairs(seed, n, several, threshold):
    case = Case(seed, n, several=several)
    wanted, active = by_hand(case, threshold)
    found = interaction(case.views, case.labels, case.soft, case.graph, threshold)
    torch.testing.assert_close(found.loss, wanted)
    edges = int((case.graph > 0).sum())
    assert [int(count) for count in found.counts] == [active, edges, edges - active, n]
    if wanted.requires_grad:
        both = (torch.autograd.grad(loss, case.views, allow_unused=True) for loss in (found.loss, wanted))
        for ours, theirs in zip(*both):
            torch.testing.assert_close(ours, torch.zeros_like(ours) if theirs is None else theirs)


@given(st.integers(0, 10_000), st.integers(2, 9), st.sampled_from([0.0, 0.5]))
def test_class_codes_count_pairs_as_targets_do(seed, n, threshold):
    """Some rows have no label: code -1, and a target of zeros."""
    case = Case(seed, n)
    codes = torch.randint(-1, case.classes, (n,), generator=torch.Generator().manual_seed(seed))
    case.labels = (codes[:, None] == torch.arange(case.classes)).double()
    wanted = case.gradients(threshold=threshold)
    loss = case.loss(threshold)
    case.labels = codes
    assert torch.equal(case.loss(threshold), loss)
    for ours, theirs in zip(case.gradients(threshold=threshold), wanted):
        assert torch.equal(ours, theirs)


def two_clips(
    edge: tuple[int, int] | None = (0, 3), weight: float = 1.0, heard: float = 0.6, seen: float = 0.6
) -> Case:
    """One clip of class 0 and one of class 1; what sounds like 0 may look like 1."""
    case = Case(0, n=2, classes=2)
    case.labels = torch.tensor([0, 1])
    case.soft = torch.tensor([[heard, 0.0], [0.0, 0.0]]).double(), torch.tensor([[0.0, 0.0], [0.0, seen]]).double()
    case.graph = torch.zeros(4, 4).double()
    if edge is not None:
        case.graph[edge] = weight
    return case


def test_only_the_two_rows_that_an_edge_joins_are_pulled():
    audio, visual = two_clips().gradients()
    assert (audio.abs().sum(1) > 0).tolist() == [True, False]
    assert (visual.abs().sum(1) > 0).tolist() == [False, True]


def test_there_is_no_gradient_without_an_edge():
    others = set(product(range(4), repeat=2)) - {(0, 3), (3, 0)}
    for edge in (None, *others):
        assert all((gradient == 0).all() for gradient in two_clips(edge).gradients())


@pytest.mark.parametrize("changed", ["weight", "heard", "seen"])
def test_the_gradient_is_proportional_to_the_edge_and_to_both_soft_labels(changed):
    base = two_clips(weight=0.2, heard=0.2, seen=0.2).gradients(threshold=0.1)
    more = two_clips(**{"weight": 0.2, "heard": 0.2, "seen": 0.2, changed: 0.8}).gradients(threshold=0.1)
    for gradient, greater in zip(base, more):
        assert gradient.abs().max() > 0
        torch.testing.assert_close(greater, 4.0 * gradient)


def test_clips_of_one_annotated_label_are_not_pulled_and_those_without_a_label_are():
    case = two_clips()
    case.labels = torch.tensor([1, 1])
    assert case.loss() == 0
    case.labels = torch.zeros(2, 2).double()  # no annotation: they share none
    assert case.loss() > 0


def test_what_is_shared_in_part_is_pulled_in_part():
    case = Case(3, n=2)
    case.graph = torch.zeros(6, 6).double()
    case.graph[0, 4] = 1.0
    case.labels = torch.tensor([[1.0, 0, 0], [0, 1, 0]]).double()
    apart = interaction(case.views, case.labels, case.soft, case.graph, 0.0)
    case.labels = torch.tensor([[0.5, 0.5, 0], [0.5, 0.5, 0]]).double()  # the same class with probability a half
    torch.testing.assert_close(by_hand(case, 0.0)[0], case.loss(threshold=0.0))
    assert apart.counts.active == 1


def test_nothing_flows_into_soft_labels_or_the_graph():
    case = Case(1)
    taught = [*case.soft, case.graph]
    for part in taught:
        part.requires_grad_()
    case.loss().backward()
    assert all(part.grad is None for part in taught)
    assert all(view.grad.abs().sum() > 0 for view in case.views)


def test_an_edge_without_a_pair_is_zero_and_counted():
    case = Case(2)
    found = interaction(case.views, case.labels, [0.1 * part for part in case.soft], case.graph, 0.1)
    assert found.loss == 0
    assert found.loss.requires_grad
    edges = int((case.graph > 0).sum())
    assert (found.counts.active, found.counts.total, found.counts.skipped) == (0, edges, edges)
    assert all((gradient == 0).all() for gradient in torch.autograd.grad(found.loss, case.views))


def test_a_graph_without_edges_and_one_clip_are_zero():
    case = Case(2)
    assert interaction(case.views, case.labels, case.soft, torch.zeros_like(case.graph), 0.5).loss == 0
    alone = [view[:1] for view in case.views]
    graph = torch.block_diag(torch.ones(3, 3), torch.ones(3, 3)).double()
    one = interaction(alone, case.labels[:1], [part[:1] for part in case.soft], graph, 0.0)
    assert one.loss == 0  # within a modality a row is no pair with itself


def test_the_number_of_classes_and_of_other_edges_does_not_change_the_pull_at_a_clip():
    """Twice the classes, each half a world of its own with its own clips: every clip is pulled as hard per row."""
    case = Case(5, n=6, several=False)
    once = case.gradients()
    twice = Case(5, n=12)
    twice.views = tuple(torch.cat((view, view)).detach().requires_grad_() for view in case.views)
    none = torch.zeros(6, 3).double()
    apart = lambda part: torch.cat((torch.cat((part, none), 1), torch.cat((none, part), 1)))  # noqa: E731
    twice.labels, twice.soft = apart(case.labels), tuple(map(apart, case.soft))
    blocks = [torch.block_diag(part, part) for half in case.graph.split(3) for part in half.split(3, 1)]
    twice.graph = torch.cat((torch.cat(blocks[:2], 1), torch.cat(blocks[2:], 1)))
    for one, two in zip(once, twice.gradients()):
        torch.testing.assert_close(2 * two[:6], one)  # a mean over twice the clips gives each half


def test_it_is_computed_in_single_precision_under_autocast():
    case = Case(4, n=20)
    views = [view.detach().float() for view in case.views]
    plain = interaction(views, case.labels, case.soft, case.graph, 0.5).loss
    torch.testing.assert_close(plain, case.loss().float())
    with torch.autocast("cpu", torch.bfloat16):
        cast = interaction([view.bfloat16() for view in views], case.labels, case.soft, case.graph, 0.5).loss
        assert torch.equal(interaction(views, case.labels, case.soft, case.graph, 0.5).loss, plain)
    assert cast.dtype == torch.float32
    torch.testing.assert_close(cast, plain, rtol=2e-2, atol=0)


def test_rows_are_counted():
    case = Case(6)
    assert interaction(case.views, case.labels, case.soft, case.graph, 0.3).counts.anchors == 7


def test_what_does_not_fit_is_refused():
    case = Case(0)
    half = [part[:3] for part in case.soft]
    with pytest.raises(InputError, match="graph: not one of classes in two modalities"):
        interaction(case.views, case.labels, case.soft, case.graph[:5], 0.5)
    with pytest.raises(InputError, match="not one row a clip in each modality"):
        interaction(case.views, case.labels, half, case.graph, 0.5)
    with pytest.raises(InputError, match="not one row a clip in each modality"):
        interaction((case.views[0], case.views[1][:3]), case.labels, case.soft, case.graph, 0.5)
    with pytest.raises(InputError, match="negative or not finite"):
        interaction(case.views, case.labels, case.soft, -case.graph, 0.5)
    with pytest.raises(InputError, match="labels"):
        interaction(case.views, case.labels[:2], case.soft, case.graph, 0.5)


def test_clips_are_related_by_an_edge_either_way_or_by_one_class() -> None:
    heard, seen = torch.tensor([[0.9, 0.0, 0.3], [0.0, 0.8, 0.0]]), torch.tensor([[0.0, 0.7, 0.0], [0.6, 0.9, 1.0]])
    graph = torch.zeros(6, 6)
    graph[0, 3 + 1] = 0.2  # heard 0 → seen 1
    graph[3 + 2, 1] = 0.1  # seen 2 → heard 1
    found = relatedness((heard, seen), graph, 0.5)
    wanted = torch.tensor([[0.9 * 0.7, min(1.0, 0.9 * 0.9 + 0.9 * 0.6)], [0.8 * 0.7, min(1.0, 0.8 * 0.9 + 0.8 * 1.0)]])
    assert torch.allclose(found, wanted)
    assert not relatedness((heard.requires_grad_(), seen), graph, 0.5).requires_grad
    certain = relatedness((torch.eye(3), torch.eye(3)), graph, 0.5)  # who is not of a class or an edge is unrelated
    assert torch.equal(certain, torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.0, 1.0]]))


@pytest.mark.parametrize("name", ["contrastive", "triplet", "infonce", "scl"])
def test_excused_pairs_are_no_negatives(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(8, 5, generator=generator, dtype=torch.float64).requires_grad_()
    gallery = torch.randn(8, 5, generator=generator, dtype=torch.float64)
    labels = torch.arange(8) % 4
    loss = metric_losses()[name]()
    negative_relief = torch.zeros(8, 8)
    assert loss(rows, labels, gallery, labels, negative_relief=negative_relief) == loss(rows, labels, gallery, labels)
    negative_relief[:, 3] = 1.0  # as if row 3 were not in the gallery, but for those of its class
    negative_relief[:, 7] = 1.0
    mine = labels != 3
    kept = torch.tensor([0, 1, 2, 4, 5, 6])
    some = loss(rows[mine], labels[mine], gallery, labels, negative_relief=negative_relief[mine])
    without = loss(rows[mine], labels[mine], gallery[kept], labels[kept])
    assert some.item() == pytest.approx(without.item(), rel=1e-12)


def test_excused_must_be_of_pairs() -> None:
    loss, rows, labels = metric_losses()["triplet"](), torch.eye(4), torch.tensor([0, 0, 1, 1])
    with pytest.raises(InputError, match=r"negative_relief: not one for each pair; got \(3, 4\)"):
        loss(rows, labels, rows, labels, negative_relief=torch.zeros(3, 4))
    with pytest.raises(InputError, match="negative_relief: a value is not in"):
        loss(rows, labels, rows, labels, negative_relief=torch.full((4, 4), 2.0))
    with pytest.raises(InputError, match="judges rows by classes"):
        metric_losses()["ccl"](classes=2, embedding_dim=4)(rows, labels, negative_relief=torch.zeros(4, 4))
