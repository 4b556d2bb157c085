"""The rank of the query's own partner, as median and as mean over queries."""

from __future__ import annotations

import numpy as np

from overtone.evaluation.arrays import Floats
from overtone.evaluation.metric import metric
from overtone.evaluation.ranks import PartnerRanks


@metric("median_rank", level="instance", summary=np.median)
@metric("mean_rank", level="instance")
def expected_rank(ranks: PartnerRanks) -> Floats:
    r"""Rank of the own partner, 1 the best; among tied items the mean of their ranks, (above + 1 + upto) / 2.

    Args:
        ranks: Rank of each query's partner.

    Returns:
        (b,) ranks in [1, N], whole or half.
    """
    result: Floats = (ranks.above + 1 + ranks.upto) / 2
    return result
