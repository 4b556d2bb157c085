"""The cellar: errors, registries, settings and atomic files; every room may import it, it imports none."""

from overtone.core.errors import InputError, about, unknown_name
from overtone.core.registry import Registry
from overtone.core.settings import Settings

__all__ = ["InputError", "Registry", "Settings", "about", "unknown_name"]
