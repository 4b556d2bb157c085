"""Labels of any kind: their checks, and the (N, C) targets they become."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from overtone.core import InputError
from overtone.features.arrays import Column, objects
from overtone.features.draft import Draft
from overtone.features.findings import SHOWN, Finding

Values = np.ndarray[Any, Any]


def labels(draft: Draft) -> Iterator[Finding]:
    """Class numbers are whole, not negative and have a name; targets lie in [0, 1]; names of classes are unique."""
    if draft.labels is None:
        return
    findings = [*_form(draft.labels), *_class_names(draft)]
    yield from findings
    if not findings:
        yield from _range(draft, draft.labels)


def targets_of(draft: Draft) -> tuple[Tensor | None, tuple[str, ...]]:
    """(N, C) targets and the classes' names; labels whose checks are behind them."""
    if draft.labels is None:
        return None, ()
    given = draft.label_values
    names = draft.class_names.text() if draft.class_names is not None else ()
    if given.ndim == 2:
        return torch.from_numpy(given.astype(np.float32)), names or tuple(map(str, range(given.shape[1])))
    if not names:
        classes, numbers = np.unique(given, return_inverse=True)
        names = tuple(str(value) if given.dtype.kind == "U" else str(int(value)) for value in classes)
    elif given.dtype.kind == "U":
        order = np.argsort(names)
        numbers = order[np.searchsorted(names, given, sorter=order)]
    else:
        numbers = given.astype(np.int64)
    targets = torch.zeros(len(given), len(names))
    targets[torch.arange(len(given)), torch.from_numpy(numbers.ravel())] = 1.0
    return targets, names


def _form(column: Column) -> Iterator[Finding]:
    valid = "class numbers or names (N,), or targets (N, C)"
    for part in column.parts:
        if part.dtype.kind == "O":
            yield Finding("dtype", objects(part))
        elif len(part.shape) not in (1, 2) or not (part.numeric or (part.textual and len(part.shape) == 1)):
            yield Finding("labels", InputError(f"{part.where}: not labels", got=str(part), valid=valid))
    if len({part.shape[1:] for part in column.parts}) > 1:
        got = " and ".join(map(str, column.parts))
        yield Finding("labels", InputError(f"{column.where}: the parts differ in shape", got=got, valid=valid))


def _class_names(draft: Draft) -> Iterator[Finding]:
    if draft.class_names is None:
        return
    names = draft.class_names.text()
    for row, name in enumerate(names):
        if name in names[:row]:
            what = f"{draft.class_names.place(row)}: class name {name!r} stands there again"
            yield Finding("labels", InputError(what, fix="give each class its own name"))
            return


def _range(draft: Draft, column: Column) -> Iterator[Finding]:
    given = draft.label_values
    names = draft.class_names.text() if draft.class_names is not None else ()
    if given.ndim == 2 and names and len(names) != given.shape[1]:
        what = f"{column.where}: {given.shape[1]} classes but {len(names)} class names"
        yield Finding("labels", InputError(what, fix="bring one name per column"))
    good, valid = _good(given, names)
    if not good.all():
        row = int(np.flatnonzero(~good)[0])
        what = f"{column.place(row)}: label out of range ({int((~good).sum())} such rows)"
        fix = "number the classes from 0; a clip without annotation is a row of zeros in multi-hot 'labels'"
        yield Finding("labels", InputError(what, got=str(given[row]), valid=valid, fix=fix))
    elif (len(np.unique(given)) if given.ndim == 1 else int((given > 0).any(axis=0).sum())) == 1:
        what = f"{column.where}: all clips are of one class"
        fix = "label-level retrieval says nothing here: look at the instance-level figures"
        yield Finding("one-class", InputError(what, fix=fix), fatal=False)


def _good(given: Values, names: tuple[str, ...]) -> tuple[Values, str]:
    """(N,) which rows can be read, and what can."""
    if given.dtype.kind == "U":
        known = np.isin(given, names) if names else np.ones(len(given), dtype=bool)
        return np.asarray(known), f"one of the class names ({', '.join(names[:SHOWN])}, ...)"
    if given.ndim == 2:
        return np.asarray(((given >= 0) & (given <= 1)).all(axis=1)), "0 to 1"
    whole = np.isfinite(given) & (given == np.round(given)) & (given >= 0)
    if not names:
        return whole, "whole numbers from 0"
    return whole & (
        given < len(names)
    ), f"whole numbers from 0 to {len(names) - 1} (there are {len(names)} class names)"
