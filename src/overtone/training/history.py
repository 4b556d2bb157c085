"""What a training recorded: epochs and the test split's evaluation, read from the run's folder on first use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from overtone.core import InputError, unknown_name
from overtone.core.results import Record, Result, counted
from overtone.evaluation import Evaluation
from overtone.plots import Line, Plot, draw_lines
from overtone.training.folder import EpochRecord, RunFolder


class TrainingRecord(Result):
    """Base of :class:`overtone.training.Run`: what is known of a training besides its weights.

    Attributes:
        info: What ``run.json`` holds.
        folder: Where the run is stored, None if nowhere.
        stored: What is read from the folder on first use.
    """

    more = "… and more: .evaluation has all metrics; .to_frame() every epoch"
    info: dict[str, Any]
    folder: Path | None
    stored: set[str]

    def __post_init__(self) -> None:
        self._history: list[EpochRecord] = []
        self._evaluation: Evaluation | None = None

    def headline(self) -> str:
        """Method, corpus, epochs and folder."""
        source, where = self.info.get("data", {}).get("source", "arrays"), self.folder or "not stored"
        epochs = self.info.get("epochs")
        took = counted(int(epochs), "epoch") if epochs else "in closed form"
        return f"{self.info.get('method')} on {source}, {took}, {where}"

    def iter_records(self) -> Iterator[Record]:
        """A row per epoch: what the training recorded."""
        yield from map(dict, self.history)

    def shown_records(self) -> Iterator[Record]:
        """A row per metric of the test split; none where that is not known or its file is damaged."""
        with suppress(InputError):
            yield from () if self.evaluation is None else self.evaluation.shown_records()

    @property
    def history(self) -> list[EpochRecord]:
        """One record per epoch.

        ``epoch``, ``seconds``, ``learning_rate``, every term, ``gradient_norm``, and where the epoch was validated
        ``val_<score>`` and ``rank_<modality>`` (effective rank).
        """
        if "history" in self.stored and self.folder is not None:
            self.history = RunFolder(self.folder).history()
        return self._history

    @history.setter
    def history(self, records: list[EpochRecord]) -> None:
        self.stored.discard("history")
        self._history = records

    @property
    def evaluation(self) -> Evaluation | None:
        """The test split's evaluation, None without one; read from a folder it has no values per query."""
        if "evaluation" in self.stored and self.folder is not None:
            self.evaluation = RunFolder(self.folder).evaluation()
        return self._evaluation

    @evaluation.setter
    def evaluation(self, found: Evaluation | None) -> None:
        self.stored.discard("evaluation")
        self._evaluation = found

    def plot(self, columns: Sequence[str] | str | None = None) -> Plot:
        """Curves over the epochs; a dashed line marks the epoch whose weights were kept.

        Args:
            columns: Columns of :attr:`history`: a term, ``"val_map"``, ``"rank_audio"``; by default ``"loss"``.

        Raises:
            InputError: The history has no such column, or the run has none.
        """
        known = list(dict.fromkeys(name for epoch in self.history for name in epoch))
        if "loss" not in known and columns is None:
            raise InputError(f"{self.info.get('method')} has no loss to draw: it was solved in closed form")
        names = [columns] if isinstance(columns, str) else list(columns or ("loss",))
        for name in names:
            if name not in known:
                raise unknown_name("column of the history", name, known)
        epochs = [float(epoch["epoch"]) for epoch in self.history]
        lines = [Line(name, epochs, [epoch.get(name) for epoch in self.history]) for name in names]
        chosen = self.info.get("chosen_epoch")
        mark = None if chosen is None else ("kept", float(chosen))
        title = f"Training of {self.info.get('method')}"
        return draw_lines(lines, x_title="epoch", y_title=", ".join(names), title=title, mark=mark)
