"""Cluster-CCA: linear CCA on all pairs of a class, the closed-form baseline with labels."""

from __future__ import annotations

from pydantic import Field

from overtone.core import InputError, Settings
from overtone.methods.base import Batch, CorpusInfo, methods
from overtone.methods.cca import CCA, CCASettings, flat
from overtone.networks import CanonicalProjection


class ClusterCCASettings(CCASettings):
    """Settings of Cluster-CCA."""

    dimensions: int | None = Field(None, ge=1)
    """Canonical directions kept; None: one fewer than classes, for the others hold no correlation."""
    power: float = Field(0.5, ge=0)
    """A canonical direction is scaled by its correlation to this power."""


@methods.register("cluster-cca")
class ClusterCCA(CCA):
    """Linear CCA in which every clip is paired with all clips that share a class; sequences are averaged over time.

    Clips without a label are left out, and a pair counts once for each class that it shares.

    Source:
        Rasiwasia, Mahajan, Mahadevan & Aggarwal, Cluster Canonical Correlation Analysis, AISTATS 2014.
    """

    name = "cluster-cca"
    supervised = True
    settings: ClusterCCASettings
    settings_type = ClusterCCASettings

    @classmethod
    def resolve(cls, settings: Settings, corpus: CorpusInfo) -> Settings:
        """Dimensions by the number of classes."""
        chosen = settings.model_dump()["dimensions"]
        return settings if chosen else settings.changed(dimensions=class_directions(corpus))

    def on_train_start(self, train: Batch) -> None:
        """Fit on the training rows."""
        fit_on_classes(self.projection, train, self.settings.ridge)


def class_directions(corpus: CorpusInfo) -> int:
    """Directions in which classes can correlate: one fewer than classes, at most the narrower modality's columns."""
    return max(1, min(corpus.classes - 1, *(shape[-1] for shape in corpus.shapes)))


def fit_on_classes(projection: CanonicalProjection, train: Batch, ridge: float) -> None:
    """Fit a projection on all pairs of a class.

    Args:
        projection: To be fitted.
        train: All training rows with their targets.
        ridge: Share of the mean variance that is added to each variance.

    Raises:
        InputError: Fewer than two classes are annotated.
    """
    assert train.targets is not None
    check_classes(train)
    first, second = train.features
    projection.fit(flat(first), flat(second), ridge, train.targets)


def check_classes(train: Batch) -> None:
    """Refuse labels from which no difference of classes can be learnt.

    Args:
        train: All training rows with their targets.

    Raises:
        InputError: Fewer than two classes are annotated.
    """
    assert train.targets is not None
    annotated = int((train.targets > 0).any(0).sum())
    if annotated < 2:
        raise InputError(
            "the training rows have labels of too few classes to learn from",
            got=f"{annotated} of {train.targets.shape[1]} classes",
            valid="at least two",
            fix="annotate clips of several classes, or choose a label-free method",
        )
