"""Compiled code on disk belongs to the sources as a whole."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import numba
import pytest

from overtone.graphs.engine import compiling, machine_code, trees


def test_machine_code_of_other_sources_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one")
    (tmp_path / "b.py").write_text("two")
    before = machine_code.cache_folder(tmp_path)
    assert before == machine_code.cache_folder(tmp_path)
    machine_code.cache_folder.cache_clear()
    (tmp_path / "b.py").write_text("ten")
    assert machine_code.cache_folder(tmp_path) != before


def test_the_user_s_cache_where_the_package_cannot_be_written(tmp_path: Path) -> None:
    package, home = tmp_path / "package", tmp_path / "home"
    package.mkdir()
    (package / "__pycache__").write_text("a file where the folder should be")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(home))
        assert machine_code.cache_folder(package).is_relative_to(home / "overtone")


def test_a_folder_that_others_may_write_into_is_not_taken(tmp_path: Path) -> None:
    private, open_to_all = tmp_path / "private", tmp_path / "open"
    assert machine_code.make_private(private)
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    private.chmod(0o755)  # as older versions made it: others can read it, and nobody has written into it
    assert machine_code.make_private(private)
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    assert not machine_code.make_private(open_to_all)
    (tmp_path / "link").symlink_to(private)
    assert not machine_code.make_private(tmp_path / "link")
    (tmp_path / "file").write_text("")
    assert not machine_code.make_private(tmp_path / "file")


def test_a_folder_of_somebody_else_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = tmp_path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner, raising=False)
    assert machine_code.make_private(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert not machine_code.make_private(tmp_path)


PROGRAM = """
import sys
import numba
from overtone.graphs.engine import compiling, machine_code
from pathlib import Path
machine_code.cache_folder = compiling.cache_folder = lambda sources: Path(sys.argv[1]) if sys.argv[1] else None

def double(x):
    return 2 * x

made = compiling.compiled(double)
print(made(21), made.stats.cache_hits if sys.argv[1] else "in memory")
"""


def run(folder: Path | str, program: Path) -> list[str]:
    if not program.exists():  # older compilers know sources by their time
        program.write_text(PROGRAM)
    called = subprocess.run([sys.executable, str(program), str(folder)], capture_output=True, text=True, check=False)
    assert called.returncode == 0, called.stderr
    return called.stdout.split(maxsplit=1)


@pytest.mark.parametrize(
    ("damage", "suffix"),
    [
        ("changed", ".nbc"),
        ("pickle", ".nbi"),
        *(
            pytest.param(*other, marks=pytest.mark.slow)
            for other in (("cut", ".nbi"), ("cut", ".nbc"), ("changed", ".nbi"), ("pickle", ".nbc"))
        ),
    ],
)
def test_damaged_machine_code_is_compiled_again(tmp_path: Path, suffix: str, damage: str) -> None:
    folder, program, trap = tmp_path / "cache", tmp_path / "program.py", tmp_path / "trap"
    assert run(folder, program) == ["42", "Counter()\n"]
    assert run(folder, program)[1].startswith("Counter({")
    (file,) = folder.rglob(f"*{suffix}")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 255
    payload = b"cposix\nsystem\n(S'touch " + str(trap).encode() + b"'\ntR."
    file.write_bytes({"cut": bytes(content[:40]), "changed": bytes(content), "pickle": payload}[damage])
    assert run(folder, program) == ["42", "Counter()\n"]
    assert not trap.exists()
    assert run(folder, program)[1].startswith("Counter({")


def test_without_a_cache_the_code_stays_in_memory(tmp_path: Path) -> None:
    assert run("", tmp_path / "program.py") == ["42", "in memory\n"]
    assert [path.name for path in tmp_path.iterdir()] == ["program.py"]


def test_the_engine_is_kept_there_and_nobody_else_s_functions_are() -> None:
    folder = machine_code.cache_folder(Path(compiling.__file__).parent)
    assert Path(trees.regress._cache.cache_path).is_relative_to(folder)
    assert not numba.config.CACHE_DIR or Path(numba.config.CACHE_DIR) != folder
