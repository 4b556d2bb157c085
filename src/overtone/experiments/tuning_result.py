"""What a search of settings has found, and what it has cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from overtone.core.documents import BESIDE, Document
from overtone.core.results import Record, Result, counted


@dataclass(frozen=True)
class TuningTrial(Document):
    """One training of a search.

    Attributes:
        number: From 0; of a shared study over all machines.
        settings: What was tried.
        state: Done; pruned, as it was behind the others; or failed, as it diverged or collapsed.
        value: Best validation score; None where there is none.
        epochs: Epochs that were trained.
        seconds: How long it took.
    """

    number: int
    settings: dict[str, Any]
    state: Literal["done", "pruned", "failed"]
    value: float | None = None
    epochs: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, repr=False)
class Tuning(Document, Result):
    """The result of a search of settings.

    Attributes:
        method: What was tuned.
        corpus: On what.
        criterion: The validation score that was searched by, such as ``"val_reciprocal_rank"``.
        space: What was searched, each as ``NAME=LOW..HIGH`` or ``NAME=A,B``.
        trials: All trainings of the study, also those of other machines, in the order of their numbers.
        settings: Those of the best trial, for ``--config``, and those that were fixed.
        value: Its validation score, which is optimistic: it is the best of many.
        default_value: The validation score of the default settings; None where they were not tried.
        test: ``"best"`` and ``"default"`` to metric to value on the test split, which no trial has seen; empty without.
        chance: mAP by chance on the test split; None without labels.
        storage: Where the study is kept, without passwords; empty in memory.
        held_out: Pairs that each trial was validated on.
        seconds: Time of all trials together.
        notes: What a reader should know.
        folder: Where results lie; None if nowhere.
        report: The report; None without a folder.
    """

    method: str
    corpus: str
    criterion: str
    space: tuple[str, ...]
    trials: tuple[TuningTrial, ...]
    settings: dict[str, Any]
    value: float
    default_value: float | None = None
    test: dict[str, dict[str, float]] = field(default_factory=dict)
    chance: float | None = None
    storage: str = ""
    held_out: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    folder: Path | None = field(default=None, metadata=BESIDE)
    report: Path | None = field(default=None, metadata=BESIDE)

    def headline(self) -> str:
        """What was searched, and the best validation score."""
        trials = counted(len(self.trials), "trial")
        return f"{self.method} on {self.corpus}, {trials}; best {self.criterion} {self.value:.4f}"

    def iter_records(self) -> Iterator[Record]:
        """A row per trial, its settings in columns of their own."""
        for one in self.trials:
            own = {"trial": one.number, "state": one.state, "value": one.value, "epochs": one.epochs}
            settings = {f"settings.{name}": value for name, value in one.settings.items()}
            yield {**own, "seconds": one.seconds, **settings}

    def count(self, state: str) -> int:
        """Trials that ended so."""
        return sum(trial.state == state for trial in self.trials)

    @property
    def epochs(self) -> int:
        """Epochs of all trials."""
        return sum(trial.epochs for trial in self.trials)
