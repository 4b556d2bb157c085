"""Damaged media: truncated, bit-flipped, wrong suffix, empty. Nothing crashes, and every file is accounted for."""

from __future__ import annotations

import csv
from pathlib import Path
from random import Random

import numpy as np
import pytest
import soundfile
from PIL import Image

from overtone.media import extract, read_record
from synthetic_clips import RATE, tone, write_clip

SUFFIXES = (".mp4", ".mkv", ".webm", ".avi", ".wav", ".flac", ".ogg", ".mp3", ".png", ".jpg", ".txt")


def write_whole(folder: Path) -> list[Path]:
    """A whole file of each kind."""
    clips = [
        (".mp4", "mpeg4", "aac"),
        (".mkv", "libx264", "flac"),
        (".webm", "libvpx", "libopus"),
        (".avi", "mpeg4", "libmp3lame"),
    ]
    files = [write_clip(folder / f"a{end}", seconds=1, video=video, sound=sound) for end, video, sound in clips]
    for end in (".wav", ".flac", ".ogg", ".mp3"):
        soundfile.write(folder / f"b{end}", tone(440, 1.0), RATE)
        files.append(folder / f"b{end}")
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    for end in (".png", ".jpg"):
        Image.fromarray(pixels).save(folder / f"c{end}")
        files.append(folder / f"c{end}")
    (folder / "d.txt").write_text("a red square that moves\n" * 20)
    return [*files, folder / "d.txt"]


def damage(content: bytes, rng: Random) -> bytes:
    """Truncated, with flipped bits, with a piece of zeros, with another begin, or empty."""
    what, size = rng.random(), len(content)
    if what < 0.1:
        return b""
    if what < 0.4:
        return content[: rng.randrange(size)]
    if what < 0.75:
        changed = bytearray(content)
        for _ in range(rng.choice((1, 10, 100))):
            changed[rng.randrange(size)] ^= 1 << rng.randrange(8)
        return bytes(changed)
    if what < 0.9:
        start = rng.randrange(size)
        return content[:start] + bytes(min(500, size - start)) + content[start + 500 :]
    return rng.randbytes(64) + content[64:]


@pytest.mark.parametrize("count", [44, pytest.param(500, marks=pytest.mark.slow)])
def test_damaged_files_are_all_accounted_for(tmp_path: Path, count: int) -> None:
    rng = Random(0)
    (tmp_path / "whole").mkdir()
    files = write_whole(tmp_path / "whole")
    source = tmp_path / "damaged"
    source.mkdir()
    for number in range(count):
        file = files[number % len(files)]
        suffix = rng.choice(SUFFIXES) if rng.random() < 0.15 else file.suffix
        (source / f"{number:03d}{suffix}").write_bytes(damage(file.read_bytes(), rng))
    for file in files:
        (source / f"whole-{file.stem}-{file.suffix[1:]}{file.suffix}").write_bytes(file.read_bytes())
    data = extract(source, tmp_path / "f.npz", workers=2, batch_size=16)
    with (tmp_path / "f.npz.clips.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == count + len(files)
    for row in rows:
        there = row["audio"] == "1" or row["visual"] == "1"
        assert there == (row["in_features"] == "1")
        for name in ("audio", "visual"):
            assert (row[name] == "1") == (row[f"{name}_reason"] == "")
    kept = [row["id"] for row in rows if row["in_features"] == "1"]
    assert list(data.ids) == kept
    assert {row["id"] for row in rows if row["id"].startswith("whole") and "txt" not in row["id"]} <= set(kept)
    assert len(read_record(tmp_path / "f.npz")["broken"]) == len(rows) - len(kept) > count / 8
    for name in data.names:
        assert bool(data.modalities[name][data.has(name)].isfinite().all())
