"""Normalised discounted cumulative gain over the whole ranking."""

from __future__ import annotations

import numpy as np

from overtone.evaluation.arrays import Floats
from overtone.evaluation.metric import metric
from overtone.evaluation.ranks import Ranks


@metric("ndcg", graded=True)
def ndcg(ranks: Ranks) -> Floats:
    r"""DCG / ideal DCG with DCG = Σ_j gain_j / log₂(1 + j) over all ranks j.

    The gain is the overlap of the two clips' targets: 1 for one shared class, the number of shared classes for
    multi-hot labels, a sum of products for soft ones. Tied items share the mean discount of their group's positions.

    Args:
        ranks: Ranks of the relevant items of b queries, with gains.

    Returns:
        (b,) values in (0, 1]; NaN where nothing is relevant.

    Source: Järvelin & Kekäläinen, Cumulated gain-based evaluation of IR techniques (TOIS 2002); for ties
    McSherry & Najork (ECIR 2008).
    """
    discounts = np.append(1.0 / np.log2(np.arange(2, ranks.gallery + 2)), 0.0)  # nothing for the imaginary item
    total = np.append(0.0, np.cumsum(discounts))
    above, upto = ranks.tied_place
    discount = discounts[ranks.above]
    discount.put(ranks.tied, (total[upto] - total[above]) / (upto - above))
    if ranks.gains is None:
        gained, best = discount.sum(axis=1), total[ranks.counts]
    else:
        gained = (ranks.gains * discount).sum(axis=1)
        best = -np.sort(-ranks.gains, axis=1) @ discounts[: ranks.gains.shape[1]]
    result: Floats = gained / np.where(ranks.counts > 0, best, np.nan)
    return result
