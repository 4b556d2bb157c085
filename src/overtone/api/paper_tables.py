"""Tables for papers, as ``--table`` asks for them: checked before the work, written after it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from overtone.core import is_main_process
from overtone.core.outputs import check_file
from overtone.core.sources import expand_home

if TYPE_CHECKING:
    from overtone.report.paper import PaperTable

Files = str | Path | Sequence[str | Path]


def check_tables(files: Files, *, inputs: Iterable[object] = (), overwrite: bool = False) -> list[Path]:
    """Refuse files that cannot be written, before the work; the files."""
    paths = [expand_home(one) for one in ([files] if isinstance(files, (str, Path)) else files)]
    if not paths:
        return []
    from overtone.report.paper_formats import check_table_file

    for path in paths:
        check_table_file(path)
        if is_main_process():
            check_file(path, inputs=inputs, overwrite=overwrite)
    return paths


def write_tables(tables: Sequence[PaperTable], paths: Sequence[Path]) -> None:
    """Write the same tables into every file, each in its own format."""
    from overtone.report.paper_formats import save_tables

    for path in paths if is_main_process() else ():
        save_tables(tables, path)
