"""Cases: a changed input, or settings and paths that cannot be meant, and a command; each follows from one seed."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Collection
from pathlib import Path

from fuzz import media, sources, stored, valid
from fuzz.mutate import Random, mutate_bytes
from fuzz.valid import QUICK, Words


def make_case(seed: int, base: Path, kinds: Collection[str] | None = None) -> tuple[str, Words]:
    """Build the case of a seed in the working folder.

    Args:
        seed: Decides everything.
        base: What :func:`prepare` has made.
        kinds: Of which it is one; None for all.

    Returns:
        Its kind, and the words of the command.
    """
    rng = random.Random(seed)
    weights = {name: weight for name, (weight, _) in KINDS.items() if kinds is None or name in kinds}
    kind = rng.choices(list(weights), weights=list(weights.values()))[0]
    return kind, KINDS[kind][1](rng, base)


def prepare(base: Path, call: Callable[[Words], int]) -> None:
    """Make what cases start from: a corpus, runs, a store, embeddings and soft labels.

    Args:
        base: An empty folder.
        call: Runs the program there and gives its exit code.
    """
    valid.write_npz(valid.corpus(), base / "clips.npz")
    valid.write_npz(valid.table(), base / "table.npz")
    small = [
        "--set",
        "folds=2",
        "--set",
        "teacher={epochs: 2, width: 8, feature_reconstruction: 0.0, collapse_rank: 0}",
        "--set",
        "width=8",
    ]
    small += ["--set", "inference={bootstrap: 0}", "--set", "epochs=2", "--set", "collapse_rank=0"]
    for words in (
        ["train", "cca", "clips.npz", "--out", "cca"],
        ["train", "dcca", "clips.npz", "--out", "dcca", *QUICK],
        ["train", "interactions", "clips.npz", "--out", "interactions", *small],
        ["embed", "cca", "clips.npz", "--out", "embedded.npz"],
        ["index", "cca", "clips.npz", "--store", "store"],
    ):
        code = call(words)
        if code:
            raise RuntimeError(f"overtone {' '.join(words)} ended with {code}")
    media.prepare_media(base, call)


def _settings(rng: Random, base: Path) -> Words:
    """Settings that cannot be meant."""
    names = (
        "epochs",
        "batch_size",
        "learning_rate",
        "seed",
        "scaling",
        "memory_mb",
        "patience",
        "select",
        "validate_every",
    )
    values = (
        "0",
        "-1",
        "1e20",
        "100000000000000000000",
        "nan",
        "inf",
        "null",
        "true",
        "[]",
        "{}",
        "abc",
        "*a",
        "&a [*a]",
        "!!python/name:os.system",
        "'",
        "2",
        "9" * 500,
        "[" * 2000,
    )
    words = ["train", rng.choice(("cca", "dcca")), str(base / "clips.npz"), "--out", "run"]
    if rng.random() < 0.5:
        lines = "".join(f"{rng.choice(names)}: {rng.choice(values)}\n" for _ in range(rng.randint(1, 3)))
        content = lines.encode() if rng.random() < 0.7 else mutate_bytes(rng, lines.encode())
        Path("s.yaml").write_bytes(content)
        return (
            [*words, "--set", "epochs=1", "--config", "s.yaml"]
            if rng.random() < 0.5
            else [*words, "--config", "s.yaml", "--set", "epochs=1"]
        )
    return [*words, "--set", "epochs=1", "--set", f"{rng.choice(names[1:])}={rng.choice(values)}"]


def _paths(rng: Random, base: Path) -> Words:
    """Paths that cannot be read or written."""
    os.mkfifo("pipe.npz")
    Path("loop.npz").symlink_to("loop.npz")
    Path("empty").mkdir()
    Path("file").write_text("")
    Path("gone.npz").symlink_to("nowhere")
    odd = (
        "pipe.npz",
        "loop.npz",
        "empty",
        "file",
        "gone.npz",
        "/dev/zero",
        "/dev/stdin",
        "x" * 300,
        "x" * 5000,
        "/proc/self/mem",
        "file/x.npz",
        ".",
        "..",
        "/",
        "~",
        "",
        "\udcff.npz",
        "a\x1b[2J.npz",
        "nowhere/deep/x.npz",
        "/proc/x.npz",
        "/sys/x.npz",
    )
    path, data, run = rng.choice(odd), str(base / "clips.npz"), str(base / "cca")
    return rng.choice(
        (
            ["inspect", path],
            ["train", "cca", path, "--out", "run"],
            ["train", "cca", data, "--out", path],
            ["train", "cca", data, "--out", "run", "--config", path],
            ["embed", path, data, "--out", "e.npz"],
            ["embed", run, path, "--out", "e.npz"],
            ["embed", run, data, "--out", path],
            ["evaluate", path],
            ["graph", path, "--out", "g.json"],
            ["graph", str(base / "table.npz"), "--seconds", "2", "--out", path],
            ["extract", path, "--out", "f.npz"],
            ["extract", path, "--out", path],
            ["search", path, "--query", "clip3"],
            ["search", str(base / "store"), "--query", path],
            ["index", run, data, "--store", path],
            ["export", str(base / "store"), "--out", path],
            ["simulate", "--out", path, "--set", "train_rows=20", "--set", "test_rows=10"],
            ["find", "outliers", data, "--csv", path],
            ["label", run, data, "--labels", path],
            ["compare", "cca", data, "--seeds", "1", "--out", path],
            ["diagnose", data, "--as-is", "--out", path],
        )
    )


KINDS: dict[str, tuple[float, Callable[[Random, Path], Words]]] = {
    "clips": (36, sources.clips),
    "folder": (5, sources.folder),
    "embeddings": (5, sources.embeddings),
    "table": (9, sources.table),
    "soft labels": (5, sources.soft_labels),
    "images": (9, sources.images),
    "run": (14, stored.run),
    "store": (5, stored.store),
    "settings": (4, _settings),
    "beside": (3, sources.beside),
    "paths": (5, _paths),
    "media": (8, media.media),
    "one medium": (10, media.one_file),
    "manifest": (8, media.manifest),
    "build": (2, media.build),
}
"""Kind of case to its weight and what builds one."""
