"""A random graph of classes with the degrees of a given one: the control that a graph must beat to mean anything."""

from __future__ import annotations

import torch
from torch import Tensor

ROUNDS = 100
"""Times that every edge is offered another one to change ends with."""


def rewire(graph: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """A random graph with the degrees of a given one: what a (2C, 2C) graph of classes must beat to mean anything.

    Two edges a → b and c → d become c → b and a → d where both places are free, again and again. A weight stays with
    the target, so every node keeps its number of edges in and out, and the sum of the weights into it. Only edges that
    lead between the same two modalities change ends; one that has nowhere else to go stays. No edge comes to lie where
    the graph had one, or between the two nodes of a class; edges that lie there already, which say nothing of
    interactions, stay.

    Source:
        Maslov & Sneppen, Science 2002, for the exchange of ends.

    Example:
        >>> graph = torch.zeros(8, 8)
        >>> graph[0, 5] = graph[1, 6] = graph[2, 7] = 1.0
        >>> other = rewire(graph, torch.Generator().manual_seed(0))
        >>> other.sum(0).equal(graph.sum(0)), other.sum(1).equal(graph.sum(1)), (other * graph).sum().item()
        (True, True, 0.0)
    """
    nodes, classes = len(graph), len(graph) // 2
    number = torch.arange(nodes, device=graph.device)
    same_class = (number[:, None] - number[None, :]) % classes == 0
    sources, targets = torch.where((graph > 0) & ~same_class)
    weights = graph[sources, targets]
    closed = ((graph > 0) | same_class).view(-1)
    side = 2 * (sources >= classes) + (targets >= classes)
    for _ in range(ROUNDS):
        here, there = _pairs(side, generator)
        one, other = nodes * sources[there] + targets[here], nodes * sources[here] + targets[there]
        wanted = torch.cat((one, other, nodes * sources + targets)).bincount(minlength=nodes**2)
        free = ~(closed[one] | closed[other]) & (wanted[one] == 1) & (wanted[other] == 1)
        # a round in which all that can change does change would only reach every other graph
        free &= torch.rand(len(free), generator=generator, device=graph.device) < 0.5
        here, there = here[free], there[free]
        sources[torch.cat((here, there))] = sources[torch.cat((there, here))]
    found = torch.where(same_class, graph, 0.0)
    found[sources, targets] = weights
    return found


def _pairs(group: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Members paired at random with others of their group; some may be left alone."""
    shuffled = torch.randperm(len(group), generator=generator, device=group.device)
    order = shuffled[torch.argsort(group[shuffled], stable=True)]
    here, there = order[:-1:2], order[1::2]
    alike = group[here] == group[there]
    return here[alike], there[alike]
