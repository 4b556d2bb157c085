"""The grid of an experiment: variants by seeds, their settings, and the cache of results."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from overtone.core import InputError, ProgressCallback, is_main_process
from overtone.core.files import checksum, json_text, load_tensors, read_header, save_tensors, write_json
from overtone.core.outputs import ResultFolder
from overtone.core.sources import check_inside
from overtone.core.version import __version__
from overtone.core.workers import Made, run_units
from overtone.features import Features, membership

log = logging.getLogger("overtone")


@dataclass(frozen=True)
class Variant:
    """What is trained under one name.

    Attributes:
        of: The registered method or loss.
        settings: Its settings, flat, without the seed.
        kind: The method or loss itself, a control of it, the method with a term off, or what was trained elsewhere.
        cached: Whether its results may be taken from files: not where settings do not say all that it depends on.
        shares: Whether it uses what others of the same seed have made, such as teachers: one process makes them all.
    """

    name: str
    of: str
    settings: dict[str, Any]
    kind: Literal["whole", "control", "ablation", "external"] = "whole"
    cached: bool = True
    shares: bool = False


@dataclass(frozen=True)
class Trial:
    """What is kept of one variant with one seed: tensors and plain JSON-able values by name, ``seconds`` among them."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]

    def save(self, path: Path, identity: Mapping[str, Any]) -> None:
        """Write one safetensors file, with the values and what the trial depends on in its header."""
        save_tensors(path, self.tensors, {"overtone": json_text(self.values), "identity": json_text(identity)})

    @classmethod
    def load(cls, path: Path, identity: Mapping[str, Any]) -> Trial | None:
        """Read a trial back; None if there is none, or none of this identity."""
        known = read_identity(path)
        if known is None or json_text(known) != json_text(identity):
            return None
        return cls(load_tensors(path), read_header(path)["overtone"])


Make = Callable[[Variant, int, str, "ProgressCallback | None"], Trial]
"""Makes the trial of a variant with a seed; gets a label for progress, and who takes the progress."""


def read_identity(path: Path) -> dict[str, Any] | None:
    """What a stored trial depends on; None if there is none.

    Raises:
        InputError: The file is damaged.
    """
    if not path.exists():
        return None
    load_tensors(path)  # the header alone would not show that the file is cut off
    found = read_header(path).get("identity")
    return found if isinstance(found, dict) else {}


@contextmanager
def open_results(
    out: str | Path | None,
    command: str,
    document: str,
    variants: Iterable[str],
    seeds: Sequence[int],
    *,
    resume: bool,
    overwrite: bool,
) -> Iterator[None]:
    """Be the one process that writes an experiment's results into ``out``.

    Args:
        out: The folder, or None.
        command: What makes the results: compare or diagnose.
        document: The file of the final result.
        variants, seeds: Of which there will be trials.
        resume: Whether to go on with results that are there.
        overwrite: Whether to remove them.

    Raises:
        InputError: The folder holds something else, results and neither was asked for, or another process writes there.
    """
    if out is None or not is_main_process():
        yield
        return
    path = Path(out)
    trials = [f"results/{name}/seed-{seed}.safetensors" for name in variants for seed in seeds]
    names = (document, "report.html", *trials)
    for name in names:
        check_inside(name, path)
    old = [file.relative_to(path).as_posix() for file in path.glob("results/**/seed-*.safetensors")]
    folder = ResultFolder(path, command, (document, "report.html", *old))
    with folder.open(names, resume=resume, overwrite=overwrite):
        if overwrite:
            folder.reset(names)
        yield


