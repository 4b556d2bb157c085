"""Data sets of the library ``datasets``: vector columns become features, and features become such a data set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from typing_extensions import Unpack

from overtone.core import InputError
from overtone.features.base import Features
from overtone.features.formats.parquet import read_columns
from overtone.features.loading import read_table
from overtone.features.parsed_table import SPLITS
from overtone.features.reading import Reading
from overtone.features.saving import to_plain_layout

if TYPE_CHECKING:
    import datasets
    import pyarrow

_THEIRS = {"val": "validation"}
"""Our name of a split to theirs."""


def from_dataset(
    dataset: datasets.Dataset | datasets.DatasetDict,
    *,
    modalities: tuple[str, ...] | None = None,
    **reading: Unpack[Reading],
) -> Features:
    """Read the vector columns of a data set; everything is checked as by :func:`overtone.features.load_views`.

    Args:
        dataset: A data set, or its splits by name; ``train``, ``validation`` and ``test`` become the clips' splits.
        modalities: Columns of the one view or of the two modalities, where that is not clear.
        reading: As for :func:`overtone.load`.

    Returns:
        Checked features; :class:`~overtone.features.PairedFeatures` where there are two modalities.

    Raises:
        InputError: This is no data set, has no vectors, a split of another name, or anything that a check finds.
    """
    parts: Mapping[str, Any] = dataset if isinstance(dataset, Mapping) else {"": dataset}
    if not parts or not all(hasattr(part, "with_format") for part in parts.values()):
        fix = "bring a Dataset or a DatasetDict of the library datasets"
        raise InputError("not a data set", got=type(dataset).__name__, fix=fix)
    unknown = [name for name in parts if name and name not in SPLITS]
    if unknown:
        raise InputError(f"split {unknown[0]!r} of the data set is unknown", valid=", ".join(SPLITS))
    table = _joined({name: part.with_format("arrow")[:] for name, part in parts.items()})
    first = next(iter(parts.values()))
    source = f"dataset {getattr(first.info, 'dataset_name', None) or 'in memory'}"
    return read_table(read_columns(table, source, "dataset", max(1, table.nbytes)), modalities, **reading)


def to_dataset(features: Features) -> datasets.Dataset | datasets.DatasetDict:
    """Features as a data set with a vector column for each modality.

    Args:
        features: Features of one view or of two.

    Returns:
        With splits a ``DatasetDict``, else a ``Dataset``; a single label is a ``ClassLabel`` where every clip has one.

    Raises:
        InputError: The library is not installed, or the features have no place in the plain layout.
    """
    try:
        import datasets
    except ImportError:
        raise InputError("datasets is not installed", fix="pip install 'overtone[hub]'") from None
    arrays = to_plain_layout(features)
    class_names, split = arrays.pop("class_names", np.empty(0)).tolist(), arrays.pop("split", None)
    arrays.pop("modalities")
    columns = {key: values for key, values in arrays.items() if len(values) == len(features)}
    kinds: dict[str, Any] = {}
    for key, values in columns.items():
        kinds[key] = datasets.Value("string" if values.dtype.kind == "U" else str(values.dtype))
        for size in reversed(values.shape[1:]):
            kinds[key] = datasets.Sequence(kinds[key], length=size)
    if class_names and "y" in columns and int(columns["y"].min()) >= 0:
        kinds["y"] = datasets.ClassLabel(names=class_names)
    rows = {key: list(values) for key, values in columns.items()}
    whole = datasets.Dataset.from_dict(rows, features=datasets.Features(kinds))
    if split is None:
        return whole
    members = {name: np.flatnonzero(split == name) for name in dict.fromkeys(split.tolist()) if name}
    return datasets.DatasetDict({_THEIRS.get(name, name): whole.select(chosen) for name, chosen in members.items()})


def _joined(parts: Mapping[str, pyarrow.Table]) -> pyarrow.Table:
    """All splits in one table, with a column that names the split."""
    import pyarrow

    if list(parts) == [""]:
        return parts[""]
    named = []
    for name, table in parts.items():
        if "split" in table.column_names:
            table = table.drop_columns(["split"])
        named.append(table.append_column("split", pyarrow.array([name] * len(table))))
    return pyarrow.concat_tables(named, promote_options="default")
