"""Clips of several modalities: how their media are found, what comes out, and what is said of what is not there."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from overtone.core import InputError, Progress
from overtone.features import PairedFeatures, load
from overtone.media import extract, read_catalogue, read_record
from synthetic_clips import COLOURS, RATE, TONES, tone, write_clip

from . import conftest as make
from .conftest import NAMES, PAIRED


def rows_of(out: Path) -> list[dict[str, str]]:
    """The availability manifest of a file of features."""
    with Path(f"{out}.clips.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """Two videos of each of two classes, and one each that is mute, black, silent, empty, no video and cut short."""
    root = tmp_path / "videos"
    for name in ("red", "blue"):
        for seed in range(3):
            write_clip(root / name / f"{seed}.mp4", seconds=1, colour=COLOURS[name], hertz=TONES[name], seed=seed)
    write_clip(root / "red" / "mute.mp4", seconds=1, hertz=None, seed=11)
    write_clip(root / "red" / "black.mp4", seconds=1, colour=(0, 0, 0), seed=12)
    write_clip(root / "blue" / "silent.mp4", seconds=1, hertz=0.0, seed=13)
    (root / "blue" / "empty.mp4").write_bytes(b"")
    (root / "blue" / "words.mp4").write_text("no video")
    long = write_clip(root / "blue" / "short.mkv", seconds=3, video="libx264", sound="flac", seed=14)
    long.write_bytes(long.read_bytes()[: long.stat().st_size // 2])
    return root


def test_videos_become_pairs_of_frames_and_sound(videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "f.npz"
    data = extract(videos, out)
    again = load(out)
    assert isinstance(data, PairedFeatures)
    assert again.names == data.names == ("audio", "visual")
    assert again.ids == data.ids
    assert again.class_names == ("blue", "red")
    assert int(data.paired.sum()) == 6
    assert {name: int(mask.sum()) for name, mask in data.present.items()} == {"audio": 7, "visual": 8}
    for name in data.names:
        assert torch.equal(data.modalities[name].nan_to_num(), again.modalities[name].nan_to_num())
        assert bool(data.modalities[name][data.has(name)].isfinite().all())
    assert set(data.media["visual"]) <= {str(path) for path in videos.rglob("*.*")}


def test_all_that_is_not_there_is_accounted_for(videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "f.npz"
    extract(videos, out)
    rows = {row["id"]: row for row in rows_of(out)}
    assert set(rows) == {path.relative_to(videos).with_suffix("").as_posix() for path in videos.rglob("*.*")}
    said = {name: (row["audio_reason"], row["visual_reason"], row["in_features"]) for name, row in rows.items()}
    assert said["red/0"] == ("", "", "1")
    assert said["red/mute"] == ("no sound in it", "", "1")
    assert said["red/black"] == ("", "black", "1")
    assert said["blue/silent"] == ("silent", "", "1")
    assert said["blue/empty"] == ("empty", "empty", "0")
    assert said["blue/words"][2] == said["blue/short"][2] == "0"
    assert said["blue/short"][1].startswith("its video ends after")
    assert float(rows["red/0"]["audio_seconds"]) == pytest.approx(1, abs=0.1)
    assert len(rows["red/0"]["visual_sha256"]) == 64
    record = read_record(out)
    assert set(record["broken"]) == {"blue/empty", "blue/words", "blue/short"}
    assert record["missing"]["audio"] == {"damaged": 2, "empty": 1, "no sound": 1, "silent": 1}
    only = extract(videos, tmp_path / "pairs.npz", only_pairs=True)
    assert len(only) == 6
    assert not only.present


@pytest.mark.parametrize("layout", list(PAIRED))
def test_pairs_by_name_and_by_manifest(layout: str, tmp_path: Path) -> None:
    source = PAIRED[layout](tmp_path / "source")
    found = read_catalogue(source)
    assert (found.layout, tuple(found.media)) == (layout, ("audio", "visual", "text"))
    data = extract(source, tmp_path / "f.npz", modalities=("visual", "text"))
    assert data.names == ("visual", "text")
    assert (len(data), data.class_names) == (12, NAMES)
    assert not data.present
    if layout == "manifest":
        assert data.metadata["place"][:3] == ("shelf 0", "shelf 1", "shelf 2")
        assert len(data.splits["test"]) == 4
        assert "visual" in data.media
        assert "text" not in data.media
    both = extract(source, tmp_path / "g.npz")
    assert both.names == ("audio", "visual")
    assert any("took audio and visual, not text" in note for note in both.provenance.notes)


def test_folders_of_modalities_are_no_classes(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        for seed in range(2):
            make.write(tmp_path / "s" / "train" / "images" / name / f"{seed}.png", seed)
            for split in ("train", "test"):
                path = tmp_path / "s" / split / "audio" / name / f"{seed}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, tone(400, 0.3, seed), RATE)
    found = read_catalogue(tmp_path / "s")
    assert found.class_names == ("cat", "dog")
    names = [f"{name}/{seed} ({split})" for name in ("cat", "dog") for seed in (0, 1) for split in ("train", "test")]
    assert sorted(found.ids) == sorted(names)
    assert [found.media["visual"](row) is not None for row in range(8)] == [split == "train" for split in found.splits]


def test_an_image_folder_with_some_text_in_it_stays_one_of_images(images: Path, tmp_path: Path) -> None:
    (images / "README.txt").write_text("about")
    assert read_catalogue(images).layout == "folder"


def test_files_of_other_kinds_are_told(tmp_path: Path) -> None:
    source = make.paired_folder(tmp_path / "s")
    for name in ("a.pdf", "b.mid", "ant/c.docx", "ant/d", ".hidden"):
        (source / name).write_text("x")
    found = read_catalogue(source).notes
    assert "passed over 4 files of other kinds: a.pdf, ant/c.docx, ant/d, ..." in found
    for path in [
        *source.rglob("*.wav"),
        *source.rglob("*.txt"),
        source / "a.pdf",
        source / "b.mid",
        source / "ant" / "d",
    ]:
        path.unlink()
    assert read_catalogue(source).notes == ("passed over 1 file of another kind: ant/c.docx",)


def test_a_recording_is_cut_into_windows_with_their_times(tmp_path: Path) -> None:
    parts = [tone(hertz, 2.0, number) for number, hertz in enumerate((300, 900, 2700))]
    soundfile.write(tmp_path / "long.wav", np.concatenate([*parts, parts[0][: RATE // 2]]), RATE)
    whole = extract(tmp_path / "long.wav", tmp_path / "w.npz")
    assert "one recording is one clip; --window S cuts it into clips of S seconds" in whole.provenance.notes
    data = extract(tmp_path / "long.wav", tmp_path / "f.npz", window=2.0)
    assert not any("--window" in note for note in data.provenance.notes)
    assert data.names == ("audio",)
    assert data.ids == ("long@0-2", "long@2-4", "long@4-6")
    assert (data.metadata["start"], data.metadata["stop"]) == ((0.0, 2.0, 4.0), (2.0, 4.0, 6.0))
    assert not data.groups  # a single recording is split by time
    assert {name: rows.tolist() for name, rows in data.splits.items()} == {"train": [0, 1], "test": [2]}
    overlapping = extract(tmp_path / "long.wav", tmp_path / "g.npz", window=2.0, hop=1.0)
    assert len(overlapping) == 6
    assert {name: rows.tolist() for name, rows in overlapping.splits.items()} == {"train": [0, 1, 2, 3], "test": [5]}
    assert torch.equal(overlapping.modalities["audio"][[0, 2, 4]], data.modalities["audio"])


def test_windows_of_a_video_have_frames_and_sound_of_the_same_time(tmp_path: Path) -> None:
    for seed in range(2):
        write_clip(tmp_path / "v" / f"{seed}.mp4", seconds=4, seed=seed)
    data = extract(tmp_path / "v", tmp_path / "f.npz", window=1.0)
    assert len(data) == 8
    assert not data.present
    train = {data.groups[row] for row in data.splits["train"].tolist()}
    assert not train & {data.groups[row] for row in data.splits["test"].tolist()}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"id": "a", "title": "x"}], r"needs a column of media; got title"),
        ([{"id": "a", "audio": "a.wav", "start": 3, "stop": 2}], r"row 1: a clip stops after it starts; got 3 to 2"),
        ([{"id": "a", "audio": "a.wav", "start": "soon"}], r"row 1: start is no number of seconds"),
        ([{"id": "a", "audio": "a.wav", "split": "later"}], r"row 1: no such split; got 'later'"),
        ([{"id": "a", "audio": "a.wav"}, {"id": "a", "audio": "b.wav"}], r"two clip names are the same"),
        ([{"id": "a", "audio": "a.wav"}], r"not one of the 1 clips can be decoded; got first of all: No such file"),
    ],
)
def test_manifests_with_mistakes(tmp_path: Path, rows: list[dict[str, Any]], said: str) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(InputError, match=said):
        extract(path, tmp_path / "f.npz")


def test_paths_that_cannot_be_are_reasons(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(400, 0.3), RATE)
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    paths = ["a.wav", "loop.wav", "pipe.wav", "~nobody-here/a.wav", "a\0b.wav", "x" * 300 + ".wav"]
    rows = [{"id": str(at), "audio": path} for at, path in enumerate(paths)]
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = extract(tmp_path / "m.jsonl", tmp_path / "f.npz")
    assert data.ids == ("0",)
    assert all(read_record(tmp_path / "f.npz")["broken"][str(at)] for at in range(1, 6))
    with pytest.raises(InputError, match="~nobody-here/clips: no such file or folder"):
        extract("~nobody-here/clips", tmp_path / "g.npz")


@pytest.mark.parametrize("side", [{"visual.side": 32}, {"visual": {"side": 32}}])
def test_backbones_are_given_to_the_modality_that_they_are_for(tmp_path: Path, side: dict[str, Any]) -> None:
    source = make.paired_folder(tmp_path / "s")
    chosen = {"bands": 32, **side, "cell": 8}
    extract(source, tmp_path / "f.npz", backbone=("log-mel", "visual=hog-color"), settings=chosen)
    recipes = read_record(tmp_path / "f.npz")["recipes"]
    assert recipes["audio"]["settings"]["bands"] == 32
    assert (recipes["visual"]["settings"]["side"], recipes["visual"]["settings"]["cell"]) == (32, 8)
    for wrong, said in (
        ("char-ngrams", "takes none of them"),
        (("log-mel", "audio=log-mel"), "two backbones for audio"),
        ("text=char-ngrams", "text"),
        ("visual=log-mel", "takes sound, not image or frames"),
    ):
        with pytest.raises(InputError, match=said):
            extract(source, tmp_path / "g.npz", backbone=wrong)


def test_sequences_have_as_many_steps_in_both_modalities(videos: Path, tmp_path: Path) -> None:
    data = extract(videos, tmp_path / "f.npz", steps=5, only_pairs=True, backbone={"visual": "hog-color"})
    assert [shape[0] for shape in data.shapes] == [5, 5]
    assert read_record(tmp_path / "f.npz")["recipes"]["visual"]["steps"] == 5


class Stop(Exception):
    """An interruption, for tests."""


def test_shares_joined_are_the_same_bytes_as_one_extraction(videos: Path, tmp_path: Path) -> None:
    chosen: dict[str, Any] = {"batch_size": 2, "workers": 2}
    extract(videos, tmp_path / "whole" / "f.npz", **chosen)
    out = tmp_path / "shared" / "f.npz"
    with pytest.raises(InputError, match="no shares of an extraction beside it"):
        extract(videos, out, merge=True, **chosen)
    first = extract(videos, out, shard="1/3", **chosen)
    assert 0 < len(first) < 12
    extract(videos, out, shard="3/3", **chosen)
    with pytest.raises(InputError, match="shares of the extraction are missing; got 2/3"):
        extract(videos, out, merge=True, **chosen)

    def stop(progress: Progress) -> None:
        raise Stop

    with pytest.raises(Stop):
        extract(videos, out, shard="2/3", progress=stop, **chosen)
    with pytest.raises(InputError, match=r"batches are not done; finish it: --shard 2/3 --resume"):
        extract(videos, out, merge=True, **chosen)
    extract(videos, out, shard="2/3", resume=True, **chosen)
    with pytest.raises(InputError, match="begun with another seed"):
        extract(videos, out, merge=True, seed=7, **chosen)
    extract(videos, out, merge=True, **chosen)
    for suffix in ("", ".json", ".clips.csv"):
        assert Path(f"{out}{suffix}").read_bytes() == Path(f"{tmp_path / 'whole' / 'f.npz'}{suffix}").read_bytes()
    assert sorted(path.name for path in out.parent.iterdir()) == ["f.npz", "f.npz.clips.csv", "f.npz.json"]


def test_a_limit_takes_pairs_first(tmp_path: Path) -> None:
    source = make.paired_folder(tmp_path / "s")
    sounds = sorted(source.rglob("*.wav"))
    for path in sounds[:7]:
        path.unlink()
    for limit, pairs in ((5, 5), (9, 5)):
        data = extract(source, tmp_path / f"{limit}.npz", modalities=("audio", "visual"), limit=limit, overwrite=True)
        assert (len(data), int(data.paired.sum())) == (limit, pairs)
        assert any("those with audio and visual first" in note for note in data.provenance.notes)


@pytest.mark.parametrize("shard", ["0/2", "3/2", "2", "a/b", "1/0"])
def test_shares_that_are_none(videos: Path, tmp_path: Path, shard: str) -> None:
    with pytest.raises(InputError, match="no such share"):
        extract(videos, tmp_path / "f.npz", shard=shard)


def test_progress_says_how_fast_and_what_takes_the_time(videos: Path, tmp_path: Path) -> None:
    reports: list[Progress] = []
    extract(videos, tmp_path / "f.npz", batch_size=3, progress=reports.append)
    assert [report.done for report in reports] == [3, 6, 9, 12]
    assert reports[-1].label == "clips"
    assert set(reports[-1].values) == {"clips/s", "decoding %"}
    assert 0 < reports[-1].values["decoding %"] < 100


def test_media_are_left_as_they_are(videos: Path, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in videos.rglob("*")}
    extract(videos, tmp_path / "f.npz")
    assert {path: path.stat().st_mtime_ns for path in videos.rglob("*")} == before
    shutil.rmtree(videos)
    assert len(load(tmp_path / "f.npz")) == 9
