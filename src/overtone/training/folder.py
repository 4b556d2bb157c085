"""The run folder: which files a run is, written whole or not at all, and the checkpoint it can be resumed from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from overtone.core import InputError, Settings, about
from overtone.core.files import json_text, load_tensors, read_header, read_json, save_tensors, write_json, write_text
from overtone.core.locks import BUSY, check_unlocked
from overtone.core.outputs import MANIFEST, ResultFolder
from overtone.core.printable import format_csv
from overtone.core.settings import read_yaml, rename
from overtone.core.sources import read_text
from overtone.evaluation import Evaluation
from overtone.features import Scaler
from overtone.features.scaling import scalers_from, scalers_state
from overtone.methods.base import Method, methods
from overtone.training.pairing import PairCheck

_RENAMED_METRICS = {"val_partner_rank": "val_reciprocal_rank"}
"""Old names in ``metrics.jsonl`` to today's."""

_KINDS_FOUND = ("duplicates", "outliers", "mismatched")
FOUND = tuple(f"found/{kind}{side}.json" for kind in _KINDS_FOUND for side in ("", "-1", "-2"))
"""What was found among the clips with the run's scaling: in both modalities, or in the first or second alone."""

_EXPLORED = ("maps", "ranks", "agreement", *(f"{one}-{of}" for one in ("umap", "tsne") for of in ("joint", "centred")))
EXPLORED = tuple(f"explored/{name}.safetensors" for name in _EXPLORED)
"""What the explorer computed of the clips: their places on its maps, ranks of counterparts, agreement of neighbours."""

EpochRecord = dict[str, float]
"""What is measured in one epoch, by name."""

_PARTS = ("method", "best", "optimizer")
"""The tensors of a checkpoint."""


@dataclass(frozen=True)
class Checkpoint:
    """A run between two epochs. Random states are not in it: an epoch's randomness comes from the seed and its number.

    ``method`` and ``best`` are parameters and buffers after so many ``epochs`` and of ``best_epoch`` (None and empty
    where there was no choice yet); ``optimizer`` goes by ``<parameter number>/<name>``, ``seconds`` are the time of the
    epochs.
    """

    epochs: int
    seconds: float
    best_epoch: int | None
    method: dict[str, Tensor]
    best: dict[str, Tensor]
    optimizer: dict[str, Tensor]


