"""What a room exports stays what it is, whichever of its modules is imported later."""

from __future__ import annotations

import importlib
import pkgutil
import types

import overtone


def test_no_exported_name_is_hidden_by_a_module() -> None:
    """Importing ``room.thing`` sets ``thing`` on the room, over whatever of that name was exported."""
    modules = [module.name for module in pkgutil.walk_packages(overtone.__path__, "overtone.")]
    loaded = [importlib.import_module(name) for name in modules if not name.endswith("__main__")]
    assert len(loaded) > 100
    hidden = [
        f"{room.__name__}.{name}"
        for room in loaded
        for name in getattr(room, "__all__", ())
        if isinstance(getattr(room, name), types.ModuleType)
    ]
    assert hidden == []
