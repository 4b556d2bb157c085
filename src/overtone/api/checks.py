"""Refuses misspelt names before a large file is read, and before torch is imported, which takes seconds.

Each check raises the InputError that the work itself would end with.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from overtone.api.parameters import PROBES, TRAINING
from overtone.core import InputError, unknown_name
from overtone.core.declarations import CENTRES, attribute, descends, old_names, registered_names, settings_fields
from overtone.core.plugins import has_entry_points

if TYPE_CHECKING:
    from torch.nn import Module


def check_method(method: str, settings: Mapping[str, Any] | None) -> None:
    """Refuse an unknown method, or a setting that it does not have."""
    if not _sources_are_all():
        from overtone.methods.base import methods
        from overtone.training.settings import split_settings

        split_settings(settings, methods[method])
        return
    known = [*settings_fields(_settings_of(method)), *settings_fields(TRAINING)]
    for name in _today(settings, _settings_of(method), TRAINING):
        if name not in known:
            raise unknown_name(f"setting of {method}", name, known)


def check_methods(methods: Sequence[str], settings: Mapping[str, Any] | None) -> None:
    """Refuse an unknown method of a comparison, or a setting that none of them has; embeddings have none."""
    for word in methods:
        for file in filter(None, word.partition("=")[2].split(",")):
            if not Path(file).expanduser().exists():
                raise InputError(f"{file}: no such file of embeddings", got=repr(word))
    methods = [method for method in methods if "=" not in method]
    if not methods:
        return
    settings = _mapping(settings)
    if not _sources_are_all():
        from overtone.experiments.comparison import expand_methods

        expand_methods(methods, settings)
        return
    from overtone.core.settings import share_settings

    types = {name: _settings_of(name) for name in methods}
    if "seed" in settings:
        raise InputError("a comparison sets the seed itself", fix="say which seeds instead")
    training = settings_fields(TRAINING).keys() - {"seed"}
    owners = {name: training | settings_fields(path).keys() for name, path in types.items()}
    values = _today(settings, TRAINING, *types.values())
    share_settings(values, owners, (), "method", others=registered_names("overtone.methods"))


def split_words(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words of ``METHOD... DATA...``: DATA begins at the first word that is a file, a folder or a corpus.

    A method, and ``NAME=FILE`` for embeddings, is no DATA; the last word always is.

    Raises:
        InputError: A method stands behind DATA.

    Example:
        >>> split_words(["cca", "dcca", "a.npz", "split-digits"]), split_words(["cca", "dcac", "a.npz"])
        ((['cca', 'dcca'], ['a.npz', 'split-digits']), (['cca', 'dcac'], ['a.npz']))
    """
    if _sources_are_all():
        methods = set(registered_names("overtone.methods"))
    else:
        from overtone.methods.base import methods as registered

        methods = set(registered)
    corpora = registered_names("overtone.features.corpora")
    start = next((at for at, word in enumerate(words) if _is_data(word, methods, corpora)), max(0, len(words) - 1))
    for word in words[start + 1 :]:
        if word in methods or _is_external(word):
            raise InputError(f"{word}: methods come before DATA", got=" ".join(words), fix="write METHOD... DATA...")
    return list(words[:start]), list(words[start:])


def _is_data(word: str, methods: Collection[str], corpora: Collection[str]) -> bool:
    if word in methods or _is_external(word):
        return False
    return word in corpora or "/" in word or bool(Path(word).suffix) or Path(word).expanduser().exists()


def _is_external(word: str) -> bool:
    """Whether a word names embeddings; a file may have a = in its name."""
    return "=" in word and not Path(word).expanduser().exists()


def check_losses(
    losses: Sequence[str | Module] | Mapping[str, str | Module] | None, settings: Mapping[str, Any] | None
) -> None:
    """Refuse an unknown loss of a diagnosis (None: all registered), or a setting that neither budget nor loss has."""
    if not _sources_are_all():
        from overtone.experiments import split_head_settings

        split_head_settings(settings, losses)
        return
    from overtone.core.settings import BUDGET, share_settings

    every = registered_names("overtone.objectives")
    paths = {name: path for name, path in every.items() if descends(path, "MetricLoss")}
    names = [name for name in (paths if losses is None else losses) if isinstance(name, str)]
    for name in names:
        if name not in paths:
            raise unknown_name("loss", name, paths)
    types = {name: attribute(paths[name], "settings_type") or "" for name in names}
    owners = {name: [key for key in settings_fields(path) if key not in CENTRES] for name, path in types.items()}
    values = _today(settings, PROBES, *types.values())
    share_settings(values, {BUDGET: list(settings_fields(PROBES)), **owners}, (), "loss", others=paths)


def _sources_are_all() -> bool:
    """Whether the package's own sources hold every name, and reading them is faster than importing the registries."""
    return "torch" not in sys.modules and not has_entry_points()


def _settings_of(method: str) -> str:
    """Dotted name of a method's settings class."""
    paths = registered_names("overtone.methods")
    if method not in paths:
        raise unknown_name("method", method, paths)
    return attribute(paths[method], "settings_type") or ""


def _today(settings: Mapping[str, Any] | None, *paths: str) -> dict[str, Any]:
    """Settings under the names of today."""
    names: dict[str, str] = {}
    for path in paths:
        names = {**old_names(path), **names}
    return {names.get(name, name): value for name, value in _mapping(settings).items()}


def _mapping(settings: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Settings, which have to be a mapping; the module that says so is imported only if there are some."""
    if settings is None:
        return {}
    from overtone.core.settings import require_mapping

    return require_mapping(settings)
