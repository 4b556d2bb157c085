"""The cellar: errors, registries, settings, progress and files; every room may import it, it imports none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from overtone.core.errors import InputError, about, require_kind, unknown_name
from overtone.core.progress import Progress, ProgressCallback, display, is_main_process
from overtone.core.registry import Registry

if TYPE_CHECKING:
    from overtone.core.settings import Settings

__all__ = [
    "InputError",
    "Progress",
    "ProgressCallback",
    "Registry",
    "Settings",
    "about",
    "display",
    "is_main_process",
    "require_kind",
    "unknown_name",
]


def __getattr__(name: str) -> Any:
    """Settings on first use: pydantic takes a quarter of a second to import, and ``--help`` needs none of it."""
    if name == "Settings":
        from overtone.core.settings import Settings

        return Settings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
