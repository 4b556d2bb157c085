"""What the documentation site has beside docs/: pages of the repository's root, the reference, and formulas.

``mkdocs.yml`` names this file as a hook; ``make site`` builds the site, and a link that leads nowhere is an error.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from html import unescape
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from overtone.core.registry import Registry

ROOT = Path(__file__).resolve().parent.parent
MOVED = {"README.md": "overview.md", "CHANGELOG.md": "changes.md", "SECURITY.md": "security.md"}
"""File of the repository's root to its page."""
ROOMS = {
    "overtone": "The verbs",
    "overtone.features": "Features",
    "overtone.media": "Media",
    "overtone.methods": "Methods",
    "overtone.objectives": "Objectives",
    "overtone.networks": "Networks",
    "overtone.training": "Training",
    "overtone.evaluation": "Evaluation",
    "overtone.diagnosis": "Diagnosis",
    "overtone.graphs": "Graphs",
    "overtone.interactions": "Interactions",
    "overtone.search": "Search",
    "overtone.experiments": "Experiments",
}
"""Package to the title of its page in the reference."""
FORMULA = re.compile(r'<(span|div) class="arithmatex">(.*?)</\1>', flags=re.S)
LINK = re.compile(r"\[([^\]]*)\]\(((?:\.\./)*)([\w./-]+)(#[^)\s]*)?\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the pages of the reference to the navigation."""
    assert isinstance(config.nav, list)
    reference = next(part for part in config.nav if "Reference" in part)
    reference["Reference"] = [{title: _page_of(room)} for room, title in ROOMS.items()]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add pages that are made from other files."""
    for name, page in MOVED.items():
        files.append(File.generated(config, page, content=(ROOT / name).read_text(encoding="utf-8")))
    for path in sorted((ROOT / "docs" / "notebooks").glob("*.ipynb")):
        files.append(File.generated(config, f"notebooks/{path.stem}.md", content=_notebook(path)))
    for room, title in ROOMS.items():
        files.append(File.generated(config, _page_of(room), content=_reference(room, title)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Turn links within the repository into links within the site."""
    origin = {new: old for old, new in MOVED.items()}.get(page.file.src_uri)
    folder = PurePosixPath("docs", page.file.src_uri).parent if origin is None else PurePosixPath()
    depth = len(PurePosixPath(page.file.src_uri).parts) - 1

    def moved(found: re.Match[str]) -> str:
        words, up, path, anchor = found.groups()
        target = "/".join([*folder.parts[: len(folder.parts) - up.count("../")], *PurePosixPath(path).parts])
        inside = MOVED.get(target, target.removeprefix("docs/"))
        if target.startswith("docs/notebooks/"):
            inside = inside.replace(".ipynb", ".md")
        if inside == target and (ROOT / target).exists():
            return str(words)  # a file that the site does not show
        return f"[{words}]({'../' * depth}{inside}{anchor or ''})"

    return LINK.sub(moved, markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Write formulas as MathML, which browsers show without a script."""
    return FORMULA.sub(_to_mathml, html)


def _to_mathml(found: re.Match[str]) -> str:
    text = unescape(found[2]).strip()
    display = text.startswith(r"\[")
    mathml: str = convert(text[2:-2].strip(), display="block" if display else "inline")
    return f'<div class="formula">{mathml}</div>' if display else mathml


def _notebook(path: Path) -> str:
    """A notebook with its outputs as Markdown."""
    parts = [f"The notebook is `docs/notebooks/{path.name}`."]
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        parts += [shown for output in cell["outputs"] if (shown := _output(output))]
    title, *rest = parts[1:]
    return "\n\n".join([title, *rest, parts[0]]) + "\n"


def _output(output: dict[str, Any]) -> str:
    data = output.get("data", {})
    for kind in ("image/svg+xml", "text/html"):
        if kind in data:
            lines = [line for line in "".join(data[kind]).splitlines() if line.strip()]  # an empty one would end it
            return "<div>" + "\n".join(lines) + "</div>"
    text = "".join(data.get("text/plain", output.get("text", "")))
    return f"```text\n{text.rstrip()}\n```" if text else ""


def _page_of(room: str) -> str:
    return f"reference/{room.rpartition('.')[2]}.md"


def _reference(room: str, title: str) -> str:
    """The page of a package: its public names, and what is in its registry, such as each loss."""
    package = importlib.import_module(room)
    hidden = [name for name in package.__all__ if f"{room}.{name}" in sys.modules and _is_function(package, name)]
    shown = [name for name in package.__all__ if name not in hidden]
    text = f"# {title}\n\n`import {room}`\n\n::: {room}\n    options:\n      members: {shown}\n"
    for name in hidden:  # a module of the same name would be shown instead
        text += f"\n::: {room}.{name}.{name}\n    options:\n      show_root_heading: true\n"
    registry = getattr(package, room.rpartition(".")[2], None)
    if isinstance(registry, Registry):
        modules = sorted({registry[name].__module__ for name in registry})
        for module in modules:
            name = module.rpartition(".")[2]
            text += f"\n## {name}\n\n::: {module}\n    options:\n      heading_level: 3\n"
    return text


def _is_function(package: ModuleType, name: str) -> bool:
    return not isinstance(getattr(package, name), ModuleType)
