"""Whatever is registered, anywhere, has a place in its room's docs and a test in its room's tests."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path
from typing import Any

import pytest

import overtone
from overtone.core import Registry

ROOT = Path(__file__).resolve().parents[2]


def registries() -> list[Registry[Any]]:
    """Every registry that a module of Overtone defines, found by looking, so that a new one cannot be forgotten."""
    found: dict[int, Registry[Any]] = {}
    for module in pkgutil.walk_packages(overtone.__path__, "overtone."):
        if not module.name.endswith("__main__"):
            for value in vars(importlib.import_module(module.name)).values():
                if isinstance(value, Registry):
                    found[id(value)] = value
    return sorted(found.values(), key=lambda registry: registry.kind)


ENTRIES = [(registry, name) for registry in registries() for name in registry]
IDS = [f"{registry.kind}-{name}" for registry, name in ENTRIES]


def room(registry: Registry[Any]) -> str:
    return registry.package.split(".")[1]


def mentions(text: str, name: str) -> bool:
    """Whether a name stands in a text as a word of its own; ``{k}`` in a name stands for k and any number."""
    pattern = re.escape(name).replace(re.escape("{k}"), r"(?:\{?k\}?|\d+)")
    return re.search(rf"(?<![\w-]){pattern}(?![\w-])", text) is not None


def test_the_registries_that_must_be_there_are_found() -> None:
    assert {"method", "objective", "metric", "corpus", "format"} <= {registry.kind for registry in registries()}
    assert all(len(registry) for registry in registries())


@pytest.mark.parametrize(("registry", "name"), ENTRIES, ids=IDS)
def test_docs_page_of_the_room_has_it(registry: Registry[Any], name: str) -> None:
    page = ROOT / "docs" / f"{room(registry)}.md"
    assert page.is_file(), f"there is no {page.relative_to(ROOT)}"
    code = " ".join(re.findall(r"`[^`\n]+`", page.read_text(encoding="utf-8")))
    assert mentions(code, name), f"{page.relative_to(ROOT)} does not mention `{name}`"


@pytest.mark.parametrize(("registry", "name"), ENTRIES, ids=IDS)
def test_tests_of_the_room_have_it(registry: Registry[Any], name: str) -> None:
    module = getattr(registry[name], "__module__", "").rpartition(".")[2]
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "tests" / room(registry)).rglob("*.py")]
    assert any(mentions(text, name) or (module and mentions(text, module)) for text in texts)


def test_a_name_counts_only_as_a_word_of_its_own() -> None:
    assert mentions("`cca` is linear", "cca")
    assert not mentions("`dcca` and `cca-x`", "cca")
    assert mentions("`recall@5`", "recall@{k}")
    assert not mentions("`instance_recall@5`", "recall@{k}")
