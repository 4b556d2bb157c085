"""Recipes: stored beside features, opened again, and refused where something differs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from overtone.core import InputError
from overtone.core.files import write_json
from overtone.features import Features, Provenance
from overtone.media import make_backbone
from overtone.media.recipes import Recipe, check_recipes, check_same, make_recipe, read_recipes, recipes_of

GOOD: dict[str, Any] = {"backbone": "hog-color", "takes": "image"}


def recipe(name: str = "hog-color", **settings: Any) -> Recipe:
    backbone = make_backbone(name, settings)
    return make_recipe(backbone, width=3, sampling={"frames": 4, "fps": None}, steps=2)


def stored(place: Path, recipes: dict[str, Any]) -> Path:
    (place / "f.npz").write_bytes(b"features")
    write_json(place / "f.npz.json", {"recipes": recipes})
    return place / "f.npz"


def test_a_recipe_goes_to_json_and_back(tmp_path: Path) -> None:
    one = recipe(side=32, cell=8)
    assert read_recipes(stored(tmp_path, {"visual": one.to_dict()})) == {"visual": one}
    again = one.open()
    assert (again.name, again.takes, again.settings) == (
        "hog-color",
        "image",
        make_backbone("hog-color", {"side": 32, "cell": 8}).settings,
    )


@pytest.mark.parametrize("source", ["split-digits", "nowhere.npz", ""])
def test_sources_without_a_record_have_no_recipes(source: str) -> None:
    assert read_recipes(source) == {}


DAMAGED: list[Any] = [3, None, {"x": 1}, {"backbone": "hog-color"}, {"takes": "smell", "backbone": "x"}]
DAMAGED += [{**GOOD, "sampling": {"frames": "x"}}, {**GOOD, "steps": "x"}, {**GOOD, "settings": []}]


@pytest.mark.parametrize("damaged", DAMAGED)
def test_damaged_recipes_are_one_sentence(tmp_path: Path, damaged: Any) -> None:
    with pytest.raises(InputError, match=r"f\.npz\.json: the recipe of 'visual' is damaged; extract again"):
        read_recipes(stored(tmp_path, {"visual": damaged}))


def test_a_record_of_other_features_is_not_taken(tmp_path: Path) -> None:
    """The file was written again by something else, and its record was left."""
    path = stored(tmp_path, {"visual": recipe().to_dict()})
    for width, known in ((3, {"visual"}), (4, set())):
        data = Features({"visual": torch.zeros(2, width)}, ids=("a", "b"), provenance=Provenance(str(path)))
        assert recipes_of(data).keys() == known


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (recipe("log-mel"), "another backbone.; got log-mel; valid: hog-color"),
        (recipe(side=128), "another settings, side.; got 128; valid: 64"),
    ],
)
def test_features_made_in_another_way_are_refused(tmp_path: Path, other: Recipe, said: str) -> None:
    path = stored(tmp_path, {"visual": other.to_dict()})
    data = Features({"visual": torch.zeros(2, 3)}, ids=("a", "b"), provenance=Provenance(str(path)))
    with pytest.raises(InputError, match=f"f.npz, visual: makes other features.*{said}"):
        check_recipes(data, {"visual": recipe()})
    check_recipes(data, {"audio": recipe()})
    check_recipes(data, {"visual": other})


def test_another_version_or_preprocessing_is_refused() -> None:
    one = recipe()
    for changed in ({"version": 2}, {"preprocessing": {"mean": [0.5]}}, {"checksum": "a" * 64}):
        with pytest.raises(InputError, match=f"another {next(iter(changed))}"):
            check_same(Recipe.from_dict({**one.to_dict(), **changed}), one, "q.png")
    with pytest.raises(InputError, match="backbone hog-color: makes other features.*another version.*got 1; valid: 2"):
        Recipe.from_dict({**one.to_dict(), "version": 2}).open()


def test_sampling_may_differ() -> None:
    one = recipe()
    check_same(Recipe.from_dict({**one.to_dict(), "sampling": {"frames": 1}, "steps": None}), one, "q.png")


def test_a_backbone_that_is_gone_is_one_sentence() -> None:
    with pytest.raises(InputError, match="backbone that made the features cannot be opened: unknown backbone 'mine'"):
        Recipe("mine", "image").open()
    with pytest.raises(InputError, match="no setting.*cannot be opened|cannot be opened.*sides"):
        Recipe("hog-color", "image", {"sides": 3}).open()
    with pytest.raises(InputError, match="made by another backbone; got log-mel; valid: hog-color"):
        recipe().open(spec="log-mel")


def test_a_backbone_opened_again_gives_the_same_numbers() -> None:
    images = torch.randint(256, (2, 64, 64, 3), dtype=torch.uint8)
    first = make_backbone("hog-color").embed(images)
    np.testing.assert_allclose(recipe().open().embed(images), first, atol=1e-6)
