"""What a random order would score: the floor that every mAP is read against."""

from __future__ import annotations

import numpy as np

from overtone.evaluation.arrays import Floats
from overtone.evaluation.metric import metric
from overtone.evaluation.ranks import Ranks


@metric("chance_map")
def chance_average_precision(ranks: Ranks) -> Floats:
    r"""Expected average precision of a random order, in closed form.

    With R relevant items among N, rank j is relevant with probability R/N, and its predecessors then hold
    (j − 1)(R − 1)/(N − 1) relevant ones on average, so E[AP] = (1/N) [H_N + (R − 1)/(N − 1) · (N − H_N)] with the
    harmonic number H_N.

    Args:
        ranks: Ranks of the relevant items of b queries; only how many there are matters.

    Returns:
        (b,) values in (0, 1]; NaN where nothing is relevant.
    """
    size = ranks.gallery
    harmonic = (1.0 / np.arange(1, size + 1)).sum()
    others = (ranks.counts - 1) / max(size - 1, 1)
    return np.where(ranks.counts > 0, (harmonic + others * (size - harmonic)) / size, np.nan)
