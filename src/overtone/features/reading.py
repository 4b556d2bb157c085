"""How a source is read: the options of :func:`overtone.features.load` and its relatives, with their defaults."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict, get_args

from overtone.core import InputError
from overtone.features.subsets import Subset, find_subset

Sequences = Literal["mean", "keep"]
Missing = Literal["refuse", "nan"]
"""Whether a row of NaN is an error, or a clip without the modality."""

Orientation = Literal["auto", "rows", "columns"]
"""Where the clips of a MATLAB matrix are; ``auto`` decides by the labels or the matrices' sizes."""


class Reading(TypedDict, total=False):
    """How features are read, besides the names of modalities: keywords of :func:`load` and its relatives."""

    subset: str | None
    """A published part of the corpus (``"ave-15"``)."""
    sequences: Sequences
    """What becomes of (N, T, d): ``"mean"`` over time, the default, or ``"keep"``."""
    seed: int
    """Of a generated corpus, and of the 70/30 split where the source has none; 0 by default."""
    missing: Missing
    """What a row of NaN means: an error (``"refuse"``, the default), or a clip without that modality (``"nan"``)."""
    label_key: str | None
    """Key of the labels where it is not one of the usual ones."""
    id_key: str | None
    """Key of the clips' ids, likewise."""
    group_key: str | None
    """Key of what clips belong together; of a modality: clips with equal rows belong together."""
    class_names: str | Path | None
    """A text file with a class name a line, or a JSON file with a list of them."""
    label_threshold: float | None
    """Soft labels from this value on count as labels, others do not; None keeps them soft."""
    clips: Orientation
    """Whether the clips of MATLAB matrices are ``"rows"`` or ``"columns"``; ``"auto"`` by default."""
    metadata: str | Path | None
    """A table of further columns beside the source (.csv, .tsv, .jsonl, .parquet), joined by id or row by row."""
    view: str | None
    """The former name of ``subset``."""


@dataclass(frozen=True)
class CheckedReading:
    """How a source is read, every value valid; see :class:`Reading`."""

    subset: Subset | None
    sequences: Sequences
    seed: int
    missing: Missing
    label_key: str | None
    id_key: str | None
    group_key: str | None
    class_names: tuple[str, ...]
    label_threshold: float | None
    clips: Orientation
    metadata: Path | None = None


def check_reading(
    *,
    subset: str | None = None,
    sequences: Sequences = "mean",
    seed: int = 0,
    missing: Missing = "refuse",
    label_key: str | None = None,
    id_key: str | None = None,
    group_key: str | None = None,
    class_names: str | Path | None = None,
    label_threshold: float | None = None,
    clips: Orientation = "auto",
    metadata: str | Path | None = None,
    view: str | None = None,
) -> CheckedReading:
    """The same with defaults; InputError where a value is not valid."""
    if sequences not in get_args(Sequences):
        raise InputError("sequences are averaged or kept", got=repr(sequences), valid=", ".join(get_args(Sequences)))
    if missing not in get_args(Missing):
        what = "rows of NaN are refused, or mean a missing modality"
        raise InputError(what, got=repr(missing), valid=", ".join(get_args(Missing)))
    if clips not in get_args(Orientation):
        raise InputError("clips are rows or columns", got=repr(clips), valid=", ".join(get_args(Orientation)))
    if label_threshold is not None and not 0 < label_threshold <= 1:
        raise InputError("a threshold of labels is out of range", got=label_threshold, valid="above 0, up to 1")
    names = () if class_names is None else read_class_names(Path(class_names))
    chosen = find_subset(subset, view)
    return CheckedReading(
        chosen,
        sequences,
        seed,
        missing,
        label_key,
        id_key,
        group_key,
        names,
        label_threshold,
        clips,
        None if metadata is None else Path(metadata),
    )


def read_class_names(path: Path) -> tuple[str, ...]:
    """The names in a file: one a line, or a JSON list.

    Raises:
        InputError: There is no such file, or it holds something else.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file", valid="a text file with a class name a line, or a JSON list of names")
    try:
        text = path.read_text(encoding="utf-8-sig")
        found = json.loads(text) if path.suffix.lower() == ".json" else text.splitlines()
    except ValueError as error:
        raise InputError(f"{path}: not a list of names ({str(error)[:80]})", fix="save it as UTF-8") from None
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise InputError(f"{path}: not a list of names", got=type(found).__name__, valid='["ant", "bee"]')
    names = tuple(name.strip() for name in found)
    while names and not names[-1]:
        names = names[:-1]
    if not names or not all(names):
        raise InputError(f"{path}: a class without a name", got=f"line {names.index('') + 1}" if names else "no line")
    if twice := [at for at, name in enumerate(names) if name in names[:at]]:
        what = f"{path}, name {twice[0] + 1}: class name {names[twice[0]]!r} occurs twice"
        raise InputError(what, fix="give each class its own name")
    return names
