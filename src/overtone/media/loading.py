"""Prepared images in batches, decoded in threads one batch ahead; and reports of progress."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from overtone.core import InputError, Progress, ProgressCallback
from overtone.media.catalogue import Catalogue
from overtone.media.decoding.images import Image, Pixels, decode
from overtone.media.decoding.kinds import BrokenMedium


@dataclass(frozen=True)
class Batch:
    """One batch."""

    rows: Tensor
    """(n,) int64 row numbers of the images that could be decoded."""
    images: Tensor
    """(n, height, width, 3) 8-bit pixels."""
    broken: dict[int, str]
    """Row number to reason, of the others."""


class Loader:
    """Loads the images of a catalogue, prepared for a backbone.

    They are decoded in ``threads``, by default one per core and eight at most; one that cannot be decoded is an error
    unless such images are to be skipped.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        prepare: Callable[[Image], Pixels],
        *,
        threads: int | None = None,
        skip_broken: bool = False,
    ) -> None:
        self.catalogue = catalogue
        self.prepare = prepare
        self.threads = threads or min(8, os.cpu_count() or 1)
        self.skip_broken = skip_broken

    def batches(self, rows: Sequence[int], size: int) -> Iterator[Batch]:
        """One batch per ``size`` rows, in their order; one that is empty where all images of it are broken.

        InputError where an image cannot be decoded and is not to be skipped.
        """
        parts = [rows[at : at + size] for at in range(0, len(rows), size)]
        with ThreadPoolExecutor(self.threads) as pool:
            ahead = [pool.submit(self._one, row) for row in parts[0]] if parts else []
            for number, part in enumerate(parts):
                current, following = ahead, parts[number + 1] if number + 1 < len(parts) else ()
                ahead = [pool.submit(self._one, row) for row in following]
                try:
                    yield _join(part, [one.result() for one in current])
                except BaseException:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise

    def _one(self, row: int) -> Pixels | str:
        """Pixels, or why there are none."""
        try:
            return self.prepare(decode(self.catalogue.image(row)))
        except BrokenMedium as reason:
            if self.skip_broken:
                return str(reason)
            of = self.catalogue
            where = of.media[row] if of.media else f"{of.source}, image {of.ids[row]!r}"
            fix = "replace or remove it, or leave such images out with --skip-broken"
            raise InputError(f"{where}: cannot be decoded ({reason})", fix=fix) from None


def _join(rows: Sequence[int], made: Sequence[Pixels | str]) -> Batch:
    good = [(row, pixels) for row, pixels in zip(rows, made) if not isinstance(pixels, str)]
    broken = {row: reason for row, reason in zip(rows, made) if isinstance(reason, str)}
    images = np.stack([pixels for _, pixels in good]) if good else np.empty((0, 1, 1, 3), np.uint8)
    return Batch(torch.tensor([row for row, _ in good], dtype=torch.int64), torch.from_numpy(images), broken)


def make_reporter(progress: ProgressCallback, label: str, total: int, unit: str = "") -> Callable[[int], None]:
    """A function that reports how many units are done; time to come is estimated from those since its first call."""
    begin, first = time.monotonic(), -1

    def report(done: int) -> None:
        nonlocal first
        first = done if first < 0 else first
        seconds = time.monotonic() - begin
        eta = seconds / max(done - first, 1) * (total - done)
        progress(Progress(label, done, total, unit, seconds=seconds, eta=eta))

    return report
