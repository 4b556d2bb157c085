"""What a run says of each clip: as numbers and classes to colour and sort by, at once or when somebody asks."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from overtone.core import ProgressCallback, unknown_name
from overtone.evaluation import counterpart_ranks, neighbour_agreement
from overtone.evaluation.agreement import NEAREST
from overtone.explorer.columns import Column, number_column
from overtone.explorer.kept import Arrays, Kept
from overtone.explorer.projection import Floats, Views

Values = NDArray[np.int32] | NDArray[np.float32]

SIMILARITY, AGREEMENT = "similarity of the pair", "agreement of neighbours"
MOST_AT_ONCE = 20_000
"""Clips whose counterparts are ranked without being asked to: the time grows with the square of their number."""
MOST_CLUSTERS = 100
_CLUSTERS = re.compile(r"([1-9]\d{0,2}) clusters")
_USUAL = 12
"""Clusters where classes do not say how many."""
_BATCH = 4096


@dataclass(frozen=True, eq=False)
class Classes:
    """What clusters are named after.

    Attributes:
        names: Of the classes.
        codes: (N,) the class of each clip, -1 for none.
    """

    names: tuple[str, ...]
    codes: NDArray[np.int32]

    @property
    def usual(self) -> int:
        """How many clusters are made unless somebody says: as many as classes, where these are a few."""
        return len(self.names) if 2 <= len(self.names) <= MOST_CLUSTERS // 2 else _USUAL


class RunColumns:
    """The columns of a run.

    Args:
        modalities: The two modalities.
        views: The embeddings of N clips.
        kept: Where slow ones are kept.
        number: Of the run.
        classes: What clusters are named after; None without labels.
    """

    def __init__(
        self, modalities: tuple[str, str], views: Views, kept: Kept, number: int = 0, classes: Classes | None = None
    ) -> None:
        self.modalities, self.views, self.kept, self.number = modalities, views, kept, number
        self.classes = classes or Classes((), np.full(len(views.vectors[0]), -1, dtype=np.int32))
        self.paired: NDArray[np.bool_] = views.present[0] & views.present[1]
        self.columns: dict[str, Column] = {}
        self.values: dict[str, Values] = {}
        self._offered: dict[str, Callable[[ProgressCallback | None], Floats]] = {}
        self._means = {
            SIMILARITY: "Cosine of the two halves of a clip.",
            AGREEMENT: f"Share of the {NEAREST} nearest clips in one modality that are so in the other; by chance "
            f"{min(1.0, NEAREST / max(int(self.paired.sum()) - 1, 1)):.2g}.",
        }
        first, second = views.vectors
        self._number(SIMILARITY, np.where(self.paired, np.einsum("ij,ij->i", first, second), np.nan))
        for at, (asked, sought) in enumerate((modalities, modalities[::-1])):
            name = f"rank of the counterpart, {asked} → {sought}"
            self._means[name] = f"Place of the clip's own {sought} among all, nearest to its {asked} first: 1 is best."
            self._offered[name] = partial(self._rank, at)
            if self.paired.sum() <= MOST_AT_ONCE or kept.read("ranks") is not None:
                self.compute(name)
        self._offered[AGREEMENT] = self._agreement

    @property
    def offered(self) -> tuple[str, ...]:
        """Columns that are there when somebody asks for them; clusters apart."""
        return tuple(name for name in self._offered if name not in self.columns)

    @property
    def measures(self) -> tuple[str, ...]:
        """Columns of numbers that are there."""
        return tuple(name for name, one in list(self.columns.items()) if one.kind == "number")

    @property
    def most_clusters(self) -> int:
        """How many clusters there can be; 0 for too few clips."""
        count = int((self.views.present[0] | self.views.present[1]).sum())
        return min(MOST_CLUSTERS, count // 2) if count >= 4 else 0

    def compute(self, name: str, progress: ProgressCallback | None = None) -> Column:
        """A column, computed now if it was not yet. May take long.

        Args:
            name: One of :attr:`offered`, or ``"12 clusters"``.
            progress: Called while it is computed.

        Raises:
            InputError: There is no such column, or not for so few clips.
        """
        clusters = self.check(name)
        if name not in self.columns:
            if clusters is None:
                self._number(name, self._offered[name](progress))
            else:
                self._cluster(name, clusters)
        return self.columns[name]

    def check(self, name: str) -> int | None:
        """How many clusters a name asks for; None for another column.

        Raises:
            InputError: There is no such column, or not for so few clips.
        """
        wanted = _CLUSTERS.fullmatch(name)
        if wanted is not None and 2 <= int(wanted[1]) <= self.most_clusters:
            return int(wanted[1])
        if name not in self.columns and name not in self._offered:
            clusters = [f"2 to {self.most_clusters} clusters"] if self.most_clusters else []
            raise unknown_name("column of the run", name, [*self._offered, *clusters])
        return None

    def _number(self, name: str, values: Floats) -> None:
        self.values[name] = values.astype(np.float32)
        self.columns[name] = number_column(name, self.values[name], self.number, self._means[name])

    def _rank(self, direction: int, _: ProgressCallback | None) -> Floats:
        """The rank of each clip's counterpart, in one direction; both are computed at once."""

        def compute() -> Arrays:
            first, second = (rows[self.paired] for rows in self.views.vectors)
            found = (counterpart_ranks(*way) if len(first) else () for way in ((first, second), (second, first)))
            return {f"direction_{at}": self._of_pairs(ranks) for at, ranks in enumerate(found)}

        return self.kept.once("ranks", compute)[f"direction_{direction}"]

    def _agreement(self, progress: ProgressCallback | None) -> Floats:
        def compute() -> Arrays:
            first, second = (rows[self.paired] for rows in self.views.vectors)
            found = neighbour_agreement(first, second, progress=progress) if len(first) > 1 else ()
            return {"shares": self._of_pairs(found)}

        return self.kept.once("agreement", compute)["shares"]

    def _of_pairs(self, values: Floats | tuple[()]) -> NDArray[np.float32]:
        """(N,) values from those of whole pairs; NaN for all others."""
        found = np.full(len(self.paired), np.nan, dtype=np.float32)
        if len(values):
            found[self.paired] = values
        return found

    def _cluster(self, name: str, count: int) -> None:
        """k-means on each clip's mean over its modalities, each around its own mean: the gap makes no clusters."""
        from sklearn.cluster import MiniBatchKMeans
        from threadpoolctl import threadpool_limits

        total = np.zeros(self.views.vectors[0].shape, dtype=np.float32)
        parts = np.zeros(len(total), dtype=np.int64)
        for rows, has in zip(self.views.vectors, self.views.present):
            if has.any():
                total[has] += rows[has] - rows[has].mean(0)
                parts[has] += 1
        there = parts > 0
        points = total[there] / parts[there, None]
        with threadpool_limits(1):  # the same on every machine
            found = MiniBatchKMeans(count, batch_size=_BATCH, n_init=3, random_state=0).fit_predict(points)
        codes = np.full(len(total), -1, dtype=np.int32)
        sizes = np.bincount(found, minlength=count)
        places = np.empty(count, dtype=np.int32)
        places[np.argsort(-sizes, kind="stable")] = np.arange(count)
        codes[there] = places[found]
        levels = tuple(self._name(at, codes == at) for at in range(int((sizes > 0).sum())))
        means = "By k-means on the mean of both modalities; named by the most frequent label, largest first."
        means = means if self.classes.names else "By k-means on the mean of both modalities, largest first."
        self.values[name], self.columns[name] = codes, Column(name, "category", levels, run=self.number, means=means)

    def _name(self, at: int, members: NDArray[np.bool_]) -> str:
        """``"3: dog 62 %"``: the number of a cluster, the largest first, with its most frequent class."""
        codes = self.classes.codes[members]
        known = codes[codes >= 0]
        if not len(known):
            return f"cluster {at + 1}"
        counts = np.bincount(known)
        return f"{at + 1}: {self.classes.names[counts.argmax()]} {100 * counts.max() / len(codes):.0f} %"
