"""What is computed once from a run's embeddings, and kept in its folder as long as they are the same."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from overtone.core import InputError
from overtone.core.files import json_text, load_tensors, read_header, save_tensors
from overtone.training.folder import EXPLORED

log = logging.getLogger("overtone")

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Kept:
    """Arrays by the name of what they are.

    Attributes:
        folder: The run's; None: nothing is kept.
        identity: Of the embeddings that everything is computed from.
    """

    folder: Path | None
    identity: str

    def once(self, name: str, compute: Callable[[], Arrays]) -> Arrays:
        """What was kept, or is computed now and kept; a folder that cannot be written to is no error."""
        found = self.read(name)
        if found is None:
            found = compute()
            self._write(name, found)
        return found

    def read(self, name: str) -> Arrays | None:
        """What was kept; None if there is nothing, or it is damaged or of other embeddings."""
        path = self._path(name)
        if path is None:
            return None
        with suppress(InputError, KeyError, TypeError, ValueError):
            tensors = load_tensors(path)
            if read_header(path)["identity"] == self.identity:
                return {key: tensor.numpy().copy() for key, tensor in tensors.items()}  # not mapped to the file
        return None

    def _write(self, name: str, arrays: Arrays) -> None:
        path = self._path(name)
        if path is None:
            return
        tensors = {key: torch.from_numpy(np.ascontiguousarray(array)) for key, array in arrays.items()}
        try:
            save_tensors(path, tensors, {"identity": json_text(self.identity)})
        except InputError as error:
            log.info("what was computed is not kept: %s", error)

    def _path(self, name: str) -> Path | None:
        file = f"explored/{name}.safetensors"
        assert file in EXPLORED  # what is not listed would stay behind when the run is replaced
        return None if self.folder is None else self.folder / file
