"""TNN-C-CCA: a triplet network on the coordinates that Cluster-CCA finds."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from overtone.core import Settings
from overtone.methods.base import Batch, CorpusInfo, methods
from overtone.methods.cca import class_directions, fit_on_classes, flat
from overtone.methods.metric_learning import Triplet, TripletSettings
from overtone.networks import CanonicalProjection


class TNNCCCASettings(TripletSettings):
    """Settings of TNN-C-CCA."""

    cluster_ridge: float = Field(0.3, ge=0)
    """Ridge of the Cluster-CCA below the network, as a share of the mean variance."""
    cluster_power: float = Field(0.0, ge=0)
    """A direction of that Cluster-CCA is scaled by its correlation to this power."""


@methods.register("tnn-c-cca")
class TNNCCCA(Triplet):
    """Cross-modal triplets of networks that see a clip's Cluster-CCA coordinates in place of its features.

    Source:
        Zeng, Yu & Oyama, Deep Triplet Neural Networks with Cluster-CCA for Audio-Visual Cross-modal Retrieval,
        TOMM 2020, arXiv 1908.03737.
    """

    name = "tnn-c-cca"
    settings: TNNCCCASettings
    settings_type = TNNCCCASettings

    def __init__(self, settings: Settings, corpus: CorpusInfo) -> None:
        directions = class_directions(corpus)
        super().__init__(settings, corpus._replace(shapes=((directions,), (directions,))))
        self.clusters = CanonicalProjection((corpus.shapes[0][-1], corpus.shapes[1][-1]), directions)

    def on_train_start(self, train: Batch) -> None:
        """Fit Cluster-CCA on the training rows."""
        super().on_train_start(train)
        fit_on_classes(self.clusters, train, self.settings.cluster_ridge)

    def coordinates(self, features: Tensor, modality: int) -> Tensor:
        """(n, d) or (n, T, d) features to (n, k) Cluster-CCA coordinates with entries of mean square 1."""
        unit: Tensor = self.clusters(flat(features), modality, self.settings.cluster_power)
        scaled: Tensor = unit * unit.shape[1] ** 0.5
        return scaled

    def encode(self, batch: Batch, features: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """The student's embeddings of the coordinates."""
        first, second = (self.coordinates(part, side) for side, part in enumerate(features))
        return super().encode(batch, (first, second))

    def teach(self, features: Tensor, modality: int) -> Tensor:
        """The teacher's embeddings of the coordinates."""
        return super().teach(self.coordinates(features, modality), modality)
