"""Soft labels and annotated labels as they come in: checked, one array a modality, in the representation to search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from overtone.core import InputError, unknown_name
from overtone.core.errors import refuse_repeated
from overtone.features.label_reading import Place, one_hot
from overtone.graphs.arrays import Bools, Floats, Numbers, numbers, to_array
from overtone.graphs.checks import check_classes

Kind = Literal["softmax", "logits", "sigmoid", "sigmoid-logits"]
Representation = Literal["auto", "log-ratio", "logit", "linear"]
SoftLabelArrays = Mapping[str, ArrayLike] | ArrayLike
"""Modality to (n, C) soft labels; or one array, with the modalities side by side."""

_KINDS: dict[str, tuple[bool, bool]] = {
    "softmax": (True, True),
    "logits": (False, True),
    "sigmoid": (True, False),
    "sigmoid-logits": (False, False),
}
"""Kinds of soft labels: whether they are probabilities (else logits), and whether a row's classes compete for one."""
_REPRESENTATIONS = ("log-ratio", "logit", "linear")
_SUM_OFF = 1e-2
"""How far a row of softmax probabilities may sum off one."""


def represented(values: Numbers, kind: Kind, representation: Representation, where: str) -> Floats:
    """Soft labels of one modality in the representation that is searched.

    ``log-ratio``: log p or the logits, minus the row's mean. ``logit``: log p/(1 - p), or the logits. ``linear``: p.
    ``auto`` is log-ratio for classes that compete, and logit for those that do not.

    Args:
        values: (n, C).
        kind: What they are.
        representation: What is wanted.
        where: Their modality, for messages.

    Raises:
        InputError: The numbers are not what ``kind`` says, or have no logarithm.
    """
    chosen, (probabilities, compete) = resolve_representation(kind, representation), _KINDS[kind]
    if values.dtype == np.float16:
        raise InputError(f"{where}: float16 has too few digits for logarithms", fix="compute soft labels in float32")
    exact = np.asarray(values, dtype=np.float64)
    check_soft_labels(exact, kind, representation, lambda row: f"{where}, row {row}")
    if chosen == "linear":
        return exact if probabilities else softmax(exact) if compete else 1 / (1 + np.exp(-exact))
    if probabilities:
        exact = np.log(exact) - (np.log1p(-exact) if chosen == "logit" else 0.0)
    return exact - exact.mean(1, keepdims=True) if chosen == "log-ratio" else exact


def resolve_representation(kind: str, representation: str) -> str:
    """The representation that is meant, with ``auto`` resolved; a name that does not exist is refused."""
    if kind not in _KINDS:
        raise unknown_name("kind of soft labels", kind, _KINDS)
    if representation not in ("auto", *_REPRESENTATIONS):
        raise unknown_name("representation", representation, ("auto", *_REPRESENTATIONS))
    automatic = "log-ratio" if _KINDS[kind][1] else "logit"
    return automatic if representation == "auto" else representation


def softmax(logits: Floats) -> Floats:
    """Probabilities of rows of logits."""
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    made: Floats = shifted / shifted.sum(1, keepdims=True)
    return made


def check_soft_labels(values: Numbers, kind: Kind, representation: Representation, place: Place) -> None:
    """Refuse soft labels that are not what they are said to be, or cannot be brought into a representation.

    Args:
        values: (n, C).
        kind: What they are.
        representation: What is wanted.
        place: Where a row is, for messages.

    Raises:
        InputError: Names the first such row.
    """
    chosen, (probabilities, compete) = resolve_representation(kind, representation), _KINDS[kind]
    exact = np.asarray(values, dtype=np.float64)
    unknown = np.argwhere(~np.isfinite(exact))
    if len(unknown):
        row, column = unknown[0]
        what = f"{place(int(row))}, class {column}: {exact[row, column]}"
        raise InputError(what, valid="finite numbers", fix="leave the row out, or score it again")
    if probabilities:
        _check_probabilities(exact, compete, place)
        if chosen != "linear":
            _check_open(exact, chosen, place)


def _check_probabilities(values: Floats, compete: bool, place: Place) -> None:
    """Refuse what cannot be probabilities."""
    outside = np.argwhere((values < 0) | (values > 1))
    if len(outside):
        row, column = outside[0]
        what = f"{place(int(row))}, class {column}: {values[row, column]:.4g} is no probability"
        raise InputError(what, fix='say kind="logits" if these are raw scores')
    if compete:
        off = np.abs(values.sum(1) - 1)
        if (off > _SUM_OFF).any():
            row = int(off.argmax())
            what = f"{place(row)}: softmax probabilities sum to one"
            raise InputError(what, got=f"{values[row].sum():.4g}", fix='say kind="sigmoid" if classes are independent')


