"""Media described again, alone and by their recipes, are the rows that extraction stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from overtone.core import InputError
from overtone.media import extract
from overtone.media.queries import describe_media
from overtone.media.recipes import read_recipes
from synthetic_clips import COLOURS, TONES, write_clip

OPTIONS: dict[str, dict[str, Any]] = {
    "motion": {},
    "frame by frame": {"backbone": {"visual": "hog-color"}, "frames": 3},
    "frames a second": {"backbone": {"visual": "hog-color"}, "fps": 4.0},
    "sequences": {"backbone": {"visual": "hog-color"}, "steps": 4},
}


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("videos")
    for number, name in enumerate(("red", "blue", "green")):
        write_clip(root / f"{name}.mp4", seconds=0.8, colour=COLOURS[name], hertz=TONES[name], seed=number)
    write_clip(root / "silent.mp4", seconds=0.8, hertz=0.0, seed=7)
    write_clip(root / "black.mp4", seconds=0.8, colour=(0, 0, 0), seed=8)
    return root


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_a_video_gives_the_rows_that_were_stored(videos: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    data = extract(videos, tmp_path / "f.npz", **options)
    recipes = read_recipes(tmp_path / "f.npz")
    for row, name in enumerate(data.ids):
        one = describe_media([videos / f"{Path(name).stem}.mp4"], recipes, sequences=data.names)
        for modality, rows in one.modalities.items():
            torch.testing.assert_close(rows[0], data.modalities[modality][row], atol=1e-5, rtol=0)
        assert set(one.names) == {modality for modality in data.names if data.has(modality)[row]}


def test_of_a_sequence_the_mean_is_taken_where_the_run_has_rows(videos: Path, tmp_path: Path) -> None:
    data = extract(videos, tmp_path / "f.npz", **OPTIONS["sequences"])
    one = describe_media([videos / "red.mp4"], read_recipes(tmp_path / "f.npz"))
    row = data.ids.index("red")
    for modality in data.names:
        torch.testing.assert_close(one.modalities[modality][0], data.modalities[modality][row].mean(dim=0))


def test_a_video_without_sound_is_described_by_its_frames(videos: Path, tmp_path: Path) -> None:
    extract(videos, tmp_path / "f.npz")
    recipes = read_recipes(tmp_path / "f.npz")
    both = describe_media([videos / "red.mp4", videos / "silent.mp4", videos / "black.mp4"], recipes)
    assert both.has("audio").tolist() == [True, False, True]
    assert both.has("visual").tolist() == [True, True, False]
    with pytest.raises(InputError, match=r"silent\.mp4: there is nothing to search by \(audio: silent\)"):
        describe_media([videos / "silent.mp4"], recipes, asked=["audio"])
