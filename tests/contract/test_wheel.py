"""The wheel works by itself: it holds all files of the package, and needs no optional library for its main jobs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OPTIONAL = (
    "PIL", "av", "soundfile", "transformers", "faiss", "onnxruntime", "pymilvus", "milvus_lite", "starlette", "uvicorn",
    "umap",
)  # fmt: skip
CORE_ALONE = f"""
import sys
from importlib.machinery import PathFinder

class Installed(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {OPTIONAL!r} else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Installed
"""
COMMANDS = (
    "--version",
    "inspect split-digits",
    "train cca split-digits --out run",
    "evaluate run split-digits --bootstrap 0",
    "index run split-digits",
    "search run --query 17 --from left -k 3",
)


PROGRAM = """
import overtone
from overtone.cli.app import app
for words in COMMANDS:
    try:
        app(words.split(), prog_name="overtone")
    except SystemExit as end:
        assert not end.code, words
print("from", overtone.__file__)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    command = [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation", "-q", "-w", "dist"]
    built = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return next((folder / "dist").glob("*.whl"))


def test_it_holds_every_file_of_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    package = ROOT / "src" / "overtone"
    wanted = {
        f"overtone/{path.relative_to(package).as_posix()}"
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted - held == set()


def test_the_main_jobs_need_nothing_optional(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    (installed / "sitecustomize.py").write_text(CORE_ALONE)
    environment = {**os.environ, "PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}
    program = PROGRAM.replace("COMMANDS", repr(COMMANDS))
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert f"from {installed}" in ran.stdout
    assert "Nearest to 17, left → right" in ran.stdout


def test_what_needs_an_extra_says_which(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    (installed / "sitecustomize.py").write_text(CORE_ALONE)
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "a.wav").write_bytes(b"RIFF")
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-m", "overtone", "extract", "media", "--out", "f.npz"]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert re.search(r"pip install 'overtone\[media\]'", " ".join(ran.stderr.split())), ran.stderr
