"""A search of a method's settings with Optuna, on validation rows only, and what it is worth on the test split."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from overtone import training
from overtone.core import InputError, Progress, ProgressCallback
from overtone.core.extras import import_extra
from overtone.core.files import json_text
from overtone.core.settings import rename
from overtone.experiments.comparison import Trainer
from overtone.experiments.optuna_types import RunningTrial, StoredTrial, Study
from overtone.experiments.search_space import Dimension, read_space
from overtone.experiments.tuning_result import Tuning, TuningTrial
from overtone.features import PairedFeatures
from overtone.methods.base import Method, methods
from overtone.training import Run, TrainingSettings, TrainingStopped, split_settings
from overtone.training.data import describe, fingerprint, hide_labels

_STARTUP = 5
"""Trials that are trained to the end before one may be pruned."""
_FEW = 50
"""Held-out pairs below which a note says that they are few."""
_IDENTITY = "overtone"
"""Attribute of a study that says what it searches."""
_REPORTED = ("map", "instance_recall@1", "instance_recall@10")
"""Metrics of the test split that the result holds."""


def tune(
    method: str,
    data: PairedFeatures,
    *,
    trials: int = 20,
    search: str | Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
    seconds: float | None = None,
    storage: str | None = None,
    study: str | None = None,
    out: str | Path | None = None,
    progress: ProgressCallback | None = None,
    train: Trainer = training.train,
) -> Tuning:
    """Search settings of a method by a validation score, then train with the best and with the default ones.

    Suggestions come from tree-structured Parzen estimators. The default settings are the first trial. A trial whose
    validation score lies below the median of earlier ones at the same epoch is pruned. No trial gets the test split.

    Args:
        method: A registered name.
        data: Features with a split ``train``.
        trials: Trainings of the search in all; those that a study in ``storage`` holds already count.
        search: As for :func:`~overtone.experiments.search_space.read_space`.
        settings: Settings that are fixed.
        seconds: Begin no further trial after so many seconds; None: no limit.
        storage: URL of a database (``sqlite:///study.db``, ``postgresql://...``) in which several machines share a
            study; None keeps it in memory.
        study: Name of the study there; by default the method's and the corpus's.
        out: Folder for the run with the best settings; None keeps it in memory.
        progress: Called after every epoch.
        train: What trains one run.

    Returns:
        The trials, the best settings, and what they reach on the test split beside the default ones.

    Raises:
        InputError: Optuna is not installed, a setting or the storage cannot be used, the study searches something else,
            or no trial came to an end.

    Source:
        Bergstra et al., Algorithms for hyper-parameter optimization, NIPS 2011; Akiba et al., Optuna, KDD 2019.
    """
    optuna = import_extra("optuna", "tune")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    search_data = replace(data, splits={name: rows for name, rows in data.splits.items() if name != "test"})
    work = _Search.plan(method, search_data, search, settings or {}, train, progress)
    opened, shown = _open_study(optuna, storage, study or f"{method} on {data.provenance.source}", work)
    begun = time.monotonic()
    before = [one for one in opened.get_trials(deepcopy=False) if one.state.is_finished()]
    if not before and all(dimension.holds_default for dimension in work.space):
        opened.enqueue_trial({one.name: one.default for one in work.space}, skip_if_exists=True)
    ends = [optuna.study.MaxTrialsCallback(trials, states=None)]  # other machines' trials count
    left = max(0, trials - len(before))
    opened.optimize(work.objective(optuna), n_trials=left, timeout=seconds, callbacks=ends, catch=(TrainingStopped,))
    found = tuple(_trial_of(one, work) for one in opened.get_trials(deepcopy=False) if one.state.is_finished())
    done = [trial for trial in found if trial.state == "done" and trial.value is not None]
    if not done:
        what = f"{method}: none of {len(found)} trials came to an end"
        raise InputError(what, fix="narrow the search, or give it more time")
    best = max(done, key=lambda trial: (trial.value or 0.0, -trial.number))
    defaults = {one.name: one.default for one in work.space}
    default = next((trial.value for trial in done if trial.settings == defaults), None)
    held_out = max(int(one.user_attrs.get("held_out", 0)) for one in opened.get_trials(deepcopy=False))
    test, chance = _judge(work, data, best.settings, out) if "test" in data.splits else ({}, None)
    return Tuning(
        method=method,
        corpus=data.provenance.source,
        criterion=work.criterion,
        space=tuple(map(str, work.space)),
        trials=found,
        settings={**work.fixed, **best.settings},
        value=float(best.value or 0.0),
        default_value=default,
        test=test,
        chance=chance,
        storage=shown,
        seconds=round(sum(trial.seconds for trial in found), 1),
        held_out=held_out,
        notes=_notes(found, held_out, time.monotonic() - begun, seconds),
    )


@dataclass(frozen=True)
class _Search:
    """What every trial needs.

    Attributes:
        method: Its class.
        data: Features without a test split.
        fixed: Settings that are given.
        select: How the best epoch of a trial is chosen, and the trial itself.
        space: What is searched.
        train: What trains one run.
        progress: Who takes the progress.
    """

    method: type[Method]
    data: PairedFeatures
    fixed: dict[str, Any]
    select: str
    space: tuple[Dimension, ...]
    train: Trainer
    progress: ProgressCallback | None

    @classmethod
    def plan(
        cls,
        method: str,
        data: PairedFeatures,
        search: str | Sequence[str],
        settings: Mapping[str, Any],
        train: Trainer,
        progress: ProgressCallback | None,
    ) -> _Search:
        """Check what was asked for before the first training."""
        kind = methods[method]
        fixed = rename(settings, kind.settings_type, TrainingSettings)
        _, loop = split_settings(fixed, kind)
        corpus = describe(hide_labels(data, kind, loop.unpaired))
        space = read_space(search, kind, corpus, fixed)
        select = loop.with_defaults(kind, corpus).select
        if select in (None, "last"):
            select = "map" if kind.supervised else "reciprocal_rank"
        if loop.validation_fraction == 0 and "val" not in data.splits:
            what = "a search needs validation rows, and validation_fraction=0 leaves none"
            raise InputError(what, fix="leave it out, or bring a split 'val'")
        return cls(kind, data, fixed, str(select), space, train, progress)

    @property
    def criterion(self) -> str:
        """The entry of a run's history that is searched by."""
        return f"val_{self.select}"

    @property
    def identity(self) -> str:
        """What a study has to agree in."""
        space = [str(one) for one in self.space]
        known = {"method": self.method.name, "of": fingerprint(self.data), "fixed": self.fixed, "select": self.select}
        return json_text({**known, "space": space})

    def objective(self, optuna: ModuleType) -> Callable[[RunningTrial], float]:
        """The function that Optuna calls: a trial to its validation score."""

        def run_trial(trial: RunningTrial) -> float:
            started, epochs = time.monotonic(), 0
            chosen = {dimension.name: dimension.suggest(trial) for dimension in self.space}
            label = f"{self.method.name}, trial {trial.number}"

            def report(step: Progress) -> object:
                nonlocal epochs
                answer = None if self.progress is None else self.progress(step)
                if step.label == label:
                    epochs = step.done
                    value = step.metrics.get(self.criterion)
                    if value is not None and step.done < step.total:
                        trial.report(value, step.done)
                        if trial.should_prune():
                            raise optuna.TrialPruned
                return answer

            try:
                given = {**self.fixed, "select": self.select, **chosen}
                run = self.train(
                    self.method.name, self.data, settings=given, progress=report, label=label, evaluate=False
                )
            finally:
                trial.set_user_attr("epochs", epochs)
                trial.set_user_attr("seconds", round(time.monotonic() - started, 3))
            trial.set_user_attr("held_out", self._count_held_out(run))
            return max(record[self.criterion] for record in run.history if self.criterion in record)

        return run_trial

    def _count_held_out(self, run: Run) -> int:
        """Pairs that a run was validated on."""
        if "val" in self.data.splits:
            return int(self.data.paired[self.data.splits["val"]].sum())
        corpus, pairs = run.info["corpus"], int(self.data.paired[self.data.splits["train"]].sum())
        return max(0, pairs - int(corpus["pairs"] or corpus["rows"]))


def _open_study(optuna: ModuleType, storage: str | None, name: str, work: _Search) -> tuple[Study, str]:
    """A study, and where it is kept; InputError where that cannot be opened, or it searches something else."""
    shown = ""
    if storage is not None:
        try:
            shown = import_extra("sqlalchemy.engine", "tune").make_url(storage).render_as_string(hide_password=True)
        except (ValueError, TypeError, ImportError) as error:
            fix = "name a database: sqlite:///study.db"
            raise InputError("storage: not the URL of a database", got=type(error).__name__, fix=fix) from None
        except Exception as error:  # the library's own: it has no base class of the system's
            fix = "name a database: sqlite:///study.db"
            raise InputError("storage: not the URL of a database", got=str(error).split("\n")[0], fix=fix) from None
    seed = int(work.fixed.get("seed", 0))
    try:
        opened: Study = optuna.create_study(
            storage=storage,
            study_name=name,
            load_if_exists=storage is not None,
            direction="maximize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=_STARTUP),
        )
        begun = len(opened.get_trials(deepcopy=False))
        opened.sampler = optuna.samplers.TPESampler(seed=seed + begun)  # a second machine goes other ways
        stored = opened.user_attrs.get(_IDENTITY)
        if stored is None:
            opened.set_user_attr(_IDENTITY, work.identity)
    except Exception as error:  # of the database's driver
        reason = str(error).strip().split("\n")[0]
        raise InputError(f"{shown}: the study cannot be opened ({reason})", fix="check the URL of --storage") from None
    if stored not in (None, work.identity):
        what = f"{shown}: the study {name!r} searches another space, or on other data or settings"
        raise InputError(what, fix="take another name: --study NAME")
    return opened, shown


def _trial_of(one: StoredTrial, work: _Search) -> TuningTrial:
    states = {"COMPLETE": "done", "PRUNED": "pruned"}
    value = one.value if one.state.name == "COMPLETE" else max(one.intermediate_values.values(), default=None)
    attributes = one.user_attrs
    return TuningTrial.from_dict(
        {
            "number": one.number,
            "settings": {name.name: one.params[name.name] for name in work.space if name.name in one.params},
            "state": states.get(one.state.name, "failed"),
            "value": value,
            "epochs": attributes.get("epochs", 0),
            "seconds": attributes.get("seconds", 0.0),
        }
    )


def _judge(
    work: _Search, data: PairedFeatures, best: Mapping[str, Any], out: str | Path | None
) -> tuple[dict[str, dict[str, float]], float | None]:
    """Train with the best and with the default settings, and evaluate both on the test split."""
    found: dict[str, dict[str, float]] = {}
    chance = None
    for name, chosen in (("best", dict(best)), ("default", {})):
        label = f"{work.method.name}, {name} settings"
        place = Path(out) / "run" if out is not None and name == "best" else None
        options: dict[str, Any] = {"settings": {**work.fixed, **chosen}, "progress": work.progress, "label": label}
        run: Run = work.train(work.method.name, data, **options, out=place, overwrite=place is not None)
        assert run.evaluation is not None
        scores = run.evaluation.scores
        found[name] = {key: scores[key].mean for key in _REPORTED if key in scores}
        chance = scores["chance_map"].mean if "chance_map" in scores else None
    return found, chance


def _notes(trials: Sequence[TuningTrial], held_out: int, seconds: float, limit: float | None) -> tuple[str, ...]:
    notes = []
    if held_out < _FEW:
        notes.append(f"only {held_out} pairs are held out for validation, so differences between trials may be chance")
    if limit is not None and seconds >= limit:
        notes.append(f"the search ended after {seconds:.0f} s, as --seconds said")
    if failed := sum(trial.state == "failed" for trial in trials):
        notes.append(f"{failed} of {len(trials)} trials diverged or collapsed")
    return tuple(notes)
