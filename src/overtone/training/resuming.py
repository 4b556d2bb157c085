"""Whether an interrupted run can go on here to the weights that it would have ended with."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from overtone.core import InputError, scratch
from overtone.core.files import checksum
from overtone.core.version import __version__

FREE = ("checkpoint_seconds", "memory_mb")
"""Settings that may change on a resume: no weight depends on them."""

Described = tuple[Mapping[str, Any], Mapping[str, Any]]
"""What ``run.json`` says of a run, and its settings."""

log = logging.getLogger("overtone")


def refuse_differences(folder: Path | None, stored: Described, wanted: Described) -> None:
    """Raise if a stored run is not the one that is asked for, or cannot go on here to the same weights.

    Raises:
        InputError: Settings differ, other than those in :data:`FREE`, or the data does; or an unfinished run was begun
            with another number of processes, another kind of device, another torch or a newer Overtone.
    """
    (was, before), (now, after) = stored, wanted
    found = [
        f"{name} (was {before.get(name)}, now {after.get(name)})"
        for name in dict.fromkeys([*before, *after])
        if name not in FREE and before.get(name) != after.get(name)
    ]
    data = _part(was, "data")
    if data.get("trained_on") != now["data"]["trained_on"]:
        found.append(f"the data ({data.get('source')} had other features, labels or training rows)")
    if found:
        raise InputError(
            f"{folder}: cannot be resumed, because these differ: {', '.join(found)}",
            fix="give what the run was started with, or choose another folder",
        )
    if was.get("state") != "finished":
        _refuse_surroundings(folder, was, now)


def describe_work(info: Mapping[str, object], settings: Mapping[str, object], folder: Path | None) -> dict[str, str]:
    """What must be the same in every process of a run, and its value here; ``folder`` is the run's."""
    return {
        **{f"the version of {name}": str(_part(info, "versions")[name]) for name in ("overtone", "torch")},
        "the data": str(_part(info, "data")["trained_on"]),
        "OVERTONE_LARGE_MB": str(scratch.LARGE_BYTES),  # decides what scalers are fitted on, and who holds which rows
        "the run folder": _identify(folder),  # before the settings, which may come from it
        "settings": json.dumps(settings),
    }


def _identify(folder: Path | None) -> str:
    """What a resumed run goes on from, in short: the same wherever one folder is seen from."""
    files = [folder / name for name in ("run.json", "checkpoint.safetensors")] if folder else []
    there = [file for file in files if file.is_file() and file.stat().st_size]
    return " ".join(f"{file.name} {checksum(np.memmap(file, np.uint8, 'r'))}" for file in there)


def _refuse_surroundings(folder: Path | None, was: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise where other weights would come out; say where they might."""
    before, after = _part(was, "versions"), now["versions"]
    told = {
        "processes": (was.get("processes"), now["processes"]),
        "parts of the training rows": (was.get("parts"), now["parts"]),
        "device": (was.get("device"), now["device"]),
        "torch": (before.get("torch"), after["torch"]),
    }
    found = [f"{name} (was {old}, now {new})" for name, (old, new) in told.items() if old is not None and old != new]
    if is_newer(before.get("overtone")):
        found.append(f"overtone (was {before['overtone']}, now {__version__})")
    if found:
        raise InputError(
            f"{folder}: going on would not lead to the same weights, because these differ: {', '.join(found)}",
            fix="resume it as it was begun, or train anew with --overwrite",
        )
    may = {"threads": (was.get("threads"), now["threads"]), "overtone": (before.get("overtone"), after["overtone"])}
    for name, (old, new) in may.items():
        if old is not None and old != new:
            log.warning("%s: begun with another %s (was %s, now %s): weights may differ", folder, name, old, new)


def is_newer(version: object) -> bool:
    """Whether a version is one after this Overtone's.

    Example:
        >>> is_newer("999.0"), is_newer("0.0.1"), is_newer(None)
        (True, False, False)
    """
    return _numbers(version) > _numbers(__version__)


def _numbers(version: object) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d{1,9}", str(version or "").partition("+")[0])))


def _part(info: Mapping[str, object], name: str) -> Mapping[str, object]:
    """An entry of ``run.json`` that is a mapping; an empty one where it is missing or was changed by hand."""
    found = info.get(name)
    return found if isinstance(found, Mapping) else {}
