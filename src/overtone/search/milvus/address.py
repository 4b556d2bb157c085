"""Where a Milvus store is and how its fields are called."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from overtone.core import InputError
from overtone.core.sources import expand_home

if TYPE_CHECKING:
    from pymilvus import MilvusClient

TOKEN = "OVERTONE_MILVUS_TOKEN"
"""The environment variable with the token of a server."""


def vector_field(name: str) -> str:
    """The field with a modality's vectors: Milvus takes letters, digits and underscores."""
    return "v_m_" + _plain(name)


def flag_field(name: str) -> str:
    """The field that says whether an item has a modality."""
    return "has_" + _plain(name)


def _plain(name: str) -> str:
    return re.sub(r"[^a-zA-Z0-9]", lambda found: f"_{ord(found[0]):x}_", name)


def split_address(location: str) -> tuple[str, str]:
    """The address of Milvus, a file or a URL, and the name of the collection."""
    server = re.fullmatch(r"(https?://[^/]+)(?:/(\w+))?/?", location)
    if server is not None:
        return server[1], server[2] or "overtone"
    path = expand_home(location)
    return str(path if path.suffix == ".db" else path.with_name(path.name + ".db")), "overtone"


def is_file(address: str) -> bool:
    return "://" not in address


def connect(address: str) -> MilvusClient:
    """A client; InputError where it is not installed, another process has the file open, or nobody answers."""
    for module in ("pymilvus", *(["milvus_lite"] if is_file(address) else [])):
        if importlib.util.find_spec(module) is None:
            raise InputError(f"{module} is not installed", fix="pip install 'overtone[milvus]'")
    from pymilvus import MilvusClient
    from pymilvus.exceptions import MilvusException

    reasons: list[BaseException] = []
    try:
        if is_file(address):
            Path(address).parent.mkdir(parents=True, exist_ok=True)
        with _collected(reasons):
            return MilvusClient(address, token=os.environ.get(TOKEN, ""), timeout=10)
    except (MilvusException, OSError) as error:
        where, found = f"milvus:{address}", next(iter(reasons), error)
        if type(found).__name__ == "DataDirLockedError":
            fix = "wait until it is done, or let several processes ask a server: milvus-lite server --data-dir FOLDER"
            raise InputError(f"{where}: is open in another process", fix=fix) from None
        reason = str(getattr(found, "message", found)).splitlines()[0]
        fix = "choose another place" if is_file(address) else f"check the address, and the token in {TOKEN}"
        raise InputError(f"{where}: cannot be opened ({reason})", fix=fix) from None


@contextlib.contextmanager
def _collected(reasons: list[BaseException]) -> Iterator[None]:
    """Why Milvus Lite does not start: it writes that into its log, with a traceback, and raises something else."""

    def take(record: logging.LogRecord) -> bool:
        if record.exc_info is not None and record.exc_info[1] is not None:
            reasons.append(record.exc_info[1])
        return False

    log = logging.getLogger("milvus_lite.server_manager")
    log.addFilter(take)
    try:
        yield
    finally:
        log.removeFilter(take)
