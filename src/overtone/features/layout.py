"""The plain layout: which array of a table is what. VEGAS files and pairs of train and test arrays are cases of it."""

from __future__ import annotations

from collections.abc import Mapping

from overtone.core import InputError
from overtone.features.arrays import Array, Column, Table
from overtone.features.base import EVENTS
from overtone.features.keys import GROUPS, IDS, LABELS, LENGTHS, MEDIA, META, OWN_IDS, PREFIXES, PRESENT, ROLES
from overtone.features.label_reading import is_label_matrix
from overtone.features.messages import LONGEST
from overtone.features.metadata import from_column
from overtone.features.parsed_table import INTERACTIONS, KEYS, SPLITS, STRENGTHS, ParsedTable
from overtone.features.reading import CheckedReading
from overtone.features.single_view import single_view_error
from overtone.features.split_flags import name_by_flags
from overtone.features.unused import describe_unused, find_unused

_USUAL_PAIR = ("audio", "visual")
"""The default names of the two modalities."""

_USUAL_VIEWS = ("image", "features", "embeddings", "x", "X", "data")
"""Usual names of a single view."""


def parse_table(table: Table, modalities: tuple[str, ...] | None, how: CheckedReading) -> ParsedTable:
    """Find the role of every array; InputError where the modalities cannot be found.

    ``modalities`` are the keys that the user names.
    """
    columns = join_parts(table.arrays)
    by_flags = {} if "split" in columns else name_by_flags(columns)
    columns |= by_flags
    for option, key in (("--labels", how.label_key), ("--ids", how.id_key), ("--group", how.group_key)):
        if key is not None and key not in columns:
            raise InputError(f"{table.source}: no key {key!r} for {option}", got=list_keys(columns))
    notes = list(table.notes)
    labels = how.label_key or next((key for key in LABELS if key in columns), None)
    chosen = {key for key in (how.label_key, how.id_key) if key}
    names, found = _find_modalities(table, columns, modalities, labels, chosen, notes)
    labels = labels or found
    if how.label_key in names:
        what = f"{table.source}: key {how.label_key!r} is a modality, and cannot be the labels too"
        raise InputError(what, fix="name other keys with --labels or --modalities")
    labels = None if labels in names else labels
    alone = len(names) == 1
    if alone:
        _refuse_own_ids(table, columns, names[0])
    ids = how.id_key or next(
        (key for key in (*IDS, *(OWN_IDS + name for name in names if alone)) if key in columns), None
    )
    group = how.group_key or (GROUPS if GROUPS in columns else None)
    parsed = ParsedTable(
        table=table,
        modalities={name: columns[name] for name in names},
        labels=columns[labels] if labels else None,
        ids=columns[ids] if ids else None,
        own_ids={name: columns[OWN_IDS + name] for name in names if not alone and OWN_IDS + name in columns},
        split=next(iter(by_flags.values()), columns.get("split")),
        is_test=None if "split" in columns or by_flags else columns.get("is_test"),
        class_names=columns.get("class_names"),
        truth={key: columns[key] for key in columns if key.startswith(EVENTS) or key in (INTERACTIONS, STRENGTHS)},
        media={name: columns[MEDIA + name] for name in names if MEDIA + name in columns},
        present={name: columns[PRESENT + name] for name in names if PRESENT + name in columns},
        lengths=_find_lengths(columns, names),
        groups=columns[group] if group else None,
        quantised=labels == "lab" and bool(columns["lab"].splits),
        how=how,
        notes=notes,
    )
    beside = {key: column for key, column in columns.items() if key.startswith(META) and column.single}
    parsed.metadata = {
        key[len(META) :]: from_column(column) for key, column in beside.items() if column.rows == parsed.first.rows
    }
    parsed.unused = find_unused(columns, parsed, labels)
    return parsed


def _find_lengths(columns: Mapping[str, Column], names: tuple[str, ...]) -> dict[str, Column]:
    """Modality to the column of its sequences' lengths."""
    found = {}
    for name in names:
        key = next((name + end for end in LENGTHS if name + end in columns), None)
        if key is not None and all(len(part.shape) == 3 for part in columns[name].parts):
            found[name] = columns[key]
    return found


