"""Changed sources: corpora, embeddings, tables, soft labels and images, and the command that is given one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from fuzz import valid
from fuzz.mutate import NAMES, Random, mutate_arrays, mutate_bytes, mutate_document
from fuzz.valid import QUICK, Words


def clips(rng: Random, base: Path) -> Words:
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


def folder(rng: Random, base: Path) -> Words:
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


def embeddings(rng: Random, base: Path) -> Words:
    """Embeddings from any source."""
    with np.load(base / "embedded.npz") as file:
        arrays = dict(file)
    valid.write_npz(mutate_arrays(rng, arrays), Path("e.npz"))
    return ["evaluate", "e.npz", "--bootstrap", "0", *rng.choice(([], ["--diffusion"], ["--split", "all"]))]


def table(rng: Random, base: Path) -> Words:
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
            first = {"audio": np.asarray(good["data"])[:, 0]} if np.size(good["data"]) else {}
            try:
                valid.write_parquet({**first, **columns}, path)
            except Exception:  # what a format cannot hold is no case
                path.write_bytes(b"PAR1")
        if changed is not good or rng.random() < 0.4:
            path.write_bytes(mutate_bytes(rng, path.read_bytes()))
    outs = [word for suffix in ("graphml", "dot", "json", "html", "npz") for word in ("--out", f"g.{suffix}")]
    words = ["graph", str(path), "--seconds", "2", *outs]
    if rng.random() < 0.2:
        text = yaml.safe_dump(mutate_document(rng, {"tiers": [["a", "b"], ["c", "d", "e"]], "forbidden": [["a", "c"]]}))
        Path("known.yaml").write_text(text, encoding="utf-8", errors="backslashreplace")
        words += ["--knowledge", "known.yaml"]
    return words + rng.choice(([], [], ["--bootstrap", "2"]))


def soft_labels(rng: Random, base: Path) -> Words:
    """Soft labels for a graph."""
    valid.write_npz(mutate_arrays(rng, valid.soft_labels()), Path("soft.npz"))
    kind = rng.choice(("softmax", "logits", "sigmoid", "sigmoid-logits"))
    more = rng.choice(([], ["--interactions"], ["--centre"]))
    return ["graph", "soft.npz", "--soft", kind, "--seconds", "2", *more, "--out", "g.graphml", "--out", "g.dot"]


def images(rng: Random, base: Path) -> Words:
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
    words = ["extract", "images", "--out", rng.choice(("f.npz", "f.h5", "f.parquet")), "--workers", "1"]
    return words + rng.choice(([], ["--strict"], ["--split", "random"], ["--limit", "3"]))


def beside(rng: Random, base: Path) -> Words:
    """A table of labels or of metadata beside the corpus, joined by id or row by row."""
    data, run = str(base / "clips.npz"), str(base / "cca")
    head, rows = rng.choice((("id,label", "clip{0},dog"), ("id,label", "clip{0},{1}"), ("id,n,t", "clip{0},{0},{1}")))
    if rng.random() < 0.5:
        lines = [head, *(rows.format(row, rng.choice(NAMES)) for row in range(valid.ROWS))]
        content, name = "\n".join(lines).encode("utf-8", "backslashreplace"), rng.choice(("t.csv", "t.tsv", "t.txt"))
    else:
        keys = rng.choice((("id", "n", "t"), ("n", "t"), ("clip_id", "t", "t2")))
        table = [dict(zip(keys, (f"clip{row}", row, rng.choice(NAMES)))) for row in range(valid.ROWS)]
        if rng.random() < 0.4:
            table = mutate_document(rng, table)
        name = rng.choice(("t.jsonl", "t.parquet"))
        content = b"\n".join(json.dumps(row).encode() for row in table) if isinstance(table, list) else b"7"
        if name == "t.parquet":
            try:
                pq.write_table(pa.Table.from_pylist(table), name)
                content = Path(name).read_bytes()
            except Exception:  # what a table cannot hold is no case
                name = "t.jsonl"
    Path(name).write_bytes(content if rng.random() < 0.4 else mutate_bytes(rng, content))
    return rng.choice(
        (
            ["label", run, data, "--labels", name, "--csv", "out.csv"],
            ["index", run, data, "--store", "s", "--metadata", name],
            ["embed", run, data, "--metadata", name, "--out", "e.parquet"],
            ["inspect", data, "--metadata", name, "--labels", "label"],
            ["find", "outliers", data, "--metadata", name, "--csv", "found.csv"],
            ["train", "cca", data, "--metadata", name, "--out", "run", "--group", "t"],
        )
    )
