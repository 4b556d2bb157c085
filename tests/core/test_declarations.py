"""What the sources declare is what the imported registries hold: names, settings, defaults and descriptions."""

from __future__ import annotations

import pytest

from overtone.core import Settings
from overtone.core import declarations as declared
from overtone.experiments import HeadSettings
from overtone.graphs import GraphSettings, InferenceSettings
from overtone.methods.base import methods
from overtone.objectives import metric_losses
from overtone.training import TrainingSettings

LOSSES = metric_losses()


def same(path: str | None, kind: type[Settings]) -> None:
    """The fields found in the sources are the fields of the class, in the same order."""
    assert path is not None
    fields = declared.settings_fields(path)
    assert list(fields) == list(kind.model_fields)
    described = {name: field.description for name, field in kind.model_fields.items()}
    assert {name: field.description for name, field in fields.items()} == described
    assert declared.old_names(path) == {
        old: new for parent in kind.__mro__ for old, new in vars(parent).get("renamed", {}).items()
    }


def test_every_registered_method_and_loss_is_found() -> None:
    assert list(declared.registered_names("overtone.methods")) == list(methods)
    found = declared.registered_names("overtone.objectives").items()
    assert [name for name, path in found if declared.descends(path, "MetricLoss")] == sorted(LOSSES)


@pytest.mark.parametrize("name", methods)
def test_settings_of_a_method(name: str) -> None:
    path = declared.registered_names("overtone.methods")[name]
    same(declared.attribute(path, "settings_type"), methods[name].settings_type)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_settings_of_a_loss(name: str) -> None:
    path = declared.registered_names("overtone.objectives")[name]
    same(declared.attribute(path, "settings_type"), LOSSES[name].settings_type)


@pytest.mark.parametrize("kind", [TrainingSettings, HeadSettings, GraphSettings, InferenceSettings])
def test_settings_of_the_rooms(kind: type[Settings]) -> None:
    same(f"{kind.__module__}.{kind.__qualname__}", kind)


def test_a_default_is_read_as_written() -> None:
    fields = declared.settings_fields("overtone.training.settings.TrainingSettings")
    assert fields["learning_rate_warmup"].default == "0.05"
    assert fields["device"] == ("str", "'auto'", fields["device"].description)
