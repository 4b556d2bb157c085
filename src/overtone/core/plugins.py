"""Methods, losses and metrics from outside the package: files that register them, and entry points."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from overtone.core.errors import InputError, require_kind

GROUP = "overtone.plugins"
"""The group of entry points whose modules register something when they are imported."""
IMPORT_IT = "if it is your own, import the file that registers it (--import FILE.py)"
"""What to do about the name of a thing that is not there."""


def import_plugin(source: str | Path) -> None:
    """Import a user's own module, so that what it registers can be named like the built-in things.

    Args:
        source: A Python file (``"my_methods.py"``), or the dotted name of an installed module.

    Raises:
        InputError: There is no such file or module, or importing it fails.
    """
    require_kind(source, (str, Path), "a plug-in is a file or a module", fix="give its path or its dotted name")
    path = Path(source)
    isfile = path.suffix == ".py"
    if isfile and not path.is_file():
        raise InputError(f"--import {source}: no such file", fix="check the path")
    try:
        if isfile:
            _import_file(path.resolve())
        else:
            importlib.import_module(str(source))
    except InputError:
        raise
    except (Exception, SystemExit) as error:  # whatever a user's module may raise while it is imported
        what = f"--import {source}: cannot be imported ({type(error).__name__}: {error})"
        raise InputError(what, fix="name a file that ends in .py, or a module that Python finds") from error


def has_entry_points() -> bool:
    """Whether an installed package brings plug-ins."""
    return bool(entry_points(group=GROUP))


@cache
def import_entry_points() -> None:
    """Import the plug-ins of installed packages, once.

    Raises:
        InputError: One of them cannot be imported.
    """
    for point in entry_points(group=GROUP):
        try:
            point.load()
        except (Exception, SystemExit) as error:  # whatever somebody's module may raise while it is imported
            what = f"plug-in {point.name!r} ({point.value}): cannot be imported ({type(error).__name__}: {error})"
            raise InputError(what, fix="repair or remove the package that brings it") from error


def _import_file(path: Path) -> None:
    """Import a file as the module of its name, once; its folder can be imported from, as for a script."""
    name = path.stem
    loaded = sys.modules.get(name)
    if loaded is not None:
        if getattr(loaded, "__file__", None) == str(path):
            return
        raise InputError(f"--import {path}: a module called {name!r} is already in use", fix="rename the file")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"--import {path}: not a Python file")
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