class Grid:
    """Variants by seeds on one corpus: trains each pair once, and keeps what each comes to.

    Args:
        data: The corpus, whose checksum is part of what each trial depends on.
        seeds: What each variant is trained with.
        out: Folder; trials go to ``results/VARIANT/seed-S.safetensors``. None keeps all in memory.
        resume: Whether to take trials from ``out``: those of other data or settings are refused, those of other
            versions made again.
    """

    def __init__(self, data: Features, seeds: Sequence[int], out: str | Path | None, resume: bool) -> None:
        self.seeds, self.resume = tuple(seeds), resume
        self.out = None if out is None else Path(out)
        known = [*([] if data.label_identity is None else [data.label_identity]), *getattr(data, "truth", {}).values()]
        self.checksum = checksum(*data.modalities.values(), *data.splits.values(), *known, *membership(data))
        self.versions = {"overtone": __version__, "torch": torch.__version__}
        self._started = time.perf_counter()
        self._made = 0.0

    def run(
        self, variants: Iterable[Variant], make: Make, workers: int = 1, progress: ProgressCallback | None = None
    ) -> dict[str, list[Trial]]:
        """Make, or take from files, a trial for each variant and seed: variant's name to one trial per seed.

        Each is made with one thread, so that the number of workers changes no figure.

        Args:
            variants: What to train.
            make: Gets the variant, the seed, a label for progress, and who takes the progress.
            workers: Processes that share the trials.
            progress: Called with the progress of all.

        Raises:
            InputError: ``resume`` was asked for, and a stored trial is of other data or settings: it would be lost.
            WorkerLost: A worker was killed.
        """
        units = [(variant, seed) for variant in variants for seed in self.seeds]
        if self.resume and (old := sum([self._refuse_differences(variant, seed) for variant, seed in units])):
            log.warning("%s: %s of other versions of Overtone or torch, made again", self.out, old)
        found = {number: trial for number, unit in enumerate(units) if (trial := self._stored(*unit)) is not None}
        groups: dict[object, list[int]] = {}
        for number, (variant, seed) in enumerate(units):
            if number not in found:
                groups.setdefault(("seed", seed) if variant.shares else number, []).append(number)

        def work(number: int, report: ProgressCallback | None) -> Made:
            variant, seed = units[number]
            started = time.perf_counter()
            trial = make(variant, seed, f"{variant.name}, seed {seed} ({number + 1}/{len(units)})", report)
            elapsed = round(time.perf_counter() - started, 3)  # teachers that were trained for it included
            return Made(trial.tensors, {**trial.values, "elapsed": max(elapsed, trial.values["seconds"])})

        def receive(number: int, made: Made) -> None:
            found[number] = trial = Trial(made.tensors, json.loads(json_text(made.values)))
            self._keep(*units[number], trial)

        run_units(
            work,
            list(groups.values()),
            receive,
            workers=workers,
            names={number: f"{variant.name}, seed {seed}" for number, (variant, seed) in enumerate(units)},
            progress=progress,
            resume="" if self.out is None else "what is done stays: go on with --resume",
        )
        trials: dict[str, list[Trial]] = {}
        for number, (variant, _) in enumerate(units):
            trials.setdefault(variant.name, []).append(found[number])
            self._made += found[number].values.get("elapsed", found[number].values["seconds"])
        return trials

    @property
    def seconds(self) -> float:
        """Time since the grid was set up, or of all its trials together, where that is more."""
        return round(max(time.perf_counter() - self._started, self._made), 3)

    def write(self, name: str, document: Mapping[str, Any]) -> None:
        """Write a JSON document into the folder, if there is one; of several processes the first one writes."""
        if self.out is not None and is_main_process():
            write_json(self.out / name, document)

    def _path(self, out: Path, variant: Variant, seed: int) -> Path:
        return out / "results" / variant.name / f"seed-{seed}.safetensors"

    def _identity(self, variant: Variant, seed: int) -> dict[str, Any]:
        """What a trial depends on."""
        settings = {**variant.settings, "seed": seed}
        return {"name": variant.name, "settings": settings, "checksum": self.checksum, "versions": self.versions}

    def _refuse_differences(self, variant: Variant, seed: int) -> bool:
        """Raise if a stored trial is of other data or settings; whether it is of other versions, to be made again."""
        if self.out is None or not variant.cached:
            return False
        known = read_identity(self._path(self.out, variant, seed))
        wanted = json.loads(json_text(self._identity(variant, seed)))
        before, after = (known or {}).get("settings") or {}, wanted["settings"]
        if known is None or known.get("name") != variant.name or before.get("seed") != seed:
            return False  # there is none, or none of this grid
        found = [
            f"{name} (was {before.get(name, 'not set')}, now {after.get(name, 'not set')})"
            for name in dict.fromkeys([*before, *after])
            if before.get(name) != after.get(name)
        ]
        if known.get("checksum") != wanted["checksum"]:
            found.append("the data (it had other features, labels, events or splits)")
        if found:
            raise InputError(
                f"{self.out}: cannot be resumed, because these differ for {variant.name}: {', '.join(found)}",
                fix="give what the results were made with, choose another folder, or replace them with --overwrite",
            )
        return bool(known.get("versions") != wanted["versions"])

    def _stored(self, variant: Variant, seed: int) -> Trial | None:
        """A trial that was made before, if it may be taken."""
        if self.out is None or not variant.cached or not self.resume:
            return None
        return Trial.load(self._path(self.out, variant, seed), self._identity(variant, seed))

    def _keep(self, variant: Variant, seed: int, trial: Trial) -> None:
        """Write a trial into the folder, if there is one."""
        if self.out is not None and variant.cached and is_main_process():
            trial.save(self._path(self.out, variant, seed), self._identity(variant, seed))
