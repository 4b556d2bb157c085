"""Cases: an input that was changed, and the command that is given it; each follows from one seed."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from fuzz import valid
from fuzz.mutate import NAMES, Random, mutate_arrays, mutate_bytes, mutate_document

Words = list[str]
QUICK = ["--set", "epochs=1", "--set", "batch_size=16"]
GIVEN = ["train", "cca", "clips.npz"]


def make_case(seed: int, base: Path) -> tuple[str, Words]:
    """Build the case of a seed in the working folder.

    Args:
        seed: Decides everything.
        base: What :func:`prepare` has made.

    Returns:
        Its kind, and the words of the command.
    """
    rng = random.Random(seed)
    kind = rng.choices(list(KINDS), weights=[weight for weight, _ in KINDS.values()])[0]
    return kind, KINDS[kind][1](rng, base)


def prepare(base: Path, call: Callable[[Words], int]) -> None:
    """Make what cases start from: a corpus, runs, a store, embeddings and soft labels.

    Args:
        base: An empty folder.
        call: Runs the program there and gives its exit code.
    """
    valid.write_npz(valid.corpus(), base / "clips.npz")
    valid.write_npz(valid.table(), base / "table.npz")
    small = [
        "--set",
        "folds=2",
        "--set",
        "teacher={epochs: 2, width: 8, feature_reconstruction: 0.0, collapse_rank: 0}",
        "--set",
        "width=8",
    ]
    small += ["--set", "inference={bootstrap: 0}", "--set", "epochs=2", "--set", "collapse_rank=0"]
    for words in (
        ["train", "cca", "clips.npz", "--out", "cca"],
        ["train", "dcca", "clips.npz", "--out", "dcca", *QUICK],
        ["train", "interactions", "clips.npz", "--out", "interactions", *small],
        ["embed", "cca", "clips.npz", "--out", "embedded.npz"],
        ["index", "cca", "clips.npz", "--store", "store"],
    ):
        code = call(words)
        if code:
            raise RuntimeError(f"overtone {' '.join(words)} ended with {code}")


def _clips(rng: Random, base: Path) -> Words:
    """A corpus in any format, its arrays or its bytes changed."""
    suffix, write = valid.WRITERS[form := rng.choice(list(valid.WRITERS))]
    path = Path(f"clips{suffix}")
    arrays = valid.corpus()
    changed = mutate_arrays(rng, arrays) if rng.random() < 0.6 else arrays
    try:
        write(changed, path)
    except Exception:  # what a format cannot hold is no case
        write(arrays, path)
        changed = arrays
    if changed is arrays or rng.random() < 0.1:
        path.write_bytes(mutate_bytes(rng, path.read_bytes()))
    return _command_on(rng, str(path), base) + (["--missing", "nan"] if form != "mat" and rng.random() < 0.1 else [])


def _folder(rng: Random, base: Path) -> Words:
    """The same as a folder of .npy files."""
    arrays = valid.corpus()
    folder = Path("clips")
    for key, values in (mutate_arrays(rng, arrays) if rng.random() < 0.5 else arrays).items():
        folder.mkdir(exist_ok=True)
        if "/" not in key and len(key) < 200:
            np.save(folder / f"{key}.npy", values)
    folder.mkdir(exist_ok=True)
    files = sorted(folder.iterdir())
    if files and rng.random() < 0.6:
        one = rng.choice(files)
        one.write_bytes(mutate_bytes(rng, one.read_bytes()))
    return _command_on(rng, "clips", base)


def _command_on(rng: Random, data: str, base: Path) -> Words:
    run = str(base / rng.choice(("cca", "dcca")))
    return rng.choice(
        (
            ["inspect", data],
            ["inspect", data, "--json"],
            ["inspect", data, "--training"],
            ["train", "cca", data, "--out", "run"],
            ["train", "infonce", data, "--out", "run", *QUICK],
            ["train", "cluster-cca", data, "--out", "run"],
            ["embed", run, data, "--out", "e.npz"],
            ["embed", run, data, "--out", "e.parquet"],
            ["embed", run, data, "--only", "audio", "--out", "e.h5"],
            ["evaluate", run, data, "--bootstrap", "0", "--split", "all"],
            ["evaluate", data, "--bootstrap", "0"],
            ["index", run, data, "--store", "store"],
            ["search", str(base / "store"), "--query", data, "-k", "3"],
            ["find", "duplicates", data, "--csv", "found.csv"],
            ["find", "outliers", run, data, "--csv", "found.csv", "--report", "found.html"],
            ["find", "mismatched", data, "--json"],
            ["label", run, data, "--csv", "labels.csv"],
            ["diagnose", data, "--as-is", "--out", "d"],
            ["diagnose", data, "--loss", "triplet", "--seeds", "1", "--out", "d", *QUICK],
            ["compare", "cca", data, "--seeds", "1", "--out", "c"],
        )
    )


def _embeddings(rng: Random, base: Path) -> Words:
    """Embeddings from any source."""
    with np.load(base / "embedded.npz") as file:
        arrays = dict(file)
    valid.write_npz(mutate_arrays(rng, arrays), Path("e.npz"))
    return ["evaluate", "e.npz", "--bootstrap", "0", *rng.choice(([], ["--diffusion"], ["--split", "all"]))]


def _table(rng: Random, base: Path) -> Words:
    """A table for a graph."""
    arrays = valid.table()
    changed = mutate_arrays(rng, arrays)
    form = rng.choice((".npz", ".csv", ".parquet"))
    path = Path(f"table{form}")
    if form == ".npz":
        valid.write_npz(changed, path)
    else:
        kept = {"data", "names"} <= changed.keys() and np.ndim(changed["data"]) == 2
        good = changed if kept and np.asarray(changed["data"]).dtype.kind in "biuf" else arrays
        if form == ".csv":
            valid.write_csv({"data": np.asarray(good["data"]), "names": np.atleast_1d(good["names"])}, path)
        else:
            columns = dict(zip(map(str, np.atleast_1d(good["names"])), np.asarray(good["data"]).T))
            valid.write_parquet(
                {"audio": np.asarray(good["data"])[:, 0], **columns} if np.size(good["data"]) else columns, path
            )
        if changed is not good or rng.random() < 0.4:
            path.write_bytes(mutate_bytes(rng, path.read_bytes()))
    outs = [word for suffix in ("graphml", "dot", "json", "html", "npz") for word in ("--out", f"g.{suffix}")]
    words = ["graph", str(path), "--seconds", "2", *outs]
    if rng.random() < 0.2:
        text = yaml.safe_dump(mutate_document(rng, {"tiers": [["a", "b"], ["c", "d", "e"]], "forbidden": [["a", "c"]]}))
        Path("known.yaml").write_text(text, encoding="utf-8", errors="backslashreplace")
        words += ["--knowledge", "known.yaml"]
    return words + rng.choice(([], [], ["--bootstrap", "2"]))


def _soft(rng: Random, base: Path) -> Words:
    """Soft labels for a graph."""
    valid.write_npz(mutate_arrays(rng, valid.soft_labels()), Path("soft.npz"))
    kind = rng.choice(("softmax", "logits", "sigmoid", "sigmoid-logits"))
    more = rng.choice(([], ["--interactions"], ["--centre"]))
    return ["graph", "soft.npz", "--soft", kind, "--seconds", "2", *more, "--out", "g.graphml", "--out", "g.dot"]


def _images(rng: Random, base: Path) -> Words:
    """Images in any layout, a file of them changed, renamed or missing."""
    folder = Path("images")
    valid.IMAGES[rng.choice(list(valid.IMAGES))](folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for one in rng.sample(files, rng.randint(1, 2)):
        what = rng.random()
        if what < 0.6:
            one.write_bytes(mutate_bytes(rng, one.read_bytes()))
        elif what < 0.7:
            one.unlink()
        elif what < 0.8:
            name = rng.choice([name for name in NAMES if name.strip() and "/" not in name and len(name) < 100])
            one.rename(one.with_name(name + one.suffix))
        elif what < 0.9 and one.suffix == ".txt":
            one.write_text(one.read_text(errors="replace").replace("ant", rng.choice(NAMES)))
        else:
            one.unlink()
            os.mkfifo(one)
    words = ["extract", "images", "--out", rng.choice(("f.npz", "f.h5", "f.parquet")), "--threads", "1"]
    return words + rng.choice(([], ["--skip-broken"], ["--split", "random"], ["--limit", "3"]))


def _run(rng: Random, base: Path) -> Words:
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


def _store(rng: Random, base: Path) -> Words:
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


def _settings(rng: Random, base: Path) -> Words:
    """Settings that cannot be meant."""
    names = (
        "epochs",
        "batch_size",
        "learning_rate",
        "seed",
        "scaling",
        "memory_mb",
        "patience",
        "select",
        "validate_every",
    )
    values = (
        "0",
        "-1",
        "1e20",
        "100000000000000000000",
        "nan",
        "inf",
        "null",
        "true",
        "[]",
        "{}",
        "abc",
        "*a",
        "&a [*a]",
        "!!python/name:os.system",
        "'",
        "2",
        "9" * 500,
        "[" * 2000,
    )
    words = ["train", rng.choice(("cca", "dcca")), str(base / "clips.npz"), "--out", "run"]
    if rng.random() < 0.5:
        lines = "".join(f"{rng.choice(names)}: {rng.choice(values)}\n" for _ in range(rng.randint(1, 3)))
        content = lines.encode() if rng.random() < 0.7 else mutate_bytes(rng, lines.encode())
        Path("s.yaml").write_bytes(content)
        return (
            [*words, "--set", "epochs=1", "--config", "s.yaml"]
            if rng.random() < 0.5
            else [*words, "--config", "s.yaml", "--set", "epochs=1"]
        )
    return [*words, "--set", "epochs=1", "--set", f"{rng.choice(names[1:])}={rng.choice(values)}"]


def _beside(rng: Random, base: Path) -> Words:
    """A table of labels or of metadata beside the corpus."""
    data, run = str(base / "clips.npz"), str(base / "cca")
    head, rows = rng.choice((("id,label", "clip{0},dog"), ("id,label", "clip{0},{1}"), ("id,n,t", "clip{0},{0},{1}")))
    lines = [head, *(rows.format(row, rng.choice(NAMES)) for row in range(valid.ROWS))]
    content = "\n".join(lines).encode("utf-8", "backslashreplace")
    Path("t.csv").write_bytes(content if rng.random() < 0.4 else mutate_bytes(rng, content))
    if rng.random() < 0.5:
        return ["label", run, data, "--labels", "t.csv", "--csv", "out.csv"]
    return ["index", run, data, "--store", "s", "--metadata", "t.csv"]


def _paths(rng: Random, base: Path) -> Words:
    """Paths that cannot be read or written."""
    os.mkfifo("pipe.npz")
    Path("loop.npz").symlink_to("loop.npz")
    Path("empty").mkdir()
    Path("file").write_text("")
    Path("gone.npz").symlink_to("nowhere")
    odd = (
        "pipe.npz",
        "loop.npz",
        "empty",
        "file",
        "gone.npz",
        "/dev/zero",
        "/dev/stdin",
        "x" * 300,
        "x" * 5000,
        "/proc/self/mem",
        "file/x.npz",
        ".",
        "..",
        "/",
        "~",
        "",
        "\udcff.npz",
        "a\x1b[2J.npz",
        "nowhere/deep/x.npz",
        "/proc/x.npz",
        "/sys/x.npz",
    )
    path, data, run = rng.choice(odd), str(base / "clips.npz"), str(base / "cca")
    return rng.choice(
        (
            ["inspect", path],
            ["train", "cca", path, "--out", "run"],
            ["train", "cca", data, "--out", path],
            ["train", "cca", data, "--out", "run", "--config", path],
            ["embed", path, data, "--out", "e.npz"],
            ["embed", run, path, "--out", "e.npz"],
            ["embed", run, data, "--out", path],
            ["evaluate", path],
            ["graph", path, "--out", "g.json"],
            ["graph", str(base / "table.npz"), "--seconds", "2", "--out", path],
            ["extract", path, "--out", "f.npz"],
            ["extract", path, "--out", path],
            ["search", path, "--query", "clip3"],
            ["search", str(base / "store"), "--query", path],
            ["index", run, data, "--store", path],
            ["export", str(base / "store"), "--out", path],
            ["simulate", "--out", path, "--set", "train_rows=20", "--set", "test_rows=10"],
            ["find", "outliers", data, "--csv", path],
            ["label", run, data, "--labels", path],
            ["compare", "cca", data, "--seeds", "1", "--out", path],
            ["diagnose", data, "--as-is", "--out", path],
        )
    )


KINDS: dict[str, tuple[float, Callable[[Random, Path], Words]]] = {
    "clips": (36, _clips),
    "folder": (5, _folder),
    "embeddings": (5, _embeddings),
    "table": (9, _table),
    "soft labels": (5, _soft),
    "images": (9, _images),
    "run": (14, _run),
    "store": (5, _store),
    "settings": (4, _settings),
    "beside": (3, _beside),
    "paths": (5, _paths),
}
"""Kind of case to its weight and what builds one."""
