"""What of a source is not used, and why: nothing is dropped in silence."""

from __future__ import annotations

from collections.abc import Mapping

from overtone.features.arrays import Column
from overtone.features.keys import META
from overtone.features.messages import LONGEST
from overtone.features.parsed_table import KEYS, ParsedTable


def find_unused(columns: Mapping[str, Column], parsed: ParsedTable, labels: str | None) -> dict[str, str]:
    """Key to the reason, of every key of a source that has no role."""
    roles = [*parsed.modalities.values(), parsed.labels, parsed.ids, *parsed.own_ids.values(), parsed.split]
    roles += [parsed.is_test, parsed.class_names, *parsed.truth.values(), *parsed.media.values()]
    roles += [*parsed.present.values(), *parsed.lengths.values(), parsed.groups, columns.get("modalities")]
    roles += [columns.get(META + name) for name in parsed.metadata]
    used = {id(column) for column in roles if column is not None}
    found = {key: _reason(column, parsed, labels) for key, column in columns.items() if id(column) not in used}
    return {**found, **parsed.table.unread}


def describe_unused(unused: Mapping[str, str]) -> str:
    """One sentence on the keys that are not used; empty where all are."""
    if not unused:
        return ""
    shown = ", ".join(f"{key[:LONGEST]!r} ({reason})" for key, reason in list(unused.items())[:KEYS])
    more = f" and {len(unused) - KEYS:,} more" if len(unused) > KEYS else ""
    return f"not used: {shown}{more}"


def _reason(column: Column, parsed: ParsedTable, labels: str | None) -> str:
    part = column.parts[0]
    kind = " + ".join(map(str, column.parts))
    if part.dtype.kind == "O":
        return "Python objects, which are never loaded"
    if column.rows != parsed.first.rows:
        return f"{kind}: not one row per clip"
    if column.single:
        if labels is not None and part.numeric:
            return f"{kind}: labels are taken from {labels!r}"
        return f"{kind}: --labels, --ids or --group takes it"
    if len(part.shape) in (2, 3) and part.numeric:
        return f"{kind}: --modalities or --labels takes it"
    return f"{kind}: has no meaning here"
