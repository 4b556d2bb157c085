"""VARIANCE: how an embedding spreads within its classes and between them, from sums that can be merged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from overtone.core import InputError
from overtone.core.errors import refuse_repeated
from overtone.diagnosis.variance_result import VarianceResult
from overtone.evaluation.arrays import ArrayLike, unit_rows, whole_number
from overtone.evaluation.geometry import covariance_rank, pair_distances
from overtone.features.label_reading import read_labels

_MOST_CLASSES = 2**20
"""More than anyone has: a number beyond is a hash or an id, and a table of that many rows would not fit in memory."""


class Variance:
    r"""The figures of :class:`VarianceResult` in one pass over batches, mergeable over shards and processes.

    Only sums are kept, in float64: of the weights and of the weighted rows per class, of the rows and of their outer
    products. On unit rows they suffice, since with weights :math:`w_{ic}` (1 or 0 for class numbers)

    .. math::
        \mu_c = \frac{\sum_i w_{ic} z_i}{\sum_i w_{ic}}, \qquad
        \sigma^2_c = \frac{\sum_i w_{ic} \lVert z_i - \mu_c \rVert^2}{\sum_i w_{ic}} = 1 - \lVert \mu_c \rVert^2 .

    So the result is the same, up to rounding of about 1e-15, however the rows are divided, and the states of processes
    can be added up by any all-reduce.

    Args:
        classes: Number of classes or their names; None takes what the labels need. State it where states of several
            processes are added: their shapes must agree.
        dimensions: d; None takes that of the first batch. State it where a process may get no batch at all.

    Raises:
        InputError: ``classes`` is no positive whole number, or two names are the same.

    Example:
        >>> seen = Variance()
        >>> for rows, labels in [([[1.0, 0.0], [0.0, 1.0]], [0, 0]), ([[-1.0, 0.0]], [1])]:
        ...     seen = seen.update(rows, labels)
        >>> result = seen.result()
        >>> result.per_class["0"]["variance"], result.intra_variance
        (0.5, 0.25)
    """

    def __init__(self, classes: int | Sequence[str] | None = None, dimensions: int | None = None) -> None:
        self.class_names: tuple[str, ...] | None = None
        self.classes: int | None = None
        if isinstance(classes, Iterable) and not isinstance(classes, str):
            self.class_names = tuple(map(str, classes))
            refuse_repeated("classes", self.class_names)
            self.classes = len(self.class_names)
        elif classes is not None:
            self.classes = whole_number(classes, "classes")
            if self.classes < 1:
                raise InputError("classes: at least one is needed", got=self.classes)
        self.dimensions = dimensions
        self._sums = _no_rows(self.classes or 0, dimensions or 0)

    @torch.no_grad()
    def update(self, embeddings: ArrayLike, labels: ArrayLike) -> Variance:
        """Take in a batch, as :func:`variance` takes all rows, and return itself.

        Raises:
            InputError: A row is NaN, infinite or all zero; shapes do not fit; a label is out of range.
        """
        rows = unit_rows(embeddings, "embeddings", torch.float64)
        if self.dimensions not in (None, rows.shape[1]):
            raise InputError("embeddings: as wide as those before", got=rows.shape[1], valid=self.dimensions)
        read = _read_labels(labels, len(rows), self.classes, self.class_names)
        self.dimensions = rows.shape[1]
        self._add(_sums_of(rows, read, self.classes or 0))
        return self

    def merge(self, other: Variance) -> Variance:
        """Add what another one has seen, which is left as it is, and return itself.

        Raises:
            InputError: The two are about different classes or dimensions.
        """
        for what, ours, theirs in (
            ("dimensions", self.dimensions, other.dimensions),
            ("classes", self.class_names or self.classes, other.class_names or other.classes),
        ):
            if None not in (ours, theirs) and ours != theirs:
                raise InputError(f"cannot merge: the {what} differ", got=f"{ours} and {theirs}")
        self.dimensions = self.dimensions or other.dimensions
        self._add(other._sums)
        return self

    def state(self) -> dict[str, Tensor]:
        """The sums as float64 tensors on the CPU; the sum of two states is the state of both together."""
        return {name: tensor.clone() for name, tensor in self._sums.items()}

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor], classes: int | Sequence[str] | None = None) -> Variance:
        """Go on from what :meth:`state` gave, perhaps added up over processes.

        Raises:
            InputError: These are not the sums of a Variance of so many classes.
        """
        made = cls(classes)
        sums = {name: torch.as_tensor(tensor).detach().cpu().double() for name, tensor in state.items()}
        if sums.keys() != made._sums.keys() or (made.classes is not None and len(sums["weights"]) != made.classes):
            message = "not the state of a Variance with these classes"
            raise InputError(message, got=sorted(sums), valid=sorted(made._sums))
        made.dimensions = len(sums["total"]) or None
        made._sums = _no_rows(0, 0)
        made._add(sums)
        return made

    def result(self) -> VarianceResult:
        """The figures of all rows so far.

        Raises:
            InputError: Fewer than two classes have rows, so that nothing lies between classes.
        """
        sums = self._sums
        present = (sums["weights"] > 0).nonzero().flatten()
        if len(present) < 2:
            fix = "give rows of more classes, and check that the labels are not all the same"
            raise InputError("variance: at least two classes must have rows", got=f"{len(present)}", fix=fix)
        names = [self.class_names[c] if self.class_names else str(c) for c in present.tolist()]
        weights = sums["weights"][present]
        centroids = sums["sums"][present] / weights[:, None]
        within = (1.0 - centroids.square().sum(1)).clamp_min(0.0)
        intra, between = float(within.mean()), float((centroids - centroids.mean(0)).square().sum(1).mean())
        gaps = pair_distances(centroids)
        mean = sums["total"] / sums["rows"]
        a, b = gaps.pair
        return VarianceResult(
            intra_variance=intra,
            intra_variance_std=float(within.std(correction=0)),
            centroid_distance=gaps.mean,
            centroid_distance_std=gaps.std,
            between_variance=between,
            variance_ratio=intra / between if between > 0 else float("nan"),
            smallest_gap=gaps.smallest,
            smallest_gap_classes=(names[a], names[b]),
            effective_rank=covariance_rank(sums["moment"] / sums["rows"] - torch.outer(mean, mean)),
            dimensions=len(mean),
            classes=len(names),
            rows=int(sums["rows"]),
            unlabelled=int(sums["unlabelled"]),
            per_class={
                name: {"variance": variance, "rows": int(rows) if rows.is_integer() else rows}
                for name, variance, rows in zip(names, within.tolist(), weights.tolist())
            },
        )

    def _add(self, more: Mapping[str, Tensor]) -> None:
        self._sums = {name: _padded_sum(ours, more[name]) for name, ours in self._sums.items()}


def variance(embeddings: ArrayLike, labels: ArrayLike, *, classes: int | Sequence[str] | None = None) -> VarianceResult:
    """How an embedding spreads within its classes and between them; :class:`Variance` over the whole arrays.

    Args:
        embeddings: (N, d) numbers, numpy or torch, of any scale: rows are brought to unit length.
        labels: (N,) class numbers from 0 or names, -1 or empty for none; or (N, C) weights in [0, 1], all zero for
            none: a row counts in each class by its weight.
        classes: As for :class:`Variance`.

    Returns:
        The figures.

    Raises:
        InputError: A row is NaN, infinite or all zero; shapes do not fit; a label is out of range; or fewer than two
            classes have rows.

    Source:
        Variance & Greediness, arXiv 2601.21450, for the intra-class variance and the centroid distances.

    Example:
        >>> found = variance([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [-2.0, 0.0]], [0, 0, 1, 1])
        >>> found.intra_variance, round(found.centroid_distance, 4)
        (0.25, 1.5811)
    """
    if classes is None:
        read = read_labels(labels, "labels")
        if read.named:
            labels, classes = read.encode()
    return Variance(classes).update(embeddings, labels).result()


def _read_labels(values: ArrayLike, rows: int, classes: int | None, names: Sequence[str] | None) -> Tensor:
    """Labels as (N,) int64 class numbers, -1 for none, or (N, C) float64 weights, on the CPU; checked."""
    labels = read_labels(values, "labels")
    if len(labels.values) != rows:
        got = f"{len(labels.values)}"
        raise InputError("labels: one per row of the embeddings is needed", got=got, valid=f"{rows}")
    if labels.named:
        if names is None:
            raise InputError("labels: names of classes", fix="name the classes: Variance(classes=[...])")
        return torch.from_numpy(labels.encode(names)[0])
    if labels.values.ndim == 2:
        if classes is not None and labels.values.shape[1] != classes:
            got = f"{labels.values.shape[1]}"
            raise InputError("labels: one column per class is needed", got=got, valid=f"{classes}")
        return torch.from_numpy(labels.values).double()
    largest = int(labels.values.max())
    if classes is not None and largest >= classes:
        raise InputError("labels: a class number is too large", got=largest, valid=f"0 to {classes - 1}")
    if largest >= _MOST_CLASSES:
        raise InputError("labels: a class number is too large", got=largest, fix="number the classes from 0")
    return torch.from_numpy(labels.values)


def _no_rows(classes: int, dimensions: int) -> dict[str, Tensor]:
    shapes: dict[str, tuple[int, ...]] = {
        "weights": (classes,),
        "sums": (classes, dimensions),
        "total": (dimensions,),
        "moment": (dimensions, dimensions),
        "rows": (),
        "unlabelled": (),
    }
    return {name: torch.zeros(shape, dtype=torch.float64) for name, shape in shapes.items()}


def _sums_of(rows: Tensor, labels: Tensor, classes: int) -> dict[str, Tensor]:
    """The sums of checked labels; there are as many classes as these need, or more."""
    known = labels >= 0 if labels.dim() == 1 else (labels > 0).any(dim=1)
    left_out = (~known).sum().double()
    rows, labels = rows[known], labels[known]
    if labels.dim() == 1:
        weights = torch.bincount(labels, minlength=classes).double()
        sums = torch.zeros(len(weights), rows.shape[1], dtype=torch.float64).index_add_(0, labels, rows)
    else:
        weights, sums = labels.sum(0), labels.mT @ rows
    return {
        "weights": weights,
        "sums": sums,
        "total": rows.sum(0),
        "moment": rows.mT @ rows,
        "rows": torch.tensor(float(len(rows)), dtype=torch.float64),
        "unlabelled": left_out,
    }


def _padded_sum(first: Tensor, second: Tensor) -> Tensor:
    """Sum of two tensors, each taken as zero where only the other one reaches: classes appear as they come."""
    shape = [max(sizes) for sizes in zip(first.shape, second.shape)]
    total = first.new_zeros(shape)
    for part in (first, second):
        total[tuple(map(slice, part.shape))] += part
    return total
