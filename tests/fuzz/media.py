"""Media, changed part by part, and lists of them; and the commands that are given some."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
from PIL import Image

from fuzz.containers import mutate_container
from fuzz.mutate import NAMES, Random, mutate_bytes, mutate_document
from fuzz.valid import Words
from synthetic_clips import COLOURS, tone, write_clip

RATE = 8_000
CLIPS = 8
SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".png", ".jpg", ".gif", ".webp", ".mp4", ".mkv", ".txt")
SAMPLES, FOLDER, STORE = "samples", "media", "seen-and-heard"
_TINY = ["--set", "visual.side=16", "--set", "visual.cell=8"]


def prepare_media(base: Path, call: Callable[[Words], int]) -> None:
    """Make what cases with media start from: a whole file of each kind, a folder of pairs, and a store of it."""
    samples, folder = base / SAMPLES, base / FOLDER
    samples.mkdir()
    for suffix in (".wav", ".flac", ".ogg", ".mp3"):
        soundfile.write(samples / f"a{suffix}", tone(440, 0.4, rate=RATE), RATE)
    pixels = np.random.default_rng(0).integers(0, 256, (18, 24, 3), dtype=np.uint8)
    for suffix in (".png", ".jpg", ".gif", ".webp"):
        Image.fromarray(pixels).save(samples / f"a{suffix}")
    for suffix in (".mp4", ".mkv"):
        write_clip(samples / f"a{suffix}", seconds=0.4)
    (samples / "a.txt").write_text("a red square that moves")
    for number, (name, colour) in enumerate(list(COLOURS.items()) * (CLIPS // 4)):
        stem = folder / name / str(number)
        stem.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (12, 10), tuple(value - number for value in colour)).save(f"{stem}.png")
        soundfile.write(f"{stem}.wav", tone(300 * (1 + number), 0.2, number, RATE), RATE)
        Path(f"{stem}.txt").write_text(f"this is {name}, number {number}")
    data, run = f"{STORE}.npz", f"{STORE}-run"
    for words in (
        ["extract", FOLDER, "--out", data, "--workers", "1", *_TINY],
        ["train", "cca", data, "--out", run],
        ["index", run, data, "--store", STORE],
    ):
        if code := call(words):
            raise RuntimeError(f"overtone {' '.join(words)} ended with {code}")


def media(rng: Random, base: Path) -> Words:
    """A folder of media, some of them changed, misnamed, missing, or no files."""
    shutil.copytree(base / FOLDER, "media")
    for sample in sorted((base / SAMPLES).iterdir()):
        if rng.random() < 0.3:
            shutil.copy(sample, f"media/{rng.choice(list(COLOURS))}/{sample.name}")
    files = sorted(path for path in Path("media").rglob("*") if path.is_file())
    for one in rng.sample(files, rng.randint(1, 4)):
        _spoil(rng, one)
    words = ["extract", "media", "--out", rng.choice(("f.npz", "f.npz", "f.h5")), "--workers", "1"]
    return words + _options(rng)


def one_file(rng: Random, base: Path) -> Words:
    """One changed file: as a source, cut into windows, and as a query."""
    sample = rng.choice(sorted((base / SAMPLES).iterdir()))
    file = Path(f"a{rng.choice(SUFFIXES) if rng.random() < 0.15 else sample.suffix}")
    file.write_bytes(mutate_container(rng, sample.read_bytes(), sample.suffix))
    query = ["search", str(base / STORE), "--query", str(file), "-k", "2"]
    return rng.choice(
        (
            query,
            query,
            [*query, "--from", rng.choice(("audio", "visual", "text"))],
            ["search", str(base / STORE), "--query", str(file), "--query", str(base / SAMPLES / "a.png")],
            ["extract", str(file), "--out", "f.npz", "--workers", "1", "--window", "0.1", "--hop", "0.05"],
            ["extract", str(file), "--out", "f.npz", "--workers", "1", *_options(rng)],
        )
    )


def build(rng: Random, base: Path) -> Words:
    """A build of media of which some are changed."""
    shutil.copytree(base / FOLDER, "media")
    files = sorted(path for path in Path("media").rglob("*") if path.is_file())
    for one in rng.sample(files, rng.randint(1, 12)):
        _spoil(rng, one)
    odd = rng.choice(([], [], ["--limit", "3"], ["--limit", "1"], ["--window", "0.1"], ["--modalities", "visual,text"]))
    return ["build", "media", "--out", "place", "--workers", "1", "--set", "epochs=1", "--set", "batch_size=4", *odd]


def manifest(rng: Random, base: Path) -> Words:
    """A manifest of clips with odd cells, columns and bytes."""
    os.mkfifo("pipe.wav")
    Path("folder.wav").mkdir()
    files = [str(path) for path in sorted((base / SAMPLES).iterdir())]
    paths = (*files, "pipe.wav", "folder.wav", "nowhere.wav", "..", "/dev/zero", "~nobody/a.wav", "a\0b.wav", *NAMES)
    times = (None, 0, 0.1, 0.2, 0.35, 0.4, 5, -1, 1e300, "nan", "inf", "-inf", "soon", "", 10**30, True)
    columns: dict[str, Callable[[int], Any]] = {
        "id": lambda row: rng.choice((row, row, row, 1, *NAMES)) if rng.random() < 0.1 else f"clip{row}",
        "visual": lambda row: rng.choice(files[-4:] if rng.random() < 0.8 else paths),
        "audio": lambda row: rng.choice(files[:5] if rng.random() < 0.8 else paths),
        "text_file": lambda row: rng.choice(paths),
        "text": lambda row: rng.choice(NAMES),
        "label": lambda row: rng.choice(("dog", "cat", None, "", -1, *NAMES[:8])),
        "split": lambda row: rng.choice(("train", "test") if rng.random() < 0.9 else ("later", "", None, 3, "VAL")),
        "start": lambda row: rng.choice(times[:5] if rng.random() < 0.9 else times),
        "stop": lambda row: rng.choice((None, 0.3, 0.4) if rng.random() < 0.9 else times),
        "group": lambda row: rng.choice(("a", "b", None, *NAMES[:4])),
        "more": lambda row: rng.choice((row, None, *NAMES)),
    }
    chosen = [name for name in columns if rng.random() < (0.8 if name in ("id", "visual", "audio") else 0.35)]
    rows: Any = [{name: columns[name](row) for name in chosen} for row in range(rng.choice((0, 1, 5, 9)))]
    if rng.random() < 0.15:
        rows = mutate_document(rng, rows)
    name = _write_table(rng, rows)
    if rng.random() < 0.3:
        Path(name).write_bytes(mutate_bytes(rng, Path(name).read_bytes()))
    return ["extract", name, "--out", "f.npz", "--workers", "1", *_options(rng)]


def _write_table(rng: Random, rows: Any) -> str:
    """A list of rows as JSON lines, CSV, TSV or Parquet; what is no list of rows can only be JSON."""
    table = isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
    name = rng.choice(("m.csv", "m.tsv", "m.jsonl", "m.parquet")) if table and rows else "m.jsonl"
    text = "\n".join(json.dumps(row) for row in (rows if isinstance(rows, list) else [rows]))
    if name == "m.parquet":
        try:
            pq.write_table(pa.Table.from_pylist(rows), name)
        except Exception:  # what a table cannot hold is no case
            name = "m.jsonl"
    elif name != "m.jsonl":
        between = "," if name == "m.csv" else "\t"
        cells = [list(rows[0]), *(list(row.values()) for row in rows)]
        text = "\n".join(between.join("" if cell is None else str(cell) for cell in line) for line in cells)
    if name != "m.parquet":
        Path(name).write_text(text, encoding="utf-8", errors="backslashreplace")
    return name


def _spoil(rng: Random, file: Path) -> None:
    """Change one file of media in one way."""
    what = rng.random()
    if what < 0.6:
        file.write_bytes(mutate_container(rng, file.read_bytes(), file.suffix))
    elif what < 0.68:
        file.write_bytes(rng.choice((b"", b"\0" * 300, b"\xff" * 300, rng.randbytes(300), _text(rng))))
    elif what < 0.76:
        file.rename(file.with_suffix(rng.choice((*SUFFIXES, ".MP4", ".avi", ".aiff", ".mid", ".xyz"))))
    elif what < 0.84:
        file.rename(
            file.with_name(rng.choice([name for name in NAMES if "/" not in name and len(name) < 99]) + file.suffix)
        )
    elif what < 0.9:
        file.unlink()
    else:
        file.unlink()
        rng.choice(
            (os.mkfifo, os.mkdir, lambda path: os.symlink(path, path), lambda path: os.symlink("/dev/zero", path))
        )(file)


def _text(rng: Random) -> bytes:
    """A text in another encoding, or of odd letters."""
    words = rng.choice(("a horn", "", " \n\t ", "\0", "x" * 100_000, *NAMES))
    return words.encode(rng.choice(("utf-8", "utf-16", "utf-32", "utf-8-sig", "utf-7")), "backslashreplace")


def _options(rng: Random) -> Words:
    """Options of an extraction, possible and impossible ones."""
    return rng.choice(
        (
            [],
            [],
            ["--strict"],
            ["--only-pairs"],
            ["--limit", "3"],
            ["--window", "0.1"],
            ["--window", "0.15", "--hop", rng.choice(("0.05", "0", "-1", "nan", "1e-9"))],
            ["--window", rng.choice(("0", "nan", "inf", "1e300", "1e-300"))],
            ["--steps", "3"],
            ["--fps", rng.choice(("5", "0", "-1", "1e9", "nan"))],
            ["--frames", rng.choice(("1", "3", "5000"))],
            ["--modalities", rng.choice(("audio", "visual,text", "text,audio", "visual", "audio,audio"))],
            ["--backbone", rng.choice(("hog-color", "hog-motion", "log-mel", "char-ngrams", "onnx:", "nothing"))],
            ["--shard", rng.choice(("1/2", "2/2", "3/2"))],
            ["--split", rng.choice(("official", "random", "class-disjoint"))],
            ["--batch-size", "2"],
        )
    )
