"""What was found as a table, one row a clip: for a terminal, a CSV file and a report."""

from __future__ import annotations

from dataclasses import dataclass

from overtone.core.printable import format_csv
from overtone.search.clips import Clip
from overtone.search.duplicates import Duplicates
from overtone.search.mismatched import Mismatches
from overtone.search.outliers import Outliers

Found = Duplicates | Outliers | Mismatches
"""The result of looking through a corpus."""


_HEADS: dict[type, tuple[str, ...]] = {
    Duplicates: ("group", "distance", "expected"),
    Outliers: ("modality", "distance", "expected"),
    Mismatches: ("rank", "chance"),
}
"""The columns of each kind of result."""


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        clip: The clip that it is about.
        values: Column to value.
    """

    clip: Clip
    values: dict[str, str | float | int]


def list_rows(found: Found) -> list[Row]:
    """A row for each clip found, in the order of the result; a group of near-duplicates has a number.

    Args:
        found: The result.

    Returns:
        Rows of one set of columns.
    """
    heads = _HEADS[type(found)]
    if isinstance(found, Duplicates):
        found_rows: list[tuple[Clip, tuple[str | float | int, ...]]] = [
            (clip, (number, group.distance, group.expected))
            for number, group in enumerate(found.groups, 1)
            for clip in group.clips
        ]
    elif isinstance(found, Outliers):
        found_rows = [(one.clip, (one.modality, one.distance, one.expected)) for one in found.outliers]
    else:
        found_rows = [(one.clip, (one.rank, one.chance)) for one in found.mismatches]
    return [Row(clip, dict(zip(heads, values))) for clip, values in found_rows]


def csv_text(found: Found) -> str:
    """The table as CSV: id, paths of the media, the numbers and the metadata; only the heading where nothing was found.

    Args:
        found: The result.
    """
    rows = list_rows(found)
    media = list(dict.fromkeys(name for row in rows for name in row.clip.media))
    heads = ["id", *(f"media_{name}" for name in media), *_HEADS[type(found)]]
    beside = [name for name in dict.fromkeys(name for row in rows for name in row.clip.metadata) if name not in heads]
    cells = [
        [
            row.clip.id,
            *(row.clip.media.get(name, "") for name in media),
            *row.values.values(),
            *(row.clip.metadata.get(name) for name in beside),
        ]
        for row in rows
    ]
    return format_csv([[*heads, *beside], *cells])
