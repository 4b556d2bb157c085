"""The grid: which trials are made, which are taken from files, and which setting goes to whom."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from overtone.core import InputError
from overtone.core.settings import BUDGET, share_settings
from overtone.experiments import grid as grids
from overtone.experiments.grid import Grid, Trial, Variant
from overtone.methods.base import methods
from overtone.training import TrainingSettings


def run(
    data: Any, out: Path | None, variants: list[Variant], seeds: tuple[int, ...] = (0,), resume: bool = True
) -> Any:
    """The units that were made, and the grid."""
    made: list[tuple[str, int, str]] = []

    def make(variant: Variant, seed: int, label: str, report: Any) -> Trial:
        made.append((variant.name, seed, label))
        return Trial({"x": torch.arange(3.0) + seed}, {"seconds": 100.0, "seed": seed})

    grid = Grid(data, seeds, out, resume)
    trials = grid.run(variants, make)
    return made, grid, trials


def test_every_variant_meets_every_seed_in_order(data: Any) -> None:
    made, grid, trials = run(data, None, [Variant("a", "a", {}), Variant("b", "a", {})], (3, 1))
    assert made == [
        ("a", 3, "a, seed 3 (1/4)"),
        ("a", 1, "a, seed 1 (2/4)"),
        ("b", 3, "b, seed 3 (3/4)"),
        ("b", 1, "b, seed 1 (4/4)"),
    ]
    assert [trial.values["seed"] for trial in trials["b"]] == [3, 1]
    assert grid.seconds == 400.0


def test_what_is_stored_is_taken_only_for_the_same_settings_seed_and_data(data: Any, make: Any, tmp_path: Path) -> None:
    first = [Variant("a", "a", {"x": 1})]
    assert len(run(data, tmp_path, first)[0]) == 1
    made, grid, trials = run(data, tmp_path, first)
    assert made == []
    assert grid.seconds == 100.0
    assert trials["a"][0].values == {"seconds": 100.0, "seed": 0, "elapsed": 100.0}
    assert torch.equal(trials["a"][0].tensors["x"], torch.arange(3.0))
    assert len(run(data, tmp_path, first, resume=False)[0]) == 1
    assert len(run(data, tmp_path, first, seeds=(0, 1))[0]) == 1
    with pytest.raises(InputError, match=r"differ for a: x \(was 1, now 2\)"):
        run(data, tmp_path, [Variant("new", "a", {}), Variant("a", "a", {"x": 2})])
    assert not (tmp_path / "results/new").exists()  # noticed before anything is made
    with pytest.raises(InputError, match="differ for a: the data"):
        run(make(seed=1), tmp_path, first)
    assert run(data, tmp_path, first)[0] == []


def test_a_trial_of_another_seed_is_not_taken(data: Any, tmp_path: Path) -> None:
    run(data, tmp_path, [Variant("a", "a", {})])
    (tmp_path / "results" / "a" / "seed-0.safetensors").rename(tmp_path / "results" / "a" / "seed-1.safetensors")
    assert len(run(data, tmp_path, [Variant("a", "a", {})], seeds=(1,))[0]) == 1


def test_other_splits_or_labels_are_other_data(data: Any, tmp_path: Path) -> None:
    run(data, tmp_path, [Variant("a", "a", {})])
    swapped = dict(zip(data.splits, reversed(data.splits.values())))
    for other in (replace(data, splits=swapped), replace(data, labels=data.targets.roll(1, 0))):
        with pytest.raises(InputError, match="differ for a: the data"):
            run(other, tmp_path, [Variant("a", "a", {})])
    assert run(data, tmp_path, [Variant("a", "a", {})])[0] == []


def test_another_version_makes_it_again(
    data: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run(data, tmp_path, [Variant("a", "a", {})])
    monkeypatch.setattr(grids, "__version__", "0.0.0")
    assert len(run(data, tmp_path, [Variant("a", "a", {})])[0]) == 1
    assert "1 of other versions of Overtone or torch, made again" in caplog.text


def test_what_settings_do_not_describe_is_never_stored(data: Any, tmp_path: Path) -> None:
    variant = [Variant("a", "a", {}, cached=False)]
    assert len(run(data, tmp_path, variant)[0]) == 1
    assert len(run(data, tmp_path, variant)[0]) == 1
    assert not (tmp_path / "results").exists()


def test_only_the_first_process_writes(data: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    _, grid, _ = run(data, tmp_path, [Variant("a", "a", {})])
    grid.write("comparison.json", {})
    assert list(tmp_path.iterdir()) == []


OWNERS = {"a": ["margin", "scale"], "b": ["margin"], BUDGET: ["epochs"]}


def test_a_setting_goes_to_all_who_have_it_and_one_that_is_meant_for_one_wins() -> None:
    given = {"a.margin": 3, "margin": 1, "b": {"margin": 2}, "scale": 5, "epochs": 7}
    found = share_settings(given, OWNERS, [], "loss")
    assert found == {"a": {"margin": 3, "scale": 5}, "b": {"margin": 2}, BUDGET: {"epochs": 7}}
    assert share_settings(dict(reversed(given.items())), OWNERS, [], "loss") == found
    assert share_settings(None, OWNERS, [], "loss") == {"a": {}, "b": {}, BUDGET: {}}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"margn": 1}, "unknown setting of a, b 'margn'.*did you mean 'margin'"),
        ({"b.scale": 1}, "unknown setting of b 'scale'"),
        ({"b": {"scale": 1}}, "unknown setting of b 'scale'"),
        ({"c.margin": 1}, "setting 'c.margin' is for a loss that is not compared"),
        ({"b": 1}, "unknown setting of a, b 'b'"),
    ],
)
def test_a_setting_that_nobody_has_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        share_settings(given, OWNERS, [], "loss", others=["a", "b", "c"])


def test_former_names_are_read_wherever_they_stand() -> None:
    kinds = [methods["hsc-mae"].settings_type, TrainingSettings]
    owners = {"hsc-mae": [name for kind in kinds for name in kind.model_fields]}
    found = share_settings({"clip": 1.0, "hsc-mae.surveys": 3}, owners, kinds, "method")
    assert found == {"hsc-mae": {"grad_clip": 1.0, "mining_refreshes": 3}}


def test_the_total_time_holds_what_a_trial_took_beside_its_training(data: Any, tmp_path: Path) -> None:
    def slow(variant: Variant, seed: int, label: str, report: Any) -> Trial:
        time.sleep(0.3)  # teachers, say
        return Trial({}, {"seconds": 0.01})

    variants = [Variant("a", "a", {}), Variant("b", "a", {})]
    Grid(data, (0,), tmp_path, True).run(variants[:1], slow)
    resumed = Grid(data, (0,), tmp_path, True)
    resumed.run(variants, slow)
    assert resumed.seconds >= 0.6
