"""Training from data to a run: what happens around the loop's epochs."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from overtone.core import InputError, ProgressCallback
from overtone.core.files import save_tensors, write_json
from overtone.core.version import __version__
from overtone.features import PairedFeatures
from overtone.methods.base import InferredTargets, Method, methods
from overtone.training import material as materials
from overtone.training.checks import TrainingStopped
from overtone.training.course import Course
from overtone.training.distribution import Group, processes
from overtone.training.folder import RunFolder, differences
from overtone.training.loop import reproducible, seed_everything
from overtone.training.material import Material
from overtone.training.run import Run
from overtone.training.settings import TrainingSettings, split_settings


@dataclass(frozen=True)
class RunContext:
    """A run that is open and has not taken a step: what is known to those who infer targets for it.

    Its folder, if it has one, is claimed and holds ``run.json``.

    Attributes:
        method: The method, on its device.
        data: What the method may see, with the splits as used.
        settings: The loop's settings, with defaults.
        group: The processes of the run.
        device: Where the method is.
        folder: The run folder, None if there is none.
        progress: Called after every unit of work.
        label: What progress calls the run.
        info: What ``run.json`` will hold; further entries may be added.
    """

    method: Method
    data: PairedFeatures
    settings: TrainingSettings
    group: Group
    device: torch.device
    folder: Path | None
    progress: ProgressCallback | None
    label: str
    info: dict[str, Any]


Infer = Callable[[RunContext], InferredTargets | None]
"""Infers the targets of a run's training rows once the run is open; None for none."""


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
        progress: Called after every epoch.
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
    seen = materials.visible(data, kind)
    folder = RunFolder(out) if out is not None else None
    stored = folder.claim(method, resume, overwrite) if folder else None
    earlier = folder.settings() if folder and stored else {}
    own, loose = split_settings({**earlier, **(settings or {})}, kind)
    training = loose.completed(kind, materials.told(seen))
    with processes(training.device) as (group, device), reproducible(device):
        material = materials.prepare(seen, training, device)
        generator = torch.Generator(device)
        seed_everything(training.seed, -1, generator)
        model = kind(kind.settings_type.build(own, where=f"settings of {method}"), material.corpus).to(device)
        flat = {**model.settings.model_dump(mode="json"), **training.model_dump(mode="json")}
        info = _info(method, data, material, materials.fingerprint(seen), group, device)
        run = Run(model, material.scalers, flat, info, folder=folder.path if folder else None)
        if stored:
            _refuse_differences(run, stored, differences(earlier, flat))
        group.wait()  # every process has looked at the folder before the first one writes into it
        if folder and stored and stored["state"] == "finished":
            return Run.load(folder.path, str(device))
        if folder and group.is_main:
            _open(run, folder, new=not stored)
        course = Course(model, material, training, group, folder, progress, label or method)
        try:
            where = None if folder is None else folder.path
            context = RunContext(model, material.data, training, group, device, where, progress, label or method, info)
            targets = inferred(context) if callable(inferred) else inferred
            if targets is not None:
                model.set_inferred_targets(targets)
            course.begin(generator)
            course.go(folder.checkpoint() if folder and stored else None)
        except TrainingStopped as stop:
            if folder and group.is_main:
                folder.write_info({**info, "state": "stopped", "reason": str(stop)})
            raise
        run.method.eval()
        run.history, run.info = course.history, {**info, **course.outcome(), "state": "finished"}
        if group.is_main:
            _conclude(run, data, folder, evaluate)
        group.wait()
        return run


def _open(run: Run, folder: RunFolder, new: bool) -> None:
    """Write what is known of a run before its first step."""
    if new:
        folder.clear()
    folder.sweep()
    folder.write_settings(run.name, run.settings)
    folder.write_scalers(run.scalers)
    folder.write_info(run.info)


def _info(
    method: str, data: PairedFeatures, material: Material, fingerprint: str, group: Group, device: torch.device
) -> dict[str, Any]:
    """What ``run.json`` says of a run that begins."""
    source = data.provenance
    return {
        "method": method,
        "state": "running",
        "modalities": list(data.names),
        "shapes": [list(shape) for shape in data.shapes],
        "corpus": material.corpus._asdict(),
        "splits": material.splits,
        "data": {
            "source": source.source,
            "reader": source.reader,
            "checksum": source.checksum,
            "notes": list(source.notes),
            "trained_on": fingerprint,
        },
        "versions": {"overtone": __version__, "torch": torch.__version__, "python": platform.python_version()},
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "threads": torch.get_num_threads(),
        "processes": group.world,
    }


def _refuse_differences(run: Run, stored: Mapping[str, Any], found: list[str]) -> None:
    """Raise if a stored run is not the one that is asked for."""
    if stored["data"]["trained_on"] != run.info["data"]["trained_on"]:
        found = [*found, f"the data ({stored['data']['source']} had other features, labels or training rows)"]
    if found:
        raise InputError(
            f"{run.folder}: cannot be resumed, for there differ: {', '.join(found)}",
            fix="give what the run was started with, or choose another folder",
        )


def _conclude(run: Run, data: PairedFeatures, folder: RunFolder | None, evaluate: bool) -> None:
    """Evaluate on the test split and write what a finished run consists of; ``run.json`` comes last."""
    if evaluate and "test" in data.splits:
        run.evaluation = run.evaluate(data).to_dict()
    if folder is None:
        return
    folder.write_history(run.history)
    save_tensors(folder / "weights.safetensors", run.method.state_dict(), {"method": run.name})
    if run.evaluation is not None:
        write_json(folder / "evaluation.json", run.evaluation)
    folder.write_info(run.info)
    (folder / "checkpoint.safetensors").unlink(missing_ok=True)
