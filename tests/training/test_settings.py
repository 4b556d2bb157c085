"""One flat mapping of settings, and what fills its gaps."""

from __future__ import annotations

from pathlib import Path

import pytest

from overtone.core import InputError
from overtone.experiments import HeadSettings
from overtone.methods.base import CorpusInfo, TrainingDefaults, methods
from overtone.training import TrainingSettings, split_settings, train

CORPUS = CorpusInfo(((6,), (5,)), 100)


def test_each_key_goes_where_it_belongs():
    own, loop = split_settings({"pull": 0.5, "epochs": 3, "seed": 4}, methods["toy"])
    assert own == {"pull": 0.5}
    assert (loop.epochs, loop.seed) == (3, 4)


@pytest.mark.parametrize(("wrong", "close"), [("epoch", "epochs"), ("pul", "pull"), ("batchsize", "batch_size")])
def test_an_unknown_key_is_refused_with_the_closest_of_both(wrong, close):
    with pytest.raises(InputError, match=rf"unknown setting of toy '{wrong}'.*did you mean '{close}'\?"):
        split_settings({wrong: 1}, methods["toy"])


def test_a_bad_value_is_refused_by_name():
    with pytest.raises(InputError, match="'epochs'.*got 0"):
        split_settings({"epochs": 0}, methods["toy"])


def test_every_setting_is_described():
    assert all(description for _, _, _, description in TrainingSettings.table())


def test_a_method_whose_settings_hide_the_loops_is_a_mistake(monkeypatch):
    monkeypatch.setattr(methods["toy"], "settings_type", TrainingSettings)
    with pytest.raises(RuntimeError, match="both have settings"):
        split_settings({}, methods["toy"])


def test_none_is_the_methods_default_and_what_is_given_wins():
    full = TrainingSettings.build({"epochs": 40}).with_defaults(methods["toy"], CORPUS)
    assert (full.epochs, full.batch_size, full.learning_rate, full.grad_clip) == (40, 32, 0.01, 2.0)
    assert TrainingSettings.build({"grad_clip": None}).with_defaults(methods["toy"], CORPUS).grad_clip is None
    assert full.validate_every == 2


def test_rows_are_held_out_only_where_the_choice_needs_them(monkeypatch):
    assert TrainingSettings().with_defaults(methods["toy"], CORPUS).validation_fraction == 0
    by_pairs = TrainingSettings.build({"select": "correlation"}).with_defaults(methods["toy"], CORPUS)
    assert by_pairs.validation_fraction == TrainingDefaults.validation_fraction
    asked = TrainingSettings.build({"validation_fraction": 0.3}).with_defaults(methods["toy"], CORPUS)
    assert (asked.select, asked.validation_fraction) == ("last", 0.3)


def test_at_most_so_many_rows_are_held_out_unless_more_are_asked_for():
    million = CORPUS._replace(rows=1_000_000)
    by_pairs = TrainingSettings.build({"select": "correlation"}).with_defaults(methods["toy"], million)
    assert by_pairs.validation_fraction == 0.02
    asked = TrainingSettings.build({"select": "correlation", "validation_fraction": 0.3})
    assert asked.with_defaults(methods["toy"], million).validation_fraction == 0.3


def test_map_is_refused_to_a_method_without_labels(data):
    with pytest.raises(InputError, match="select=map needs labels, and toy is trained without them"):
        train("toy", data, settings={"select": "map"})
    run = train("toy-supervised", data, settings={"select": "map"})
    assert "val_map" in run.history[-1]


def test_patience_without_validation_is_refused(data):
    with pytest.raises(InputError, match="patience stops on validation"):
        train("toy", data, settings={"patience": 2})


def test_choosing_without_held_out_rows_is_refused(data):
    with pytest.raises(InputError, match="select=correlation needs at least 2 held-out rows"):
        train("toy", data, settings={"select": "correlation", "validation_fraction": 0.0})


@pytest.mark.parametrize(
    ("name", "value"),
    [("validation_fraction", 1.0), ("learning_rate_warmup", 1.0), ("epochs", 0), ("batch_size", 1), ("memory_mb", 15)],
)
def test_values_beyond_their_bounds_are_refused(name, value):
    with pytest.raises(InputError, match=f"setting '{name}'"):
        TrainingSettings.build({name: value})


def test_values_on_their_bounds_are_taken():
    bounds = {"validation_fraction": 0.0, "learning_rate_warmup": 0.0, "epochs": 1, "batch_size": 2, "memory_mb": 16}
    assert TrainingSettings.build(bounds).model_dump(include=set(bounds)) == bounds


@pytest.mark.parametrize("settings", [TrainingSettings, HeadSettings])
def test_the_docs_have_every_setting_as_it_is(settings):
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    missing = [
        name
        for name, _, default, about in settings.table()
        if not any(row.startswith(f"| `{name}` |") and f"| {default} | {about} |" in row for row in rows)
    ]
    assert missing == []
