"""Label-level recall@k: is anything relevant among the first k?"""

from __future__ import annotations

import numpy as np

from overtone.evaluation.arrays import Floats
from overtone.evaluation.metric import metric
from overtone.evaluation.ranks import Ranks


@metric("recall@{k}")
def recall_at(ranks: Ranks, k: int) -> Floats:
    r"""1 if at least one of the first k items is relevant, else 0.

    Where rank k falls into the tie group of the best relevant item (g items, m of them relevant, a before the group),
    the chance that a random order of the group shows one in time: 1 − C(g − m, t) / C(g, t) with t = k − a.

    Args:
        ranks: Ranks of the relevant items of b queries.
        k: Cutoff, at least 1.

    Returns:
        (b,) values in [0, 1]; NaN where nothing is relevant.
    """
    first = np.flatnonzero(ranks.tied % ranks.above.shape[1] == 0)
    members = np.ones(len(ranks.counts), np.int64)
    members[ranks.tied_query[first]] = ranks.relevant_upto[first]
    group = ranks.upto[:, 0] - ranks.above[:, 0]
    irrelevant = group - members
    drawn = np.clip(k - ranks.above[:, 0], 0, group)
    missed = np.ones(len(group))
    for draw in range(min(k, int(drawn.max(initial=0)))):
        left = np.maximum(irrelevant - draw, 0) / np.maximum(group - draw, 1)
        missed *= np.where(draw < drawn, left, 1.0)
    return np.where(ranks.counts > 0, 1.0 - missed, np.nan)
