"""Instance-level recall@k: is the query's own partner among the first k?"""

from __future__ import annotations

import numpy as np

from overtone.evaluation.arrays import Floats
from overtone.evaluation.metric import metric
from overtone.evaluation.ranks import PartnerRanks


@metric("instance_recall@{k}", level="instance")
def instance_recall_at(ranks: PartnerRanks, k: int) -> Floats:
    r"""1 if the own partner is among the first k items, else 0; within a tie group, the share of it that is.

    Args:
        ranks: Rank of each query's partner.
        k: Cutoff, at least 1.

    Returns:
        (b,) values in [0, 1].
    """
    return np.clip((k - ranks.above) / (ranks.upto - ranks.above), 0.0, 1.0)
