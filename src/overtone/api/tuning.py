"""The verb that searches settings: tune."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from typing_extensions import Unpack

from overtone.api.checks import check_method
from overtone.api.parameters import Data, Flag, OutFolder, PairReading, Param, Settable, Settings, Track, named
from overtone.api.reading import read
from overtone.core import ProgressCallback
from overtone.core.arguments import checks_types
from overtone.core.files import write_json, write_text
from overtone.core.outputs import ResultFolder
from overtone.core.progress import shows_progress
from overtone.core.sources import expand_home

if TYPE_CHECKING:
    from overtone.experiments import Tuning

_DOCUMENT, _SETTINGS, _REPORT, _STUDY, _RUN = "tuning.json", "settings.yaml", "report.html", "study.db", "run"
_FILES = (_DOCUMENT, _SETTINGS, _REPORT, _STUDY, f"{_RUN}/")


@checks_types
@shows_progress
def tune(
    method: Annotated[str, Param("METHOD")],
    data: Data,
    *,
    search: Annotated[str | Sequence[str], Param("NAME[=LOW..HIGH|A,B]", many=True)] = (),
    trials: Annotated[int, Param("N", minimum=1)] = 20,
    seconds: Annotated[float | None, Param("S")] = None,
    settings: Annotated[Settings, Settable(named=named("seed", "device", "precision", "memory_mb"))] = None,
    storage: Annotated[str | None, Param("URL")] = None,
    study: Annotated[str | None, Param("NAME")] = None,
    out: OutFolder = None,
    resume: Flag = False,
    overwrite: Flag = False,
    track: Track = (),
    progress: ProgressCallback | None = None,
    **reading: Unpack[PairReading],
) -> Tuning:
    """Search settings of METHOD on validation rows of DATA with Optuna, and say what they are worth on the test split.

    No trial sees the test split. In the end METHOD is trained twice, with the best and with the default settings, and
    both are evaluated there. FOLDER gets tuning.json, report.html, settings.yaml for --config, and the run.

    Args:
        method: Name of a method; `overtone methods` lists them.
        data: A feature file, a folder, or a built-in corpus such as split-digits. In Python also features.
        search: A setting to search, with its range or choices, such as learning_rate=1e-4..1e-2; repeatable. By default
            what is usually worth a search.
        trials: Trainings of the search in all, those of other machines that share the study included.
        seconds: Begin no further trial after S seconds.
        settings: Settings that are fixed, the method's and the training's in one mapping.
        storage: Database in which several machines share the study, such as postgresql://HOST/NAME. By default a file
            in FOLDER.
        study: Name of the study in the database; by default the method's and the corpus's.
        out: Folder for results and report. None keeps everything in memory.
        resume: Go on with the search in --out.
        overwrite: Replace the results that are in --out; other files there stay.
        track: Also send the figures of every epoch to tensorboard:FOLDER, wandb:PROJECT or mlflow:URI; repeatable.
        progress: Called after each epoch.
        reading: How to read the data; see :func:`overtone.load`.

    Returns:
        The trials, the best settings, and their figures beside those of the default ones.

    Raises:
        InputError: Optuna is not installed, the data, a setting, a range or the storage cannot be used, or no trial
            came to an end.
    """
    check_method(method, settings)
    folder = None if out is None else ResultFolder(expand_home(out), "tune", (_DOCUMENT,))
    if folder is not None:
        folder.check(resume=resume, overwrite=overwrite, names=_FILES)
    features = read(data, reading)
    from overtone import experiments
    from overtone.adapters.trackers import open_trackers
    from overtone.interactions import InteractionTrainer
    from overtone.report import tuning_report

    with open_trackers(track, progress) as tracking:
        options: dict[str, Any] = {"search": search, "trials": trials, "seconds": seconds, "settings": settings}
        options |= {"study": study, "progress": tracking.callback, "train": InteractionTrainer().train}
        if folder is None:
            return experiments.tune(method, features, storage=storage, **options)
        with folder.open(_FILES, resume=resume, overwrite=overwrite):
            if overwrite:
                folder.reset(_FILES)
            place = folder.path
            file = f"sqlite:///{(place / _STUDY).resolve()}"
            found = experiments.tune(method, features, storage=storage or file, out=place, **options)
            write_json(place / _DOCUMENT, found.to_dict())
            write_text(place / _SETTINGS, _as_yaml(found.settings))
            write_text(place / _REPORT, tuning_report(found))
    return replace(found, folder=folder.path, report=folder.path / _REPORT)


def _as_yaml(settings: Settings) -> str:
    import yaml

    return yaml.safe_dump(dict(settings or {}), sort_keys=True, allow_unicode=True)
