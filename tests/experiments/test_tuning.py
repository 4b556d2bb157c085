"""The search of settings: what it tries, that no trial sees a test row, what it costs, and studies that are shared."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from overtone import api
from overtone.core import InputError
from overtone.experiments import Tuning, TuningTrial
from overtone.experiments.search_space import Dimension, read_space
from overtone.features import PairedFeatures, from_arrays
from overtone.interactions import InteractionTrainer
from overtone.methods.base import methods
from overtone.report import tuning_report
from overtone.report.tuning_words import tuning_in_words
from overtone.training.data import describe


@pytest.fixture(scope="module")
def data() -> PairedFeatures:
    random = np.random.default_rng(0)
    y = np.arange(240) % 4
    hidden = np.eye(4)[y] + 0.4 * random.standard_normal((240, 4))
    parts = {name: (hidden @ random.standard_normal((4, 9))).astype(np.float32) for name in ("audio", "visual")}
    return from_arrays({**parts, "y": y, "split": np.array(["train", "train", "test"] * 80)})


def space_of(method: str, data: PairedFeatures, *words: str, **fixed: Any) -> list[str]:
    return [str(one) for one in read_space(words, methods[method], describe(data), fixed)]


def test_ranges_are_written_or_found(data: PairedFeatures) -> None:
    assert space_of("cca", data) == ["ridge=0.075..1.2", "power=0.5..8"]
    names = [one.partition("=")[0] for one in space_of("infonce", data)]
    assert names == ["learning_rate", "weight_decay", "temperature", "dropout"]
    assert space_of("infonce", data, "temperature=0.05..1", "precision", "batch_size=16,32") == [
        "temperature=0.05..1",
        "precision=fp32,bf16",
        "batch_size=16,32",
    ]
    assert space_of("infonce", data, "learning_rate=1e-4..1e-2", "weight_decay=0.1,1e-3") == [
        "learning_rate=0.0001..0.01",
        "weight_decay=0.1,0.001",
    ]
    assert space_of("cca", data, power=1.0) == ["ridge=0.075..1.2"]
    assert Dimension("x", 0.001, 1.0).logarithmic
    assert not Dimension("x", 0.0, 1.0).logarithmic


@pytest.mark.parametrize(
    ("words", "fixed", "said"),
    [
        (["ridge=1..0.1"], {}, "--search ridge: not a range; got '1..0.1'; write for example --search ridge=0.01..1"),
        (["ridge=3"], {}, "a range or two choices are needed"),
        (["rigde"], {}, "did you mean 'ridge'"),
        (["ridge", "ridge"], {}, "searched twice"),
        (["ridge"], {"ridge": 1.0}, "fixed, too"),
        (["dimensions"], {}, "no range can be told from its default; got None"),
    ],
)
def test_what_cannot_be_searched(data: PairedFeatures, words: list[str], fixed: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as raised:
        space_of("cca", data, *words, **fixed)
    assert said in str(raised.value)


def tuning(**changes: Any) -> Tuning:
    trials = (
        TuningTrial(0, {"ridge": 0.3}, "done", 0.5, 4, 1.0),
        TuningTrial(1, {"ridge": 0.6}, "pruned", 0.1, 1, 0.5),
        TuningTrial(2, {"ridge": 0.9}, "done", 0.6, 4, 1.0),
    )
    test = {"best": {"map": 0.4}, "default": {"map": 0.45}}
    about: dict[str, Any] = {
        "default_value": 0.5,
        "test": test,
        "chance": 0.25,
        "seconds": 2.5,
        "held_out": 80,
        **changes,
    }
    return Tuning("cca", "clips.npz", "val_reciprocal_rank", ("ridge=0.1..1",), trials, {"ridge": 0.9}, 0.6, **about)


def test_the_report_says_the_budget_and_what_it_was_worth() -> None:
    said = tuning_in_words(tuning())
    assert said[0] == "Best of 3 trials on 80 held-out pairs: reciprocal rank 0.600, 0.500 with the default settings."
    assert said[1].startswith(
        "On the test split, which no trial has seen: mAP 0.400 with the best settings, 0.450 with"
    )
    assert said[1].endswith("The search did not help, by one seed.")
    assert said[2] == "Budget of the search: 2 trainings, 1 pruned; 9 epochs, 2.5 s."
    page = tuning_report(tuning())
    assert "Budget of the search: 2 trainings, 1 pruned; 9 epochs" in page
    assert "the best settings are no better than the default ones" in page
    assert "optimistic" in tuning_report(tuning(test={}))
    assert Tuning.from_dict(json.loads(json.dumps(tuning().to_dict()))) == tuning()


def test_optuna_that_is_not_installed(data: PairedFeatures, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(InputError, match=r"optuna is not installed; pip install 'overtone\[tune\]'"):
        api.tune("cca", data)


QUICK = {"epochs": 4, "batch_size": 32, "validate_every": 1}


@pytest.fixture
def optuna() -> Any:
    return pytest.importorskip("optuna")


def test_no_trial_sees_a_test_row(optuna: Any, data: PairedFeatures, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[str]] = []
    whole = InteractionTrainer.train

    def watched(self: Any, method: str, given: PairedFeatures, **options: Any) -> Any:
        seen.append(set(given.splits))
        return whole(self, method, given, **options)

    monkeypatch.setattr(InteractionTrainer, "train", watched)
    found = api.tune("cca", data, trials=4)
    assert seen == [{"train"}] * 4 + [{"train", "test"}] * 2
    assert [trial.number for trial in found.trials] == [0, 1, 2, 3]
    assert found.trials[0].settings == {"ridge": 0.3, "power": 2.0}
    assert found.default_value == found.trials[0].value
    assert found.value == max(trial.value or 0.0 for trial in found.trials)
    assert set(found.test) == {"best", "default"}
    assert 0 < found.held_out < 50
    assert found.notes == (
        f"only {found.held_out} pairs are held out for validation, so differences between trials may be chance",
    )
    again = api.tune("cca", data, trials=4)
    assert [trial.settings for trial in again.trials] == [trial.settings for trial in found.trials]


def test_results_are_kept_and_gone_on_with(optuna: Any, data: PairedFeatures, tmp_path: Path) -> None:
    out = tmp_path / "tuned"
    options: dict[str, Any] = {"settings": QUICK, "search": ["temperature=0.05..1"], "out": out}
    first = api.tune("infonce", data, trials=2, **options)
    assert (out / "report.html").is_file()
    assert (out / "run" / "weights.safetensors").is_file()
    assert "temperature:" in (out / "settings.yaml").read_text()
    with pytest.raises(InputError, match="--resume"):
        api.tune("infonce", data, trials=3, **options)
    more = api.tune("infonce", data, trials=3, resume=True, **options)
    assert [one.settings for one in more.trials[:2]] == [one.settings for one in first.trials]
    assert len(more.trials) == 3
    with pytest.raises(InputError, match="searches another space"):
        api.tune("infonce", data, trials=3, resume=True, **{**options, "search": ["temperature=0.05..2"]})
    assert more.epochs > 0
    api.tune("infonce", data, trials=1, overwrite=True, **options)


def test_a_study_is_shared_by_url(optuna: Any, data: PairedFeatures, tmp_path: Path) -> None:
    shared: dict[str, Any] = {"storage": f"sqlite:///{tmp_path / 's.db'}", "study": "mine", "search": ["ridge"]}
    api.tune("cca", data, trials=2, **shared)
    both = api.tune("cca", data, trials=4, **shared)
    assert len(both.trials) == 4
    assert both.trials[2].settings != both.trials[0].settings
    with pytest.raises(InputError, match="storage: not the URL of a database"):
        api.tune("cca", data, trials=1, storage="nonsense")
    with pytest.raises(InputError, match="the study cannot be opened") as raised:
        api.tune("cca", data, trials=1, storage="sqlite:////nowhere/s.db")
    assert "secret" not in str(raised.value)


def test_without_validation_rows_there_is_no_search(optuna: Any, data: PairedFeatures) -> None:
    with pytest.raises(InputError, match="a search needs validation rows"):
        api.tune("cca", data, settings={"validation_fraction": 0.0}, trials=1)
