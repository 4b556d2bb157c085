"""From a DAG to what the data can tell: compelled edges keep their direction, the others lose it."""

from __future__ import annotations

import numpy as np

from overtone.graphs.arrays import Bools
from overtone.graphs.engine.compiling import compiled


def cpdag(dag: Bools, forbidden: Bools | None = None) -> tuple[Bools, Bools]:
    """The completed partially directed graph of a DAG's equivalence class.

    Colliders a → c ← b with a and b apart keep their directions, so do edges whose reverse is forbidden; Meek's four
    rules direct what follows from these.

    Args:
        dag: (p, p), ``dag[x, y]``: x → y.
        forbidden: (p, p), ``forbidden[x, y]``: no edge x → y; None for no background knowledge.

    Returns:
        directed: (p, p), [x, y]: x → y in all DAGs of the class.
        undirected: (p, p) symmetric: an edge whose direction differs between them.

    Source:
        Meek, Causal inference and causal explanation with background knowledge, UAI 1995.

    Example:
        >>> chain = np.array([[0, 1, 0], [0, 0, 1], [0, 0, 0]], bool)
        >>> bool(cpdag(chain)[0].any()), int(cpdag(chain)[1].sum())
        (False, 4)
    """
    adjacent = dag | dag.T
    apart = ~adjacent & ~np.eye(len(dag), dtype=bool)
    directed = dag & (apart.astype(np.float32) @ dag.astype(np.float32) > 0)
    if forbidden is not None:
        directed |= dag & forbidden.T
    undirected = adjacent & ~directed & ~directed.T
    _close(directed, undirected)
    return directed, undirected


@compiled
def _close(directed: Bools, undirected: Bools) -> None:
    """Apply Meek's rules in place until none applies."""
    p, found = len(directed), True
    while found:
        found = False
        for a in range(p):
            for b in range(p):
                if undirected[a, b] and _follows(directed, undirected, a, b):
                    undirected[a, b] = undirected[b, a] = False
                    directed[a, b] = True
                    found = True


@compiled
def _joined(directed: Bools, undirected: Bools, a: int, b: int) -> bool:
    """Whether two variables are adjacent."""
    return directed[a, b] or directed[b, a] or undirected[a, b]


@compiled
def _follows(directed: Bools, undirected: Bools, a: int, b: int) -> bool:
    """Whether one of the four rules directs the undirected edge from a to b."""
    p = len(directed)
    for c in range(p):
        if directed[c, a] and c != b and not _joined(directed, undirected, c, b):  # else a new collider
            return True
        if directed[a, c] and directed[c, b]:  # else a cycle
            return True
    for c in range(p):
        if not undirected[a, c]:
            continue
        for d in range(p):
            forked = directed[c, b] and undirected[a, d] and directed[d, b] and c != d
            if forked and not _joined(directed, undirected, c, d):
                return True
            chained = directed[c, d] and directed[d, b] and _joined(directed, undirected, a, d) and c != b
            if chained and not _joined(directed, undirected, c, b):
                return True
    return False
