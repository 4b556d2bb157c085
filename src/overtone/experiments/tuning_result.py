"""What a search of settings has found, and what it has cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from overtone.core.documents import BESIDE, Document


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


@dataclass(frozen=True)
class Tuning(Document):
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

    def count(self, state: str) -> int:
        """Trials that ended so."""
        return sum(trial.state == state for trial in self.trials)

    @property
    def epochs(self) -> int:
        """Epochs of all trials."""
        return sum(trial.epochs for trial in self.trials)
