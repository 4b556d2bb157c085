"""Registration of metric losses: a function, or a module class of any library, becomes a loss with typed settings."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar, cast, get_type_hints

import pydantic
import torch
from pydantic import Field
from torch import Tensor, nn
from typing_extensions import Unpack

from overtone.core import InputError, Settings
from overtone.core.declarations import CENTRES, argument_docs
from overtone.objectives.base import CentreLoss, LossInputs, LossResult, LossTraits, MetricLoss, PairLoss, objectives
from overtone.objectives.pairs import check_all_labels, check_batch

T = TypeVar("T", bound=Callable[..., Any])

_CENTRE_FIELDS: dict[str, Any] = {
    "classes": (int, Field(ge=2, description=CENTRES["classes"])),
    "embedding_dim": (int, Field(ge=1, description=CENTRES["embedding_dim"])),
}


def metric_loss(name: str, *, centres: bool = False, **traits: Unpack[LossTraits]) -> Callable[[T], T]:
    """Decorator that registers a metric-learning loss; the decorated thing itself stays as it is.

    A function takes :class:`~overtone.objectives.Pairs` and its settings, and returns a
    :class:`~overtone.objectives.LossResult`, or a scalar if its terms are not counted. Its signature declares the
    settings: names, types with their limits, defaults; its docstring's Args describe them. A class is a
    :class:`~overtone.objectives.MetricLoss`, or any ``nn.Module`` that takes embeddings and labels.

    Args:
        name: Its name, as in ``--loss`` and in the setting ``loss``.
        centres: Whether the pairs are of rows with class centres, which the loss learns.
        traits: Attributes of :class:`~overtone.objectives.MetricLoss`: ``active_means``, ``stop_gradient``,
            ``row_order``, ``twice_differentiable``, ``needs_negatives``.

    Returns:
        The decorator.

    Example:
        >>> from overtone.objectives import build_loss
        >>> @metric_loss("mean-distance")
        ... def mean_distance(pairs, weight: float = 1.0):
        ...     return weight * (pairs.positive * (1 - pairs.cosines())).sum() / pairs.positive.sum()
        >>> build_loss("mean-distance", {"weight": 2.0})(torch.eye(3), torch.tensor([0, 0, 1])).item()
        2.0
    """
    if unknown := traits.keys() - LossTraits.__annotations__.keys():
        raise TypeError(f"a loss has no trait {', '.join(sorted(unknown))}")
    declared = {"name": name, **traits}

    def decorator(thing: T) -> T:
        if isinstance(thing, type):
            objectives.register(name)(
                thing if issubclass(thing, MetricLoss) else _of_module(name, cast(type[nn.Module], thing), declared)
            )
            return thing
        settings = _settings(name, [thing], _CENTRE_FIELDS if centres else {})
        summary = (inspect.getdoc(thing) or name).partition("\n")[0]
        parts = {**declared, "settings_type": settings, "function": staticmethod(thing)}
        kind = type(_title(name) + "Loss", (CentreLoss if centres else PairLoss,), {**parts, "__doc__": summary})
        kind.__module__ = thing.__module__
        objectives.register(name)(kind)
        return thing

    return decorator


def as_metric_loss(loss: nn.Module) -> MetricLoss:
    """A loss module of any library, called as Overtone's own losses are; its terms are not counted.

    Within one view it is called as ``loss(embeddings, labels)``. Across two, a module whose ``forward`` takes
    ``ref_emb`` and ``ref_labels``, as those of pytorch-metric-learning do, gets the other view there; any other judges
    the rows of both views together, as one batch.

    Args:
        loss: Takes (n, d) embeddings and (n,) classes, returns a scalar. Its parameters stay its own.

    Returns:
        The loss; one of Overtone's own comes back as it is.

    Raises:
        InputError: It is no module, or does not take embeddings and labels.

    Example:
        >>> as_metric_loss(nn.CrossEntropyLoss())(torch.eye(3), torch.tensor([0, 1, 2])).item() > 0
        True
    """
    return loss if isinstance(loss, MetricLoss) else loss_class(type(loss).__name__, loss)()


def register_loss(loss: str | nn.Module) -> str:
    """The name of a loss; a loss object is registered under the name of its class, for this process.

    Every run gets a copy of the object, with the parameters that it has now.

    Args:
        loss: A registered name, or a loss module of any library.

    Returns:
        The name under which :func:`~overtone.objectives.build_loss` finds it.

    Raises:
        InputError: It is neither.
    """
    if isinstance(loss, str):
        return loss
    if not isinstance(loss, nn.Module):
        raise InputError("not a loss", got=type(loss).__name__, valid="a registered name, or an nn.Module")
    base = type(loss).__name__
    names = [base, *(f"{base}-{number}" for number in range(2, len(objectives) + 3))]
    for name in names:
        if name not in objectives:
            objectives.register(name)(loss_class(name, loss, copied=True))
        if getattr(objectives[name], "original", None) is loss:
            return name
    raise RuntimeError("there is always a free name")


class ModuleLoss(MetricLoss):
    """A loss module of another library: embeddings and labels to a scalar.

    Args:
        **settings: Arguments of the module, where it is made here.
    """

    factory: ClassVar[Callable[..., nn.Module]]
    original: ClassVar[nn.Module | None] = None

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        chosen = {name: getattr(self.settings, name) for name in self.settings.model_fields_set}
        self.module = type(self).factory(**chosen)
        try:
            parameters = inspect.signature(self.module.forward)
            parameters.bind(None, None)
        except TypeError:
            raise InputError(
                f"{self.name}: not a loss of embeddings and labels",
                got=f"forward{inspect.signature(self.module.forward)}",
                valid="forward(embeddings, labels) to a scalar",
            ) from None
        self.takes_gallery = {"ref_emb", "ref_labels"} <= parameters.parameters.keys()

    @property
    def judges_both(self) -> bool:
        """Whether the rows of both views are judged as one batch; known for certain after the first call."""
        return not self.takes_gallery

    def compute(self, inputs: LossInputs) -> LossResult:
        """Call the module."""
        embeddings, gallery = inputs.embeddings, inputs.gallery
        if inputs.targets is not None or inputs.negative_relief is not None:
            fix = "pass labels" if inputs.targets is not None else "set negative_relief=0, or choose a loss over pairs"
            raise InputError(f"{self.name} takes labels alone, no weights of pairs", fix=fix)
        check_batch(embeddings, gallery)
        labels, gallery_labels = check_all_labels(embeddings, inputs.labels, gallery, inputs.gallery_labels)
        if labels.dim() == 2:
            got = f"labels {tuple(labels.shape)}"
            raise InputError(f"{self.name} takes one class for each row", got=got, valid="(n,) integer classes")
        alike = gallery_labels is labels  # other libraries look for it: then row i of both is the same clip
        embeddings, labels = _labelled(embeddings, labels)
        if gallery is None or gallery_labels is None:
            return LossResult(self._call(embeddings, labels))
        gallery, gallery_labels = _labelled(gallery, gallery_labels)
        gallery_labels = labels if alike else gallery_labels
        if self.takes_gallery:
            try:
                return LossResult(self._call(embeddings, labels, ref_emb=gallery, ref_labels=gallery_labels))
            except ValueError as error:  # some have the arguments, only to refuse them
                if "ref_emb" not in str(error):
                    raise
                self.takes_gallery = False
        return LossResult(self._call(torch.cat((embeddings, gallery)), torch.cat((labels, gallery_labels))))

    def _call(self, embeddings: Tensor, labels: Tensor, **references: Tensor) -> Tensor:
        value = self.module(embeddings, labels, **references)
        if not isinstance(value, Tensor) or value.dim() or not value.is_floating_point():
            got = f"{tuple(value.shape)} of {value.dtype}" if isinstance(value, Tensor) else type(value).__name__
            raise InputError(f"{self.name}: its value is not a loss", got=got, valid="one floating-point scalar")
        return value


def _labelled(rows: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Only the rows that have a label, for which the host waits: other libraries take -1 for a class."""
    known = labels >= 0
    return rows[known], labels[known]


