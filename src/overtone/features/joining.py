"""Roles of a source's arrays, and of the columns of a table beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from overtone.core import InputError
from overtone.features.arrays import Array, Table
from overtone.features.base import F
from overtone.features.layout import join_parts, parse_table
from overtone.features.messages import LONGEST
from overtone.features.metadata import Columns, MetadataTable, list_names, read_metadata, to_array
from overtone.features.parsed_table import Issue, ParsedTable
from overtone.features.reading import CheckedReading


@dataclass(frozen=True)
class JoinedMetadata:
    """Columns in the order of the clips.

    Attributes:
        columns: Column to a value for each clip, None where the table has no row of it.
        note: How they were joined, in a sentence.
        doubt: What does not match, if anything.
    """

    columns: Columns
    note: str
    doubt: InputError | None = None


def parse_source(table: Table, modalities: tuple[str, ...] | None, how: CheckedReading) -> ParsedTable:
    """Find the role of every array, and join the table of metadata that is named, if any.

    Keys of labels and of groups that the source lacks may be columns of that table.

    Raises:
        InputError: The modalities cannot be found, or the table cannot be read or joined.
    """
    if how.metadata is None:
        return parse_table(table, modalities, how)
    beside = read_metadata(how.metadata, how.id_key)
    there = join_parts(table.arrays)
    known = {*beside.columns, beside.id_column}

    def own(key: str | None) -> str | None:
        """A key that the user names, unless only the table beside the source has it."""
        return key if key in there or key not in known else None

    source_keys = replace(
        how, label_key=own(how.label_key), id_key=own(how.id_key), group_key=own(how.group_key), metadata=None
    )
    parsed = parse_table(table, modalities, source_keys)
    ids = next(iter(parsed.own_names.values()), ()) or parsed.id_names
    joined = join_metadata(beside, ids or tuple(map(str, range(parsed.first.rows))), table.source)
    taken = {key for key in (how.label_key, how.group_key) if key in joined.columns and key not in there}
    if taken:
        arrays = {key: Array(to_array(joined.columns[key]), f"{beside.path}, column {key!r}") for key in taken}
        all_keys = replace(source_keys, label_key=how.label_key, group_key=how.group_key)
        parsed = parse_table(replace(table, arrays={**table.arrays, **arrays}), modalities, all_keys)
    parsed.metadata |= joined.columns
    parsed.notes += [*beside.notes, joined.note, *_hints(joined.columns, parsed, how)]
    if joined.doubt is not None:
        parsed.doubts.append(Issue("metadata", joined.doubt, fatal=False))
    return parsed


def add_metadata(data: F, path: str | Path) -> F:
    """The same features with the columns of a table beside them.

    Args:
        data: Features.
        path: The table, as for :func:`overtone.features.load`.

    Returns:
        Features with ``metadata``, and with a note on it.

    Raises:
        InputError: It cannot be read, or its rows are not those of the clips.
    """
    table = read_metadata(path)
    joined = join_metadata(table, data.ids, data.provenance.source)
    notes = (*data.provenance.notes, *table.notes, joined.note)
    warnings = data.provenance.warnings + (() if joined.doubt is None else (str(joined.doubt),))
    provenance = replace(data.provenance, notes=notes, warnings=warnings)
    return replace(data, metadata={**data.metadata, **joined.columns}, provenance=provenance)


def _hints(columns: Columns, parsed: ParsedTable, how: CheckedReading) -> list[str]:
    """Columns that look like labels where there are none."""
    if parsed.labels is not None or how.label_key is not None:
        return []
    found = [name for name in ("label", "labels", "class", "category", "y") if name in columns]
    return [f"column {found[0]!r} of the metadata is not taken as labels: --labels {found[0]} does so"] if found else []


def join_metadata(table: MetadataTable, ids: Sequence[str], source: str) -> JoinedMetadata:
    """Bring the rows of a table into the order of clips: by id where the table has ids, else row by row.

    Args:
        table: The table.
        ids: The clips' ids.
        source: What the clips' source is called in messages.

    Returns:
        The columns, and what does not match.

    Raises:
        InputError: An id stands twice, none is that of a clip, or there are no ids and another number of rows.
    """
    if table.id_column is None:
        if table.rows != len(ids):
            what = f"{table.path}: {table.rows:,} rows, but {source} has {len(ids):,} clips"
            fix = f"bring one row per clip in the same order, or a column 'id' with ids such as {ids[0][:LONGEST]!r}"
            raise InputError(what, fix=fix)
        return JoinedMetadata(table.columns, f"{table.path}: {_count(table)}, joined row by row")
    place: dict[str, int] = {}
    twice = [name for row, name in enumerate(table.ids) if name and place.setdefault(name, row) != row]
    where = f"{table.path}, column {table.id_column!r}"
    if twice:
        row = table.ids.index(twice[0], place[twice[0]] + 1)
        what = f"{where}, row {row}: id {twice[0][:LONGEST]!r} occurs twice (first in row {place[twice[0]]})"
        raise InputError(what, got=f"{len(twice):,} such rows ({list_names(twice)})", fix="bring one row per clip")
    rows = [place.get(name) for name in ids]
    missing = [name for name, row in zip(ids, rows) if row is None]
    if len(missing) == len(ids):
        got, valid = (list_names([name for name in names if name]) or "none" for names in (table.ids, ids))
        what = f"{where}: none of the {len(place):,} ids is that of a clip of {source}"
        raise InputError(what, got=got, valid=f"ids such as {valid}", fix="bring the clips' ids, or leave ids out")
    known = set(ids)
    others = [name for name in table.ids if name not in known]
    doubts = [f"lacks {len(missing):,} of {len(ids):,} clips ({list_names(missing)})"] if missing else []
    doubts += (
        [f"has {len(others):,} {'row' if len(others) == 1 else 'rows'} of no clip ({list_names(others)})"]
        if others
        else []
    )
    doubt = InputError(f"{where}: {' and '.join(doubts)}", fix="check the ids if that is not meant") if doubts else None
    columns = {
        name: tuple(None if row is None else values[row] for row in rows) for name, values in table.columns.items()
    }
    return JoinedMetadata(columns, f"{table.path}: {_count(table)}, joined by {table.id_column!r}", doubt)


def _count(table: MetadataTable) -> str:
    count = len(table.columns)
    return f"{count} column{'s' if count != 1 else ''} of metadata"
