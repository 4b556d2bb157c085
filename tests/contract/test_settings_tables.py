"""The tables of settings in the docs are those of the code; `make docs-tables` writes them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from overtone.core import InputError
from overtone.methods.base import methods
from overtone.objectives import loss_choices, metric_losses

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    spec = importlib.util.spec_from_file_location("settings_tables", ROOT / "scripts" / "settings_tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_tables_are_up_to_date(page: Path, tables: ModuleType) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.count("<!-- settings:") == text.count("<!-- /settings -->") == len(tables.MARKED.findall(text))
    assert tables.renewed(text) == text, "run: make docs-tables"


def test_every_setting_of_every_method_and_loss_has_a_row() -> None:
    page = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    for _, kind in methods.items():
        assert all(f"| `{name}` |" in page for name in kind.settings_type.model_fields)
    page = (ROOT / "docs" / "objectives.md").read_text(encoding="utf-8")
    for loss, kind in metric_losses().items():
        assert all(f"| `{loss}` | `{name}` |" in page for name in loss_choices(kind))


def test_what_stands_between_the_markers_is_replaced(tables: ModuleType) -> None:
    page = "before\n<!-- settings: TrainingSettings -->\nold\n<!-- /settings -->\nafter <!-- /settings -->"
    new = tables.renewed(page)
    assert new.startswith("before\n<!-- settings: TrainingSettings -->\n| setting | type | default | what it does |\n")
    assert "| `device` | str | auto | " in new
    assert new.endswith("|\n<!-- /settings -->\nafter <!-- /settings -->")
    assert tables.renewed(new) == new
    with pytest.raises(InputError, match="unknown settings 'TraningSettings'.*did you mean 'TrainingSettings'"):
        tables.renewed("<!-- settings: TraningSettings -->\n<!-- /settings -->")


def test_a_check_changes_nothing_and_fails_on_an_old_table(
    tables: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, old = tmp_path / "page.md", "<!-- settings: TrainingSettings -->\nold\n<!-- /settings -->\n"
    page.write_text(old, encoding="utf-8")
    monkeypatch.setattr(tables, "DOCS", tmp_path)
    monkeypatch.setattr("sys.argv", ["settings_tables.py", "--check"])
    assert tables.main() == 1
    assert page.read_text(encoding="utf-8") == old
    monkeypatch.setattr("sys.argv", ["settings_tables.py"])
    assert tables.main() == 0
    assert page.read_text(encoding="utf-8") == tables.renewed(old)
    monkeypatch.setattr("sys.argv", ["settings_tables.py", "--check"])
    assert tables.main() == 0
