"""Series over training, and what is derived from them: decay rate, late fall, half compaction."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypedDict

from overtone.core import unknown_name
from overtone.core.results import Record, Result
from overtone.plots import Line, Plot, draw_lines

STEP_SERIES = ("active_ratio", "active_samples", "gradient_norm", "parameter_gradient_norm", "loss")
BATCH_SERIES = ("intra_variance", "easy_share", "easy_samples")
_WINDOW = 5


class Ends(TypedDict):
    """Means over the first and the last tenth of a series."""

    first: float
    last: float


@dataclass(frozen=True, repr=False)
class Greediness(Result):
    """How a loss spent its gradient, as series over steps or epochs; NaN where nothing was measured.

    Attributes:
        step: Number of each step, from 1; of an epoch, the number of its last step.
        active_ratio: Share of the loss's terms that are active, by the loss's own count; for a loss that does not
            count, the same as ``active_samples``.
        active_samples: Share of the samples whose gradient is longer than the threshold.
        gradient_norm: Mean over the samples of ‖∂L/∂z_i‖.
        parameter_gradient_norm: Norm of the gradient over the watched parameters, as the optimiser gets it.
        loss: The value of the loss, the mean over several calls.
        measured_at: Step of each entry of the series that follow, which cost more and are measured every few steps.
        intra_variance: Intra-class variance within the batch.
        easy_share: Share of the gradient's length that falls on easy samples.
        easy_samples: Share of the samples that are easy.
    """

    step: list[int] = field(default_factory=list)
    active_ratio: list[float] = field(default_factory=list)
    active_samples: list[float] = field(default_factory=list)
    gradient_norm: list[float] = field(default_factory=list)
    parameter_gradient_norm: list[float] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    measured_at: list[int] = field(default_factory=list)
    intra_variance: list[float] = field(default_factory=list)
    easy_share: list[float] = field(default_factory=list)
    easy_samples: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.step)

    def __getitem__(self, name: str) -> list[float]:
        series: list[float] = getattr(self, name)
        return series

    def headline(self) -> str:
        """How many entries there are, and how the loss went."""
        known = [value for value in self.loss if math.isfinite(value)]
        went = f", loss {known[0]:.4g} to {known[-1]:.4g}" if known else ""
        return f"{len(self)} entries{went}"

    def iter_records(self) -> Iterator[Record]:
        """A row per entry; what was not measured at its step is None."""
        measured = {step: place for place, step in enumerate(self.measured_at)}
        for row, step in enumerate(self.step):
            at = measured.get(step)
            seldom = {name: None if at is None else self[name][at] for name in BATCH_SERIES}
            yield {"step": step, **{name: self[name][row] for name in STEP_SERIES}, **seldom}

    def plot(self, *series: str) -> Plot:
        """Curves over the steps.

        Args:
            series: Names of series; by default ``active_ratio``.

        Raises:
            InputError: There is no such series.
        """
        known = (*STEP_SERIES, *BATCH_SERIES)
        names = series or ("active_ratio",)
        for name in names:
            if name not in known:
                raise unknown_name("series", name, known)
        lines = [Line(name, self.measured_at if name in BATCH_SERIES else self.step, self[name]) for name in names]
        return draw_lines(lines, x_title="step", y_title=", ".join(names), title="Watched loss")

    def to_dict(self) -> dict[str, Any]:
        """The series by name, as plain JSON-able values."""
        return asdict(self)


class WatchSummary(TypedDict):
    """What ``Watch.summary`` returns; steps and epochs are counted, the series are those of :class:`Greediness`.

    Attributes:
        not_finite: Steps whose loss or gradient was NaN or infinite.
        loss_decay_rate: Per step; None if the loss never fell.
        late_fall: How much of the loss's decrease happened in the last tenth of the steps.
        half_compaction: First step with half of the first intra-class variance, None if there is none.
        active_by: ``"terms"`` if the loss counts its active terms, else ``"samples"``.
        active_means: When a term or a sample counts as active, in words.
        active_threshold: Gradient above which a sample is active.
    """

    steps: int
    epochs: int
    not_finite: int
    active_ratio: Ends
    active_samples: Ends
    gradient_norm: Ends
    parameter_gradient_norm: Ends
    loss: Ends
    intra_variance: Ends
    easy_share: Ends
    easy_samples: Ends
    loss_decay_rate: float | None
    late_fall: float | None
    half_compaction: int | None
    active_by: Literal["terms", "samples"]
    active_means: str
    active_threshold: float


@dataclass(frozen=True, repr=False)
class WatchReport(Result):
    """What a :class:`~overtone.diagnosis.Watch` has recorded.

    Attributes:
        summary: The series at their beginning and end, and what is derived from them.
        steps: The series over all steps.
        epochs: The means over each epoch that was ended.
    """

    summary: WatchSummary
    steps: Greediness
    epochs: Greediness

    def headline(self) -> str:
        """How long was watched, and how the loss and the active ratio went."""
        loss, active = self.summary["loss"], self.summary["active_ratio"]
        went = f"loss {loss['first']:.4g} to {loss['last']:.4g}"
        return f"{self.summary['steps']} steps, {went}, active ratio {active['first']:.3f} to {active['last']:.3f}"

    def iter_records(self) -> Iterator[Record]:
        """A row per series: its mean over the first and over the last tenth of the steps."""
        for name, value in self.summary.items():
            if isinstance(value, Mapping):
                yield {"series": name, **value}

    def plot(self, *series: str) -> Plot:
        """Curves over the steps; see :meth:`Greediness.plot`."""
        return self.steps.plot(*series)


class ThinnedSeries:
    """Named columns of numbers; whenever there are more than ``most`` rows, every second one is dropped."""

    def __init__(self, names: Sequence[str], most: int) -> None:
        self.at: list[int] = []
        self.columns: dict[str, list[float]] = {name: [] for name in names}
        self._most, self._stride, self._offered = most, 1, 0

    def append(self, at: int, row: Mapping[str, float]) -> None:
        """Offer a row; it is kept if the present thinning keeps it."""
        if self._offered % self._stride == 0:
            self.at.append(at)
            for name, column in self.columns.items():
                column.append(row.get(name, math.nan))
        self._offered += 1
        if len(self.at) > self._most:
            self._stride *= 2
            del self.at[1::2]
            for column in self.columns.values():
                del column[1::2]


def smoothed(values: Sequence[float], window: int = _WINDOW) -> list[float]:
    """Means over a centred window that shrinks towards both ends, so that a straight line is not changed.

    Example:
        >>> smoothed([0.0, 3.0, 0.0, 3.0, 6.0], 3)
        [0.0, 1.0, 2.0, 3.0, 6.0]
    """
    last = len(values) - 1
    means = []
    for place in range(len(values)):
        reach = min(window // 2, place, last - place)
        part = values[place - reach : place + reach + 1]
        means.append(sum(part) / len(part))
    return means


def half_compaction(at: Sequence[int], variance: Sequence[float]) -> int | None:
    """The first step at which the smoothed intra-class variance is at most half of its first value; None if never.

    Example:
        >>> half_compaction([1, 11, 21, 31], [0.8, 0.6, 0.4, 0.2])
        21
    """
    known = [(step, value) for step, value in zip(at, variance) if math.isfinite(value)]
    curve = smoothed([value for _, value in known])
    return next((step for (step, _), value in zip(known, curve) if value <= curve[0] / 2), None)


def loss_decay_rate(at: Sequence[int], loss: Sequence[float]) -> float | None:
    r"""How fast the loss fell, per step: :math:`\ln 2 / T`, T the steps to half of its decrease; None if it never fell.

    The decrease is that from the first to the lowest value of the smoothed curve. An exponential decay
    :math:`a + b e^{-kt}` has rate k, whatever its floor a, its scale b and its sign.

    Example:
        >>> round(loss_decay_rate(range(1000), [2 + 3 * math.exp(-0.01 * t) for t in range(1000)]), 3)
        0.01
    """
    known = [(step, value) for step, value in zip(at, loss) if math.isfinite(value)]
    curve = smoothed([value for _, value in known])
    if not curve or min(curve) >= curve[0]:
        return None
    half = (curve[0] + min(curve)) / 2
    reached = next(place for place, value in enumerate(curve) if value <= half)
    return math.log(2) / (known[reached][0] - known[0][0])


def late_fall(series: Sequence[float]) -> float | None:
    """How much of a series' total decrease happened in its last tenth: 0.11 for a straight line, 0 if it has settled.

    The decrease is that from the highest to the last of the means over tenths: a loss may rise before it falls. The
    share is at most 1, and negative if it rose at the end; None for fewer than ten numbers, or if it ended highest.

    Example:
        >>> late_fall([10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0])
        0.1111111111111111
    """
    known = [value for value in series if math.isfinite(value)]
    tenth = len(known) // 10
    if not tenth:
        return None
    means = [mean(known[max(0, stop - tenth) : stop]) for stop in range(len(known), 0, -tenth)]
    last, before, highest = means[0], means[1], max(means)
    return (before - last) / (highest - last) if last < highest else None


def ends(series: Sequence[float]) -> Ends:
    """Means over the first and the last tenth of a series, without its NaN.

    Example:
        >>> ends([1.0, 0.5, 0.0])
        {'first': 1.0, 'last': 0.0}
    """
    known = [value for value in series if not math.isnan(value)]
    tenth = max(1, len(known) // 10)
    return {"first": mean(known[:tenth]), "last": mean(known[-tenth:])}


def mean(values: Sequence[float]) -> float:
    """Mean of numbers; NaN if there are none."""
    return sum(values) / len(values) if values else math.nan
