"""Compiled code on disk belongs to the sources as a whole."""

from __future__ import annotations

from pathlib import Path

import numba
import pytest

from overtone.graphs.engine import compiling, trees


def test_machine_code_of_other_sources_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one")
    (tmp_path / "b.py").write_text("two")
    before = compiling.cache_folder(tmp_path)
    assert before == compiling.cache_folder(tmp_path)
    compiling.cache_folder.cache_clear()
    (tmp_path / "b.py").write_text("ten")
    assert compiling.cache_folder(tmp_path) != before


def test_the_user_s_cache_where_the_package_cannot_be_written(tmp_path: Path) -> None:
    package, home = tmp_path / "package", tmp_path / "home"
    package.mkdir()
    (package / "__pycache__").write_text("a file where the folder should be")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(home))
        assert compiling.cache_folder(package).is_relative_to(home / "overtone")


def test_the_engine_is_kept_there_and_nobody_else_s_functions_are() -> None:
    folder = compiling.cache_folder(Path(compiling.__file__).parent)
    assert Path(trees.regress._cache.cache_path).is_relative_to(folder)
    assert not numba.config.CACHE_DIR or Path(numba.config.CACHE_DIR) != folder