def loss_class(name: str, loss: nn.Module, copied: bool = False) -> type[ModuleLoss]:
    """The class of a loss object, without settings; ``copied`` gives each instance a copy instead of the object itself.

    Raises:
        InputError: It is no loss.
    """
    if not isinstance(loss, nn.Module):
        raise InputError("not a loss", got=type(loss).__name__, valid="an nn.Module that takes embeddings and labels")
    factory = staticmethod(lambda: copy.deepcopy(loss) if copied else loss)
    kind = type(type(loss).__name__, (ModuleLoss,), {"name": name, "factory": factory, "original": loss})
    kind()  # refuses what is no loss
    return kind


def _of_module(name: str, kind: type[nn.Module], declared: dict[str, Any]) -> type[ModuleLoss]:
    """The class of a registered module class, whose arguments are its settings."""
    makers = [vars(base)["__init__"] for base in reversed(kind.__mro__) if "__init__" in vars(base)]
    settings = _settings(name, [maker for maker in makers if maker not in (object.__init__, nn.Module.__init__)], {})
    parts = {**declared, "settings_type": settings, "factory": staticmethod(kind), "__doc__": kind.__doc__}
    return type(kind.__name__, (ModuleLoss,), {**parts, "__module__": kind.__module__})


class _Generated(Settings):
    """Base of settings that are made of a signature: there is no class body to read descriptions from."""

    model_config = pydantic.ConfigDict(use_attribute_docstrings=False, arbitrary_types_allowed=True)


def _settings(name: str, functions: list[Callable[..., Any]], fields: dict[str, Any]) -> type[Settings]:
    """The settings that signatures declare, all parameters but the first of each; later functions override."""
    fields = dict(fields)
    for function in functions:
        try:
            hints = get_type_hints(function, include_extras=True)
        except NameError:  # of another library, with types that it imports for its checker alone
            hints = {}
        described = argument_docs(inspect.getdoc(function) or "")
        for parameter in list(inspect.signature(function).parameters.values())[1:]:
            if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                default = ... if parameter.default is parameter.empty else parameter.default
                about = described.get(parameter.name)
                fields[parameter.name] = hints.get(parameter.name, Any), Field(default, description=about)
    about = f"Settings of the loss {name}."
    return pydantic.create_model(f"{_title(name)}Settings", __base__=_Generated, __doc__=about, **fields)


def _title(name: str) -> str:
    """A name in the spelling of classes: n-pair to NPair."""
    return "".join(part.capitalize() for part in re.split(r"\W+", name))