def join_parts(arrays: Mapping[str, Array]) -> dict[str, Column]:
    """Columns by name; ``x_train`` and ``x_test`` (and ``x_val``), or ``train/x`` and so on, are parts of a column x.

    A name stays in one piece unless both its train and its test part are there.
    """
    parts: dict[str, dict[str, Array]] = {}
    for key, array in arrays.items():
        base, _, suffix = key.rpartition("_")
        if suffix not in SPLITS:
            suffix, _, base = key.partition("/")
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
    table: Table,
    columns: Mapping[str, Column],
    wanted: tuple[str, ...] | None,
    labels: str | None,
    taken: set[str],
    notes: list[str],
) -> tuple[tuple[str, ...], str | None]:
    """The keys of the one view or of the two modalities, the user's or those recognised; and a key of labels."""
    found, matrix, remarks = _recognise(columns, labels, taken)
    if wanted is None:
        if not found:
            what = f"{table.source}: cannot tell which arrays are the modalities"
            valid = "keys 'audio' and 'visual', exactly two arrays with a row per clip, or one: a single view"
            unread = describe_unused(table.unread)
            got = f"{list_keys(columns)}{'; ' if unread else ''}{unread}"
            raise InputError(what, got=got, valid=valid, fix=_advise(columns))
        notes += remarks
        return found, matrix
    if len(wanted) not in (1, 2) or len(set(wanted)) < len(wanted):
        what = f"{table.source}: the name of one view or of two different modalities is needed"
        raise InputError(what, got=",".join(wanted) or "none", fix="write --modalities a,b")
    for name in wanted:
        if name not in columns:
            if len(wanted) == 2 and len(found) == 1:
                raise single_view_error(table.source, found[0], list_keys(columns))
            fix = "name what is there with --modalities a,b"
            raise InputError(f"{table.source}: no key {name!r}", got=list_keys(columns), fix=fix)
    return wanted, None


def _recognise(
    columns: Mapping[str, Column], labels: str | None, taken: set[str]
) -> tuple[tuple[str, ...], str | None, tuple[str, ...]]:
    """The file's own names, the usual pair, the only arrays that qualify, or the usual view; and notes on it.

    A matrix of labels is no modality: its key comes second, where the source has no other labels.
    """
    stored = columns["modalities"].text() if "modalities" in columns else ()
    for names in (stored, _USUAL_PAIR):
        if len(names) in (1, 2) and all(name in columns for name in names):
            return names, None, ()
    candidates = _find_candidates(columns, labels, taken)
    marks = tuple(name for name in candidates if len(candidates) > 1 and is_label_matrix(columns[name]))
    candidates = tuple(name for name in candidates if name not in marks)
    matrix = marks[0] if len(marks) == 1 and labels is None else None
    notes = tuple(
        f"took {name!r} as the labels, not as a modality: every row has one 1 and is 0 otherwise"
        for name in marks
        if name == matrix
    )
    if len(candidates) == 1:
        return candidates, matrix, (f"took {candidates[0]!r} as the one view: the only array that qualifies", *notes)
    if len(candidates) == 2 and columns[candidates[0]].rows == columns[candidates[1]].rows:
        first, second = candidates
        taken_as = f"took {first!r} and {second!r} as the two modalities: the only arrays that qualify"
        return candidates, matrix, (taken_as, *notes)
    # called like a view, but it cannot be one: the checks say what is wrong with it
    usual = tuple(name for name in _USUAL_VIEWS if name in columns)
    return (usual if not candidates and len(usual) == 1 else ()), None, ()


def _find_candidates(columns: Mapping[str, Column], labels: str | None, taken: set[str]) -> tuple[str, ...]:
    """Keys of the arrays that can hold features: numbers, two or more axes, a row per label."""
    rows = columns[labels].rows if labels else None
    return tuple(
        name
        for name, column in columns.items()
        if name not in ROLES
        and name not in taken
        and not name.startswith(PREFIXES)
        and all(part.numeric and len(part.shape) in (2, 3, 5) for part in column.parts)
        and (rows is None or column.rows == rows)
    )


def _advise(columns: Mapping[str, Column]) -> str:
    """What to do where no modality is recognised."""
    images = [key for key, column in columns.items() if any(len(part.shape) == 4 for part in column.parts)]
    if images:
        one = images[0]
        return f"{one!r} has four axes, as images have: flatten them, {one}.reshape(N, -1), or extract features"
    return "name them with --modalities a,b"


def _refuse_own_ids(table: Table, columns: Mapping[str, Column], name: str) -> None:
    """Refuse one modality of a file whose rows are matched by id: only the pair says which one the labels follow."""
    others = [key for key in columns if key.startswith(OWN_IDS) and key != OWN_IDS + name]
    if others:
        what = f"{table.source}: rows are matched by id ({', '.join(others)}), labels may follow another array"
        fix = "load both modalities, save them, and take the view from the saved file"
        raise InputError(what, got=f"{name!r} alone", fix=fix)


def list_keys(columns: Mapping[str, Column]) -> str:
    """What is there, for messages: the first keys with their shapes and kinds, and how many more there are."""
    keys = [f"{name[:LONGEST]!r} {' + '.join(map(str, column.parts))}" for name, column in columns.items()]
    if not keys:
        return "no keys"
    return f"keys {', '.join(keys[:KEYS])}" + (f" and {len(keys) - KEYS:,} more" if len(keys) > KEYS else "")
