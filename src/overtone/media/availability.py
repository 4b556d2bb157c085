"""The availability manifest: which clips of a source were really there, and why the others were not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from overtone.core.files import write_text
from overtone.core.printable import format_csv
from overtone.features import Features
from overtone.media.catalogue import UNLABELLED, Catalogue
from overtone.media.units import MediumState, States

_KINDS = ("none given", "black", "silent", "without words", "no video", "no sound", "empty", "not a", "No such file")
"""Begins of reasons that are counted by themselves; the others are damage."""

_COLUMNS = ("", "_file", "_sha256", "_seconds", "_reason")
"""Ends of the names of the columns of a modality."""


@dataclass(frozen=True)
class Availability:
    """What was there of the clips of an extraction.

    Attributes:
        catalogue: The clips.
        outline: Those that were extracted, with their splits.
        rows: Row of the catalogue of each of them.
        states: For each of them modality to what was found out.
    """

    catalogue: Catalogue
    outline: Features
    rows: Sequence[int]
    states: Sequence[States]

    def has(self, modality: str) -> list[bool]:
        """For each clip whether it has a modality."""
        return [not states[modality].reason for states in self.states]

    def left_out(self, kept: Sequence[bool]) -> dict[str, str]:
        """Id to reason of the clips that are not in the features."""
        chosen = [at for at, keep in enumerate(kept) if not keep]
        return {self.outline.ids[at]: self._reason(self.states[at]) for at in chosen}

    def count_reasons(self) -> dict[str, dict[str, int]]:
        """Modality to reason to the number of clips, the most frequent first."""
        counts = {
            name: Counter(_kind(states[name].reason) for states in self.states if states[name].reason)
            for name in self.outline.names
        }
        return {name: dict(found.most_common()) for name, found in counts.items()}

    def write(self, path: Path, kept: Sequence[bool]) -> None:
        """Write a row for each clip, as CSV.

        Columns: ``id``, ``class``, ``split``, ``start``, ``stop``, ``in_features``; and for each modality whether it is
        there (``audio``), its file, SHA-256, length in seconds and, if it is not there, the reason.

        Args:
            path: The file.
            kept: For each clip whether it is in the features.
        """
        split = {int(row): name for name, rows in self.outline.splits.items() for row in rows}
        parts = [f"{name}{end}" for name in self.outline.names for end in _COLUMNS]
        table: list[list[object]] = [["id", "class", "split", "start", "stop", "in_features", *parts]]
        for at, (row, states) in enumerate(zip(self.rows, self.states)):
            start, stop = self.catalogue.span(row)
            known = [self.outline.ids[at], self._class_of(row), split.get(at, ""), start, stop, int(kept[at])]
            table.append([*known, *(value for name in states for value in self._describe(row, name, states[name]))])
        write_text(path, format_csv(table))

    def _describe(self, row: int, modality: str, state: MediumState) -> list[object]:
        files = self.catalogue.files.get(modality)
        file = "" if files is None else files[row]
        return [int(not state.reason), file, state.sha256, state.seconds, state.reason]

    def _class_of(self, row: int) -> str:
        if self.catalogue.labels is None or self.catalogue.labels[row] == UNLABELLED:
            return ""
        return self.catalogue.class_names[int(self.catalogue.labels[row])]

    def _reason(self, states: Mapping[str, MediumState]) -> str:
        if len(states) == 1:
            return next(iter(states.values())).reason
        return "; ".join(f"{name}: {state.reason}" for name, state in states.items() if state.reason)


def _kind(reason: str) -> str:
    return next((kind for kind in _KINDS if reason.startswith(kind)), "damaged")
