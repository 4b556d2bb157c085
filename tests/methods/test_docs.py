"""The page on methods says what the code says, and what the page on extending adds works."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import torch

from overtone.methods.base import Batch, CorpusInfo, methods
from overtone.objectives import build_loss, objectives

DOCS = Path(__file__).resolve().parents[2] / "docs"


def prose() -> str:
    """The page without its tables of settings."""
    text = (DOCS / "methods.md").read_text(encoding="utf-8")
    return re.sub(r"<!-- settings: .*?<!-- /settings -->", "", text, flags=re.S)


def test_every_method_ablation_and_variant_is_described() -> None:
    page = prose()
    for name, kind in methods.items():
        assert f"\n## `{name}`\n" in page
        assert all(f"`{ablation}`" in page for ablation in kind.ablations())
    assert all(f"| `{variant}` |" in page for variant in ("raw", "canonical", "unscaled"))


def test_published_settings_exist(make) -> None:
    """What the table says gives the published form is accepted, all at once."""
    given = re.findall(r"`((?:\w+=\w+ ?)+)` \|$", prose(), flags=re.M)
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
    module("extending.md", tmp_path, "@methods.register")
    kind = methods["pairwise-sigmoid"]
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
    module("extending.md", tmp_path, "@metric_loss")
    loss = build_loss("logistic", {"scale": 4.0})
    rows, labels = torch.randn(12, 4).requires_grad_(), torch.arange(12) % 3
    loss(rows, labels).backward()
    assert rows.grad is not None
    assert rows.grad.isfinite().all()
    assert loss.counts is not None
    assert 0 < loss.counts.active <= loss.counts.total
    assert loss(torch.eye(4)[labels], labels) < loss(rows, labels)
