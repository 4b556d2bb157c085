"""From a URI to a store."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from overtone.core import InputError, Settings, about, require_kind
from overtone.core.arguments import checks_types
from overtone.core.sources import expand_home
from overtone.search.base import Store, stores

DEFAULT = "store"
"""The folder of a run's own store."""


@checks_types
def open_store(uri: str | Path, *, create: bool = False, settings: Mapping[str, Any] | None = None) -> Store:
    """Open a store.

    Args:
        uri: The kind and the place, ``flat:FOLDER``; a path alone is a flat store, the folder of a run the store in it,
            that of a build the store of its run.
        create: Whether to make one where there is none.
        settings: Names and values of the kind's settings.

    Returns:
        The store; a context manager.

    Raises:
        InputError: There is no such kind, there is no store, or it cannot be used.
    """
    chosen, location, checked = _resolve(uri, settings)
    with about(uri):
        return chosen.open(location, checked, create=create)


def store_exists(uri: str | Path) -> bool:
    """Whether there is a store.

    Args:
        uri: As for :func:`open_store`.

    Returns:
        Whether it can be opened without making one.

    Raises:
        InputError: There is no such kind.
    """
    kind, location = split_uri(uri)
    return stores[kind].exists(location)


@contextlib.contextmanager
def replace_store(uri: str | Path, *, settings: Mapping[str, Any] | None = None) -> Iterator[Store]:
    """A new store in place of the one at a URI, from the end of the block on.

    Until then, and for good if the block raises, the store that was there stays as it was.

    Args:
        uri: As for :func:`open_store`; where there is no store, one is made.
        settings: Names and values of the kind's settings; they need not be those of the store that was there.

    Yields:
        The new store, without any items.

    Raises:
        InputError: There is no such kind, or somebody writes into the store.
    """
    chosen, location, checked = _resolve(uri, settings)
    with contextlib.ExitStack() as stack:
        with about(uri):
            store = stack.enter_context(chosen.replace(location, checked))
        yield store


def _resolve(uri: str | Path, settings: Mapping[str, Any] | None) -> tuple[type[Store], str, Settings]:
    """The kind of store, its location, and checked settings."""
    kind, location = split_uri(uri)
    chosen = stores[kind]
    with about(uri):
        return chosen, location, chosen.settings_type.build(settings, where=f"settings of {kind}")


def split_uri(uri: str | Path) -> tuple[str, str]:
    """The kind of store and the location that a URI names.

    Example:
        >>> split_uri("flat:runs/first/store"), split_uri("clips")
        (('flat', 'runs/first/store'), ('flat', 'clips'))
    """
    require_kind(uri, (str, PathLike), "a store has a URI", fix="name a folder, or what overtone.open_store opened")
    scheme, colon, location = str(uri).partition(":")
    if not str(uri):
        raise InputError("the URI of a store is empty", fix="name a folder")
    if not colon or len(scheme) == 1 or "/" in scheme:  # a path, or a drive of Windows
        kind, location = "flat", str(uri)
    else:
        kind = scheme
    if not location:
        raise InputError(f"{uri}: a kind of store without a place", valid=f"{kind}:PLACE")
    if kind == "flat" and not colon and _is_milvus(location):
        what = f"{uri}: is called like a file of Milvus Lite, and a path alone is the folder of a flat store"
        raise InputError(what, fix=f"say milvus:{uri}")
    if kind == "flat":
        runs = [run for run in (Path(location), Path(location) / "run") if (run / "run.json").is_file()]
        location = str(runs[0] / DEFAULT) if runs else location
    return kind, location


def _is_milvus(location: str) -> bool:
    """Whether a place is called like a file of Milvus Lite."""
    file = expand_home(location)
    return file.suffix.lower() == ".db" and not file.is_dir()
