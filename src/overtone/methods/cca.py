"""Linear CCA and Cluster-CCA: the closed-form baselines, on pairs of a clip and on all pairs of a class."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from overtone.core import InputError, Settings
from overtone.methods.base import Batch, CorpusInfo, Method, methods
from overtone.networks import CanonicalProjection


class CCASettings(Settings):
    """Settings of linear CCA."""

    dimensions: int | None = Field(None, ge=1)
    """Canonical directions kept; null: all, as weak ones are scaled down."""
    ridge: float = Field(0.3, ge=0)
    """Added to each variance, as a share of the mean variance."""
    power: float = Field(2.0, ge=0)
    """A canonical direction is scaled by its correlation to this power."""


@methods.register("cca")
class CCA(Method):
    """Regularised linear canonical correlation analysis on the scaled features; sequences are averaged over time.

    Source:
        Hotelling 1936; Vinod 1976 for the ridge; see :class:`overtone.networks.CanonicalProjection`.
    """

    name = "cca"
    iterative = False
    settings: CCASettings
    settings_type = CCASettings

    def __init__(self, settings: Settings, corpus: CorpusInfo) -> None:
        super().__init__(settings, corpus)
        widths = corpus.shapes[0][-1], corpus.shapes[1][-1]
        self.projection = CanonicalProjection(widths, self.settings.dimensions)

    def on_train_start(self, train: Batch) -> None:
        """Fit on the training rows."""
        first, second = train.features
        self.projection.fit(flat(first), flat(second), self.settings.ridge)

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """Not called: there is nothing to descend."""
        raise RuntimeError("linear CCA is a closed form and takes no steps")

    def embed(self, features: Tensor, modality: int) -> Tensor:
        """Canonical coordinates of unit length, each direction scaled by its correlation."""
        coordinates: Tensor = self.projection(flat(features), modality, self.settings.power)
        return coordinates

    def embed_variants(self, features: Tensor, modality: int) -> dict[str, Tensor]:
        """The plain, whitened coordinates."""
        return {"unscaled": self.projection(flat(features), modality, 0.0)}


class ClusterCCASettings(CCASettings):
    """Settings of Cluster-CCA."""

    dimensions: int | None = Field(None, ge=1)
    """Canonical directions kept; null: one fewer than classes, as no more can correlate."""
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

    Raises:
        InputError: Fewer than two classes are annotated.
    """
    check_classes(train)
    assert train.labels is not None
    first, second = train.features
    projection.fit(flat(first), flat(second), ridge, train.labels)


def check_classes(train: Batch) -> None:
    """Refuse labels from which no difference of classes can be learnt.

    Raises:
        InputError: Fewer than two classes are annotated.
    """
    assert train.labels is not None
    labels = train.gather(train.labels)
    annotated = int((labels[labels >= 0].bincount() > 0).sum()) if labels.dim() == 1 else int((labels > 0).any(0).sum())
    if annotated < 2:
        raise InputError(
            "the training rows have labels of too few classes to learn from",
            got=f"{annotated} of {train.classes or labels.shape[-1]} classes",
            valid="at least two",
            fix="annotate clips of several classes, or choose a label-free method",
        )


def flat(features: Tensor) -> Tensor:
    """(n, d) rows as they are, (n, T, d) sequences averaged over time."""
    return features.mean(1) if features.dim() == 3 else features
