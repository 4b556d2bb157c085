"""A trained run: embeds and evaluates, fresh from training or loaded from its folder."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from overtone.core import InputError, ProgressCallback, unknown_name
from overtone.core.files import load_tensors, save_tensors, write_json
from overtone.core.version import __version__
from overtone.evaluation import Evaluation, evaluate
from overtone.features import PairedFeatures, Scaler
from overtone.methods.base import CorpusInfo, InferredTargets, Method, methods
from overtone.training.data import TrainingData
from overtone.training.distribution import Group, find_device
from overtone.training.folder import EpochRecord, RunFolder, device_of, restore_method
from overtone.training.loop import Embedder, in_blocks
from overtone.training.settings import TrainingSettings, split_settings


@dataclass(frozen=True)
class RunContext:
    """A run that is open and has not taken a step: what is known to those who infer targets for it.

    Its folder, if it has one, is claimed and holds ``run.json``.

    Attributes:
        method, device: The method, and where it is.
        data: What the method may see, with the splits as used.
        settings: The loop's, with defaults.
        group: The processes of the run.
        folder: The run folder, None if there is none.
        progress, label: Called after every unit of work, and what it calls the run.
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


Embeddings = dict[str, Tensor]
"""Modality to (N, e) rows of unit length, on the CPU."""


@dataclass
class Run:
    """A trained method with the scalers it was trained with.

    Attributes:
        method: The method, with the weights of the chosen epoch.
        scalers: Per modality.
        settings: Every setting with its final value, flat.
        info: What ``run.json`` holds: method, versions, data, splits, device, seconds, chosen epoch.
        history: One record per epoch: ``epoch``, ``seconds``, ``learning_rate``, every term, ``gradient_norm``, and
            where the epoch was validated ``val_<score>`` and ``rank_<modality>`` (effective rank).
        evaluation: The test split's evaluation, None without one; read from a folder it has no values per query.
        folder: Where the run is stored, None if nowhere.
        test_embeddings: The embeddings that ``evaluation`` judged; None on a run that was read from its folder.
    """

    method: Method
    scalers: dict[str, Scaler]
    settings: dict[str, Any]
    info: dict[str, Any]
    history: list[EpochRecord] = field(default_factory=list)
    evaluation: Evaluation | None = None
    folder: Path | None = None
    test_embeddings: Embeddings | None = None

    @classmethod
    def load(cls, folder: str | Path, device: str = "cpu") -> Run:
        """Read a finished run.

        Args:
            folder: The run folder.
            device: Where to embed.

        Raises:
            InputError: The folder is no run, is not finished, or is damaged.
        """
        files = RunFolder(folder)
        info = files.info()
        if info.get("state") != "finished":
            what = f"{folder}: the run is not finished ({info.get('state')})"
            raise InputError(what, fix="continue it with --resume")
        if info["method"] not in methods:
            what = f"{folder}: the run's method {info['method']!r} is not registered"
            raise InputError(what, fix="name its file with --import")
        kind = methods[info["method"]]
        settings = files.settings(kind.settings_type, TrainingSettings)
        own, _ = split_settings(settings, kind)
        corpus = info["corpus"]
        first, second = (tuple(shape) for shape in corpus["shapes"])
        method = kind(kind.settings_type.build(own), CorpusInfo((first, second), corpus["rows"], corpus["classes"]))
        restore_method(method, load_tensors(files / "weights.safetensors"))
        method.to(find_device(device)).eval()
        scalers = files.scalers(info["modalities"])
        return cls(method, scalers, settings, info, files.history(), files.evaluation(), files.path)

    def save(self) -> None:
        """Write what a finished run consists of into its folder, if it has one; ``run.json`` comes last."""
        if self.folder is None:
            return
        files = RunFolder(self.folder)
        files.write_history(self.history)
        save_tensors(files / "weights.safetensors", self.method.state_dict(), {"method": self.name})
        if self.evaluation is not None:
            write_json(files / "evaluation.json", self.evaluation.to_dict())
        files.write_info(self.info)
        (files / "checkpoint.safetensors").unlink(missing_ok=True)

    @property
    def name(self) -> str:
        """The method's name."""
        return self.method.name

    @property
    def modalities(self) -> tuple[str, str]:
        """The two modalities' names, in the order of training: the first encoder is the first one's."""
        first, second = self.info["modalities"]
        return first, second

    def embed(self, data: PairedFeatures, variant: str | None = None) -> Embeddings:
        """Embed all rows of both modalities.

        Args:
            data: Features of the same modalities and dimensions as the run was trained on; labels are not looked at.
            variant: One of the method's further embeddings, None for its own.

        Raises:
            InputError: The data does not fit the run, or there is no such variant.
        """
        if variant is None:
            return self.apply(data, lambda rows, side: {"": self.method.embed(rows, side)})[""]
        found = self.variants(data)
        if variant not in found:
            raise unknown_name(f"variant of {self.name}", variant, found)
        return found[variant]

    def variants(self, data: PairedFeatures) -> dict[str, Embeddings]:
        """All further embeddings that the method offers beside its own, by name.

        Raises:
            InputError: The data does not fit the run.
        """
        return self.apply(data, self.method.embed_variants)

    def evaluate(self, data: PairedFeatures, split: str | None = "test", **options: Any) -> Evaluation:
        """Embed a split and evaluate the retrieval in both directions.

        Args:
            data: Features of the same modalities and dimensions as the run was trained on.
            split: Which rows; None, or data without any split: all.
            options: Passed on to :func:`overtone.evaluation.evaluate` (``bootstrap=0``).

        Raises:
            InputError: The data does not fit the run, or has no such split.
        """
        part = data.split(split) if split is not None and data.splits else data
        return judge(self.embed(part), part, {"memory_mb": self.settings["memory_mb"], **options})

    def test(self, data: PairedFeatures) -> tuple[Evaluation, Embeddings]:
        """Embed the split ``test`` and evaluate it; keep and return ``evaluation`` and ``test_embeddings``.

        Raises:
            InputError: The data does not fit the run, or has no such split.
        """
        part = data.split("test")
        self.test_embeddings = self.embed(part)
        options = {"memory_mb": self.settings["memory_mb"], "confusion": True}
        self.evaluation = judge(self.test_embeddings, part, options)
        return self.evaluation, self.test_embeddings

    def apply(self, data: PairedFeatures, function: Embedder) -> dict[str, Embeddings]:
        """Apply a function of scaled rows to both modalities, in blocks.

        Args:
            data: Features of the same modalities and dimensions as the run was trained on.
            function: (n, …) scaled rows on the method's device and a modality's number to named (n, e) rows.

        Returns:
            Name to modality to (N, e) rows, on the CPU.

        Raises:
            InputError: The data does not fit the run.
        """
        self.check(data)
        device = device_of(self.method)
        found: dict[str, Embeddings] = {}
        for side, (name, rows) in enumerate(data.modalities.items()):
            scaler = self.scalers[name]

            def block(part: Tensor, side: int, scaler: Scaler = scaler) -> dict[str, Tensor]:
                return {variant: e.cpu() for variant, e in function(scaler(part).to(device), side).items()}

            for variant, embeddings in in_blocks(block, rows, side, self.settings["memory_mb"]).items():
                found.setdefault(variant, {})[name] = embeddings
        return found

    def check(self, data: PairedFeatures) -> None:
        """Whether data fits the run.

        Raises:
            InputError: Other modalities or other dimensions; names those of both sides.
        """
        wanted = dict(zip(self.modalities, (tuple(shape) for shape in self.info["shapes"])))
        given = dict(zip(data.names, data.shapes))
        if list(wanted) != list(given) or wanted != given:
            raise InputError(
                f"{data.provenance.source}: does not fit the run of {self.name} ({self.folder or 'not stored'})",
                got=_shapes(given),
                valid=_shapes(wanted),
                fix="bring features of the kind the run was trained on, in the same order",
            )


