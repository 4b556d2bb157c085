"""Mean average precision, the standard one."""

from __future__ import annotations

from overtone.evaluation.arrays import Floats
from overtone.evaluation.metric import metric
from overtone.evaluation.ranks import Ranks


@metric("map")
def average_precision(ranks: Ranks) -> Floats:
    r"""AP_q = (1/R) Σ_k precision at the k-th relevant item.

    A tie group is one threshold: all of its relevant items share the precision at the group's end, which is
    scikit-learn's AP = Σ_n (recall_n − recall_{n−1}) precision_n over distinct scores.

    Args:
        ranks: Ranks of the relevant items of b queries.

    Returns:
        (b,) average precision in (0, 1]; NaN where nothing is relevant.

    Source: Manning, Raghavan & Schütze, Introduction to Information Retrieval (2008), section 8.4.
    """
    result: Floats = ranks.precision.sum(axis=1) / ranks.total
    return result
