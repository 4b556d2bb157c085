"""Full disks, second writers, termination, lost processes, and an installation that cannot be written."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import overtone
from fuzz import valid
from overtone.core.files import load_tensors
from toys import wait_until

TRAIN = ["train", "dcca", "clips.npz", "--out", "run", "--set", "batch_size=16", "--set", "checkpoint_seconds=0"]
SHORT = [*TRAIN, "--set", "epochs=6"]
LONG = [*TRAIN, "--set", "epochs=100000"]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    valid.write_npz(valid.corpus(), tmp_path / "clips.npz")
    return tmp_path


def start(place: Path, words: list[str], before: Callable[[], None] | None = None) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    if before is not None:  # a disk that is full cuts byte code, too, and no later process could read it
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [sys.executable, "-m", "overtone", *words]
    return subprocess.Popen(command, cwd=place, env=environment, text=True, preexec_fn=before, **pipes)


def call(place: Path, words: list[str], before: Callable[[], None] | None = None) -> tuple[int, str]:
    process = start(place, words, before)
    _, err = process.communicate(timeout=120)
    return process.returncode, err


def no_room() -> None:
    """As on a full disk: no file may have more than 12 KB."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, 12_000))


def test_a_full_disk_ends_in_a_sentence_and_the_run_goes_on_when_there_is_room(place: Path) -> None:
    code, err = call(place, SHORT, no_room)
    assert code == 2
    assert "Traceback" not in err
    assert "cannot be written" in err.splitlines()[-1]
    assert "free some space" in err.splitlines()[-1]
    for path in (place / "run").glob("*.safetensors"):
        load_tensors(path)
    assert not list((place / "run").glob(".*.part*"))
    assert call(place, [*SHORT, "--resume"])[0] == 0
    whole = [word.replace("run", "whole") for word in SHORT]
    assert call(place, whole)[0] == 0
    found, wanted = (load_tensors(place / name / "weights.safetensors") for name in ("run", "whole"))
    assert all((found[name] == wanted[name]).all() for name in wanted)


def test_one_process_trains_into_a_folder_and_a_dead_one_is_replaced(place: Path) -> None:
    checkpoint = place / "run" / "checkpoint.safetensors"
    first = start(place, LONG)
    try:
        wait_until(checkpoint.exists, first)
        for flag in ([], ["--resume"], ["--overwrite"]):
            code, err = call(place, [*LONG, *flag])
            assert code == 2
            assert f"run: is being written by process {first.pid}; wait until it is done" in err.splitlines()[-1]
    finally:
        first.kill()
        first.communicate()
    again = start(place, [*LONG, "--resume"])
    try:
        written = checkpoint.stat().st_mtime_ns
        wait_until(lambda: checkpoint.stat().st_mtime_ns > written, again)
        again.send_signal(signal.SIGTERM)
        _, err = again.communicate(timeout=60)
    finally:
        again.kill()
    assert again.returncode == 143, err
    assert err.splitlines()[-1] == "overtone: terminated; go on with --resume"


@pytest.mark.slow
@pytest.mark.distributed
def test_a_killed_process_of_several_says_how_to_go_on(place: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    process = subprocess.Popen([*command, "-m", "overtone", *LONG], cwd=place, env=environment, text=True, **pipes)
    try:
        wait_until((place / "run" / "checkpoint.safetensors").exists, process)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(children[-1]), signal.SIGKILL)
        said, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode != 0
    assert "--resume" in said


GRAPH = ["graph", "table.npz", "--seconds", "2", "--out", "g.json"]


def copy_package(place: Path) -> Path:
    """The package without what was compiled of it."""
    copy = place / "installed" / "overtone"
    shutil.copytree(Path(overtone.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.mark.slow
def test_an_installation_that_cannot_be_written_works_in_memory(place: Path) -> None:
    copy = copy_package(place)
    for folder in [copy, *(path for path in copy.rglob("*") if path.is_dir())]:
        (folder / "__pycache__").write_text("a file, so that nothing can be kept beside the sources")
    valid.write_npz(valid.table(), place / "table.npz")
    environment = {**os.environ, "PYTHONPATH": str(copy.parent), "XDG_CACHE_HOME": "/proc/nowhere", "HOME": "/proc"}
    command = [sys.executable, "-m", "overtone", *GRAPH]
    called = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
    assert called.returncode == 0, called.stderr
    assert (place / "g.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("cache", ["none", "read-only", "own"])
def test_an_installation_of_someone_else_works(cache: str) -> None:
    """Of another user, without the right to write: trainings, media and the graph search, which keeps machine code."""
    place = Path(tempfile.mkdtemp(prefix="overtone-readonly-"))
    place.chmod(0o755)
    try:
        copy, work, home = copy_package(place), place / "work", place / "home"
        for folder in (work, home):
            folder.mkdir()
            folder.chmod(0o777 if folder == work or cache == "own" else 0o555)
        valid.write_npz(valid.corpus(), work / "clips.npz")
        valid.write_npz(valid.table(), work / "table.npz")
        valid.write_images(work / "images")
        for path in (copy, *copy.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        environment = {**os.environ, "PYTHONPATH": str(copy.parent), "HOME": str(home), "OMP_NUM_THREADS": "1"}
        environment |= {"XDG_CACHE_HOME": "/proc/nowhere" if cache == "none" else str(home / ".cache")}
        other: dict[str, Any] = {"user": 65534, "group": 65534} if os.geteuid() == 0 else {}
        for words in (
            GRAPH,
            ["train", "dcca", "clips.npz", "--out", "run", "--set", "epochs=1", "--set", "batch_size=16"],
            ["extract", "images", "--out", "f.npz", "--workers", "2"],
            ["index", "run", "clips.npz"],
        ):
            command = [sys.executable, "-m", "overtone", *words]
            called = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, **other)
            assert called.returncode == 0, called.stderr
            assert "Traceback" not in called.stderr
        assert not list(copy.rglob("__pycache__"))
        assert bool(list(home.rglob("*.nbc"))) == (cache == "own")
    finally:
        for path in (place, *place.rglob("*")):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o777)
        shutil.rmtree(place)
