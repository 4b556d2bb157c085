"""Commands that are killed at any moment leave whole files, and resumed end with the same bits."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fuzz import valid
from overtone.core.files import load_tensors
from synthetic_clips import COLOURS, TONES, write_clip

WORKER = Path(__file__).with_name("worker.py")
CLIPS = "clips.npz"
DCCA = ("epochs=60", "batch_size=16", "checkpoint_seconds=0", "width=16")
TEACHER = "teacher={epochs: 4, width: 8, feature_reconstruction: 0.0, collapse_rank: 0, checkpoint_seconds: 0}"
TOLD = ("folds=2", TEACHER, "width=8", "inference={bootstrap: 2}", "epochs=6", "collapse_rank=0")


def settings(*given: str) -> list[str]:
    return [word for setting in given for word in ("--set", setting)]


COMMANDS = {
    "train": ["train", "dcca", CLIPS, "--out", "OUT", *settings(*DCCA)],
    "interactions": ["train", "interactions", CLIPS, "--out", "OUT", *settings(*TOLD, "checkpoint_seconds=0")],
    "compare": ["compare", "cca", "dcca", CLIPS, "--seeds", "2", "--out", "OUT", "--set", "epochs=3"],
    "extract": ["extract", "images", "--out", "OUT.npz", "--batch-size", "1", "--workers", "1"],
    "clips": ["extract", "clips", "--out", "OUT.npz", "--batch-size", "1", "--workers", "2"],
    "build": ["build", "clips", "--out", "OUT", *settings("epochs=3", "checkpoint_seconds=0")],
}
LONG = ("build",)
"""Commands that are killed in the slow tests only."""
RESULTS = {
    "train": ("weights.safetensors", "scalers.safetensors"),
    "interactions": ("weights.safetensors", "soft_labels.safetensors", "teacher/fold-1/weights.safetensors"),
    "compare": tuple(f"results/{name}/seed-{seed}.safetensors" for name in ("cca", "dcca") for seed in (0, 1)),
    "extract": (".npz", ".npz.json", ".npz.clips.csv"),
    "clips": (".npz", ".npz.json", ".npz.clips.csv"),
    "build": ("features.npz", "features.npz.clips.csv", "run/weights.safetensors", "run/evaluation.json"),
}
"""Files that must come out the same; those of extract lie beside each other."""


class Program:
    """The program, in children of one process that has imported everything."""

    def __init__(self, folder: Path) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, str(WORKER)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, cwd=folder, env=environment, text=True, bufsize=1, **pipes)
        assert self._line() == "ready"

    def run(self, words: list[str], kill_after: float | None = None) -> tuple[int, float]:
        """The exit code, and the seconds that it took."""
        self.process.stdin.write("\t".join(words) + "\n")
        child, start = int(self._line()), time.monotonic()
        timer = None if kill_after is None else threading.Timer(kill_after, os.kill, [child, signal.SIGKILL])
        if timer:
            timer.start()
        code = int(self._line().split()[1])
        if timer:
            timer.cancel()
        return code, time.monotonic() - start

    def _line(self) -> str:
        return self.process.stdout.readline().strip()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kills")
    valid.write_npz(valid.corpus(), folder / CLIPS)
    valid.write_images(folder / "images")
    for number in range(10):
        name = list(COLOURS)[number % 2]
        look = {"colour": COLOURS[name], "hertz": TONES[name], "seed": number}
        write_clip(folder / "clips" / name / f"{number}.mp4", seconds=0.5, **look)
    return folder


@pytest.fixture(scope="module")
def program(place: Path) -> Iterator[Program]:
    started = Program(place)
    yield started
    started.process.stdin.close()
    started.process.wait()


def words_of(name: str, out: str, *more: str) -> list[str]:
    return [word.replace("OUT", out) for word in COMMANDS[name]] + list(more)


def result(place: Path, name: str, out: str) -> dict[str, object]:
    """What a command has made, without times and places."""
    found: dict[str, object] = {}
    for file in RESULTS[name]:
        path = place / f"{out}{file}" if file.startswith(".") else place / out / file
        if path.suffix == ".safetensors":
            found |= {f"{file} {key}": tensor.numpy().tobytes() for key, tensor in load_tensors(path).items()}
        else:
            found[file] = path.read_bytes()
    return found


def check_files(place: Path, out: str) -> None:
    """Every file that is there is whole: it can be read as what it is; what is being written has a hidden folder."""
    for path in [*place.glob(f"{out}*"), *place.glob(f"{out}*/**/*")]:
        if not path.is_file() or any(part.startswith(".") for part in path.relative_to(place).parts):
            continue
        if path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".safetensors":
            load_tensors(path)
        elif path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                assert [arrays[key].shape for key in arrays.files]


def kill(program: Program, place: Path, name: str, kills: int) -> int:
    """Kill a command at random moments, resume it, and compare; how many were alive when they were killed."""
    whole = f"{name}-{kills}-whole"  # one of as many kills: the tests share a folder
    code, seconds = program.run(words_of(name, whole))
    assert code == 0
    if kills > 1:  # the first time machine code was compiled and kept
        _, seconds = program.run(words_of(name, f"{whole}-again"))
    wanted = result(place, name, whole)
    moments, killed = random.Random(name), 0
    for number in range(kills):
        out = f"{name}-{kills}-{number}"
        code, _ = program.run(words_of(name, out), kill_after=moments.uniform(0, seconds))
        killed += code == -signal.SIGKILL
        check_files(place, out)
        if moments.random() < 0.3:  # the resumed one is killed, too
            program.run(words_of(name, out, "--resume"), kill_after=moments.uniform(0, seconds))
            check_files(place, out)
        assert program.run(words_of(name, out, "--resume"))[0] == 0
        assert result(place, name, out) == wanted
        left = [path for path in place.glob(f"{out}*/**/.*") if ".part" in path.name]
        assert not left
    return killed


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in LONG])
def test_one_kill(program: Program, place: Path, name: str) -> None:
    kill(program, place, name, 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_twenty_five_kills(program: Program, place: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    killed = kill(program, place, name, 25)
    with capsys.disabled():
        sys.stdout.write(f"\n{name}: 25 kills, {killed} of them before it was done\n")
    assert killed > 10
