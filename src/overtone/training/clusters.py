"""Whether the training pairs form small clusters, which random walks among them should not leave."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from overtone.evaluation.clusters import LEAST_ROWS, ClusterSize, cluster_size

_LEAST_BEND = 0.1
"""Sure bend of the agreement from which on it counts as a sign of clusters."""


@dataclass(frozen=True)
class ClusterCheck:
    """What the neighbourhoods say of clusters.

    Attributes:
        found: The size at which the modalities' neighbours stop growing alike, and how clearly they do.
    """

    found: ClusterSize

    @property
    def size(self) -> int:
        """Clips of a cluster; 0 where there is no sure sign of clusters."""
        return self.found.size if self.found.sure_bend >= _LEAST_BEND else 0

    def summary(self) -> dict[str, float | int | str]:
        """What ``run.json`` says."""
        return {
            "size": self.size,
            "bend": round(self.found.bend, 4),
            "bend_error": round(self.found.error, 4),
            "said": self.sentence(),
        }

    def sentence(self) -> str:
        """How large the clusters are, and how clear that is."""
        bend = f"the agreement of neighbours bends by {self.found.bend:.2f} ± {self.found.error:.2f}"
        if not self.size:
            return f"none for sure ({bend} at most)"
        if self.found.is_largest:
            return f"of {self.size} clips or more ({bend} there)"
        return f"of about {self.size} clips ({bend} there)"


def check_clusters(first: Tensor, second: Tensor) -> ClusterCheck | None:
    """Look for clusters among training rows, by :func:`~overtone.evaluation.clusters.cluster_size`.

    Args:
        first: (N, d) or (N, T, d) scaled training rows of the first modality.
        second: Of the second.

    Returns:
        None for fewer rows than have neighbourhoods.
    """
    return ClusterCheck(cluster_size(first, second)) if len(first) >= LEAST_ROWS else None
