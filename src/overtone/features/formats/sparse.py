"""Sparse matrices: the arrays that SciPy, AnnData and 10x write for one (data, indices, indptr, shape) become rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from overtone.core import InputError
from overtone.features.arrays import Array, SparseRows, Values

if TYPE_CHECKING:
    import numpy.typing as npt
    import scipy.sparse

_SEPARATORS = "_./-"
"""What may stand between the name of a matrix and the name of its part."""

_INDICES = dict.fromkeys(("csr", "csc", "bsr"), ("indices", "indptr")) | {"coo": ("row", "col"), "dia": ("offsets",)}
"""SciPy's formats, and the parts that each has beside ``data``."""

_PARTS = ("data", "indices", "indptr", "row", "col", "offsets", "shape", "format", "_is_array")


def join_sparse(
    arrays: Mapping[str, Array], source: object, alone: str, attributes: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Array]:
    """Arrays by key, in which those that are parts of a sparse matrix are one array under the name they share.

    ``audio_data``, ``audio_indices``, ... become ``audio``, and ``X/data``, ... become ``X``; parts without a prefix
    become ``alone``. Shape and format may also be ``attributes`` of the group of that name.
    """
    joined = dict(arrays)
    for key in arrays:
        prefix = key.removesuffix("data")
        name = prefix.rstrip(_SEPARATORS) or alone
        if prefix == key or (prefix and prefix[-1] not in _SEPARATORS) or name in arrays:
            continue
        parts = {part: arrays[prefix + part] for part in _PARTS if prefix + part in arrays}
        if {"format", "shape"} <= parts.keys() or {"indices", "indptr"} <= parts.keys():
            joined = {other: array for other, array in joined.items() if array not in parts.values()}
            where = f"{source}, key {name!r}"
            noted = (attributes or {}).get(name, {})
            joined[name] = Array(_open(parts, noted, where, of_10x=prefix + "barcodes" in arrays), where)
    return joined


def _open(parts: Mapping[str, Array], noted: Mapping[str, Any], where: str, *, of_10x: bool) -> SparseRows:
    """The rows of the matrix whose parts these are; 10x has clips in columns, which become rows."""
    with _report_damage(where):
        shape = parts["shape"].read().ravel() if "shape" in parts else np.ravel(noted.get("shape", ()))
        if shape.shape != (2,) or shape.dtype.kind not in "iu" or (shape < 0).any():
            raise ValueError("its shape is missing or is not two whole numbers")
        rows, columns = map(int, shape)
        by_rows = not of_10x and ("indptr" not in parts or parts["indptr"].shape == (rows + 1,))
        form = parts["format"].text()[0] if "format" in parts else _as_text(noted.get("encoding-type", ""))
        form = form.removesuffix("_matrix") or ("csr" if by_rows else "csc")
        if form not in _INDICES or not {*_INDICES[form]} <= parts.keys():
            raise ValueError(f"there are no indices of the format {form!r}")
    data = parts["data"]
    dtype = np.dtype(np.float32) if data.dtype == np.float16 else data.dtype.newbyteorder("=")

    def build() -> scipy.sparse.spmatrix:
        indices = [parts[name].read() for name in _INDICES[form]]
        return build_matrix(form, data.read().astype(dtype), indices, (rows, columns), where)

    found = SparseRows((rows, columns), dtype, int(np.prod(data.shape)), build)
    return found.transpose() if of_10x else found


def build_matrix(
    form: str, values: npt.ArrayLike, indices: list[Values], shape: tuple[int, int], where: str
) -> scipy.sparse.spmatrix:
    """A checked matrix in one of SciPy's formats; InputError where its parts do not fit each other."""
    import scipy.sparse

    with _report_damage(where):
        if any(index.dtype.kind not in "iu" for index in indices):
            raise ValueError("its indices are not whole numbers")
        parts = (values, tuple(indices)) if form == "coo" else (values, *indices)
        matrix = getattr(scipy.sparse, f"{form}_matrix")(parts, shape=shape)
        if form in ("csr", "csc", "bsr"):
            matrix.check_format(full_check=True)
        return matrix


@contextmanager
def _report_damage(where: str) -> Iterator[None]:
    """What SciPy raises on parts that do not fit each other as an InputError of one sentence."""
    try:
        yield
    except InputError:
        raise
    except (ValueError, IndexError, OverflowError) as error:
        reason = str(error).split("\n")[0].rstrip(".")
        fix = "save it again, for example with scipy.sparse.save_npz"
        raise InputError(f"{where}: a damaged sparse matrix ({reason})", fix=fix) from None


def _as_text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
