"""The plain layout: which array of a table is what. VEGAS files and pairs of train and test arrays are cases of it."""

from __future__ import annotations

from collections.abc import Mapping

from overtone.core import InputError
from overtone.features.arrays import Array, Column, Table
from overtone.features.base import EVENTS, single_view_error
from overtone.features.parsed_table import INTERACTIONS, SPLITS, STRENGTHS, Missing, ParsedTable, Sequences

_USUAL_PAIR = ("audio", "visual")
"""The default names of the two modalities."""

_USUAL_VIEWS = ("image", "features", "embeddings", "x", "X", "data")
"""Usual names of a single view."""

LABELS = ("labels", "y", "lab", "label", "Y", "gt", "gnd")
IDS = ("ids", "id", "video_id", "clip_id")
GROUPS = "groups"
MEDIA = "media_"
PRESENT = "present_"
_OWN_IDS = "ids_"
ROLES = {*LABELS, *IDS, "split", "is_test", "class_names", "modalities", GROUPS, INTERACTIONS, STRENGTHS}
PREFIXES = (EVENTS, MEDIA, PRESENT, _OWN_IDS)


def parse_table(
    table: Table, modalities: tuple[str, ...] | None, sequences: Sequences, seed: int, missing: Missing = "refuse"
) -> ParsedTable:
    """Find the role of every array; InputError where the modalities cannot be found.

    ``modalities`` are the keys that the user names, the rest is as in :class:`overtone.features.Reading`.
    """
    columns = join_parts(table.arrays)
    notes = list(table.notes)
    names = _find_modalities(table, columns, modalities, notes)
    labels = next((key for key in LABELS if key in columns), None)
    alone = len(names) == 1
    if alone:
        _refuse_own_ids(table, columns, names[0])
    ids = next((key for key in (*IDS, *(_OWN_IDS + name for name in names if alone)) if key in columns), None)
    return ParsedTable(
        table=table,
        modalities={name: columns[name] for name in names},
        labels=columns[labels] if labels else None,
        one_hot=labels == "labels",
        ids=columns[ids] if ids else None,
        own_ids={name: columns[_OWN_IDS + name] for name in names if not alone and _OWN_IDS + name in columns},
        split=columns.get("split"),
        is_test=columns.get("is_test"),
        class_names=columns.get("class_names"),
        truth={key: columns[key] for key in columns if key.startswith(EVENTS) or key in (INTERACTIONS, STRENGTHS)},
        media={name: columns[MEDIA + name] for name in names if MEDIA + name in columns},
        present={name: columns[PRESENT + name] for name in names if PRESENT + name in columns},
        groups=columns.get(GROUPS),
        quantised=labels == "lab" and bool(columns["lab"].splits),
        sequences=sequences,
        missing=missing,
        seed=seed,
        notes=notes,
    )


def join_parts(arrays: Mapping[str, Array]) -> dict[str, Column]:
    """Columns by name; ``x_train`` and ``x_test`` (and ``x_val``) become one column ``x`` in parts.

    A name stays in one piece unless both its train and its test part are there.
    """
    parts: dict[str, dict[str, Array]] = {}
    for key, array in arrays.items():
        base, _, suffix = key.rpartition("_")
        if base and suffix in SPLITS and key != "is_test":
            parts.setdefault(base, {})[SPLITS[suffix]] = array
    columns = {}
    used = set()
    for base, found in parts.items():
        if {"train", "test"} <= found.keys() and base not in arrays:
            order = [split for split in ("train", "val", "test") if split in found]
            columns[base] = Column([found[split] for split in order], order)
            used |= {id(array) for array in found.values()}
    return columns | {key: Column([array]) for key, array in arrays.items() if id(array) not in used}


def _find_modalities(
    table: Table, columns: Mapping[str, Column], wanted: tuple[str, ...] | None, notes: list[str]
) -> tuple[str, ...]:
    """The keys of the one view or of the two modalities: the user's, or those that are recognised."""
    found, remarks = _recognise(columns)
    if wanted is None:
        if not found:
            what = f"{table.source}: cannot tell which arrays are the modalities"
            valid = "keys 'audio' and 'visual', exactly two arrays with a row per clip, or one: a single view"
            raise InputError(what, got=list_keys(columns), valid=valid, fix="name them with --modalities a,b")
        notes += remarks
        return found
    if len(wanted) not in (1, 2) or len(set(wanted)) < len(wanted):
        what = f"{table.source}: the name of one view or of two different modalities is needed"
        raise InputError(what, got=",".join(wanted) or "none", fix="write --modalities a,b")
    for name in wanted:
        if name not in columns:
            if len(wanted) == 2 and len(found) == 1:
                raise single_view_error(table.source, found[0], list_keys(columns))
            fix = "name what is there with --modalities a,b"
            raise InputError(f"{table.source}: no key {name!r}", got=list_keys(columns), fix=fix)
    return wanted


def _recognise(columns: Mapping[str, Column]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The file's own names, the usual pair, the only arrays that qualify, or the usual view; and notes on it."""
    stored = columns["modalities"].text() if "modalities" in columns else ()
    for names in (stored, _USUAL_PAIR):
        if len(names) in (1, 2) and all(name in columns for name in names):
            return names, ()
    candidates = _find_candidates(columns)
    if len(candidates) == 1:
        return candidates, (f"took {candidates[0]!r} as the one view: the only array that qualifies",)
    if len(candidates) == 2 and columns[candidates[0]].rows == columns[candidates[1]].rows:
        first, second = candidates
        return candidates, (f"took {first!r} and {second!r} as the two modalities: the only arrays that qualify",)
    # called like a view, but it cannot be one: the checks say what is wrong with it
    usual = tuple(name for name in _USUAL_VIEWS if name in columns)
    return (usual if not candidates and len(usual) == 1 else ()), ()


def _find_candidates(columns: Mapping[str, Column]) -> tuple[str, ...]:
    """Keys of the arrays that can hold features: numbers, two or three axes, a row per label."""
    labels = next((columns[key] for key in LABELS if key in columns), None)
    return tuple(
        name
        for name, column in columns.items()
        if name not in ROLES
        and not name.startswith(PREFIXES)
        and all(part.numeric and len(part.shape) in (2, 3) for part in column.parts)
        and (labels is None or column.rows == labels.rows)
    )


def _refuse_own_ids(table: Table, columns: Mapping[str, Column], name: str) -> None:
    """Refuse one modality of a file whose rows are matched by id: only the pair says which one the labels follow."""
    others = [key for key in columns if key.startswith(_OWN_IDS) and key != _OWN_IDS + name]
    if others:
        what = f"{table.source}: rows are matched by id ({', '.join(others)}), labels may follow another array"
        fix = "load both modalities, save them, and take the view from the saved file"
        raise InputError(what, got=f"{name!r} alone", fix=fix)


def list_keys(columns: Mapping[str, Column]) -> str:
    """What is there, for messages: every key with its shape and kind."""
    keys = [f"{name!r} {' + '.join(map(str, column.parts))}" for name, column in columns.items()]
    return f"keys {', '.join(keys)}" if keys else "no keys"
