"""Which rows lie near each other: the graph of nearest neighbours, and random walks on it."""

from __future__ import annotations

import torch
from torch import Tensor


def neighbour_graph(similarity: Tensor, neighbours: int) -> Tensor:
    """(n, n) symmetric adjacency of zeros and ones that joins each row to its most similar others, without loops.

    Each row proposes ``neighbours`` edges; an edge needs one of its two sides. A similarity of −inf is never an edge.
    """
    others = similarity.clone().fill_diagonal_(-torch.inf)
    values, columns = others.topk(min(neighbours, len(others) - 1), dim=1)
    adjacency = torch.zeros_like(similarity).scatter_(1, columns, (values > -torch.inf).to(values.dtype))
    return torch.maximum(adjacency, adjacency.mT)


def diffuse(adjacency: Tensor, restart: float) -> Tensor:
    r"""Similarity by random walks with restart on a graph: neighbours of neighbours become neighbours.

    .. math:: R = (I - (1 - c) D^{-1/2} A D^{-1/2})^{-1}, \qquad S_{ij} = R_{ij} / \sqrt{R_{ii} R_{jj}}

    with A the (n, n) symmetric, non-negative adjacency. R sums over walks of every length, a walk of length t with
    weight (1 − c)^t; c in (0, 1) is the probability that the walk ends at a step, so 1/c is its mean length. R is
    symmetric positive definite; S lies in [0, 1] with diagonal 1. O(n³) time and n² memory: bound n.

    Source:
        Zhou et al., Ranking on Data Manifolds, NIPS 2003; Page et al. 1999 for the walk.
    """
    degree = adjacency.sum(1)
    scale = torch.where(degree > 0, degree.rsqrt(), 1.0)  # a row without neighbours has no walk
    system = -(1.0 - restart) * scale[:, None] * adjacency * scale[None, :]
    system.diagonal().add_(1.0)
    walks = torch.cholesky_inverse(torch.linalg.cholesky_ex(system).L).clamp_min_(0.0)
    size = walks.diagonal().rsqrt()
    return size[:, None] * walks * size[None, :]


def walk_weights(similarity: Tensor, edges: int, restart: float) -> Tensor:
    """(n, n) weights of the other rows by random walks on the neighbour graph of (n, n) similarities.

    In proportion to the walk's similarity :func:`diffuse`, where it exceeds the row's mean: where a walk comes by more
    often than at a row taken at random. Rows sum to one, and are zero on the diagonal.

    Args:
        similarity: (n, n) similarities; the diagonal is ignored.
        edges: Edges that each row proposes.
        restart: Probability in (0, 1) that a walk ends at a step.
    """
    return graph_weights(neighbour_graph(similarity, edges), restart)


def graph_weights(adjacency: Tensor, restart: float) -> Tensor:
    """The weights of :func:`walk_weights` from an (n, n) symmetric, non-negative adjacency."""
    walk = diffuse(adjacency, restart).fill_diagonal_(0.0)
    weights = (walk - walk.mean(1, keepdim=True)).clamp_min_(0.0)
    return weights / weights.sum(1, keepdim=True).clamp_min(torch.finfo(walk.dtype).tiny)
