"""What a metric-learning loss is: rows and labels to a scalar, and a count of the terms that are still active."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, SupportsIndex, TypeAlias, TypedDict, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from overtone.core import InputError, Registry, Settings, unknown_name
from overtone.objectives.pairs import Pairs, centre_pairs, check_all_labels, check_batch, pairs

Reduction = Literal["active", "all"]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]

objectives: Registry[Callable[..., Any]] = Registry("objective", "overtone.objectives")
"""All loss terms by name: functions, and the classes of metric losses, which :func:`metric_losses` lists."""


class TermCounts(NamedTuple):
    """How many terms of a loss are active; with soft labels a term counts by its weight.

    The tensors are scalars without gradient, on the device of the embeddings: reading one makes the host wait.

    Attributes:
        active, total: Terms that push, by the definition of the loss, and all terms.
        skipped, anchors: Rows left out because they lack a positive or a negative, and all rows that were anchors.
    """

    active: Tensor
    total: Tensor
    skipped: Tensor
    anchors: int


Values: TypeAlias = "Tensor | NDArray[Any] | Sequence[Any]"
"""Numbers in whatever form."""


class LossInputs(NamedTuple):
    """What a loss is called with: the arguments of :func:`~overtone.objectives.pairs`."""

    embeddings: Tensor
    labels: Tensor | None = None
    gallery: Tensor | None = None
    gallery_labels: Tensor | None = None
    targets: Tensor | None = None
    negative_relief: Tensor | None = None


class LossResult(NamedTuple):
    """What the function of a loss returns: a scalar with gradient, NaN if there was no term; and counts where known."""

    loss: Tensor
    counts: TermCounts | None = None


class LossTraits(TypedDict, total=False):
    """What a loss says of itself; see the attributes of :class:`MetricLoss`."""

    active_means: str | None
    stop_gradient: bool
    row_order: bool
    twice_differentiable: bool
    needs_negatives: bool


class MetricLoss(nn.Module, ABC):
    """Base of the metric-learning losses; :func:`~overtone.objectives.metric_loss` makes one of a function.

    Args:
        **settings: Fields of ``settings_type``.

    Attributes:
        name: As registered.
        settings_type: The settings, typed and described.
        needs_classes: Whether the loss has a centre for each class: parameters that belong in the optimiser.
        active_means: When a term of this loss counts as active; None if its terms are not counted.
        stop_gradient: Whether part of the value is held constant on purpose, so its gradient is not its derivative.
        row_order: Whether the value depends on the order of the rows.
        twice_differentiable: Whether the gradient has a derivative everywhere.
        needs_negatives: Whether a batch of one class has no loss.
        settings: The validated settings.
        counts: Of the last forward; None before it, or if unknown.

    Raises:
        InputError: A setting is unknown or does not fit.
    """

    name: str
    settings_type: ClassVar[type[Settings]] = Settings
    active_means: ClassVar[str | None] = None
    needs_classes: ClassVar[bool] = False
    stop_gradient: ClassVar[bool] = False
    row_order: ClassVar[bool] = False
    twice_differentiable: ClassVar[bool] = True
    needs_negatives: ClassVar[bool] = True

    def __init__(self, **settings: object) -> None:
        super().__init__()
        self.settings = self.settings_type.build(settings, where=f"loss {self.name!r}")
        self.counts: TermCounts | None = None

    @property
    def judges_both(self) -> bool:
        """Whether one call judges the rows of a gallery, too, so that no second direction is needed."""
        return self.needs_classes

    def forward(
        self,
        embeddings: Values,
        labels: Values | None = None,
        gallery: Values | None = None,
        gallery_labels: Values | None = None,
        *,
        targets: Values | None = None,
        negative_relief: Values | None = None,
    ) -> Tensor:
        """Scalar loss of a batch; see :func:`~overtone.objectives.pairs` for the arguments and what is refused.

        NumPy arrays and lists will do as well as tensors; a gradient comes back to tensors alone.
        """
        rows = _as_tensor("embeddings", embeddings, None)
        others = {
            "labels": labels,
            "gallery": gallery,
            "gallery_labels": gallery_labels,
            "targets": targets,
            "negative_relief": negative_relief,
        }
        given = {name: _as_tensor(name, values, rows.device) for name, values in others.items() if values is not None}
        result = self.compute(LossInputs(rows, **given))
        if rows.requires_grad and torch.is_grad_enabled() and not result.loss.requires_grad:
            what = f"{self.name}: its value does not depend on the embeddings, so there is no gradient"
            raise InputError(what, fix="compute it from them, without detach, no_grad or numpy")
        self.counts = result.counts
        return result.loss

    @abstractmethod
    def compute(self, inputs: LossInputs) -> LossResult:
        """Loss and counts of a batch."""

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        """A registered loss is copied and pickled by its name: its class may be made of a function, in no module."""
        if metric_losses().get(self.name) is not type(self):
            return super().__reduce_ex__(protocol)
        state = dict(vars(self))
        settings: Settings = state.pop("settings")
        return _registered, (self.name, {name: getattr(settings, name) for name in settings.model_fields_set}), state

    def extra_repr(self) -> str:
        """The settings, for ``print(loss)``."""
        return ", ".join(f"{name}={value!r}" for name, value in self.settings)


class PairLoss(MetricLoss):
    """Base of the losses that need nothing but the rows: a function of their pairs that takes the settings."""

    function: ClassVar[Callable[..., LossResult | Tensor]]

    def compute(self, inputs: LossInputs) -> LossResult:
        """Pair the rows and call the function."""
        found = pairs(*inputs[:4], targets=inputs.targets, negative_relief=inputs.negative_relief)
        return self._result(found, dict(self.settings))

    def _result(self, found: Pairs, settings: dict[str, Any]) -> LossResult:
        result = type(self).function(found, **settings)
        return result if isinstance(result, LossResult) else LossResult(result)


class CentreLoss(PairLoss):
    """Base of the losses with a centre for each class: ``centres``, (C, d), a parameter for the optimiser.

    The rows of a gallery are judged by the same centres: that is how two modalities come together. Besides its own
    settings it takes ``classes``, C, and ``embedding_dim``, d.
    """

    needs_classes = True

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        values = dict(self.settings)
        # of length 1, so that a step of the optimiser turns a centre as far as it would an embedding's direction
        self.centres = nn.Parameter(F.normalize(torch.randn(values["classes"], values["embedding_dim"]), dim=1))

    def compute(self, inputs: LossInputs) -> LossResult:
        """Pair all rows with the centres and call the function."""
        embeddings, gallery = inputs.embeddings, inputs.gallery
        if inputs.targets is not None or inputs.negative_relief is not None:
            raise InputError(f"{self.name} judges rows by classes, not by each other", fix="pass labels, not targets")
        check_batch(embeddings, gallery)
        labels, gallery_labels = check_all_labels(embeddings, inputs.labels, gallery, inputs.gallery_labels)
        if gallery is not None and gallery_labels is not None:
            embeddings, labels = torch.cat((embeddings, gallery)), torch.cat((labels, gallery_labels))
        options = {name: value for name, value in self.settings if name not in ("classes", "embedding_dim")}
        return self._result(centre_pairs(embeddings, labels, self.centres), options)


def _as_tensor(name: str, values: Values, device: torch.device | None) -> Tensor:
    """A tensor as it is; an array or a list as one on the device."""
    if isinstance(values, Tensor):
        return values
    try:
        return torch.as_tensor(np.array(values), device=device)
    except (TypeError, ValueError):
        raise InputError(f"{name}: not an array of numbers", got=type(values).__name__) from None


def _registered(name: str, settings: dict[str, Any]) -> MetricLoss:
    """A loss by its name, without parameters, which its state brings."""
    kind = metric_losses()[name]
    made = kind.__new__(kind)
    nn.Module.__init__(made)
    made.settings = kind.settings_type.build(settings, where=f"loss {name!r}")
    return made


def hinge(total: Tensor, active: Tensor, possible: Tensor, reduction: Reduction) -> Tensor:
    """Mean of hinge terms from their sum: over the ``active`` ones, 0 where none is left, or over ``all`` possible.

    It is NaN if there are no terms.
    """
    count = torch.where(active > 0, active, 1.0) if reduction == "active" else possible
    return total / torch.where(possible > 0, count, torch.nan)


def check_choice(what: str, value: str, choices: object) -> None:
    """Refuse a value that is none of a ``Literal``'s."""
    if value not in get_args(choices):
        raise unknown_name(what, value, get_args(choices))


def metric_losses() -> dict[str, type[MetricLoss]]:
    """The metric-learning losses among the objectives, by name, those of the user included."""
    return {name: kind for name, kind in objectives.items() if isinstance(kind, type) and issubclass(kind, MetricLoss)}