class RunFolder:
    """The files of one run.

    =======================  ========================================================================================
    overtone.json            the list of these files: what --overwrite may remove
    settings.yaml            every setting with its final value, flat: usable as ``--config`` of another run
    run.json                 method, versions, data, splits, device, state, seconds, chosen epoch
    metrics.jsonl, .csv      one line per epoch: terms, gradient norm, learning rate, validation
    weights.safetensors      parameters and buffers of the chosen epoch
    scalers.safetensors      the scaling of either modality
    pairs.csv                of label-free runs: the training pairs that look wrong, likeliest first
    checkpoint.safetensors   only while unfinished: what ``--resume`` continues from
    evaluation.json          the test split's evaluation
    soft_labels.safetensors  of methods that need inferred targets: what the teachers say of each training row
    graph.json, graph.npz    of methods that need inferred targets: the class graph
    found/*.json             near-duplicates, outliers, mismatched pairs that were looked for with the run
    explored/*.safetensors   what the explorer computed of the clips: their places on its maps, and figures of each
    events.safetensors       of methods that need inferred targets: how likely each event is in each training clip
    teacher/fold-1 ...       of methods that need inferred targets: the run of each fold's teacher
    trials/with-1 ...        of methods that choose the weight of events: the runs that it is chosen by
    reference                of a pull: the run without it, that its embedding is mixed with
    write.lock, writer.json  held by the process that trains
    =======================  ========================================================================================
    """

    files = (
        "settings.yaml",
        "run.json",
        "metrics.jsonl",
        "metrics.csv",
        "weights.safetensors",
        "scalers.safetensors",
        "pairs.csv",
        "checkpoint.safetensors",
        "evaluation.json",
        "report.html",
    )
    """Files of any run."""
    inferred = (
        "soft_labels.safetensors",
        "graph.json",
        "graph.npz",
        "events.safetensors",
        "teacher/",
        "trials/",
        "reference/",
    )
    """What the stages before the training of a method that needs inferred targets write."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def info(self) -> dict[str, Any]:
        """What ``run.json`` holds.

        Raises:
            InputError: There is no run here, or the file is damaged.
        """
        if not (self / "run.json").is_file():
            raise InputError(f"{self.path}: not a run folder (no run.json)", fix="make one with overtone train")
        return read_json(self / "run.json")

    def claim(self, method: str, resume: bool, overwrite: bool) -> dict[str, Any] | None:
        """What ``run.json`` says of the run that is here and shall go on, or None if a new one begins.

        Raises:
            InputError: There is a run, and neither ``resume`` nor ``overwrite`` was asked for, or it is one of another
                method, or cannot go on here to the same weights; the folder holds something else; another process
                trains into it; or it cannot be written to.
        """
        if not (resume or overwrite) and (self / "run.json").is_file():
            check_unlocked(self.path, BUSY)
            info = self.info()
            verb = "continue it" if info.get("state") != "finished" else "use it as it is"
            raise InputError(
                f"{self.path}: there is a run already ({info.get('method')}, {info.get('state')})",
                fix=f"--resume to {verb}, --overwrite to replace it, or choose another folder",
            )
        stored = self._results().check(resume=resume, overwrite=overwrite, names=self.names(method))
        if not stored or not (self / "run.json").is_file():  # or one that was killed before it began
            return None
        info = self.info()
        if info.get("method") != method:
            what = f"{self.path}: cannot be resumed with another method"
            raise InputError(what, got=method, valid=info.get("method"))
        return info

    def names(self, method: str) -> tuple[str, ...]:
        """What a run of a method may write."""
        return (*self.files, *FOUND, *EXPLORED, *(self.inferred if methods[method].needs_inferred_targets else ()))

    def _results(self) -> ResultFolder:
        """The folder as one of results; a run of an older version has no list of its files."""
        former: tuple[str, ...] = ("run.json", *self.files)
        if not (self / MANIFEST).is_file() and (self / "run.json").is_file() and "interactions" in self.info():
            former += self.inferred
        return ResultFolder(self.path, "train", former)

    @contextmanager
    def open(self, method: str, *, resume: bool, overwrite: bool, stored: bool) -> Iterator[None]:
        """Be the one process that writes into the folder; a new run replaces the one that is here.

        Args:
            method: The run's.
            resume, overwrite: As for :meth:`claim`.
            stored: Whether :meth:`claim` found a run to go on with.

        Raises:
            InputError: Another process trains into the folder or has done so since, or it cannot be written to.
        """
        results = self._results()
        with results.open(self.names(method), resume=resume, overwrite=overwrite):
            if not stored:
                if resume and not overwrite and (self / "run.json").exists():
                    raise InputError(f"{self.path}: another process has put a run there", fix="start again")
                results.reset(self.names(method))
            yield

    def begin(self, settings: Mapping[str, Any], scalers: Mapping[str, Scaler], info: Mapping[str, Any]) -> None:
        """Write what is known of a run before its first step; ``run.json`` comes last."""
        body = yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True)
        write_text(self / "settings.yaml", f"# settings of a run of {info['method']}\n{body}")
        save_tensors(self / "scalers.safetensors", scalers_state(scalers))
        self.write_info(info)

    def settings(self, *kinds: type[Settings]) -> dict[str, Any]:
        """Every setting of the run, under the names that the settings classes have today."""
        path = self / "settings.yaml"
        return rename(read_yaml(path), *kinds, where=str(path))

    def write_info(self, info: Mapping[str, Any]) -> None:
        """Write ``run.json``."""
        write_json(self / "run.json", info)

    def write_pairs(self, check: PairCheck) -> None:
        """Write ``pairs.csv``: id, rank and chance of being wrong of the pairs that are taken as wrong."""
        lines = [(name, f"{rank:.4f}", f"{chance:.3f}") for name, rank, chance in check.rows()]
        write_text(self / "pairs.csv", format_csv([("id", "rank", "chance"), *lines]))

    def scalers(self, modalities: Sequence[str]) -> dict[str, Scaler]:
        """Modality to scaler, in the order of the run, which ``run.json`` has: the file gives its keys back sorted.

        Raises:
            InputError: The file is damaged, or holds scalers of other modalities.
        """
        path = self / "scalers.safetensors"
        return scalers_from(load_tensors(path), modalities, path)

    def write_history(self, history: Sequence[EpochRecord]) -> None:
        """Write the metrics of all epochs so far; the whole file each time, so no epoch is in it twice."""
        write_text(self / "metrics.jsonl", "".join(json_text(record) + "\n" for record in history))
        columns = list(dict.fromkeys(name for record in history for name in record))
        lines = [[record.get(name, "") for name in columns] for record in history]
        write_text(self / "metrics.csv", format_csv([columns, *lines]))

    def history(self) -> list[EpochRecord]:
        """The metrics of all epochs."""
        path = self / "metrics.jsonl"
        lines = read_text(path, "metrics").splitlines() if path.exists() else []
        records: list[EpochRecord] = []
        for number, line in enumerate(lines, 1):
            with suppress(ValueError, RecursionError):
                if isinstance(record := json.loads(line), dict) and "epoch" in record:
                    records.append(record)
                    continue
            raise InputError(f"{path}, line {number}: not the metrics of an epoch", got=repr(line))
        return [{_RENAMED_METRICS.get(name, name): value for name, value in record.items()} for record in records]

    def evaluation(self) -> Evaluation | None:
        """The test split's evaluation, None if there was no test split.

        Raises:
            InputError: The file is damaged.
        """
        path = self / "evaluation.json"
        if not path.exists():
            return None
        with about(path):
            return Evaluation.from_dict(read_json(path))

    def write_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Write ``checkpoint.safetensors``: one file, numbers in its header, so that its parts always fit together."""
        tensors = {f"{part}/{name}": tensor for part in _PARTS for name, tensor in getattr(checkpoint, part).items()}
        numbers = {name: getattr(checkpoint, name) for name in ("epochs", "seconds", "best_epoch")}
        save_tensors(self / "checkpoint.safetensors", tensors, {"overtone": json_text(numbers)})

    def checkpoint(self) -> Checkpoint | None:
        """The last checkpoint, None if there is none.

        Raises:
            InputError: The file is damaged.
        """
        path = self / "checkpoint.safetensors"
        if not path.exists():
            return None
        parts: dict[str, Any] = {name: {} for name in _PARTS}
        try:
            for name, tensor in load_tensors(path).items():
                part, _, rest = name.partition("/")
                parts[part][rest] = tensor
            numbers = read_header(path)["overtone"]
            return Checkpoint(int(numbers["epochs"]), float(numbers["seconds"]), numbers["best_epoch"], **parts)
        except (KeyError, TypeError) as error:
            raise InputError(f"{path}: not a checkpoint ({error})", fix="train anew with --overwrite") from None


def device_of(method: torch.nn.Module) -> torch.device:
    """Where a method's parameters and buffers are."""
    return next((t.device for t in [*method.parameters(), *method.buffers()]), torch.device("cpu"))


def restore_method(method: Method, state: Mapping[str, Tensor]) -> None:
    """Load parameters and buffers; a buffer that only takes its shape while training takes it from the state.

    What is transient stays as it is where the state lacks it.

    Raises:
        InputError: The state is of another model.
    """
    for name, tensor in state.items():
        path, _, key = name.rpartition(".")
        try:
            owner = method.get_submodule(path)
        except AttributeError:
            continue
        if key in owner._buffers and getattr(owner._buffers[key], "shape", None) != tensor.shape:
            owner._buffers[key] = torch.empty_like(tensor, device=device_of(method))
    try:
        kept = method.weights_state().keys()
        lacking = {name: own for name, own in method.state_dict().items() if name not in kept and name not in state}
        method.load_state_dict({**state, **lacking})
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise InputError("the stored weights do not fit the model that the settings describe", got=reason) from None
