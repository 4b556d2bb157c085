"""Registration at the definition: a decorator, one registry per kind, no list kept by hand."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar, cast

from overtone.core.errors import unknown_name
from overtone.core.plugins import IMPORT_IT, import_entry_points

T = TypeVar("T")
U = TypeVar("U")


class Registry(Generic[T]):
    """Names to things of one kind; fills itself on first use, from one package and from installed plug-ins.

    Args:
        kind: What the things are called in messages (``"method"``).
        package: Dotted package whose modules register themselves when imported; or a single module.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self.package = package
        self._things: dict[str, T] = {}
        self._complete = False

    def register(self, name: str) -> Callable[[U], U]:
        """Decorator that files the decorated class or function under ``name`` and leaves it, and its type, as it is.

        Raises:
            RuntimeError: Another thing of that name exists (a programming mistake, not a user's).
        """

        def decorator(thing: U) -> U:
            if name in self._things and self._things[name] is not thing:
                raise RuntimeError(f"two {self.kind}s are called {name!r}")
            self._things[name] = cast(T, thing)
            return thing

        return decorator

    def __getitem__(self, name: str) -> T:
        self._import_own()
        if name not in self._things:  # a name of ours needs no search for plug-ins, which takes tens of milliseconds
            self._discover()
        if name not in self._things:
            raise unknown_name(self.kind, name, self._things, fix=IMPORT_IT)
        return self._things[name]

    def __contains__(self, name: object) -> bool:
        self._discover()
        return name in self._things

    def __iter__(self) -> Iterator[str]:
        self._discover()
        return iter(sorted(self._things))

    def __len__(self) -> int:
        self._discover()
        return len(self._things)

    def in_order(self) -> list[str]:
        """All names in the order of registration."""
        self._discover()
        return list(self._things)

    def items(self) -> list[tuple[str, T]]:
        """All ``(name, thing)`` pairs in name order."""
        return [(name, self._things[name]) for name in self]

    def _discover(self) -> None:
        self._import_own()
        import_entry_points()

    def _import_own(self) -> None:
        if self._complete:
            return
        self._complete = True
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(getattr(package, "__path__", ()), f"{self.package}."):
            importlib.import_module(module.name)
