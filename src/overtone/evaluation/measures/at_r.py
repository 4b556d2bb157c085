"""mAP@R: average precision over the first R ranks, R the number of relevant items."""

from __future__ import annotations

import numpy as np

from overtone.evaluation.arrays import Floats
from overtone.evaluation.metric import metric
from overtone.evaluation.ranks import Ranks


@metric("map@r")
def average_precision_at_r(ranks: Ranks) -> Floats:
    r"""(1/R) Σ_{j ≤ R} rel_j precision_j: only what stands among the first R counts.

    A tie group that rank R cuts through counts by the share of its positions that lie within.

    Args:
        ranks: Ranks of the relevant items of b queries.

    Returns:
        (b,) values in [0, 1]; NaN where nothing is relevant.

    Source: Musgrave, Belongie & Lim, A Metric Learning Reality Check (ECCV 2020).
    """
    within = ranks.precision * (ranks.above < ranks.counts[:, None])
    above, upto = ranks.tied_place
    share = np.clip((ranks.counts[ranks.tied_query] - above) / (upto - above), 0.0, 1.0)
    within.put(ranks.tied, ranks.precision.take(ranks.tied) * share)
    result: Floats = within.sum(axis=1) / ranks.total
    return result
