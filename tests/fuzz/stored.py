"""Changed results: run folders and stores, and the command that is given one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from fuzz.mutate import NAMES, Random, mutate_bytes, mutate_document
from fuzz.valid import Words


def run(rng: Random, base: Path) -> Words:
    """A run folder that was changed by hand or copied by halves."""
    name = rng.choice(("cca", "dcca", "interactions"))
    shutil.copytree(base / name, "run")
    files = sorted(path for path in Path("run").rglob("*") if path.is_file() and path.name != "report.html")
    for one in rng.sample(files, rng.randint(1, 2)):
        what = rng.random()
        if one.suffix == ".json" and what < 0.7:
            one.write_text(json.dumps(mutate_document(rng, json.loads(one.read_text()))), errors="backslashreplace")
        elif one.suffix == ".yaml" and what < 0.7:
            one.write_text(
                yaml.safe_dump(mutate_document(rng, yaml.safe_load(one.read_text()))), errors="backslashreplace"
            )
        elif one.suffix == ".safetensors" and what < 0.5:
            _change_tensors(rng, one)
        elif what < 0.8:
            one.write_bytes(mutate_bytes(rng, one.read_bytes()))
        else:
            one.unlink()
    data = str(base / "clips.npz")
    return rng.choice(
        (
            ["embed", "run", data, "--out", "e.npz"],
            ["evaluate", "run", data, "--bootstrap", "0"],
            ["index", "run", data],
            ["graph", "run", "--seconds", "2", "--out", "g.json"],
            ["graph", "run", "--seconds", "2", "--bootstrap", "0"],
            ["find", "outliers", "run", data],
            ["label", "run", data],
            ["train", name, data, "--out", "run", "--resume"],
            ["train", "cca", data, "--out", "run", "--overwrite"],
            ["train", "cca", data, "--out", "run"],
        )
    )


def _change_tensors(rng: Random, path: Path) -> None:
    import torch

    from overtone.core.files import load_tensors, save_tensors

    tensors = load_tensors(path)
    name = rng.choice(list(tensors) or [""])
    if not name:
        return
    one = tensors[name]
    changes: tuple[Callable[[], Any], ...] = (
        lambda: one.float() * float("nan"),
        lambda: one[..., :-1] if one.dim() else one,
        lambda: one.double(),
        lambda: one.long(),
        lambda: torch.cat([one, one]) if one.dim() else one,
        lambda: one[None],
        lambda: one.float() * 1e30,
        lambda: torch.zeros(0),
    )
    tensors[name] = rng.choice(changes)()
    if rng.random() < 0.3:
        tensors[rng.choice([name for name in NAMES if name and len(name) < 100])] = tensors.pop(name)
    save_tensors(path, tensors)


def store(rng: Random, base: Path) -> Words:
    """A store, one of its files changed."""
    shutil.copytree(base / "store", "store")
    files = sorted(path for path in Path("store").rglob("*") if path.is_file())
    one = rng.choice(files)
    if one.suffix == ".json" and rng.random() < 0.6:
        one.write_text(json.dumps(mutate_document(rng, json.loads(one.read_text()))), errors="backslashreplace")
    elif rng.random() < 0.9:
        one.write_bytes(mutate_bytes(rng, one.read_bytes()))
    else:
        one.unlink()
    return rng.choice(
        (
            ["search", "store", "--query", "clip3", "-k", "3"],
            ["search", "store", "--query", "clip3", "--where", "label = 'dog'"],
            ["export", "store", "--out", "x.npz", "--out", "x.parquet", "--out", "x.json"],
            ["index", str(base / "cca"), str(base / "clips.npz"), "--store", "store", "--upsert"],
        )
    )
