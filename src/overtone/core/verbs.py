"""The verbs of the package as methods of objects on lower floors: ``run.explore()`` is ``overtone.explore(run)``.

An object must not import the floor above it. So the package says here where its verbs are found, once it is imported,
and the object asks for one by its name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

Verbs = Callable[[str], Callable[..., Any]]

_found: list[Verbs] = []


class Page(Protocol):
    """A page that is served until it is closed, and shows itself in a notebook."""

    @property
    def url(self) -> str:
        """The address to open."""
        ...

    def close(self) -> None:
        """Stop the server."""
        ...

    def _repr_html_(self) -> str: ...


def offer_verbs(find: Verbs) -> None:
    """Say where verbs are found.

    Args:
        find: Gives the verb of a name.
    """
    _found[:] = [find]


def find_verb(name: str) -> Callable[..., Any]:
    """The verb of a name.

    Args:
        name: As in ``overtone.NAME``.
    """
    (find,) = _found
    return find(name)
