"""Leakage: test clips that are near-duplicates of training clips, so that a method may know them by heart."""

from __future__ import annotations

from dataclasses import dataclass

from overtone.core.documents import Document


@dataclass(frozen=True)
class LeakedClip(Document):
    """A test clip and the training clip that it is near to.

    Attributes:
        test: Id of the test clip.
        train: Id of the nearest training clip.
        distance: Between their scaled features, unit rows of all modalities side by side: 0 for copies, at most 2.
    """

    test: str
    train: str
    distance: float


@dataclass(frozen=True)
class Leakage(Document):
    """Near-duplicates between the training and the test split.

    Attributes:
        found: Test clips that lie nearer to a training clip than chance puts neighbours, copies included.
        copies: Those whose features are equal to a training clip's.
        expected: How many of them chance explains.
        tests: Test clips that were looked at, evenly spaced among all.
        tests_of: All test clips with both modalities.
        training: Training clips that they were compared with, evenly spaced among all.
        training_of: All training clips with both modalities.
        clips: Some of those found, the nearest first.
    """

    found: int
    copies: int
    expected: float
    tests: int
    tests_of: int
    training: int
    training_of: int
    clips: tuple[LeakedClip, ...] = ()

    @property
    def share(self) -> float:
        """Share of the test clips looked at that leaked."""
        return self.found / self.tests if self.tests else 0.0
