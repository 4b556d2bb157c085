"""The order of classes that come by name only: one rule for labels, folders of classes, and tables of labels."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from overtone.features.arrays import Values

_DIGITS = re.compile(r"(\d+)")


def sort_classes(names: Iterable[str]) -> list[str]:
    """Names in ascending order, each once; digits are compared as numbers.

    Example:
        >>> sort_classes(["class10", "class9", "class10", "dog", "Dog"])
        ['Dog', 'class9', 'class10', 'dog']
    """
    return sorted(set(names), key=_key)


def encode_classes(labels: Values) -> tuple[list[str], Values]:
    """The classes of (N,) numbers or names by name, in ascending order, and (N,) which one each row has.

    Example:
        >>> encode_classes(np.array(["c10", "c9", "c10"]))
        (['c9', 'c10'], array([1, 0, 1]))
    """
    found, numbers = np.unique(labels, return_inverse=True)
    names = list(map(str, found.tolist()))
    order = names if labels.dtype.kind != "U" else sort_classes(names)
    place = {name: number for number, name in enumerate(order)}
    return order, np.array([place[name] for name in names], dtype=np.int64)[numbers.ravel()]


def _key(name: str) -> tuple[list[tuple[str, int, str]], str]:
    """Text and numbers in turn, numbers by length first; the name itself tells ``1`` from ``01``."""
    parts = _DIGITS.split(name)  # text, digits, text, ...
    numbers = [digits.lstrip("0") for digits in (*parts[1::2], "")]
    return [(text, len(digits), digits) for text, digits in zip(parts[::2], numbers)], name
