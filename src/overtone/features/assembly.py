"""From a table without problems to the arrays of features: rows matched, subsets taken, all of it identified."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from overtone.core import InputError
from overtone.core.files import checksum
from overtone.features.arrays import Values
from overtone.features.base import EVENTS, LabelKind, Provenance, Scalar, find_label_kind
from overtone.features.label_reading import NO_LABEL, identifying
from overtone.features.labels import build_labels
from overtone.features.parsed_table import ParsedTable
from overtone.features.splitting import group_numbers
from overtone.features.subsets import Subset
from overtone.features.truth import build_truth
from overtone.features.unused import describe_unused


@dataclass(frozen=True, eq=False)
class FeatureArrays:
    """The fields of :class:`overtone.features.Features` before they are tensors."""

    modalities: dict[str, Values]
    ids: tuple[str, ...]
    labels: Values | None
    class_names: tuple[str, ...]
    splits: dict[str, Values]
    media: dict[str, tuple[str, ...]]
    truth: dict[str, Values]
    provenance: Provenance
    present: dict[str, Values]
    groups: tuple[str, ...]
    metadata: dict[str, tuple[Scalar, ...]]
    source_rows: Values | None = None

    @property
    def label_kind(self) -> LabelKind:
        """What kind of labels they are."""
        return find_label_kind(self.labels)


def assemble(table: ParsedTable, subset: Subset | None = None, warnings: tuple[str, ...] = ()) -> FeatureArrays:
    """The arrays of a table without problems; InputError where the corpus lacks a class of the subset."""
    features, present, ids = _match_rows(table)
    data = FeatureArrays(
        features,
        ids,
        *build_labels(table),
        table.splits,
        {name: column.text() for name, column in table.media.items()},
        build_truth(table),
        Provenance(),
        present,
        table.group_names,
        table.metadata,
    )
    if unused := describe_unused(table.unused):
        table.notes.append(unused)
    if subset is not None:
        data = _select(data, subset.classes)
        table.notes.append(subset.note)
    if data.present:
        lacking = [f"{int((~mask).sum())} without {name}" for name, mask in data.present.items()]
        table.notes.append(f"of {len(data.ids)} rows {' and '.join(lacking)}")
    labelled = [] if data.labels is None else [identifying(data.labels, len(data.class_names))]
    parts = [*data.modalities.values(), *labelled, *data.splits.values()]
    parts += [*data.present.values(), *([group_numbers(data.groups)] if data.groups else [])]
    identity, notes = checksum(*parts), tuple(table.notes)
    remarks = tuple(table.split_remarks)
    provenance = Provenance(table.source, table.table.reader, identity, notes, warnings, table.made_split, remarks)
    return replace(data, provenance=provenance)


def _match_rows(table: ParsedTable) -> tuple[dict[str, Values], dict[str, Values], tuple[str, ...]]:
    """Features and presence in one row order, and the clips' ids."""
    features = {name: table.features(name) for name in table.modalities}
    present = dict(table.presence)
    if not table.own_ids:
        return (
            features,
            present,
            table.ids.text() if table.ids is not None else tuple(map(str, range(table.first.rows))),
        )
    (_, names), (second, others) = table.own_names.items()
    if names != others:
        place = {name: row for row, name in enumerate(others)}
        order = [place[name] for name in names]
        for part in (features, present):
            if second in part:
                part[second] = part[second][order]
        table.notes.append(f"{second}: rows matched to the other modality's by id")
    return features, present, names


def _select(data: FeatureArrays, classes: tuple[str, ...]) -> FeatureArrays:
    """Only the clips of some classes, with targets of these classes."""
    codes = {name: number for number, name in enumerate(data.class_names)}
    missing = [name for name in classes if name not in codes]
    if missing or data.labels is None:
        what = f"the subset needs classes that the data lack: {', '.join(missing)}"
        raise InputError(what, got=", ".join(data.class_names) or "no labels")
    numbers = [codes[name] for name in classes]
    if data.labels.ndim == 2:
        labels = data.labels[:, numbers]
        chosen = labels.sum(axis=1) > 0
    else:
        place_of = np.full(len(data.class_names) + 1, NO_LABEL)  # the last is that of rows without a label
        place_of[numbers] = np.arange(len(numbers))
        labels = place_of[data.labels]
        chosen = labels != NO_LABEL
    place, rows = np.cumsum(chosen) - 1, np.flatnonzero(chosen)
    present = {name: mask[rows] for name, mask in data.present.items()}
    splits = {name: place[members[chosen[members]]] for name, members in data.splits.items()}
    return replace(
        data,
        modalities={name: values[rows] for name, values in data.modalities.items()},
        ids=tuple(data.ids[row] for row in rows),
        labels=labels[rows],
        class_names=classes,
        splits={name: members for name, members in splits.items() if len(members)},
        media={name: tuple(paths[row] for row in rows) for name, paths in data.media.items()},
        truth={key: values[rows] if key.startswith(EVENTS) else values for key, values in data.truth.items()},
        present={name: mask for name, mask in present.items() if not mask.all()},
        groups=tuple(data.groups[row] for row in rows) if data.groups else (),
        metadata={name: tuple(values[row] for row in rows) for name, values in data.metadata.items()},
        source_rows=rows,
    )
