"""The cellar: errors, registries, settings, progress and files; every room may import it, it imports none."""

from overtone.core.errors import InputError, about, unknown_name
from overtone.core.progress import Progress, ProgressCallback, display, is_main_process
from overtone.core.registry import Registry
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
    "unknown_name",
]