def judge(embeddings: Embeddings, data: PairedFeatures, options: Mapping[str, Any]) -> Evaluation:
    """Evaluate embeddings of the rows of ``data`` against its labels, and against all of its events, where known."""
    first, second = embeddings.values()
    known: dict[str, Any] = {"events": data.events, "names": data.names, "class_names": data.class_names}
    return evaluate(first, second, data.targets, **known, **options)


def _shapes(shapes: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {'×'.join(map(str, shape))}" for name, shape in shapes.items())


def describe_run(
    method: str, data: PairedFeatures, prepared: TrainingData, trained_on: str, group: Group, device: torch.device
) -> dict[str, Any]:
    """What ``run.json`` says of a run that begins."""
    source = data.provenance
    return {
        "method": method,
        "state": "running",
        "modalities": list(data.names),
        "shapes": [list(shape) for shape in data.shapes],
        "corpus": prepared.corpus._asdict(),
        "splits": {name: len(members) for name, members in prepared.features.splits.items()},
        "scaling": {
            name: {
                "steps": scaler.kind,
                **({"reason": prepared.chosen[name].reason} if name in prepared.chosen else {}),
            }
            for name, scaler in prepared.scalers.items()
        },
        "data": {
            "source": source.source,
            "reader": source.reader,
            "checksum": source.checksum,
            "notes": list(source.notes),
            "trained_on": trained_on,
        },
        "versions": {"overtone": __version__, "torch": torch.__version__, "python": platform.python_version()},
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "threads": torch.get_num_threads(),
        "processes": group.size,
    }
