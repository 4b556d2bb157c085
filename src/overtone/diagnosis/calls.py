"""One call of a loss under observation: who its embeddings are, and what gradient it sends to each of their rows."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from overtone.core import InputError
from overtone.diagnosis.batch import Batch, batch_variance, easy_samples, neighbours

GALLERIES = (("gallery", "gallery_labels"), ("ref_emb", "ref_labels"))
"""What losses call a second set of rows, and its labels: ours, and pytorch-metric-learning's."""


class Call:
    """One forward pass, and the backward pass that follows.

    Embeddings enter the loss as a view of their own, so that the gradient seen on the view is that of this loss alone,
    whatever else the embeddings are used for; the gradient that arrives at the loss's value is what everything after it
    (weights, a scaler, accumulation) multiplies it by, and is divided out.

    Args:
        factor: What the gradient is multiplied by to not depend on the size of the batch.
        on_gradient: Called when a gradient arrives.
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

    def view(self, embeddings: Tensor) -> Tensor:
        """The embeddings as the loss shall see them."""
        view = embeddings.view_as(embeddings)
        place = len(self.rows)
        self.rows.append(len(embeddings))
        call_with_gradient(view, lambda gradient: self._arrived(place, gradient))
        return view

    def finish(self, loss: Tensor, counts: Any) -> None:
        """Take note of what came out of the forward pass."""
        call_with_gradient(loss, self._weighed)
        self.loss = loss.detach()
        if counts is not None:
            self.active, self.total = counts.active, counts.total

    def norms(self) -> list[Tensor | None]:
        """(n,) norms of the gradient's rows as they came, for each set of embeddings; None where none came."""
        return [self._norms.get(place) for place in range(len(self.rows))]

    def _weighed(self, gradient: Tensor) -> None:
        self.upstream = gradient.detach()
        self._on_gradient()

    def _arrived(self, place: int, gradient: Tensor) -> None:
        gradient = gradient.detach()
        precise = torch.promote_types(gradient.dtype, torch.float32)
        self._norms[place] = torch.linalg.vector_norm(gradient.flatten(1), dim=1, dtype=precise)


def call_with_gradient(tensor: Tensor, function: Callable[[Tensor], None]) -> None:
    """Have a function called with the gradient that arrives at a tensor."""
    register: Callable[[Callable[[Tensor], None]], Any] = tensor.register_hook  # PyTorch leaves it without types
    register(function)


def is_embedding(value: Any) -> bool:
    """Whether an argument is a set of rows that a gradient flows to."""
    return isinstance(value, Tensor) and value.requires_grad and value.is_floating_point() and value.dim() >= 2


def with_views(call: Call, arguments: Mapping[Any, Any]) -> dict[Any, Any]:
    """Arguments with each set of embeddings replaced by a view; a set given twice stays one set."""
    views: dict[int, Tensor] = {}
    replaced = {}
    for name, value in arguments.items():
        if is_embedding(value):
            views.setdefault(id(value), value if id(value) in views else call.view(value))
            value = views[id(value)]
        replaced[name] = value
    return replaced


def measure(call: Call, arguments: Mapping[str, Any]) -> None:
    """Look at the geometry of the batch, where its labels can be told from the arguments."""
    batch = _batch(arguments)
    if batch is None:
        return
    among = neighbours(batch)
    call.variance = batch_variance(among)
    for rows, labels in GALLERIES:
        if arguments.get(rows) is not None and arguments.get(labels) is not None:
            among = neighbours(batch, Batch(arguments[rows], arguments[labels].to(batch.rows.device)))
    call.easy = easy_samples(among)


def _batch(arguments: Mapping[str, Any]) -> Batch | None:
    tensors = [value for value in arguments.values() if isinstance(value, Tensor)]
    rows = next(filter(is_embedding, tensors))
    labels = arguments.get("labels")
    if labels is None:
        labels = next((tensor for tensor in tensors if _are_class_numbers(tensor, len(rows))), None)
    if not isinstance(labels, Tensor) or len(labels) != len(rows):
        return None
    return Batch(rows, labels.to(rows.device))


def _are_class_numbers(tensor: Tensor, rows: int) -> bool:
    return not tensor.is_floating_point() and tuple(tensor.shape) == (rows,)


def signature_of(loss: Callable[..., Any]) -> inspect.Signature | None:
    """The names of a loss's arguments, or None where it does not tell."""
    try:
        return inspect.signature(loss.forward if isinstance(loss, nn.Module) else loss)
    except (TypeError, ValueError):
        return None


def named(signature: inspect.Signature | None, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call by their names, as far as they have any."""
    positional = {str(place): value for place, value in enumerate(args)}
    if signature is None:
        return {**positional, **kwargs}
    try:
        bound = signature.bind(*args, **kwargs).arguments
    except TypeError:
        return {**positional, **kwargs}  # the call itself will say what is wrong
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
    """Whether a loss adds up its terms: ``reduction="sum"`` as in torch, or a reducer that says so by its name."""
    inner = getattr(loss, "loss", None)  # a wrapper around another loss
    return any(getattr(one, "reduction", None) == "sum" or _has_sum_reducer(one) for one in (loss, inner))


def _has_sum_reducer(loss: object) -> bool:
    reducer = getattr(loss, "reducer", None)
    parts = reducer.modules() if isinstance(reducer, nn.Module) else ()
    return any(type(part).__name__ == "SumReducer" for part in parts)


def check_loss(value: object) -> Tensor:
    """The value of a loss, if it is a single number.

    Raises:
        InputError: It is not.
    """
    if isinstance(value, Tensor) and value.numel() == 1:
        return value
    got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
    raise InputError("watch: the loss must come out as one number", got=got, fix="reduce it before it is returned")
