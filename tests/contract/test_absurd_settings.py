"""Settings that nothing can be done with are refused at once, by name."""

from __future__ import annotations

import importlib
import pkgutil
import time

import pytest

import overtone
from overtone.api import train
from overtone.core import InputError, Settings
from overtone.features import load

SEEDS = ("seed", "random_state")


def settings_types() -> list[type[Settings]]:
    for module in pkgutil.walk_packages(overtone.__path__, "overtone."):
        if not module.name.endswith("__main__") and "milvus" not in module.name:
            importlib.import_module(module.name)
    found, waiting = [], [Settings]
    while waiting:
        found += (inner := waiting.pop().__subclasses__())
        waiting += inner
    return [one for one in found if one.__module__.startswith("overtone.")]


@pytest.mark.parametrize("value", [10**15, 10**20, -(10**15)])
def test_no_setting_takes_a_huge_number(value: int) -> None:
    for kind in settings_types():
        for name in kind.model_fields:
            if name not in SEEDS:
                with pytest.raises(InputError, match=rf"{name}|unknown setting"):
                    kind.build({name: value})


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("dcca", {"epochs": 10**15}),
        ("dcca", {"epochs": 10**20}),
        ("dcca", {"depth": 10**9}),
        ("dcca", {"width": 10**9}),
        ("dcca", {"embedding_dim": 10**9}),
        ("dcca", {"batch_size": 10**18}),
        ("cca", {"dimensions": 10**9}),
        ("interactions", {"folds": 10**9}),
        ("interactions", {"teacher": {"epochs": 10**15}}),
        ("interactions", {"inference": {"bootstrap": 10**15}}),
    ],
)
def test_an_absurd_setting_ends_quickly_in_a_sentence(method: str, settings: dict[str, object]) -> None:
    data = load("split-digits")
    started = time.monotonic()
    with pytest.raises((InputError, RuntimeError)) as refused:
        train(method, data, settings=settings)
    assert isinstance(refused.value, InputError) or "memory" in str(refused.value)
    assert time.monotonic() - started < 20
