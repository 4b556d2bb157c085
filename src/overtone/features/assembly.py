"""From a source to checked arrays with one row per clip, before they are tensors."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from overtone.core import InputError
from overtone.core.files import checksum
from overtone.features.arrays import Table, Values, make_table
from overtone.features.base import EVENTS, LabelKind, Provenance, find_label_kind
from overtone.features.corpora import corpora
from overtone.features.formats import find_format
from overtone.features.labels import build_targets
from overtone.features.parsed_table import ParsedTable
from overtone.features.subsets import Subset
from overtone.features.truth import build_truth


@dataclass(frozen=True, eq=False)
class FeatureArrays:
    """The numpy counterpart of :class:`overtone.features.Features`, with the same fields."""

    modalities: dict[str, Values]
    ids: tuple[str, ...]
    targets: Values | None
    class_names: tuple[str, ...]
    splits: dict[str, Values]
    media: dict[str, tuple[str, ...]]
    truth: dict[str, Values]
    provenance: Provenance

    @property
    def label_kind(self) -> LabelKind:
        """What kind of labels the targets are."""
        return find_label_kind(self.targets)

    def select(self, subset: Subset) -> FeatureArrays:
        """Only the clips of a subset's classes, with targets of these classes.

        Raises:
            InputError: The data lack one of its classes.
        """
        missing = [name for name in subset.classes if name not in self.class_names]
        if missing or self.targets is None:
            what = f"the subset needs classes that the data lack: {', '.join(missing)}"
            raise InputError(what, got=", ".join(self.class_names) or "no labels")
        targets = self.targets[:, [self.class_names.index(name) for name in subset.classes]]
        chosen = targets.sum(axis=1) > 0
        place = np.cumsum(chosen) - 1
        rows = np.flatnonzero(chosen)
        splits = {name: place[members[chosen[members]]] for name, members in self.splits.items()}
        truth = {key: values[rows] if key.startswith(EVENTS) else values for key, values in self.truth.items()}
        return replace(
            self,
            modalities={name: values[rows] for name, values in self.modalities.items()},
            ids=tuple(self.ids[row] for row in rows),
            targets=targets[rows],
            class_names=subset.classes,
            splits={name: members for name, members in splits.items() if len(members)},
            media={name: tuple(paths[row] for row in rows) for name, paths in self.media.items()},
            truth=truth,
        )


@contextmanager
def open_source(source: str | Path, seed: int) -> Iterator[Table]:
    """The table of a source; closed at the end.

    Raises:
        InputError: There is no such file, folder or corpus.
    """
    if isinstance(source, str) and source in corpora:
        yield make_table(corpora[source](seed), source, "corpus")
        return
    path = Path(source).expanduser()
    if not path.exists():
        close = difflib.get_close_matches(str(source), corpora, n=1)
        fix = f"did you mean {close[0]!r}?" if close else "check the path"
        raise InputError(
            f"{source}: no such file or folder", valid=f"a path, or a corpus: {', '.join(corpora)}", fix=fix
        )
    table = find_format(path).read(path)
    try:
        yield table
    finally:
        table.close()


def assemble(table: ParsedTable, subset: Subset | None = None, warnings: tuple[str, ...] = ()) -> FeatureArrays:
    """The arrays of a table without problems.

    Raises:
        InputError: The subset does not fit the corpus.
    """
    features, ids = _match_rows(table)
    targets, class_names = build_targets(table)
    media = {name: column.text() for name, column in table.media.items()}
    truth = build_truth(table)
    data = FeatureArrays(features, ids, targets, class_names, table.splits, media, truth, Provenance())
    if subset is not None:
        data = data.select(subset)
        table.notes.append(subset.note)
    parts = [*data.modalities.values(), *([] if data.targets is None else [data.targets]), *data.splits.values()]
    identity, notes = checksum(*parts), tuple(table.notes)
    provenance = Provenance(table.source, table.table.reader, identity, notes, warnings, table.made_split)
    return replace(data, provenance=provenance)


def _match_rows(table: ParsedTable) -> tuple[dict[str, Values], tuple[str, ...]]:
    """Features in one row order, and the clips' ids."""
    features = {name: table.features(name) for name in table.modalities}
    if not table.own_ids:
        return features, table.ids.text() if table.ids is not None else tuple(map(str, range(table.first.rows)))
    (_, names), (second, others) = table.own_names.items()
    if names != others:
        place = {name: row for row, name in enumerate(others)}
        features[second] = features[second][[place[name] for name in names]]
        table.notes.append(f"{second}: rows matched to the other modality's by id")
    return features, names
