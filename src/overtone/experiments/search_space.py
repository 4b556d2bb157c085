"""What a search of settings tries: a range or a list of choices for each setting, written out or found by itself."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard, Union, get_args, get_origin

from overtone.core import InputError, Settings, unknown_name
from overtone.core.settings import parse_assignments
from overtone.experiments.optuna_types import Choice, RunningTrial
from overtone.methods.base import CorpusInfo, Method
from overtone.training import TrainingSettings

_USUAL = ("learning_rate", "weight_decay", "temperature", "dropout", "canonical_ridge", "ridge", "power")
"""What is searched where nothing is said, as far as the method has it and it has a positive default."""
_LOOP = frozenset({"learning_rate", "weight_decay"})
"""Those of them that only a method with epochs uses."""
_FACTOR = 4.0
"""A range that is found by itself goes from the default divided by this to its product with it."""
_SHARE = 0.8
"""Of the way to an end that a setting must not reach, how far a range goes that is found by itself."""
_LOGARITHMIC = 10.0
"""A range whose ends have this ratio or a larger one is searched by its logarithm."""
_DOTS = ".."


@dataclass(frozen=True)
class Dimension:
    """One setting that is searched.

    Attributes:
        name: The setting.
        low, high: Ends of a range; both None for choices.
        whole: Whether a range has whole numbers only.
        choices: Values to choose from; empty for a range.
        default: The setting's own value; None where it has none.
    """

    name: str
    low: float | None = None
    high: float | None = None
    whole: bool = False
    choices: tuple[Choice, ...] = ()
    default: Choice = None

    @property
    def logarithmic(self) -> bool:
        """Whether a range is searched by its logarithm."""
        return bool(self.low and self.high and self.low > 0 and self.high / self.low >= _LOGARITHMIC)

    @property
    def holds_default(self) -> bool:
        """Whether the setting's own value can be chosen."""
        if self.choices:
            return self.default in self.choices
        number = isinstance(self.default, (int, float)) and not isinstance(self.default, bool)
        return number and (self.low or 0.0) <= float(self.default or 0.0) <= (self.high or 0.0)

    def suggest(self, trial: RunningTrial) -> Choice:
        """A value of Optuna's for a trial."""
        if self.choices:
            return trial.suggest_categorical(self.name, self.choices)
        low, high = self.low or 0.0, self.high or 0.0
        if self.whole:
            return trial.suggest_int(self.name, int(low), int(high), log=self.logarithmic)
        return trial.suggest_float(self.name, low, high, log=self.logarithmic)

    def __str__(self) -> str:
        if self.choices:
            return f"{self.name}={','.join(map(str, self.choices))}"
        return f"{self.name}={self.low:g}{_DOTS}{self.high:g}"


def read_space(
    search: str | Sequence[str], method: type[Method], corpus: CorpusInfo, settings: Mapping[str, Any]
) -> tuple[Dimension, ...]:
    """What a search tries.

    Args:
        search: Words ``NAME``, ``NAME=LOW..HIGH`` or ``NAME=A,B,C``; without any, what is usually worth a search.
        method: Whose settings they are; those of the training loop are there, too.
        corpus: What defaults may depend on.
        settings: Settings that are fixed.

    Returns:
        One dimension for each name.

    Raises:
        InputError: There is no such setting, it is fixed, or the range cannot be used or found.
    """
    words = [search] if isinstance(search, str) else list(search)
    own, loop = method.settings_type.build({}), TrainingSettings.build().with_defaults(method, corpus)
    kinds: dict[str, Settings] = {name: loop for name in TrainingSettings.model_fields if name != "seed"}
    kinds |= dict.fromkeys(method.settings_type.model_fields, own)
    if not words:
        usual = (name for name in _USUAL if name in kinds and (method.iterative or name not in _LOOP))
        words = [name for name in usual if name not in settings and _is_number(getattr(kinds[name], name))]
    found: dict[str, Dimension] = {}
    for word in words:
        name, equals, text = (part.strip() for part in word.partition("="))
        if name not in kinds:
            raise unknown_name(f"setting of {method.name}", name, kinds)
        if name in found or name in settings:
            why = "searched twice" if name in found else f"fixed, too ({settings[name]!r})"
            raise InputError(f"setting {name!r} is {why}", fix="say it once")
        field = type(kinds[name]).model_fields[name]
        default = getattr(kinds[name], name)
        found[name] = (
            _written(name, text, default) if equals else _found(name, field.annotation, field.metadata, default)
        )
    if not found:
        names = ", ".join(name for name in kinds if _is_number(getattr(kinds[name], name)))
        raise InputError(
            f"{method.name}: nothing to search by default", valid=names, fix="name settings: --search NAME"
        )
    return tuple(found.values())


def _written(name: str, text: str, default: Choice) -> Dimension:
    """The dimension that ``LOW..HIGH`` or ``A,B,C`` means."""
    low, dots, high = text.partition(_DOTS)
    values = [_value(part.strip()) for part in ((low, high) if dots else text.split(","))]
    if not dots:
        if len(values) < 2 or not all(value is None or isinstance(value, (str, int, float)) for value in values):
            raise InputError(f"--search {name}: a range or two choices are needed", got=repr(text), fix=_example(name))
        return Dimension(name, choices=tuple(values), default=default)
    if not all(map(_is_number, values)) or values[0] >= values[1]:
        raise InputError(f"--search {name}: not a range", got=repr(text), fix=_example(name))
    whole = all(isinstance(value, int) for value in values)
    return Dimension(name, float(values[0]), float(values[1]), whole, default=default)


def _value(text: str) -> Any:
    """A value as ``--set`` reads it; 1e-4, which YAML takes for a word, is a number."""
    try:
        return float(text) if "e" in text.lower() else parse_assignments([f"x={text}"])["x"]
    except ValueError:
        return parse_assignments([f"x={text}"])["x"]


def _found(name: str, annotation: object, bounds: Sequence[object], default: Choice) -> Dimension:
    """A dimension around the default, within the setting's bounds."""
    kinds = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    named = [choice for kind in kinds if get_origin(kind) is Literal for choice in get_args(kind)]
    choices = [True, False] if bool in kinds else named
    if choices:
        return Dimension(name, choices=tuple(choices), default=default)
    if not _is_number(default) or default <= 0:
        what = f"--search {name}: no range can be told from its default"
        raise InputError(what, got=repr(default), fix=_example(name))
    low, high = default / _FACTOR, default * _FACTOR
    for bound in bounds:
        low = max(low, float(getattr(bound, "ge", low)))
        high = min(high, float(getattr(bound, "le", high)))
        if hasattr(bound, "lt"):  # not quite to an end that is excluded
            high = min(high, default + _SHARE * (float(bound.lt) - default))
    whole = isinstance(default, int)
    return Dimension(
        name, max(1.0, round(low)) if whole else low, round(high) if whole else high, whole, default=default
    )


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _example(name: str) -> str:
    return f"write for example --search {name}=0.01..1 or --search {name}=1,2,4"
