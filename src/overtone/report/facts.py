"""What a run report speaks about, gathered once and as plain data, so that no section asks a run or a corpus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtone.report.retrieval import Direction, Floats
from overtone.report.words import listed

STRONG = 0.5
"""From this target on a class is named, which only soft labels need to be told."""


@dataclass(frozen=True)
class RunFacts:
    """A run on its test rows.

    Attributes:
        method: Name of the method.
        corpus: Where the data came from.
        modalities: Names of the two modalities.
        ids: Id of each test row.
        embeddings: (N, e) per modality, the test rows.
        evaluation: Metrics by name (``Evaluation.to_dict()``).
        average_precision: (N,) per direction, ``"a2v"`` and ``"v2a"``, NaN for a query left out; empty without labels.
        targets: (N, C) class targets in [0, 1], or None.
        class_names: Name of each class.
        media: Path per test row and modality, ``{}`` if unknown.
        history: One mapping of numbers per epoch.
        chosen: The epoch whose weights were kept, None if there was no choice.
        criterion: Entry of the history by which it was chosen.
        supervised: Whether the method was given labels.
        counts: Rows per split.
        settings: Everything that was set.
        provenance: Versions, checksum, seconds and the like, as written in the run.
        notes: What the reader of the data decided, in sentences.
        warnings: What may be wrong with the data, in sentences.
    """

    method: str
    corpus: str
    modalities: tuple[str, str]
    ids: tuple[str, ...]
    embeddings: tuple[Floats, Floats]
    evaluation: Mapping[str, Any]
    average_precision: Mapping[str, Floats] = field(default_factory=dict)
    targets: Floats | None = None
    class_names: tuple[str, ...] = ()
    media: Mapping[str, Sequence[str]] = field(default_factory=dict)
    history: Sequence[Mapping[str, Any]] = ()
    chosen: int | None = None
    criterion: str | None = None
    supervised: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def arrows(self) -> dict[str, str]:
        """The directions by their key: ``{"a2v": "audio → visual", ...}``."""
        first, second = self.modalities
        return {"a2v": f"{first} → {second}", "v2a": f"{second} → {first}"}

    @cached_property
    def directions(self) -> dict[str, Direction]:
        """Both directions of retrieval, looked at once for all sections."""
        first, second = self.embeddings
        return {"a2v": Direction(first, second), "v2a": Direction(second, first)}

    @cached_property
    def present(self) -> NDArray[np.bool_] | None:
        """(N, C) which classes a row has, as the evaluation counts them; None without labels."""
        return None if self.targets is None else self.targets > 0

    @cached_property
    def labels(self) -> list[str]:
        """The classes of each row in words, empty strings without labels; of soft ones the strong or the strongest."""
        if self.targets is None:
            return [""] * len(self.ids)
        strong = self.targets >= np.minimum(STRONG, self.targets.max(1, keepdims=True)).clip(1e-12)
        return [listed([self.class_names[at] for at in np.flatnonzero(row)]) or "no class" for row in strong]

    @property
    def first_metric(self) -> str | None:
        """The metric the summary leads with: mAP with labels, the rank of the own partner without."""
        return next(
            (name for name in ("map", "instance_recall@10", "instance_recall@1") if name in self.evaluation), None
        )
