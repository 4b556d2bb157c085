"""Reads a MATLAB file of version 5 in a process of its own: SciPy's parser can crash on damaged bytes.

Each array becomes an .npy file in a folder, and ``tree.json`` says how they hang together.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Writer:
    """Writes values into a folder, and describes them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 0

    def describe(self, value: object) -> dict[str, Any]:
        """A tree of JSON values: arrays by file, sparse matrices by their parts, cells, structs, or a reason."""
        if hasattr(value, "tocsc"):
            matrix = value.tocsc()
            parts = [self.store(part) for part in (matrix.data, matrix.indices, matrix.indptr)]
            return {"sparse": parts, "shape": [int(size) for size in matrix.shape]}
        if not isinstance(value, np.ndarray) or type(value).__name__ in ("MatlabFunction", "MatlabOpaque"):
            return {"reason": "an object of MATLAB; save it as arrays"}
        if value.dtype.names is not None:
            if value.size != 1:
                return self.describe_records(value)
            only = value.ravel()[0]
            return {"struct": {name: self.describe(only[name]) for name in value.dtype.names}}
        if value.dtype.kind == "O":
            return {"cell": [self.describe(item) for item in value.ravel(order="F")]}
        if value.dtype.kind == "U":
            value = np.char.rstrip(value)
        return {"array": self.store(value)}

    def describe_records(self, value: NDArray[np.void]) -> dict[str, Any]:
        """An array of structs: a reason; where each field holds one number or text, an array for each field, too."""
        reason = f"an array of {value.size:,} structs; save its fields as arrays"
        columns = {name: [np.ravel(item) for item in value[name].ravel()] for name in value.dtype.names or ()}
        if not all(len(item) == 1 and item.dtype.kind in "biufU" for items in columns.values() for item in items):
            return {"reason": reason}
        records = {name: self.store(np.concatenate(items)) for name, items in columns.items() if items}
        return {"reason": reason, "records": records}

    def store(self, array: NDArray[Any]) -> int:
        """Write one array; its number."""
        np.save(self.folder / f"{self.count}.npy", np.ascontiguousarray(array).reshape(array.shape), allow_pickle=False)
        self.count += 1
        return self.count - 1


def main(path: str, folder: str) -> None:
    """Read the file; what SciPy raises is written down as its reason."""
    from scipy.io import loadmat

    place = Path(folder)
    try:
        found = loadmat(path)
        writer = Writer(place)
        tree = {key: writer.describe(value) for key, value in found.items() if not key.startswith("__")}
    except Exception as error:  # SciPy raises nearly anything on a damaged file
        failed = {"error": f"{type(error).__name__}: {error}"[:500]}
        (place / "failed.json").write_text(json.dumps(failed))
        return
    (place / "tree.json").write_text(json.dumps(tree))
