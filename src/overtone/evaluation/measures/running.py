"""The optimistic mAP of some published audio-visual curves, so that a number can be compared with theirs."""

from __future__ import annotations

import numpy as np

from overtone.evaluation.arrays import Floats
from overtone.evaluation.metric import metric
from overtone.evaluation.ranks import Ranks


@metric("map_running")
def running_average_precision(ranks: Ranks) -> Floats:
    r"""AP at every cutoff j, averaged over j: (1/N) Σ_j AP@j.

    AP@j = Σ_{i ≤ j} rel_i precision_i / (number of relevant items among the first j), and 0 while there is none. It
    only changes at a relevant item, so with c_k the mean precision of the first k relevant items and p_k their
    positions it is (1/N) Σ_k c_k (p_{k+1} − p_k), p_{R+1} = N + 1. It rewards an early start: chance is higher
    than for ``map``.

    Tied items share one precision, as in ``map``, and stand where a random order of them would put them on average.

    Args:
        ranks: Ranks of the relevant items of b queries.

    Returns:
        (b,) running average precision in (0, 1]; NaN where nothing is relevant.
    """
    running = np.cumsum(ranks.precision, axis=1) / np.arange(1, ranks.above.shape[1] + 1)
    reach = np.diff(ranks.position, axis=1, append=ranks.gallery + 1.0)
    result: Floats = np.where(ranks.counts > 0, (running * reach).sum(axis=1) / ranks.gallery, np.nan)
    return result
