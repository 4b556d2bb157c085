"""Leakage between splits: test clips that lie nearer to a training clip than chance puts neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from overtone.evaluation.leakage import Leakage, LeakedClip
from overtone.features import PairedFeatures, Scaler
from overtone.search.clips import LEAST_CLIPS, ScaledClips, select_significant
from overtone.search.duplicates import NEIGHBOURS, chances_of_nearness
from overtone.search.nearest import nearest_among

_PRODUCTS = 1 << 35
"""Multiplications that the search may take: some seconds of one core. Beyond that fewer test clips are looked at."""
_FEWEST = 256
"""Test clips that are looked at in any case."""
_MOST = 100_000
"""Training clips that they are compared with."""
_SHOWN = 5


def find_leakage(
    data: PairedFeatures, scalers: Mapping[str, Scaler] | None = None, share: float = 0.05
) -> Leakage | None:
    r"""Find test clips that are near-duplicates of training clips.

    The distances of a test clip to its nearest and tenth training clip have the ratio :math:`d_1 / d_{10}`. If nothing
    was copied, :math:`\Pr[d_1 / d_{10} \le x] = 1 - (1 - x^m)^9`, as for :func:`~overtone.search.find_duplicates`. Test
    clips are listed as long as chance explains at most ``share`` of them. Copies, with equal features, are certain.

    Args:
        data: Features with splits ``train`` and ``test``; clips with both modalities count.
        scalers: Modality to scaler, such as a run's; None: chosen and fitted on these rows.
        share: False discovery rate.

    Returns:
        What was found; None without both splits, or where one has fewer than 12 clips.

    Example:
        >>> from overtone.features import from_arrays
        >>> rows = torch.randn(60, 8, generator=torch.Generator().manual_seed(0))
        >>> rows[50] = rows[3] + 1e-3  # clip 50, of the test split, is clip 3 again
        >>> split = ["train"] * 40 + ["test"] * 20
        >>> data = from_arrays({"audio": rows, "visual": rows.flip(1), "split": split})
        >>> found = find_leakage(data)
        >>> found.found, found.copies, [(clip.test, clip.train) for clip in found.clips]
        (1, 0, [('50', '3')])
    """
    if not {"train", "test"} <= data.splits.keys():
        return None
    paired = data.paired
    train, test = (rows[paired[rows]] for rows in (data.splits["train"], data.splits["test"]))
    if min(len(train), len(test)) < LEAST_CLIPS:
        return None
    every, train = len(train), _spaced(train, _MOST)
    width = sum(values[0].numel() for values in data.modalities.values())
    looked_at = _spaced(test, max(_FEWEST, _PRODUCTS // (len(train) * width)))
    part = replace(data, splits={}, truth={}).subset(torch.cat([train, looked_at]))
    clips = ScaledClips.of(part, scalers)
    points, first = clips.joined(), clips.first_copy[len(train) :]
    near = nearest_among(points[len(train) :], points[: len(train)], NEIGHBOURS)
    copied = first < len(train)
    chances = torch.where(copied, 0.0, chances_of_nearness(near.distances)[0][:, 0])
    chosen = select_significant(chances, share) | copied
    rows = chosen.nonzero().flatten()
    shown = rows[near.distances[rows, 0].argsort(stable=True)][:_SHOWN].tolist()
    return Leakage(
        found=int(chosen.sum()),
        copies=int(copied.sum()),
        expected=float(chances[chosen].max()) * len(chances) if len(rows) else 0.0,
        tests=len(looked_at),
        tests_of=len(test),
        training=len(train),
        training_of=every,
        clips=tuple(
            LeakedClip(
                part.ids[len(train) + row],
                part.ids[int(first[row] if copied[row] else near.rows[row, 0])],
                0.0 if copied[row] else float(near.distances[row, 0]),
            )
            for row in shown
        ),
    )


def _spaced(rows: Tensor, most: int) -> Tensor:
    """At most so many of some rows, at even distances."""
    if len(rows) <= most:
        return rows
    return rows[torch.linspace(0, len(rows) - 1, most, dtype=torch.float64).round().long()]
