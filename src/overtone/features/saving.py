"""``save``: features, or arrays, in the plain layout, in any format that can be written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from overtone.core import InputError, require_kind
from overtone.features.arrays import ArrayLike, Values
from overtone.features.base import Features
from overtone.features.formats import find_format_by_suffix
from overtone.features.keys import GROUPS, MEDIA, META, PREFIXES, PRESENT, ROLES
from overtone.features.metadata import to_array
from overtone.features.parsed_table import SPLITS


def save(data: Features, path: str | Path) -> None:
    """Write features so that loading them gives back an equal object (but for its provenance).

    :func:`overtone.features.load` reads pairs, :func:`overtone.features.load_views` reads both pairs and single views.

    Args:
        data: Features.
        path: A file whose suffix says the format (.npz, .h5, .parquet, .safetensors).

    Raises:
        InputError: The suffix is unknown or of a format that is only read, the file cannot be written, or the
            features have no place in the layout (splits that overlap, a modality called ``y``).
    """
    fix = "make them of arrays with overtone.features.from_arrays({name: array, ...})"
    require_kind(data, Features, "features are needed", fix=fix)
    save_arrays(to_plain_layout(data), path)


def save_arrays(arrays: Mapping[str, ArrayLike], path: str | Path) -> None:
    """Write arrays of the plain layout as they are.

    Args:
        arrays: As :func:`overtone.features.from_arrays` takes them.
        path: As for :func:`save`.

    Raises:
        InputError: As :func:`save`.
    """
    path = Path(path)
    write = find_format_by_suffix(path, writable=True).write
    assert write is not None
    write(path, {key: np.asarray(values) for key, values in arrays.items()})


def to_plain_layout(data: Features) -> dict[str, Values]:
    """Arrays by key, as :func:`overtone.features.from_arrays` takes them; InputError as :func:`save`."""
    for name in data.names:
        if name in ROLES or name.startswith(PREFIXES) or name.rpartition("_")[2] in SPLITS:
            raise InputError(f"a modality cannot be saved under the name {name!r}, which means something else")
    arrays = {name: tensor.numpy() for name, tensor in data.modalities.items()}
    arrays |= {"modalities": np.array(data.names), "ids": np.array(data.ids, dtype=str)}
    if data.labels is not None:
        labels = data.labels.numpy()
        if labels.ndim == 1:
            arrays["y"] = labels
        else:
            arrays["labels"] = labels if data.label_kind == "soft" else labels.astype(np.uint8)
        arrays["class_names"] = np.array(data.class_names, dtype=str)
    if data.splits:
        arrays["split"] = _split_names(data)
    arrays |= {PRESENT + name: mask.numpy() for name, mask in data.present.items()}
    if data.groups:
        arrays[GROUPS] = np.array(data.groups, dtype=str)
    arrays |= {MEDIA + name: np.array(paths, dtype=str) for name, paths in data.media.items()}
    arrays |= {META + name: to_array(values) for name, values in data.metadata.items()}
    arrays |= {key: tensor.numpy() for key, tensor in data.truth.items()}
    return arrays


def _split_names(data: Features) -> Values:
    names = np.full(len(data), "", dtype="U10")
    for split, rows in data.splits.items():
        if split not in SPLITS.values():
            raise InputError(f"a split cannot be saved under the name {split!r}", valid=", ".join(set(SPLITS.values())))
        taken = names[rows.numpy()]
        if (taken != "").any():
            other = str(taken[taken != ""][0])
            raise InputError(f"splits {other!r} and {split!r} overlap and cannot be saved", fix="a row has one split")
        names[rows.numpy()] = split
    return names
