"""Training, top to bottom: open the run, set the method up, train its epochs, keep the best, evaluate, store."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

import torch
from torch import Tensor

from overtone.core import InputError, Progress, ProgressCallback
from overtone.core.settings import rename
from overtone.evaluation import effective_rank
from overtone.features import PairedFeatures
from overtone.methods.base import InferredTargets, methods
from overtone.training.context import Infer, RunContext, describe_run
from overtone.training.data import TrainingData, describe, fingerprint, hide_labels, prepare
from overtone.training.distribution import processes
from overtone.training.embedding import in_blocks
from overtone.training.folder import Checkpoint, EpochRecord, RunFolder, restore_method
from overtone.training.loop import Clock, Loop, reproducible, seed_everything
from overtone.training.resuming import describe_work, refuse_differences
from overtone.training.run import Run
from overtone.training.settings import TrainingSettings, split_settings
from overtone.training.validation import TrainingStopped, check_collapse, check_terms, scores


def train(
    method: str,
    data: PairedFeatures,
    *,
    settings: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: ProgressCallback | None = None,
    label: str | None = None,
    evaluate: bool = True,
    inferred: InferredTargets | Infer | None = None,
) -> Run:
    """Train a method and evaluate it on the test split, if there is one.

    A method that is not supervised never sees a label; the epoch is chosen on held-out pairs. The same seed gives the
    same weights on the same machine with the same number of threads. Under ``torchrun`` every process calls this with
    the same arguments; the first one writes.

    Args:
        method: A registered name.
        data: Features with a split ``train``.
        settings: One flat mapping; each key is a setting of the method or of :class:`TrainingSettings`.
        out: The run folder; None keeps the run in memory.
        resume: Continue the run that is in ``out`` if there is one; a finished one is loaded as it is. Settings that
            are not given are those of that run.
        overwrite: Replace the run that is in ``out``.
        progress: Called after every epoch, and while a test that takes more than two seconds runs.
        label: What progress calls the run; the method's name by default.
        evaluate: Whether to evaluate on the test split at the end.
        inferred: For a method with ``needs_inferred_targets``: what was inferred of the training rows, in their order;
            or a function that infers it. The function is called when the run is open, so what it stores in the run's
            folder is found again by ``resume``; a :class:`TrainingStopped` that it raises is recorded.

    Returns:
        The run, with the weights of the chosen epoch.

    Raises:
        InputError: Unknown method or setting, unusable value, data that the method cannot train on; a run in ``out``
            that was neither to be resumed nor overwritten, or has other settings or data than this call.
        TrainingStopped: The run diverged or collapsed.
    """
    kind = methods[method]
    folder = RunFolder(out) if out is not None else None
    stored = folder.claim(method, resume, overwrite) if folder else None
    earlier = folder.settings(kind.settings_type, TrainingSettings) if folder and stored else {}
    own, given = split_settings({**earlier, **rename(settings, kind.settings_type, TrainingSettings)}, kind)
    visible = hide_labels(data, kind, given.unpaired)
    loop = given.with_defaults(kind, describe(visible))
    with processes(loop.device) as (group, device), reproducible(device), ExitStack() as held:
        prepared = prepare(visible, loop, device, kind.uses_unpaired, group if kind.works_on_parts else None)
        generator = torch.Generator(device)
        seed_everything(loop.seed, -1, generator)
        model = kind(kind.settings_type.build(own, where=f"settings of {method}"), prepared.corpus).to(device)
        flat = {**model.settings.model_dump(mode="json"), **loop.model_dump(mode="json")}
        info = describe_run(method, data, prepared, fingerprint(visible), group, device)
        run = Run(model, prepared.scalers, flat, info, folder=folder.path if folder else None)
        if stored:
            refuse_differences(run.folder, (stored, earlier), (info, flat))
        if group.size > 1:  # and before the first one writes into the folder
            group.require_same(describe_work(info, flat, folder.path if folder else None), device)
        if folder and stored and stored.get("state") == "finished":
            return Run.load(folder.path, str(device))
        if folder and group.is_main:
            held.enter_context(folder.open(method, resume=resume, overwrite=overwrite, stored=bool(stored)))
            folder.begin(flat, run.scalers, info)
            if prepared.pairs:
                folder.write_pairs(prepared.pairs)
        context = RunContext(model, prepared.features, loop, group, device, run.folder, progress, label or method, info)
        fit = Fit(context, prepared, folder)
        try:
            targets = inferred(context) if callable(inferred) else inferred
            if targets is not None:
                model.set_inferred_targets(targets)
            fit.setup(generator)
            fit.run(folder.checkpoint() if folder and stored else None)
        except TrainingStopped as stop:
            if folder and group.is_main:
                folder.write_info({**info, "state": "stopped", "reason": str(stop)})
            raise
        model.eval()
        run.history = fit.history
        run.info = {**info, **fit.outcome(), "state": "finished"}
        if group.is_main:
            try:
                if evaluate and "test" in data.splits:
                    run.test(data, progress)
            except InputError:  # of test rows: what was trained is kept
                run.save()
                raise
            run.save()
        group.barrier()
        return run


class TrainOptions(TypedDict, total=False):
    """Options of :func:`train`, where they are explained, for functions that hand them on."""

    settings: Mapping[str, Any] | None
    out: str | Path | None
    resume: bool
    overwrite: bool
    progress: ProgressCallback | None
    label: str | None
    evaluate: bool


@dataclass
class Fit:
    """The epochs of one run, from the first weights to the chosen ones; checkpoints go to ``folder``, if there is one.

    ``best`` holds the parameters and buffers of ``best_epoch``, the epoch to keep so far, None as long as there was no
    choice; ``done`` counts epochs, and ``seconds`` their time over all sessions.
    """

    context: RunContext
    data: TrainingData
    folder: RunFolder | None
    history: list[EpochRecord] = field(default_factory=list)
    done: int = 0
    best_epoch: int | None = None
    best: dict[str, Tensor] = field(default_factory=dict)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.method, self.settings, self.group = self.context.method, self.context.settings, self.context.group
        self.epochs = (self.settings.epochs or 0) if self.method.iterative else 0
        self.criterion = f"val_{self.settings.select}"

    def setup(self, generator: torch.Generator) -> None:
        """Show the method all training rows, and give every process the same beginning."""
        clock = Clock()
        self.method.train()
        self.method.on_train_start(self.data.train.whole(generator))
        self.group.broadcast(list(self.method.state_dict().values()))
        self.seconds = clock.lap()

    def run(self, checkpoint: Checkpoint | None = None) -> None:
        """Train the epochs that are left, from a checkpoint on; leave the method with the weights of the chosen one.

        Raises:
            TrainingStopped: The run diverged or collapsed.
        """
        clock = Clock()
        if self.epochs:
            self._train_epochs(checkpoint, clock)
        else:  # a closed form
            self.history.append({"epoch": 0, **self._validate(), "seconds": (lap := clock.lap())})
            self.seconds += lap
            self._report({}, 0.0)
        if self.best:
            restore_method(self.method, self.best)
        self._calibrate()

    def outcome(self) -> dict[str, Any]:
        """What ``run.json`` says of the epochs."""
        chosen = self.done if self.best_epoch is None else self.best_epoch
        return {"seconds": round(self.seconds, 3), "chosen_epoch": chosen, "epochs": self.done, **self.method.summary()}

    def _train_epochs(self, checkpoint: Checkpoint | None, clock: Clock) -> None:
        loop = Loop(self.method, self.data.train, self.settings, self.group)
        if checkpoint is not None:
            self._continue(checkpoint, loop)
        first, spent, unsaved = self.done, 0.0, 0.0
        while self.done < self.epochs and not self._out_of_patience():
            names, log = loop.epoch(self.done)
            self.done += 1
            check_terms(names, log, self.done)
            terms = dict(zip(names, log.mean(0).tolist()))
            record: EpochRecord = {"epoch": self.done, "learning_rate": loop.learning_rate, **terms}
            self.history.append(record)
            last = self.done == self.epochs
            if last or self.done % (self.settings.validate_every or 1) == 0:
                record |= self._validate()
                self._keep_best()
                check_collapse(self.history, list(terms), self._least_rank(), last)
            record["seconds"] = lap = clock.lap()
            self.seconds, spent, unsaved = self.seconds + lap, spent + lap, unsaved + lap
            self._report(terms, spent / (self.done - first) * (self.epochs - self.done))
            if not last and unsaved >= self.settings.checkpoint_seconds:
                self._save(loop)
                unsaved = 0.0

    def _validate(self) -> dict[str, float]:
        """Embed the held-out rows, or a sample of the training rows, and measure: scores and effective ranks."""
        rows = self.data.validation_rows()
        self.method.eval()
        with torch.no_grad():
            self.method.prepare_embedding(self.data.train.whole(self._seeded(), 1.0))
        first, second = (
            rows.parts.gather(in_blocks(self._embed, part, side, self.settings.memory_mb)[""])
            for side, part in enumerate(rows.features)
        )
        found = {}
        for name, embeddings in zip(self.data.scalers, (first, second)):
            if not embeddings.isfinite().all():
                raise TrainingStopped(f"after epoch {self.done} the {name} embeddings hold NaN or infinite values.")
            found[f"rank_{name}"] = effective_rank(embeddings)
        if self.data.held_out is not None:
            measured = scores((first, second), rows.labels, self.settings.memory_mb)
            found |= {f"val_{name}": score for name, score in measured.items()}
        agreed = torch.tensor(list(found.values()), device=first.device)
        self.group.broadcast([agreed])  # all processes must come to the same decisions
        return dict(zip(found, agreed.tolist()))

    def _embed(self, rows: Tensor, side: int) -> dict[str, Tensor]:
        return {"": self.method.embed(rows, side)}

    def _calibrate(self) -> None:
        """Let the method fit on held-out rows what must not be fitted on training rows."""
        if self.data.held_out is None:
            return
        self.method.eval()
        with torch.no_grad():
            self.method.calibrate(self.data.held_out.whole(self._seeded(), 1.0))
        self.group.broadcast([tensor for tensor in self.method.buffers() if tensor is not None])

    def _seeded(self) -> torch.Generator:
        """A generator in the state that belongs to what follows this epoch."""
        generator = torch.Generator(self.data.train.device)
        seed_everything(self.settings.seed, -2 - self.done, generator)
        return generator

    def _keep_best(self) -> None:
        """Keep a copy of the weights if the last validation has the best score so far."""
        if self.settings.select == "last":
            return
        past = [record[self.criterion] for record in self.history[:-1] if self.criterion in record]
        if not past or self.history[-1][self.criterion] > max(past):
            self.best_epoch = self.done
            self.best = {name: tensor.detach().clone() for name, tensor in self.method.weights_state().items()}

    def _out_of_patience(self) -> bool:
        if self.settings.patience is None or self.best_epoch is None:
            return False
        return sum(self.criterion in record for record in self.history[self.best_epoch :]) >= self.settings.patience

    def _least_rank(self) -> float:
        """The effective rank that means collapse; none with two classes, which told apart lie on one line."""
        return 0.0 if 0 < self.data.corpus.classes <= 2 else self.settings.collapse_rank

    def _report(self, terms: Mapping[str, float], eta: float) -> None:
        if self.context.progress is None or not self.group.is_main:
            return
        values = {name: value for name, value in terms.items() if name != "gradient_norm"}
        if measured := [record[self.criterion] for record in self.history if self.criterion in record]:
            values[self.criterion] = measured[-1]
        metrics = {name: value for name, value in self.history[-1].items() if name != "epoch"}
        about: dict[str, Any] = {"values": values, "metrics": metrics, "seconds": self.seconds, "eta": eta}
        self.context.progress(Progress(self.context.label, self.done, self.epochs, **about))

    def _save(self, loop: Loop) -> None:
        if self.folder is None or not self.group.is_main:
            return
        self.folder.write_history(self.history)
        state, optimizer = self.method.state_dict(), loop.optimizer_tensors()
        self.folder.write_checkpoint(Checkpoint(self.done, self.seconds, self.best_epoch, state, self.best, optimizer))

    def _continue(self, checkpoint: Checkpoint, loop: Loop) -> None:
        assert self.folder is not None
        self.done, self.seconds, self.best_epoch = checkpoint.epochs, checkpoint.seconds, checkpoint.best_epoch
        self.history = [record for record in self.folder.history() if record["epoch"] <= self.done]
        self.best = {name: tensor.to(loop.device) for name, tensor in checkpoint.best.items()}
        restore_method(self.method, checkpoint.method)
        loop.restore_optimizer(checkpoint.optimizer)
