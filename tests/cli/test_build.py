"""``overtone build``: from a folder of clips, whose truth is known, to a space that can be searched."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from synthetic_clips import COLOURS, RATE, TONES, tone, write_clip

from .conftest import Cli

NAMES = list(COLOURS)
SHORT = ("--set", "epochs=3", "--set", "patience=null")


def write_folder(root: Path, count: int, wrong: int = 0) -> Path:
    """Clips in a folder for each class: a colour that goes with a tone; some of them with another colour's tone."""
    for number in range(count + wrong):
        name = NAMES[number % 4]
        heard = name if number < count else NAMES[(number + 1) % 4]
        stem = f"{number:03d}" if number < count else f"wrong{number:03d}"
        path = root / name / f"{stem}.mp4"
        write_clip(path, seconds=0.6, colour=COLOURS[name], hertz=TONES[heard], seed=number)
    return root


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("clips"), 24)


def test_the_space_brings_what_belongs_together_near(cli: Cli, tmp_path: Path) -> None:
    """Colours are found by their tones and back, and clips with a tone that is not their colour's are told."""
    write_folder(tmp_path / "clips", 120, wrong=6)
    (tmp_path / "clips" / "red" / "broken.mp4").write_bytes(b"no video")
    called = cli("build", "clips", "--out", "place", "--set", "epochs=120", "--json")
    assert called.code == 0, called.err
    built = called.document
    assert [stage["name"] for stage in built["stages"]] == ["extract", "inspect", "train", "index", "report"]
    assert all(stage["took"] and stage["why"] for stage in built["stages"])
    assert "1 left out" in built["stages"][0]["took"]
    found = cli("evaluate", "place/run", "place/features.npz", "--json").document
    assert found["recall@1"]["a2v"] >= 0.9
    assert found["recall@1"]["v2a"] >= 0.9
    assert built["scores"]["mAP"] > 2 * built["scores"]["mAP by chance"]
    assert built["warning"] is None
    listed = cli("find", "mismatched", "place/run", "place/features.npz", "--json").document["mismatches"]
    wrong = [one["clip"]["id"] for one in listed if "wrong" in one["clip"]["id"]]
    assert len(wrong) >= 3
    assert len(wrong) >= 0.7 * len(listed)
    assert Path(built["report"]).is_file()
    asked = cli("search", "place/run", "--query", "red/000", "--from", "visual", "--to", "audio", "-k", "5", "--json")
    hits = [hit["id"] for hit in asked.document["queries"][0]["hits"]]
    assert sum(hit.startswith("red/") for hit in hits) >= 4


def test_a_build_says_what_each_stage_took_and_why(cli: Cli, clips: Path) -> None:
    called = cli("build", clips, "--out", "place", *SHORT)
    assert called.code == 0, called.err
    lines = called.out.splitlines()
    assert [line.split(":")[0] for line in lines[:5]] == ["extract", "inspect", "train", "index", "report"]
    assert "audio by log-mel" in lines[0]
    assert "need no weights" in lines[0]
    assert "overtone search place/run --query FILE" in called.out
    found = cli("search", "place", "--query", np.load("place/features.npz")["ids"][0], "--json")
    assert found.document["store"].endswith("place/run/store")


def test_a_build_is_resumed_where_it_stopped(cli: Cli, clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = cli("build", clips, "--out", "whole", *SHORT)
    assert whole.code == 0, whole.err
    for stage in ("extract", "train", "index", "report_run"):
        with monkeypatch.context() as patch:
            patch.setattr(f"overtone.api.building.{stage}", stop)
            stopped = cli("build", clips, "--out", "place", *SHORT, "--resume")
        assert stopped.code == 1, stopped.err
    done = cli("build", clips, "--out", "place", *SHORT, "--resume", "--json")
    assert done.code == 0, done.err
    for file in ("features.npz", "features.npz.clips.csv", "run/weights.safetensors"):
        assert (Path("place") / file).read_bytes() == (Path("whole") / file).read_bytes()
    before = Path("place/run/weights.safetensors").stat().st_mtime_ns
    again = cli("build", clips, "--out", "place", *SHORT, "--resume", "--json")
    assert again.document["scores"] == done.document["scores"]
    assert Path("place/run/weights.safetensors").stat().st_mtime_ns == before


class Stopped(Exception):
    """An interruption, for tests."""


def stop(*arguments: object, **more: object) -> None:
    raise Stopped


def test_what_is_there_is_not_replaced_unasked(cli: Cli, clips: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("mine")
    refused = cli("build", clips, "--out", "mine", *SHORT)
    assert (refused.code, refused.out) == (2, "")
    assert "not empty, and not made by overtone build" in refused.err
    assert cli("build", clips, "--out", "place", *SHORT).code == 0
    assert "--resume to go on with them, --overwrite" in cli("build", clips, "--out", "place", *SHORT).err
    other = cli("build", clips, "--out", "place", *SHORT, "--frames", "4", "--resume")
    assert other.code == 2
    assert "begun with another choice of frames; got 4; valid: 8" in other.err
    grown = tmp_path / "grown"
    shutil.copytree(clips, grown)
    assert cli("build", grown, "--out", "place", *SHORT, "--overwrite").code == 0
    write_clip(grown / "red" / "new.mp4", seconds=0.6, seed=77)
    changed = cli("build", grown, "--out", "place", *SHORT, "--resume")
    assert changed.code == 2
    assert "media were added, removed or renamed since" in changed.err
    assert cli("build", grown, "--out", "place", *SHORT, "--overwrite").code == 0


def test_media_without_pairs_are_refused_before_the_work(cli: Cli, tmp_path: Path) -> None:
    for number in range(4):
        path = tmp_path / "sounds" / f"{number}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, tone(300, 0.3, number), RATE)
    called = cli("build", "sounds", "--out", "place")
    assert called.code == 2
    assert "sounds: holds audio alone, and a space is learnt from pairs" in called.err
    assert not Path("place").exists()
    write_folder(tmp_path / "few", 5)
    few = cli("build", "few", "--out", "few-place")
    assert few.code == 2
    assert "few: too few clips with both modalities to learn from; got 3 to train on; valid: 12 or more" in few.err
    write_clip(tmp_path / "mute" / "a.mp4", hertz=None)
    mute = cli("build", "mute", "--out", "place")
    assert mute.code == 2
    assert "no clip has more than visual, and pairs are needed" in mute.err
