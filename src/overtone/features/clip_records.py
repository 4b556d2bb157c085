"""Clips as rows of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from overtone.core.results import Record

if TYPE_CHECKING:
    from torch import Tensor


def clip_labels(labels: Tensor | None, class_names: Sequence[str]) -> list[str | list[str] | None] | None:
    """The class of each clip by name, None for none, or where clips have several classes a list of them.

    Args:
        labels: (N,) class codes, -1 for none, or (N, C) targets, of which those above 0 count; None without labels.
        class_names: C names; without any, classes go by their numbers.
    """
    if labels is None:
        return None
    if labels.dim() == 1:
        return [None if code < 0 else class_names[code] if class_names else str(code) for code in labels.tolist()]
    found: list[str | list[str] | None] = []
    for row in labels:
        numbers = row.nonzero().flatten().tolist()
        found.append([class_names[number] if class_names else str(number) for number in numbers])
    return found


def clip_records(
    ids: Sequence[str],
    labels: Sequence[object] | None,
    splits: Mapping[str, Tensor],
    beside: Mapping[str, Sequence[object]],
    metadata: Mapping[str, Sequence[object]],
) -> Iterator[Record]:
    """A row per clip.

    Args:
        ids: N names.
        labels: The class or classes of each clip; None without labels.
        splits: Name to row numbers; a clip in several has the first of them.
        beside: Further columns of N values.
        metadata: Columns whose names are the user's; one that is taken gets ``metadata_`` before it.
    """
    split_of = {row: name for name, rows in reversed(list(splits.items())) for row in rows.tolist()}
    for row, name in enumerate(ids):
        record: Record = {"id": name}
        if labels is not None:
            record["label"] = labels[row]
        if splits:
            record["split"] = split_of.get(row)
        record |= {column: values[row] for column, values in beside.items()}
        yield {**record, **rename_taken({column: values[row] for column, values in metadata.items()}, record)}


def rename_taken(metadata: Mapping[str, object], taken: Mapping[str, object]) -> Record:
    """Metadata as columns beside others: a column that has the name of one of those gets ``metadata_`` before it.

    Example:
        >>> rename_taken({"title": "a dog", "id": 3}, {"id": "c1", "score": 0.5})
        {'title': 'a dog', 'metadata_id': 3}
    """
    return {f"metadata_{name}" if name in taken else name: value for name, value in metadata.items()}