def _check_open(values: Floats, representation: str, place: Place) -> None:
    """Refuse probabilities without a logarithm: zeros, for the logit also ones, and with them one-hot rows."""
    closed = values <= 0 if representation == "log-ratio" else (values <= 0) | (values >= 1)
    if closed.any():
        rows = np.flatnonzero(closed.any(1))
        one_hot = int(((values == values.max(1, keepdims=True)) & (values >= 1)).any(1).sum())
        first = int(rows[0])
        value = values[first][closed[first]][0]
        what = f"{place(first)}: a probability of exactly {value:g} has no logarithm"
        got = f"{len(rows)} such rows" + (f", {one_hot} of them one-hot: hard labels, not soft ones" if one_hot else "")
        raise InputError(what, got=got, fix="pass the teacher's logits, or log-probabilities computed in float32")


def split_modalities(soft_labels: SoftLabelArrays, modality: Sequence[str]) -> dict[str, Numbers]:
    """Soft labels as one (n, C) array per modality, in the order of ``modality``; any other shape is refused."""
    if isinstance(soft_labels, Mapping):
        parts = {str(name): numbers(part, f"soft labels of {name!r}") for name, part in soft_labels.items()}
        if modality:
            missing = [name for name in modality if name not in parts]
            if missing:
                raise InputError(f"no soft labels of modality {missing[0]!r}", valid=", ".join(parts))
            parts = {name: parts[name] for name in modality}
    else:
        whole, given = numbers(soft_labels, "soft labels"), tuple(modality) or ("class",)
        if whole.shape[1] % len(given):
            got = f"{whole.shape[1]} columns, {len(given)} modalities"
            raise InputError("every modality has the same classes", got=got)
        parts = dict(zip(given, np.split(whole, len(given), axis=1)))
    shapes = {name: part.shape for name, part in parts.items()}
    if not parts or len(set(shapes.values())) > 1:
        raise InputError("soft labels of all modalities have one row a clip and one column a class", got=shapes)
    check_classes(next(iter(shapes.values()))[1], len(parts))
    return parts


def name_nodes(parts: Mapping[str, Numbers], classes: Sequence[str]) -> tuple[str, ...]:
    """Names "modality:class" of the columns of all modalities; classes without a name are class0, class1, ..."""
    width = next(iter(parts.values())).shape[1]
    named = tuple(classes) or tuple(f"class{at}" for at in range(width))
    if len(named) != width:
        raise InputError("there must be one name a class", got=f"{len(named)} names, {width} classes")
    refuse_repeated("classes", named)
    return tuple(f"{modality}:{name}" for modality in parts for name in named)


def indicators(labels: ArrayLike, shape: tuple[int, ...]) -> Bools:
    """Annotated labels, class codes or indicators, as (n, C) bool.

    Another shape, values outside [0, 1], or labels that tell no class from the others, are refused.
    """
    given = to_array(labels)
    if given.ndim == 1 and given.dtype.kind in "iu" and len(given) == shape[0] and given.max() < shape[1]:
        given = one_hot(given, shape[1])
    if given.shape != shape:
        got = f"shape {given.shape}, soft labels {shape}"
        raise InputError("labels must have one row a clip and one column a class", got=got, fix="pass indicators")
    values = np.asarray(given, dtype=np.float64)
    if (wrong := ~((values >= 0) & (values <= 1))).any():
        row, column = np.argwhere(wrong)[0].tolist()
        what = f"labels: row {row}, column {column} is no share"
        raise InputError(what, got=f"{values[row, column]:g}", valid="0 to 1, or (n,) class numbers")
    found: Bools = values > 0
    if not identifiable_classes(found).any():
        raise InputError("no class is annotated in some clips and not in others: interactions cannot be told")
    return found


def identifiable_classes(labels: Bools) -> Bools:
    """(C,) bool: classes that some annotated rows have and some have not; of the others nothing can be learned."""
    annotated = labels[labels.any(1)]
    found: Bools = np.logical_or.reduce(annotated) & ~np.logical_and.reduce(annotated)
    return found
