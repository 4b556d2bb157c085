"""The rows that a process trains on, on its device."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from overtone.core.scratch import release
from overtone.methods.base import Batch
from overtone.training.distribution import Group


@dataclass(frozen=True)
class Rows:
    """Rows on the device.

    Attributes:
        features: (N, d) or (N, T, d) scaled features of the two modalities.
        labels: (N,) class codes or (N, C) targets, as in a batch; None for a method without labels.
        present: (N,) bool of either modality, whether each row has it; None: all have both.
        groups: (N,) int64 numbers of groups; None: there are none.
        classes: C, number of classes; 0 without labels.
        parts: The processes that hold a part of the training rows each: equally long, in their order, this one its own.
            Of a single one, this process holds all rows.
    """

    features: tuple[Tensor, Tensor]
    labels: Tensor | None = None
    present: tuple[Tensor, Tensor] | None = None
    groups: Tensor | None = None
    classes: int = 0
    parts: Group = field(default_factory=Group)

    def __len__(self) -> int:
        return len(self.features[0])

    @property
    def total(self) -> int:
        """Rows of all parts."""
        return len(self) * self.parts.size

    @property
    def offset(self) -> int:
        """Number of the first row among those of all parts."""
        return len(self) * self.parts.rank

    def release(self) -> None:
        """Let the system take back the memory of features that lie in a file."""
        release(*self.features)

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return self.features[0].device

    @cached_property
    def paired(self) -> Tensor | None:
        """Numbers of the rows that have both modalities; None: all."""
        return None if self.present is None else torch.nonzero(self.present[0] & self.present[1]).flatten()

    def taken_apart(self, wrong: Tensor, halves: bool) -> Rows:
        """The rows without the pairs of some of them, whose two halves follow as rows of one modality each, if asked.

        Args:
            wrong: Numbers of rows, each with both modalities; of a corpus without labels.
            halves: Whether the halves are kept.
        """
        right = torch.ones(len(self), dtype=torch.bool, device=self.device)
        right[wrong] = False
        first, second = self.features
        groups = None if self.groups is None else self.groups[right]
        if not halves:
            present = None if self.present is None else (self.present[0][right], self.present[1][right])
            return Rows((first[right], second[right]), None, present, groups)
        lone = torch.ones(len(wrong), dtype=torch.bool, device=self.device)
        has_first, has_second = self.present or (torch.ones_like(right), torch.ones_like(right))
        return Rows(
            (
                torch.cat([first[right], first[wrong], torch.zeros_like(first[wrong])]),
                torch.cat([second[right], torch.zeros_like(second[wrong]), second[wrong]]),
            ),
            None,
            (torch.cat([has_first[right], lone, ~lone]), torch.cat([has_second[right], ~lone, lone])),
            None if groups is None or self.groups is None else torch.cat([groups, *[self.groups[wrong]] * 2]),
        )

    def whole(self, generator: torch.Generator, progress: float = 0.0) -> Batch:
        """All rows as one batch: the same on every process or, of parts, this process's own."""
        return Batch(
            torch.arange(self.offset, self.offset + len(self), device=self.device),
            self.features,
            self.labels,
            progress,
            self.parts.gather,
            self.offset,
            self.total,
            generator=generator,
            present=self.present,
            pairs=None if self.paired is None else len(self.paired),
            groups=self.groups,
            classes=self.classes,
        )
