"""The plain layout: which array of a table is what. VEGAS files and pairs of train and test arrays are cases of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from overtone.core import InputError
from overtone.features.arrays import Array, Column, Table
from overtone.features.draft import SPLITS, Draft, Sequences
from overtone.features.paired import PER_ROW_TRUTH

HOME = ("audio", "visual")
"""What the two modalities are called unless the file or the user says otherwise."""

LABELS = ("labels", "y", "lab", "label", "Y", "gt", "gnd")
IDS = ("ids", "id", "video_id", "clip_id")
MEDIA = "media_"
OWN_IDS = "ids_"
ROLES = {*LABELS, *IDS, "split", "is_test", "class_names", "modalities", "interactions"}
PREFIXES = (PER_ROW_TRUTH, MEDIA, OWN_IDS)


def lay_out(
    table: Table, modalities: tuple[str, str] | None = None, sequences: Sequences = "mean", seed: int = 0
) -> Draft:
    """Find the role of every array.

    Args:
        table: What a reader found.
        modalities: The keys of the two modalities, if the user names them.
        sequences: ``"mean"`` averages (N, T, d) over time, ``"keep"`` keeps the steps.
        seed: Of the split, where one has to be made.

    Raises:
        InputError: The two modalities cannot be found, or ``sequences`` is neither.
    """
    if sequences not in get_args(Sequences):
        raise InputError("sequences are averaged or kept", got=repr(sequences), valid=", ".join(get_args(Sequences)))
    columns = gather(table.arrays)
    notes = list(table.notes)
    names = _pair(table, columns, modalities, notes)
    labels = next((key for key in LABELS if key in columns), None)
    ids = next((key for key in IDS if key in columns), None)
    return Draft(
        table=table,
        modalities={name: columns[name] for name in names},
        labels=columns[labels] if labels else None,
        one_hot=labels == "labels",
        ids=columns[ids] if ids else None,
        own_ids={name: columns[OWN_IDS + name] for name in names if OWN_IDS + name in columns},
        split=columns.get("split"),
        is_test=columns.get("is_test"),
        class_names=columns.get("class_names"),
        truth={
            key: column for key, column in columns.items() if key.startswith(PER_ROW_TRUTH) or key == "interactions"
        },
        media={name: columns[MEDIA + name] for name in names if MEDIA + name in columns},
        quantised=labels == "lab" and bool(columns["lab"].splits),
        sequences=sequences,
        seed=seed,
        notes=notes,
    )


def gather(arrays: Mapping[str, Array]) -> dict[str, Column]:
    """Columns by name; ``x_train`` and ``x_test`` (and ``x_val``) become one column ``x`` in parts.

    A name stays in one piece unless both its train and its test part are there.
    """
    parts: dict[str, dict[str, Array]] = {}
    for key, array in arrays.items():
        base, _, suffix = key.rpartition("_")
        if base and suffix in SPLITS and key != "is_test":
            parts.setdefault(base, {})[SPLITS[suffix]] = array
    whole = {
        base: {**found} for base, found in parts.items() if {"train", "test"} <= found.keys() and base not in arrays
    }
    columns = {}
    for base, found in whole.items():
        order = [split for split in ("train", "val", "test") if split in found]
        columns[base] = Column([found[split] for split in order], order)
    used = {id(array) for found in whole.values() for array in found.values()}
    columns.update({key: Column([array]) for key, array in arrays.items() if id(array) not in used})
    return columns


def _pair(
    table: Table, columns: Mapping[str, Column], asked: tuple[str, str] | None, notes: list[str]
) -> tuple[str, str]:
    """The keys of the two modalities: the user's, the file's own, the usual ones, or the only two that can be meant."""
    if asked is None:
        stored = columns["modalities"].text() if "modalities" in columns else ()
        for first, second in filter(None, (table.modalities, stored if len(stored) == 2 else None, HOME)):
            if first in columns and second in columns:
                return first, second
        return _only_pair(table, columns, notes)
    if len(asked) != 2 or asked[0] == asked[1]:
        raise InputError(
            f"{table.source}: two different modalities are needed", got=",".join(asked), fix="write --modalities a,b"
        )
    for name in asked:
        if name not in columns:
            raise InputError(
                f"{table.source}: no key {name!r}", got=listing(columns), fix="name two with --modalities a,b"
            )
    return asked[0], asked[1]


def _only_pair(table: Table, columns: Mapping[str, Column], notes: list[str]) -> tuple[str, str]:
    labels = next((columns[key] for key in LABELS if key in columns), None)
    candidates = [
        name
        for name, column in columns.items()
        if name not in ROLES
        and not name.startswith(PREFIXES)
        and all(part.numeric and len(part.shape) in (2, 3) for part in column.parts)
        and (labels is None or column.rows == labels.rows)
    ]
    if len(candidates) != 2 or columns[candidates[0]].rows != columns[candidates[1]].rows:
        raise InputError(
            f"{table.source}: cannot tell which two arrays are the modalities",
            got=listing(columns),
            valid="keys 'audio' and 'visual', or exactly two arrays with a row per clip",
            fix="name the two with --modalities a,b",
        )
    notes.append(f"took {candidates[0]!r} and {candidates[1]!r} as the two modalities: the only arrays that can be")
    return candidates[0], candidates[1]


def listing(columns: Mapping[str, Column]) -> str:
    """What is there, for messages: every key with its shape and kind."""
    keys = [f"{name!r} {' + '.join(map(str, column.parts))}" for name, column in columns.items()]
    return f"keys {', '.join(keys)}" if keys else "no keys"
