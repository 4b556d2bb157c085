"""One observed call of a loss: its arguments, its value, and the gradient it sends to each row."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

import torch
from torch import Tensor, nn

from overtone.core import InputError
from overtone.diagnosis.batch_geometry import LabelledBatch, batch_variance, easy_samples, similarities
from overtone.objectives.targets import as_labels

if TYPE_CHECKING:
    from overtone.objectives import TermCounts

_GALLERIES = (("gallery", "gallery_labels"), ("ref_emb", "ref_labels"))
"""Argument names of a second set of rows and of its labels: Overtone's, and pytorch-metric-learning's."""


class LossCall:
    """One forward pass, and the backward pass that follows.

    The loss gets the embeddings as a view, so that the gradient on the view is that of this loss alone, whatever else
    the embeddings are used for. The gradient that arrives at the loss's value is the factor by which everything after
    it (weights, a scaler, accumulation) multiplies the loss; it is divided out. What it is multiplied by instead is
    ``factor``, so that it does not depend on the size of the batch.
    """

    def __init__(self, factor: int, on_gradient: Callable[[], None]) -> None:
        self.factor = factor
        self.loss: Tensor | None = None
        self.active: Tensor | None = None
        self.total: Tensor | None = None
        self.variance: Tensor | None = None
        self.easy: Tensor | None = None
        self.upstream: Tensor | None = None
        self.rows: list[int] = []
        self._norms: dict[int, Tensor] = {}
        self._on_gradient = on_gradient

    def replace_with_views(self, arguments: Mapping[Any, Any]) -> dict[Any, Any]:
        """Arguments with each set of embeddings replaced by a view; a set given twice stays one set."""
        views: dict[int, Tensor] = {}
        replaced = {}
        for name, value in arguments.items():
            if is_embedding(value):
                views.setdefault(id(value), value if id(value) in views else self._view(value))
                value = views[id(value)]
            replaced[name] = value
        return replaced

    def measure(self, arguments: Mapping[str, Any]) -> None:
        """Measure the geometry of the batch, if its labels are among the arguments."""
        batch = _labelled_batch(arguments)
        if batch is None:
            return
        among = similarities(batch)
        self.variance = batch_variance(among)
        for rows, labels in _GALLERIES:
            if arguments.get(rows) is not None and arguments.get(labels) is not None:
                among = similarities(
                    batch, LabelledBatch(arguments[rows], as_labels(arguments[labels]).to(batch.rows.device))
                )
        self.easy = easy_samples(among)

    def finish(self, loss: Tensor, counts: TermCounts | None) -> None:
        """Record the result of the forward pass."""
        _call_with_gradient(loss, self._record_upstream)
        self.loss = loss.detach()
        if counts is not None:
            self.active, self.total = counts.active, counts.total

    def norms(self) -> list[Tensor | None]:
        """(n,) norms of the raw gradient's rows, for each set of embeddings; None without a gradient."""
        return [self._norms.get(place) for place in range(len(self.rows))]

    def _view(self, embeddings: Tensor) -> Tensor:
        view = embeddings.view_as(embeddings)
        place = len(self.rows)
        self.rows.append(len(embeddings))
        _call_with_gradient(view, lambda gradient: self._record_norms(place, gradient))
        return view

    def _record_upstream(self, gradient: Tensor) -> None:
        self.upstream = gradient.detach()
        self._on_gradient()

    def _record_norms(self, place: int, gradient: Tensor) -> None:
        gradient = gradient.detach()
        precise = torch.promote_types(gradient.dtype, torch.float32)
        self._norms[place] = torch.linalg.vector_norm(gradient.flatten(1), dim=1, dtype=precise)


def is_embedding(value: object) -> TypeGuard[Tensor]:
    """Whether an argument is a set of rows that a gradient flows to."""
    return isinstance(value, Tensor) and value.requires_grad and value.is_floating_point() and value.dim() >= 2


def signature_of(loss: Callable[..., Any]) -> inspect.Signature | None:
    """The signature of a loss, or None if it has none."""
    try:
        return inspect.signature(loss.forward if isinstance(loss, nn.Module) else loss)
    except (TypeError, ValueError):
        return None


def arguments_by_name(
    signature: inspect.Signature | None, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments of a call by their names, or by their positions where they have none."""
    positional = {str(place): value for place, value in enumerate(args)}
    if signature is None:
        return {**positional, **kwargs}
    try:
        bound = signature.bind(*args, **kwargs).arguments
    except TypeError:
        return {**positional, **kwargs}  # the call itself will report what is wrong
    found: dict[str, Any] = {}
    for name, value in bound.items():
        kind = signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            found |= {f"{name}{place}": item for place, item in enumerate(value)}
        elif kind is inspect.Parameter.VAR_KEYWORD:
            found |= value
        else:
            found[name] = value
    return found


def is_summed(loss: object) -> bool:
    """Whether a loss sums its terms: ``reduction="sum"`` as in torch, or a reducer of the class ``SumReducer``."""
    inner = getattr(loss, "loss", None)  # a wrapper around another loss
    return any(getattr(one, "reduction", None) == "sum" or _has_sum_reducer(one) for one in (loss, inner))


def check_loss(value: object) -> Tensor:
    """The value of a loss, which must be a single number."""
    if isinstance(value, Tensor) and value.numel() == 1:
        return value
    got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
    raise InputError("watch: the loss must come out as one number", got=got, fix="reduce it before it is returned")


def _call_with_gradient(tensor: Tensor, function: Callable[[Tensor], None]) -> None:
    register: Callable[[Callable[[Tensor], None]], Any] = tensor.register_hook  # PyTorch leaves it without types
    register(function)


def _labelled_batch(arguments: Mapping[str, Any]) -> LabelledBatch | None:
    """The first embeddings, and ``labels`` or else the first integers, one per row; None without."""
    tensors = [value for value in arguments.values() if isinstance(value, Tensor)]
    rows = next(filter(is_embedding, tensors))
    labels = arguments.get("labels")
    if labels is None:
        numbers = (one for one in tensors if not one.is_floating_point() and tuple(one.shape) == (len(rows),))
        labels = next(numbers, None)
    if not isinstance(labels, Tensor) or len(labels) != len(rows):
        return None
    return LabelledBatch(rows, as_labels(labels).to(rows.device))


def _has_sum_reducer(loss: object) -> bool:
    reducer = getattr(loss, "reducer", None)
    parts = reducer.modules() if isinstance(reducer, nn.Module) else ()
    return any(type(part).__name__ == "SumReducer" for part in parts)
