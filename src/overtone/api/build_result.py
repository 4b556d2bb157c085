"""What a build has made, and what each of its stages took."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from overtone.core.documents import Document
from overtone.core.results import Record, Result

if TYPE_CHECKING:
    from overtone.training import Run


@dataclass(frozen=True)
class BuildStage(Document):
    """One stage of a build.

    Attributes:
        name: ``"extract"``, ``"inspect"``, ``"train"``, ``"index"`` or ``"report"``.
        took: What it took and made.
        why: Why it was done so.
        seconds: How long it took; 0 if it was done before.
    """

    name: str
    took: str
    why: str
    seconds: float = 0.0

    def line(self) -> str:
        """All of it in one line of text."""
        return f"{self.name}: {self.took} ({self.why})"


@dataclass(frozen=True, repr=False)
class Build(Document, Result):
    """What :func:`overtone.api.build` has made.

    Attributes:
        source: The media.
        out: The folder with everything.
        features: The file of features; the availability manifest lies beside it.
        run: The run folder, which holds the store.
        report: The report; None without a test split.
        stages: What each stage took, and why.
        scores: Metric to its value on the test split, and by chance where that is known.
        warning: That the space is no better than chance, in words; None where it is better.
    """

    source: str
    out: Path
    features: Path
    run: Path
    report: Path | None = None
    stages: tuple[BuildStage, ...] = ()
    scores: dict[str, float] = field(default_factory=dict)
    warning: str | None = None

    def headline(self) -> str:
        """Source, folder and scores."""
        scores = ", ".join(f"{name} {value:.3f}" for name, value in self.scores.items())
        return f"{self.source} in {self.out}{f'; {scores}' if scores else ''}"

    def iter_records(self) -> Iterator[Record]:
        """A row per stage."""
        return (stage.to_dict() for stage in self.stages)


def list_scores(run: Run) -> dict[str, float]:
    """The metrics that a build shows: of classes where there are labels, and of true counterparts."""
    if run.evaluation is None:
        return {}
    from overtone.evaluation import counterpart_recall

    names = {"map": "mAP", "chance_map": "mAP by chance"}
    found = {shown: run.evaluation.get(key) for key, shown in names.items()}
    scores = {shown: round(float(score.mean), 4) for shown, score in found.items() if score is not None}
    if (recall := counterpart_recall(run.evaluation)) is not None:
        counterpart = f"counterpart R@{recall.cutoff}"
        scores |= {counterpart: round(recall.value, 4), f"{counterpart} by chance": round(recall.by_chance, 4)}
    return scores
