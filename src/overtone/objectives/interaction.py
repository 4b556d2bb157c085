"""Latent interactions: clips of classes that an edge joins come nearer, unless they share an annotated label."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from overtone.core import InputError
from overtone.objectives.base import LossResult, TermCounts, objectives
from overtone.objectives.pairs import check_all_labels, check_batch, holds, unit
from overtone.objectives.targets import relation


@objectives.register("interaction")
def interaction(
    views: Sequence[Tensor], labels: Tensor, soft_labels: Sequence[Tensor], graph: Tensor, threshold: float
) -> LossResult:
    r"""Latent interaction regulariser: soft pulls along the edges of a graph of classes.

    .. math::
        \ell = \frac{1}{\max(C, \sum A)} \sum_{i \to j} A_{ij}
               \frac{\sum_{nm} e_{nm} \tilde s_n[i] \tilde s_m[j] \lVert \hat z_n - \hat z_m \rVert^2}
                    {\sum_{nm} e_{nm} [s_n[i] > \tau] [s_m[j] > \tau]}

    Node i is a class in one modality; n runs over the rows of that modality, m over those of j's, and
    :math:`\tilde s = s [s > \tau]`. :math:`e_{nm} = 1 - r_{nm}`, with r of :func:`~overtone.objectives.relation`, is 0
    for clips that share an annotated label and, within a modality, for a row and itself. So an edge is a mean over its
    eligible pairs; an edge that has none is 0.

    Neither edges nor pairs are listed. With :math:`M = [S > \tau]` the numbers of pairs are :math:`K = M^\top E M`, the
    weights of the distances :math:`W = \tilde S (A / K) \tilde S^\top \circ E`, and as rows have length 1 their sum is
    :math:`2 \sum W - 2 \langle \hat Z, W \hat Z \rangle`: O(n² (C + d)) time, O(n² + C²) memory.

    Beside a metric loss, which is a mean over clips, an edge pulls at the clips of two classes, about one in C:
    divided by C a sparse graph pulls at a clip as hard among many classes as among few. A dense graph pulls at every
    clip by many edges; divided by their sum, it pulls no harder in all. Distances are symmetric, so an edge's direction
    does not matter, only the sum of its weight and its reverse's.

    Args:
        views: The two modalities' (n, d) embeddings, of any scale, row by row the same clips.
        labels: (n,) integer classes or (n, C) targets in [0, 1]; a row of zeros shares a label with no other.
        soft_labels: The two modalities' (n, C) class probabilities; no gradient flows into them.
        graph: (2C, 2C) weights >= 0, [i, j] of i → j; node i < C is class i in the first modality, C + i in the second.
        threshold: τ.

    Returns:
        Loss, and counts of edges: ``active`` with an eligible pair, ``skipped`` without one.

    Raises:
        InputError: Shapes or devices do not fit together, or a value is not finite or out of range.

    Source:
        Learning Audio-Visual Embeddings with Inferred Latent Interaction Graphs (2026); the division is ours.

    Example:
        >>> audio = visual = torch.eye(2)
        >>> graph = torch.zeros(4, 4)
        >>> graph[0, 3] = 1.0  # who hears class 0 may see class 1
        >>> heard = seen = torch.tensor([[1.0, 0.0], [0.0, 0.6]])
        >>> interaction((audio, visual), torch.tensor([0, 1]), (heard, seen), graph, 0.5).loss  # 1/2 · 1 · 0.6 · 2
        tensor(0.6000)
    """
    rows = _checked(views, labels, soft_labels, graph)
    graph = graph.detach().to(rows[0].dtype)
    with torch.autocast(graph.device.type, enabled=False):
        with torch.no_grad():
            soft = [part.to(graph.dtype) for part in soft_labels]
            pulls, counts = _pulls(labels, soft, graph, threshold)
        near = [
            _within(rows[one], pull) if one == other else (rows[one] * (pull @ rows[other])).sum()
            for (one, other), pull in pulls.items()
        ]
        total = torch.stack([pull.sum() for pull in pulls.values()]).sum() - torch.stack(near).sum()
    return LossResult(2.0 * total / graph.sum().clamp_min(len(graph) // 2), counts)


def relatedness(soft_labels: Sequence[Tensor], graph: Tensor, threshold: float) -> Tensor:
    r"""How far a clip in the first modality and one in the second have to do with each other, by soft labels and graph.

    .. math:: r_{nm} = \min\Big(1, \sum_{i \sim j} \tilde s_n[i]\, \tilde s_m[j]\Big), \qquad \tilde s = s [s > \tau]

    i of the first and j of the second modality belong together if an edge joins them, in either direction and of any
    weight, or if they are one class. The arguments are those of :func:`interaction`; no gradient flows into them.

    Example:
        >>> heard = seen = torch.tensor([[1.0, 0.0], [0.0, 0.6]])
        >>> graph = torch.zeros(4, 4)
        >>> graph[0, 3] = 1.0  # who hears class 0 may see class 1
        >>> relatedness((heard, seen), graph, 0.5)
        tensor([[1.0000, 0.6000],
                [0.0000, 0.3600]])
    """
    with torch.no_grad(), torch.autocast(graph.device.type, enabled=False):
        first, second = (part.float().where(part > threshold, 0.0) for part in soft_labels)
        classes = len(graph) // 2
        joined = (graph[:classes, classes:] + graph[classes:, :classes].mT > 0).float().fill_diagonal_(1.0)
        return (first @ joined @ second.mT).clamp_max(1.0)


def _pulls(
    labels: Tensor, soft: Sequence[Tensor], graph: Tensor, threshold: float
) -> tuple[dict[tuple[int, int], Tensor], TermCounts]:
    """(n, n) weights of the distances between two modalities, or within one if it has edges; and counts of edges."""
    eligible = _eligible(labels).to(graph.dtype)
    strong = torch.cat([part > threshold for part in soft], 1).to(graph.dtype)
    kept = [part.where(part > threshold, 0.0) for part in soft]
    side = torch.arange(len(graph), device=graph.device) >= len(graph) // 2
    itself = strong.mT @ (eligible.diagonal()[:, None] * strong) * (side[:, None] == side)
    numbers = strong.mT @ (eligible @ strong) - itself
    share = torch.where(numbers > 0, graph / numbers, 0.0)
    (first, across), (back, second) = (half.chunk(2, 1) for half in share.chunk(2))
    edges = {(0, 1): across + back.mT, (0, 0): (first + first.mT) / 2, (1, 1): (second + second.mT) / 2}
    pulls = {
        (one, other): (kept[one] @ part @ kept[other].mT).mul_(eligible)
        for (one, other), part in edges.items()
        if one != other or holds((part > 0).any())
    }
    total, active = (graph > 0).sum(), (share > 0).sum()
    return pulls, TermCounts(active, total, total - active, len(labels))


def _eligible(labels: Tensor) -> Tensor:
    """(n, n) of one less the relation of labels; of class codes in fewer passes."""
    if labels.dim() > 1:
        return 1.0 - relation(labels)
    unlabelled = labels < 0
    codes = torch.where(unlabelled, -1 - torch.arange(len(labels), device=labels.device), labels)
    found = codes[:, None] != codes
    found.diagonal().copy_(unlabelled)
    return found


def _within(rows: Tensor, pull: Tensor) -> Tensor:
    """⟨Z, W Z⟩ of a symmetric W: W Z is half of its gradient, so that no further product is needed backwards."""
    fixed = rows.detach()
    moved = pull @ fixed
    return 2 * (rows * moved).sum() - (fixed * moved).sum()


def _checked(
    views: Sequence[Tensor], labels: Tensor, soft_labels: Sequence[Tensor], graph: Tensor
) -> tuple[Tensor, Tensor]:
    """Unit rows of both modalities; refuses what does not fit."""
    first, second = views
    check_batch(first, second)
    check_all_labels(first, labels, None, None)
    rows = len(first), graph.shape[0] // 2
    if graph.dim() != 2 or graph.shape != (2 * rows[1], 2 * rows[1]):
        what = "graph: not one of classes in two modalities"
        raise InputError(what, got=tuple(graph.shape), valid="(2C, 2C) weights")
    if len(second) != rows[0] or any(part.shape != rows for part in soft_labels):
        got = ", ".join(str(tuple(part.shape)) for part in (second, *soft_labels))
        valid = f"embeddings of {rows[0]} clips, soft labels {rows}"
        raise InputError("not one row a clip in each modality", got=got, valid=valid)
    if not holds((graph >= 0).all() & graph.isfinite().all()):
        raise InputError("graph: a weight is negative or not finite", valid="weights >= 0")
    dtype = torch.promote_types(unit(first[:1]).dtype, unit(second[:1]).dtype)
    return unit(first).to(dtype), unit(second).to(dtype)
