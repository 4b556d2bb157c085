"""From a URI to a store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from overtone.core import InputError, about
from overtone.search.base import Store, stores

DEFAULT = "store"
"""The folder of a run's own store."""


def open_store(uri: str | Path, *, create: bool = False, settings: Mapping[str, Any] | None = None) -> Store:
    """Open a store.

    Args:
        uri: The kind and the place, ``flat:FOLDER``; a path alone is a flat store, the folder of a run the store in it.
        create: Whether to make one where there is none.
        settings: Names and values of the kind's settings.

    Returns:
        The store; a context manager.

    Raises:
        InputError: There is no such kind, there is no store, or it cannot be used.
    """
    kind, location = split_uri(uri)
    chosen = stores[kind]
    with about(uri):
        return chosen.open(location, chosen.settings_type.build(settings, where=f"settings of {kind}"), create=create)


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


def drop_store(uri: str | Path) -> None:
    """Remove a store with everything in it, if there is one.

    Args:
        uri: As for :func:`open_store`.

    Raises:
        InputError: There is no such kind, or somebody writes into the store.
    """
    kind, location = split_uri(uri)
    stores[kind].drop(location)


def split_uri(uri: str | Path) -> tuple[str, str]:
    """The kind of store and the location that a URI names.

    Example:
        >>> split_uri("flat:runs/first/store"), split_uri("clips")
        (('flat', 'runs/first/store'), ('flat', 'clips'))
    """
    scheme, colon, location = str(uri).partition(":")
    if not str(uri):
        raise InputError("the URI of a store is empty", fix="name a folder")
    if not colon or len(scheme) == 1 or "/" in scheme:  # a path, or a drive of Windows
        kind, location = "flat", str(uri)
    else:
        kind = scheme
    if kind == "flat" and (Path(location) / "run.json").is_file():
        location = str(Path(location) / DEFAULT)
    return kind, location
