"""What was found with a run, kept in its folder for its report, and told from results of other data."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np

from overtone.core.files import checksum, write_json
from overtone.features import Features
from overtone.search.duplicates import Duplicates
from overtone.search.listing import Found
from overtone.search.mismatched import Mismatches
from overtone.search.outliers import Outliers
from overtone.training import Run
from overtone.training.folder import FOUND

log = logging.getLogger("overtone")

_KINDS: dict[str, type[Duplicates] | type[Outliers] | type[Mismatches]] = {
    "duplicates": Duplicates,
    "mismatched": Mismatches,
    "outliers": Outliers,
}


def keep_found(run: Run, found: Found, data: Features) -> Path | None:
    """Write a result into a run's folder, if it has one, in place of an earlier one of the same kind and modalities.

    Args:
        run: The run that scaled the clips.
        found: What was found.
        data: What was looked through.

    Returns:
        The file; None for a run without a folder.

    Raises:
        InputError: The folder cannot be written to.
    """
    if run.folder is None:
        return None
    kind = next(name for name, one in _KINDS.items() if isinstance(found, one))
    side = "" if len(found.modalities) > 1 else f"-{run.modalities.index(found.modalities[0]) + 1}"
    path = run.folder / f"found/{kind}{side}.json"
    write_json(path, {"kind": kind, "of": _identity(data, found.modalities), "found": found.to_dict()})
    return path


def read_found(folder: Path, data: Features) -> tuple[Found, ...]:
    """The results in a run's folder that are of these data; of the others it is said that they are left out.

    Args:
        folder: The run's.
        data: The same clips with the same features as when something was found.

    Returns:
        The results: near-duplicates, outliers, mismatched pairs.
    """
    results: list[Found] = []
    for path in filter(Path.is_file, (folder / name for name in FOUND)):
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            found = _KINDS[document["kind"]].from_dict(document["found"])
            current = document["of"] == _identity(data, found.modalities)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            log.warning("%s: cannot be read and is left out of the report; run overtone find again.", path)
            continue
        if current:
            results.append(found)
        else:
            log.warning("%s: is of other data and is left out of the report; run overtone find again.", path)
    return tuple(results)


def _identity(data: Features, modalities: tuple[str, ...]) -> dict[str, str]:
    """Checksums of the ids and of the features of some modalities; empty if data lack one."""
    if not set(modalities) <= set(data.names):
        return {}
    ids = np.frombuffer("\n".join(data.ids).encode("utf-8", "surrogatepass"), dtype=np.uint8)
    return {"ids": checksum(ids), **{name: checksum(data.modalities[name]) for name in modalities}}
