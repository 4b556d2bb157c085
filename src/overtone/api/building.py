"""``build``: from a folder of media to a searchable space, in stages that can each be resumed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from overtone.api.build_result import Build, BuildStage, list_scores
from overtone.api.finding import What, find
from overtone.api.indexing import index
from overtone.api.making import extract
from overtone.api.parameters import Flag, Param, Settable, Settings, Workers, named
from overtone.api.reading import inspect, log, read
from overtone.api.running import report_run, train
from overtone.core import InputError, ProgressCallback
from overtone.core.arguments import checks_types
from overtone.core.files import read_json, write_json
from overtone.core.outputs import ResultFolder
from overtone.core.progress import shows_progress
from overtone.core.sources import expand_home

if TYPE_CHECKING:
    from overtone.features import PairedFeatures

METHOD = "hsc-mae"
"""What is trained: it needs no labels."""
_RECORD, _FEATURES, _RUN = "build.json", "features.npz", "run"
_FILES = (_RECORD, _FEATURES, f"{_FEATURES}.json", f"{_FEATURES}.clips.csv", f"{_FEATURES}.parts/", f"{_RUN}/")
_LOOKED_FOR: tuple[tuple[What, str, str, str], ...] = (
    ("duplicates", "groups", "group of near-duplicates", "groups of near-duplicates"),
    ("outliers", "outliers", "outlier", "outliers"),
    ("mismatched", "mismatches", "mismatched pair", "mismatched pairs"),
)
"""What is looked for, the field of the result that lists it, and what one and several of it are called."""
_FEWEST = 12
"""Pairs to train on, below which nothing is learnt but noise."""
_KEPT = ("index", "report")
"""Stages that are not done again once they are; the others check themselves that what is there is still right."""


@checks_types
@shows_progress
def build(
    source: Annotated[str | Path, Param("FOLDER")],
    out: Annotated[str | Path, Param("PLACE", option="--out")],
    *,
    modalities: Annotated[tuple[str, str] | None, Param("A,B")] = None,
    backbone: Annotated[str | Sequence[str], Param("[MODALITY=]NAME[:ARG]", many=True)] = (),
    settings: Annotated[Settings, Settable(named=named("seed", "precision", "memory_mb"))] = None,
    frames: Annotated[int, Param("N", minimum=1)] = 8,
    window: Annotated[float | None, Param("S")] = None,
    hop: Annotated[float | None, Param("S")] = None,
    limit: Annotated[int | None, Param("N", minimum=1)] = None,
    workers: Workers = None,
    device: Annotated[str, Param("NAME")] = "auto",
    resume: Flag = False,
    overwrite: Flag = False,
    progress: ProgressCallback | None = None,
) -> Build:
    """Make a searchable space from a FOLDER of media: extract, inspect, train without labels, index, report.

    PLACE holds features.npz with its record and availability manifest, the folder run with the trained run, its report
    and its store, and build.json. An interrupted build goes on where it stopped (--resume). Then try `overtone search
    PLACE/run --query FILE`.

    Args:
        source: A folder of videos, or of files of one name, or a manifest; as `overtone extract` takes it.
        out: Folder for everything.
        modalities: The two modalities; by default the first two of audio, visual and text that are there.
        backbone: Backbones as for `overtone extract`; by default those that need no weights. Repeatable.
        settings: Settings of hsc-mae and of the training.
        frames: Frames of a video, evenly spaced.
        window: Cut recordings into clips of S seconds.
        hop: Seconds from one window to the next; by default they follow each other.
        limit: Only N clips, drawn at random, whole pairs first: for a first try.
        workers: Processes that decode; by default one per thread of PyTorch.
        device: Where backbones and training compute: cpu, cuda, cuda:1 or auto.
        resume: Go on with a build that was interrupted; stages that are done are taken as they are.
        overwrite: Replace what PLACE holds already.
        progress: Called while something takes long.

    Returns:
        Where everything is, and what each stage took and why.

    Raises:
        InputError: The media hold no pairs, a setting cannot be used, or PLACE holds something else.
    """
    place = expand_home(out)
    folder = ResultFolder(place, "build", (_RECORD,))
    folder.check(resume=resume, overwrite=overwrite, names=_FILES)
    choices = {
        "source": str(source),
        "modalities": None if modalities is None else list(modalities),
        "backbone": [backbone] if isinstance(backbone, str) else list(backbone),
        "settings": dict(settings or {}),
        "frames": frames,
        "window": window,
        "hop": hop,
        "limit": limit,
    }
    _require_two(source, modalities)
    with folder.open(_FILES, resume=resume, overwrite=overwrite):
        work = _Builder(place, choices, progress, resume=resume, overwrite=overwrite)
        work.extract(
            modalities=modalities,
            backbone=backbone,
            frames=frames,
            window=window,
            hop=hop,
            limit=limit,
            workers=workers,
            device=device,
            seed=int((settings or {}).get("seed", 0)),
        )
        work.inspect()
        work.train({"device": _name_device(device), **(settings or {})})
        work.index()
        work.report()
        return work.finish()


class _Builder:
    """A build under way: its stages, in their order."""

    def __init__(
        self,
        place: Path,
        choices: Mapping[str, Any],
        progress: ProgressCallback | None,
        *,
        resume: bool,
        overwrite: bool,
    ) -> None:
        self.place, self.choices, self.progress = place, choices, progress
        self.resume, self.overwrite = resume and not overwrite, overwrite
        self.features, self.run = place / _FEATURES, place / _RUN
        self.stages: list[BuildStage] = []
        self.done = self._read_done() if self.resume else {}
        self._write()

    def extract(self, **taken: Any) -> None:
        """Media become features; those that are there are taken if their source is the same still."""

        def work() -> tuple[str, str]:
            from overtone import media

            taken.update(resume=self.resume, overwrite=self.overwrite, progress=self.progress)
            data = extract(self.choices["source"], self.features, **taken)
            if len(data.names) < 2:
                what = f"{self.choices['source']}: no clip has more than {data.names[0]}, and pairs are needed"
                raise InputError(what, fix=f"see why in {self.features}.clips.csv")
            found = media.read_record(self.features)
            recipes = ", ".join(f"{name} by {recipe['backbone']}" for name, recipe in found["recipes"].items())
            lost = f", {len(found['broken'])} left out" if found["broken"] else ""
            why = "as asked" if taken["backbone"] else "these need no weights; --backbone names stronger ones"
            return f"{len(data)} clips, {recipes}{lost}", why

        self._do("extract", work)

    @cached_property
    def data(self) -> PairedFeatures:
        """The features, read once."""
        return read(self.features, {})

    def inspect(self) -> None:
        """The features are checked."""

        def work() -> tuple[str, str]:
            found = inspect(self.features)
            if found.problems:
                more = f" (and {len(found.problems) - 1} more)" if len(found.problems) > 1 else ""
                raise InputError(f"{found.problems[0]}{more}", fix=f"see overtone inspect {self.features}")
            pairs = int(self.data.paired[self.data.splits["train"]].sum())
            if pairs < _FEWEST:
                what = f"{self.choices['source']}: too few clips with both modalities to learn from"
                fix = "bring more, cut recordings into shorter ones (--window), or leave --limit out"
                raise InputError(what, got=f"{pairs} to train on", valid=f"{_FEWEST} or more", fix=fix)
            splits = ", ".join(f"{count} {name}" for name, count in found.splits.items())
            warnings = f", {len(found.warnings)} warning{'s' * (len(found.warnings) > 1)}" if found.warnings else ""
            labels = "labels serve the evaluation alone" if found.labels else "no labels, and none are needed"
            whole = int(self.data.paired.sum())
            alone = f" of {len(self.data)} clips" if whole < len(self.data) else ""
            return f"{whole} pairs{alone}; {splits}{warnings}", labels

        self._do("inspect", work)

    def train(self, settings: dict[str, Any]) -> None:
        """The space is learnt."""

        def work() -> tuple[str, str]:
            run = train(
                METHOD,
                self.data,
                out=self.run,
                settings=settings,
                resume=self.resume,
                overwrite=self.overwrite,
                progress=self.progress,
            )
            scores = ", ".join(f"{name} {value:.3f}" for name, value in list_scores(run).items())
            took = f"{METHOD}, {run.info['epochs']} epochs; test split: {scores or 'none'}"
            return took, "it learns from pairs alone, without labels"

        self._do("train", work)

    def index(self) -> None:
        """Embeddings go into a store."""

        def work() -> tuple[str, str]:
            found = index(self.run, self.data, overwrite=True, progress=self.progress)
            return f"{found.store.items} items in {found.store.uri}", "a flat store, which is exact"

        self._do("index", work)

    def report(self) -> None:
        """What is odd is looked for, and all is reported."""

        def work() -> tuple[str, str]:
            counts = [self._count(*kind) for kind in _LOOKED_FOR]
            report = report_run(self.run, self.data)
            return f"{report}; {', '.join(counts)}", "found among the features, without training"

        self._do("report", work)

    def finish(self) -> Build:
        """What was made."""
        from overtone.report.chance_words import chance_in_words
        from overtone.training import Run

        report, run = self.run / "report.html", Run.load(self.run)
        return Build(
            str(self.choices["source"]),
            self.place,
            self.features,
            self.run,
            report if report.is_file() else None,
            tuple(self.stages),
            list_scores(run),
            None if run.evaluation is None else chance_in_words(run.evaluation),
        )

    def _count(self, what: What, listed: str, one: str, called: str) -> str:
        """How many of a kind were found; in a corpus that is too small nothing is looked for."""
        try:
            count = len(getattr(find(what, self.run, self.data, progress=self.progress), listed))
            return f"{count} {one if count == 1 else called}"
        except InputError as error:
            log.info("%s were not looked for: %s", called, error)
            return f"{called} not looked for"

    def _do(self, name: str, work: Callable[[], tuple[str, str]]) -> None:
        """Do a stage and note it; one that is done is taken as it is, if what comes before was, too."""
        before = self.done.get(name)
        if before is not None and name in _KEPT:
            stage = replace(before, seconds=0.0)
        else:
            started = time.perf_counter()
            took, why = work()
            stage = BuildStage(name, took, why, round(time.perf_counter() - started, 1))
        self.stages.append(stage)
        self._write()

    def _write(self) -> None:
        known = {stage.name for stage in self.stages}
        stages = [*self.stages, *(stage for name, stage in self.done.items() if name not in known)]
        document = {"choices": self.choices, "stages": [stage.to_dict() for stage in stages]}
        write_json(self.place / _RECORD, document)

    def _read_done(self) -> dict[str, BuildStage]:
        """The stages that are done; InputError where they were made with other choices."""
        path = self.place / _RECORD
        if not path.is_file():
            return {}
        stored = read_json(path)
        for key, value in self.choices.items():
            before = stored.get("choices", {}).get(key)
            if before != value:
                what = f"{path}: this build was begun with another choice of {key}"
                fix = "resume it as it was begun, or begin again (--overwrite)"
                raise InputError(what, got=value, valid=before, fix=fix)
        stages = [BuildStage.from_dict(one) for one in stored.get("stages", [])]
        return {stage.name: stage for stage in stages}


def _require_two(source: str | Path, modalities: tuple[str, str] | None) -> None:
    """Refuse media of one modality before the work."""
    from overtone.media import read_catalogue

    there = tuple(read_catalogue(source).media)
    if modalities is None and len(there) < 2:
        what = f"{source}: holds {there[0]} alone, and a space is learnt from pairs"
        fix = (
            "bring videos with sound, or files of one name such as a.png and a.wav; overtone extract takes one modality"
        )
        raise InputError(what, got=there[0], fix=fix)


def _name_device(device: str) -> str:
    """The device by the name that training takes."""
    from overtone.core.devices import find_device

    return str(find_device(device))
