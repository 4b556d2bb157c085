"""Linear CCA: the closed-form baseline."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from overtone.core import Settings
from overtone.methods.base import Batch, CorpusInfo, Method, methods
from overtone.networks import CanonicalProjection


class CCASettings(Settings):
    """Settings of linear CCA."""

    dimensions: int | None = Field(None, ge=1)
    """Canonical directions kept; None: all, for the scaling fades the weak ones out."""
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


def flat(features: Tensor) -> Tensor:
    """(n, d) rows as they are, (n, T, d) sequences averaged over time."""
    return features.mean(1) if features.dim() == 3 else features
