"""The page on methods says what the code says; run as a program, this file writes its tables anew."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import torch

from overtone.core import Settings
from overtone.methods.base import Batch, CorpusInfo, methods
from overtone.objectives import build_loss, objectives

DOCS = Path(__file__).resolve().parents[2] / "docs"
BEGIN, END = "<!-- settings -->\n", "<!-- end of settings -->"


def inherited(kind: type[Settings]) -> type[Settings]:
    """The settings that these extend."""
    return next(base for base in kind.__mro__[1:] if issubclass(base, Settings))


def kinds() -> list[type[Settings]]:
    """All settings of methods and what they have in common, the most general first."""
    found = {
        base
        for _, kind in methods.items()
        for base in kind.settings_type.__mro__
        if issubclass(base, Settings) and base.model_fields
    }
    return sorted(found, key=lambda kind: (len(kind.__mro__), kind.__name__))


def title(kind: type[Settings]) -> str:
    """The methods that have these settings, or what they have in common."""
    exactly = [f"`{name}`" for name, method in methods.items() if method.settings_type is kind]
    return ", ".join(exactly) or re.split(r"[:.]", kind.__doc__ or "")[0]


def readable(kind: str) -> str:
    """A type as a table can hold it."""
    words = re.sub(r"Literal\[(.*)\]", lambda found: found[1].replace("'", ""), kind)
    return words.replace(" | ", " or ")


def tables() -> str:
    """One table per kind of settings, with what it adds to, or changes in, the kind that it extends."""
    lines: list[str] = []
    for kind in kinds():
        known = {row[0]: row for row in inherited(kind).table()}
        own = [row for row in kind.table() if known.get(row[0]) != row]
        base = inherited(kind)
        lines += [f"### {title(kind)}", ""]
        if base.model_fields:
            lines += [f"*{title(base)}*, and:", ""]
        lines += ["| setting | type | default | what it does |", "|---|---|---|---|"]
        lines += [
            f"| `{name}` | {readable(annotation)} | {default} | {about} |" for name, annotation, default, about in own
        ]
        lines.append("")
    return "\n".join(lines)


def parts() -> tuple[str, str, str]:
    page = (DOCS / "methods.md").read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    written, _, after = rest.partition(END)
    return before, written, after


def test_the_tables_are_those_of_the_code() -> None:
    assert parts()[1] == tables(), "run: python tests/methods/test_docs.py"


def test_every_setting_of_every_method_is_in_a_table() -> None:
    for _, kind in methods.items():
        for name in kind.settings_type.model_fields:
            assert f"| `{name}` |" in parts()[1]


def test_every_method_ablation_and_variant_is_described() -> None:
    page = parts()[0]
    for name, kind in methods.items():
        assert f"\n## `{name}`\n" in page
        assert all(f"`{ablation}`" in page for ablation in kind.ablations())
    assert all(f"| `{variant}` |" in page for variant in ("raw", "canonical", "unscaled"))


def test_published_settings_exist(make) -> None:
    """What the table says gives the published form is accepted, all at once."""
    given = re.findall(r"`((?:\w+=\w+ ?)+)` \|$", parts()[0], flags=re.M)
    assert len(given) >= 8
    method, _ = make(
        "hsc-mae", **{"embedding_dim": 4, **dict(word.split("=") for line in given for word in line.split())}
    )
    assert (method.settings.own_weight, method.settings.form, method.settings.width) == (0, "multi_positive", 1024)


def module(page: str, folder: Path, containing: str) -> None:
    """Import the code block of a page that contains something, as the file that it says it is."""
    text = (DOCS / page).read_text(encoding="utf-8")
    (block,) = [found for found in re.findall(r"^```python\n(.*?)^```", text, flags=re.M | re.S) if containing in found]
    path = folder / "example.py"
    path.write_text(block, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("example", path)
    assert spec is not None
    assert spec.loader is not None
    sys.modules["example"] = found = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(found)
    finally:
        del sys.modules["example"]


def test_the_method_of_the_page_works(tmp_path, monkeypatch) -> None:
    assert len(methods) > 0  # complete, before a copy of it takes the example
    monkeypatch.setattr(methods, "_things", dict(methods._things))
    module("methods.md", tmp_path, "@methods.register")
    kind = methods["label-infonce"]
    assert all(row[3] for row in kind.settings_type.table())
    method = kind(kind.settings_type.build({"embedding_dim": 4, "width": 16}), CorpusInfo(((6,), (5,)), 20, 3))
    targets = torch.eye(3)[torch.arange(20) % 3]
    batch = Batch(torch.arange(20), (torch.randn(20, 6), torch.randn(20, 5)), targets, global_size=20)
    loss = method.step(batch)["loss"]
    loss.backward()
    assert loss > 0
    assert all(p.grad is not None for p in method.encoders.parameters())


def test_the_objective_of_the_page_works(tmp_path, monkeypatch) -> None:
    assert len(objectives) > 0
    monkeypatch.setattr(objectives, "_things", dict(objectives._things))
    module("objectives.md", tmp_path, "@metric_loss")
    loss = build_loss("logistic", {"scale": 4.0})
    rows, labels = torch.randn(12, 4).requires_grad_(), torch.arange(12) % 3
    loss(rows, labels).backward()
    assert rows.grad is not None
    assert rows.grad.isfinite().all()
    assert loss.counts is not None
    assert 0 < loss.counts.active <= loss.counts.total
    assert loss(torch.eye(4)[labels], labels) < loss(rows, labels)


if __name__ == "__main__":
    before, _, after = parts()
    (DOCS / "methods.md").write_text(before + BEGIN + tables() + END + after, encoding="utf-8")
