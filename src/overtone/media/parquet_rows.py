"""Rows of a Parquet file by number, a group of rows in memory at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

KEPT = 4
"""Groups of rows that stay in memory: threads that decode neighbours may stand on either side of a border."""


class ParquetRows:
    """One Parquet file.

    Args:
        file: Its path.
    """

    def __init__(self, file: Path) -> None:
        self.file = pq.ParquetFile(str(file), memory_map=True)
        self.schema = self.file.schema_arrow
        self.lock = threading.Lock()  # the reader is not made for several threads

    def column(self, name: str) -> tuple[int, Callable[[int], Any]]:
        """Number of rows, and row number to value.

        Args:
            name: Of the column.

        Returns:
            Both; values are plain Python ones.
        """
        metadata = self.file.metadata
        starts = np.cumsum([0, *(metadata.row_group(group).num_rows for group in range(metadata.num_row_groups))])
        group_of = lru_cache(maxsize=KEPT)(lambda group: self.file.read_row_group(group, columns=[name]).column(0))

        def value(row: int) -> Any:
            group = int(np.searchsorted(starts, row, side="right")) - 1
            with self.lock:
                column = group_of(group)
            return column[int(row - starts[group])].as_py()

        return int(starts[-1]), value

    def values(self, name: str) -> list[Any]:
        """All values of one column.

        Args:
            name: Of the column.

        Returns:
            Plain Python values.
        """
        return list(self.file.read(columns=[name]).column(0).to_pylist())
