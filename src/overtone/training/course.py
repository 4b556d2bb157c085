"""The epochs of one run and what lies between them: checks, validation, the best weights, checkpoints, progress."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from overtone.core import Progress, ProgressCallback
from overtone.methods.base import Method
from overtone.training.checks import TrainingStopped, check_collapse, check_terms, effective_rank
from overtone.training.distribution import Group
from overtone.training.folder import Checkpoint, RunFolder, optimizer_tensors, restore_method, restore_optimizer
from overtone.training.loop import Loop, in_blocks, seed_everything
from overtone.training.material import Material
from overtone.training.settings import TrainingSettings
from overtone.training.validation import scores


@dataclass
class Course:
    """One run of the loop.

    Attributes:
        model: The method, begun, on its device.
        history: One record per epoch.
        done: Epochs done.
        best_epoch: The epoch to keep so far; None as long as there was no choice.
        best: Its parameters and buffers.
        seconds: Time that the epochs took, over all sessions.
    """

    model: Method
    material: Material
    settings: TrainingSettings
    group: Group
    folder: RunFolder | None
    progress: ProgressCallback | None
    label: str
    history: list[dict[str, Any]] = field(default_factory=list)
    done: int = 0
    best_epoch: int | None = None
    best: dict[str, Tensor] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def epochs(self) -> int:
        """Epochs to do; a closed form needs none."""
        return (self.settings.epochs or 0) if self.model.iterative else 0

    @property
    def chosen(self) -> int:
        """The epoch whose weights the model has in the end."""
        return self.done if self.best_epoch is None else self.best_epoch

    def outcome(self) -> dict[str, Any]:
        """What ``run.json`` says of the epochs."""
        return {"seconds": round(self.seconds, 3), "chosen_epoch": self.chosen, "epochs": self.done}

    def begin(self, generator: torch.Generator) -> None:
        """Show the method all training rows, and give every process the same beginning."""
        clock = Clock()
        self.model.train()
        self.model.on_train_start(self.material.train.whole(generator))
        self.group.share(list(self.model.state_dict().values()))
        self.seconds = clock.lap()

    def go(self, checkpoint: Checkpoint | None = None) -> None:
        """Train the epochs that are left and leave the model with the weights of the chosen one.

        Raises:
            TrainingStopped: The run diverged or collapsed.
        """
        clock = Clock()
        if not self.epochs:
            self.history.append({"epoch": 0, **self._look(), "seconds": (lap := clock.lap())})
            self.seconds += lap
            self._report({}, clock)
        else:
            self._go(checkpoint, clock)
        if self.best:
            restore_method(self.model, self.best)
        self._calibrate()

    def _go(self, checkpoint: Checkpoint | None, clock: Clock) -> None:
        loop = Loop(self.model, self.material.train, self.settings, self.group)
        if checkpoint is not None:
            self._continue(checkpoint, loop)
        clock.first = self.done
        while self.done < self.epochs and not self._out_of_patience():
            names, log = loop.epoch(self.done)
            self.done += 1
            check_terms(names, log, self.done)
            terms = dict(zip(names, log.mean(0).tolist()))
            self.history.append({"epoch": self.done, "learning_rate": loop.learning_rate, **terms})
            if self.done % (self.settings.validate_every or 1) == 0 or self.done == self.epochs:
                self.history[-1] |= self._look()
                self._keep_best()
                check_collapse(
                    self.history, list(terms), self.settings.collapse_rank * self._has_room(), self.done == self.epochs
                )
            self.history[-1]["seconds"] = lap = clock.lap()
            self.seconds += lap
            self._report(terms, clock)
            if self.done < self.epochs and clock.since_saved() >= self.settings.checkpoint_seconds:
                self._save(loop)
                clock.saved()

    def _look(self) -> dict[str, float]:
        """Finish the method, embed the held-out rows (or a sample), and measure."""
        rows = self.material.looked_at()
        generator = torch.Generator(rows.features[0].device)
        seed_everything(self.settings.seed, -2 - self.done, generator)
        self.model.eval()
        with torch.no_grad():
            self.model.prepare_embedding(self.material.train.whole(generator, 1.0))
        first, second = (
            in_blocks(lambda block, side: {"": self.model.embed(block, side)}, part, side, self.settings.memory_mb)[""]
            for side, part in enumerate(rows.features)
        )
        found = {}
        for name, embeddings in zip(self.material.scalers, (first, second)):
            if not embeddings.isfinite().all():
                raise TrainingStopped(f"after epoch {self.done} the {name} embeddings hold NaN or infinite values.")
            found[f"rank_{name}"] = effective_rank(embeddings)
        if self.material.held_out is not None:
            judged = scores((first, second), rows.targets, self.settings.memory_mb)
            found |= {f"val_{name}": score for name, score in judged.items()}
        agreed = torch.tensor(list(found.values()), device=first.device)
        self.group.share([agreed])  # all processes must come to the same decisions
        return dict(zip(found, agreed.tolist()))

    def _calibrate(self) -> None:
        """Let the method fit on held-out rows what is to be fitted there."""
        if self.material.held_out is None:
            return
        generator = torch.Generator(self.material.train.features[0].device)
        seed_everything(self.settings.seed, -2 - self.done, generator)
        self.model.eval()
        with torch.no_grad():
            self.model.calibrate(self.material.held_out.whole(generator, 1.0))
        self.group.share([tensor for tensor in self.model.buffers() if tensor is not None])

    def _keep_best(self) -> None:
        """Keep a copy of the weights if the last look has the best score of all so far."""
        if self.settings.select == "last":
            return
        name = f"val_{self.settings.select}"
        past = [record[name] for record in self.history[:-1] if name in record]
        if not past or self.history[-1][name] > max(past):
            self.best_epoch = self.done
            self.best = {name: tensor.detach().clone() for name, tensor in self.model.state_dict().items()}

    def _out_of_patience(self) -> bool:
        if self.settings.patience is None or self.best_epoch is None:
            return False
        name = f"val_{self.settings.select}"
        return sum(name in record for record in self.history[self.best_epoch :]) >= self.settings.patience

    def _has_room(self) -> bool:
        """Whether a low rank means collapse: two classes, told apart perfectly, lie on one line."""
        return not 0 < self.material.corpus.classes <= 2

    def _report(self, terms: dict[str, float], clock: Clock) -> None:
        if self.progress is None or not self.group.is_main:
            return
        shown = {name: value for name, value in terms.items() if name != "gradient_norm"}
        chosen_by = f"val_{self.settings.select}"
        if judged := [record[chosen_by] for record in self.history if chosen_by in record]:
            shown[chosen_by] = judged[-1]
        self.progress(
            Progress(
                self.label,
                self.done,
                self.epochs,
                values=shown,
                seconds=self.seconds,
                eta=clock.eta(self.done, self.epochs),
            )
        )

    def _save(self, loop: Loop) -> None:
        if self.folder is None or not self.group.is_main:
            return
        self.folder.write_history(self.history)
        self.folder.write_checkpoint(
            Checkpoint(
                self.done,
                self.seconds,
                self.best_epoch,
                self.model.state_dict(),
                self.best,
                optimizer_tensors(loop.optimizer),
            )
        )

    def _continue(self, checkpoint: Checkpoint, loop: Loop) -> None:
        assert self.folder is not None
        device = loop.device
        self.done, self.seconds, self.best_epoch = checkpoint.epochs, checkpoint.seconds, checkpoint.best_epoch
        self.history = [record for record in self.folder.history() if record["epoch"] <= self.done]
        self.best = {name: tensor.to(device) for name, tensor in checkpoint.best.items()}
        restore_method(self.model, checkpoint.method)
        restore_optimizer(loop.optimizer, checkpoint.optimizer)


class Clock:
    """Times of one session."""

    def __init__(self) -> None:
        self.started = self._lap = self._saved = time.perf_counter()
        self.first = 0

    def lap(self) -> float:
        """Seconds since the last lap."""
        before, self._lap = self._lap, time.perf_counter()
        return round(self._lap - before, 6)

    def eta(self, done: int, epochs: int) -> float:
        """Seconds to come if the epochs go on as in this session."""
        return (time.perf_counter() - self.started) / max(1, done - self.first) * (epochs - done)

    def saved(self) -> None:
        """A checkpoint was written just now."""
        self._saved = time.perf_counter()

    def since_saved(self) -> float:
        """Seconds since then."""
        return time.perf_counter() - self._saved
