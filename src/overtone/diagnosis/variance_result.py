"""The figures of VARIANCE, typed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from overtone.core.documents import Document
from overtone.core.results import Record, Result


@dataclass(frozen=True, repr=False)
class VarianceResult(Document, Result):
    r"""How unit-length rows :math:`z_i` of C classes lie, with :math:`\mu_c` the mean of class c.

    Classes without rows take no part. All variances are sums over the dimensions, and so in squared units of the
    sphere's radius; standard deviations are those of the population.

    Attributes:
        intra_variance: :math:`\sigma^2_{intra} = \frac1C \sum_c \sigma^2_c`, within the classes.
        intra_variance_std: Standard deviation of :math:`\sigma^2_c` over the classes.
        centroid_distance: Mean Euclidean distance between two centroids, over all pairs of classes. Some papers call
            this the inter-class variance.
        centroid_distance_std: Its standard deviation over the pairs.
        between_variance: :math:`\frac1C \sum_c \lVert \mu_c - \bar\mu \rVert^2` with :math:`\bar\mu` the mean of the
            centroids: the true variance between classes.
        variance_ratio: Intra-class variance by between-class variance; NaN where the centroids coincide.
        smallest_gap: The smallest distance of two centroids.
        smallest_gap_classes: Whose it is.
        effective_rank: Dimensions that the rows fill: :func:`~overtone.evaluation.effective_rank`.
        dimensions: d.
        classes: C, classes that have rows.
        rows: Rows with a label.
        unlabelled: Rows without one, left out of everything.
        per_class: Name to ``{"variance": σ²_c, "rows": its rows (sum of weights)}``.
    """

    intra_variance: float
    intra_variance_std: float
    centroid_distance: float
    centroid_distance_std: float
    between_variance: float
    variance_ratio: float
    smallest_gap: float
    smallest_gap_classes: tuple[str, str]
    effective_rank: float
    dimensions: int
    classes: int
    rows: int
    unlabelled: int
    per_class: dict[str, dict[str, float]]

    def headline(self) -> str:
        """How much was measured, and the two variances."""
        spread = f"variance within classes {self.intra_variance:.4g}, between them {self.between_variance:.4g}"
        return f"{self.rows} rows of {self.classes} classes: {spread}, effective rank {self.effective_rank:.4g}"

    def iter_records(self) -> Iterator[Record]:
        """A row per class, the widest first."""
        ordered = sorted(self.per_class.items(), key=lambda item: -item[1]["variance"])
        return ({"class": name, **one} for name, one in ordered)

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain JSON-able values; the two of the centroids' distances as ``mean`` and ``std``."""
        found = super().to_dict()
        distance = {"mean": found["centroid_distance"], "std": found.pop("centroid_distance_std")}
        return {**found, "centroid_distance": distance}
