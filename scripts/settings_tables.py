"""Write the tables of settings in docs/*.md from the code (`make docs-tables`); `--check` only compares.

A table stands between two markers, and everything between them is written anew:

    <!-- settings: NAME -->
    <!-- /settings -->

NAME is a method (`hsc-mae`), `methods` for all of them, `losses` for all metric losses, `loss triplet` for one, or the
class of any other settings (`TrainingSettings`).
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import overtone
from overtone.core import InputError, Settings, unknown_name
from overtone.methods.base import methods
from overtone.objectives import loss_choices, metric_losses

DOCS = Path(__file__).resolve().parents[1] / "docs"
MARKED = re.compile(r"(<!-- settings: ([^\n]+?) -->\n).*?(<!-- /settings -->)", re.DOTALL)
Row = tuple[str, str, str, str]


def table(rows: Iterable[Row]) -> str:
    """Rows of name, type, default and description as Markdown."""
    lines = ["| setting | type | default | what it does |", "|---|---|---|---|"]
    lines += [f"| `{name}` | {readable(kind)} | {default} | {cell(about)} |" for name, kind, default, about in rows]
    return "\n".join(lines) + "\n"


def readable(kind: str) -> str:
    """A type as a table can hold it."""
    words = re.sub(r"Literal\[(.*?)\]", lambda found: found[1].replace("'", ""), kind)
    return words.replace("None", "null").replace(" | ", " or ").replace("typing.", "")


def cell(text: str) -> str:
    """A description as a cell can hold it."""
    return text.replace("|", "\\|").replace("PydanticUndefined", "required")


def own_rows(kind: type[Settings]) -> list[Row]:
    """What settings add to, or change in, those that they extend."""
    known = {row[0]: row for row in extended(kind).table()}
    return [row for row in kind.table() if known.get(row[0]) != row]


def extended(kind: type[Settings]) -> type[Settings]:
    """The settings that these extend."""
    return next(base for base in kind.__mro__[1:] if issubclass(base, Settings))


def method_settings() -> list[type[Settings]]:
    """All settings of methods and what they have in common, the most general first."""
    found = {
        base
        for _, method in methods.items()
        for base in method.settings_type.__mro__
        if issubclass(base, Settings) and base.model_fields
    }
    return sorted(found, key=lambda kind: (len(kind.__mro__), kind.__name__))


def title(kind: type[Settings]) -> str:
    """The methods that have these settings, or what they have in common."""
    exactly = [f"`{name}`" for name, method in methods.items() if method.settings_type is kind]
    return ", ".join(exactly) or re.split(r"[:.]", kind.__doc__ or "")[0]


def method_table(kind: type[Settings]) -> str:
    """The table of one method's settings, which names the ones that it extends and what only their defaults become."""
    base = extended(kind)
    if not base.model_fields:
        return table(own_rows(kind))
    known = {(name, about) for name, _, _, about in base.table()}
    rows = own_rows(kind)
    defaults = ", ".join(f"`{name}={default}`" for name, _, default, about in rows if (name, about) in known)
    others = [row for row in rows if (row[0], row[3]) not in known]
    head = f"*{title(base)}*" + (f" with {defaults}" if defaults else "")
    return f"{head}, and:\n\n{table(others)}" if others else f"{head}.\n"


def losses_table() -> str:
    """One table of all metric losses' settings."""
    lines = ["| loss | setting | type | default | what it does |", "|---|---|---|---|---|"]
    for loss, kind in metric_losses().items():
        for name, annotation, default, about in kind.settings_type.table():
            if name in loss_choices(kind):
                lines.append(f"| `{loss}` | `{name}` | {readable(annotation)} | {default} | {cell(about)} |")
    return "\n".join(lines) + "\n"


def written(name: str) -> str:
    """What belongs between the markers of a name.

    Raises:
        InputError: Nothing is called that.
    """
    if name == "methods":
        return "\n".join(f"### {title(kind)}\n\n{method_table(kind)}" for kind in method_settings())
    if name == "losses":
        return losses_table()
    if name in methods:
        return method_table(methods[name].settings_type)
    losses = {f"loss {loss}": kind.settings_type for loss, kind in metric_losses().items()}
    kinds = losses | {kind.__name__: kind for kind in every_settings()}
    if name not in kinds:
        raise unknown_name("settings", name, [*methods, *kinds, "methods", "losses"])
    return table(own_rows(kinds[name]) if name not in losses else kinds[name].table())


def every_settings() -> Iterator[type[Settings]]:
    """All settings classes of the package."""
    for module in pkgutil.walk_packages(overtone.__path__, "overtone."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    kinds = [Settings]
    for kind in kinds:
        kinds += kind.__subclasses__()
        yield kind


def renewed(text: str) -> str:
    """A page with its tables written anew."""
    return MARKED.sub(lambda found: found[1] + written(found[2]) + found[3], text)


def main() -> int:
    """Write or check the pages; 1 if a check finds one that is not as the code says."""
    parser = argparse.ArgumentParser(description="Write the tables of settings in docs/*.md from the code.")
    parser.add_argument("--check", action="store_true", help="change nothing; fail if a table is out of date")
    options = parser.parse_args()
    stale = []
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        try:
            new = renewed(text)
        except InputError as error:
            print(f"{page.relative_to(DOCS.parent)}: {error}", file=sys.stderr)
            return 1
        if new != text:
            stale.append(str(page.relative_to(DOCS.parent)))
            if not options.check:
                page.write_text(new, encoding="utf-8")
    print(f"{'out of date' if options.check else 'written'}: {', '.join(stale) or 'none'}")
    return int(options.check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
