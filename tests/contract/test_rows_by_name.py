"""Messages about clips name the row in the file and the id, also where only some of the clips were looked at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from overtone.api import embed, evaluate, find, graph, label, train
from overtone.core import InputError
from overtone.features import from_arrays, inspect, load, load_views, save_arrays
from overtone.features.formats import formats

ROWS, BAD = 60, 47
"""All clips, and the one that is wrong: a test row, the 12th of those."""

Arrays = dict[str, Any]


def corpus() -> Arrays:
    random = np.random.default_rng(0)
    y = np.arange(ROWS) % 3
    hidden = np.eye(3)[y] + 0.1 * random.normal(size=(ROWS, 3))
    views = {name: (hidden @ random.normal(size=(3, 5))).astype(np.float32) for name in ("audio", "visual")}
    ids = np.array([f"clip{row}" for row in range(ROWS)])
    split = np.array(["test" if row % 4 == 3 else "train" for row in range(ROWS)])
    return {**views, "y": y, "ids": ids, "split": split}


def changed(key: str, value: object, **more: object) -> Arrays:
    arrays = {**corpus(), **more}
    arrays[key] = np.array(arrays[key])
    arrays[key][BAD] = value
    return arrays


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "cca"
    train("cca", from_arrays(corpus()), out=folder)
    return folder


WRONG: dict[str, Arrays] = {
    "NaN": changed("visual", np.nan),
    "infinite": changed("audio", np.inf),
    "label": changed("y", -7),
    "soft label": changed("labels", 1.5, labels=np.full((ROWS, 3), 0.5)),
    "split": changed("split", "tets"),
    "same id": changed("ids", "clip3"),
    "no modality": {**corpus(), **{f"present_{name}": np.arange(ROWS) != BAD for name in ("audio", "visual")}},
    "length": changed("audio_length", 9, audio=np.ones((ROWS, 4, 5)), audio_length=np.full(ROWS, 2)),
}


@pytest.mark.parametrize("suffix", sorted({one.suffixes[0] for _, one in formats.items() if one.write}))
@pytest.mark.parametrize("wrong", WRONG)
def test_every_reader_and_check(wrong: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"clips{suffix}"
    save_arrays(WRONG[wrong], path)
    with pytest.raises(InputError) as refused:
        load(path)
    said = str(refused.value)
    assert f"row {BAD}" in said
    assert str(path) in said
    assert "'clip3'" in said if wrong == "same id" else f"'clip{BAD}'" in said
    assert any(f"row {BAD}" in problem for problem in inspect(path).problems)
    assert len(said) < 600


FAR = np.full(5, 3e38, np.float32)
SOFT = {"softmax": np.full((ROWS, 3), 1 / 3), "sigmoid": np.full((ROWS, 3), 0.4), "logits": np.zeros((ROWS, 3))}
SOME = np.arange(ROWS) % 3 != 1
AFTER: dict[str, tuple[Arrays, Callable[[Path, Path], object]]] = {
    "a test row of embeddings": (changed("visual", 0), lambda run, path: evaluate(path)),
    "one of those that have a modality": (
        changed("visual", 0, present_visual=SOME),
        lambda run, path: evaluate(path),
    ),
    "an embedding of a test row": (changed("visual", FAR), lambda run, path: evaluate(run, path)),
    "an embedding of one of those that have a modality": (
        changed("visual", FAR, present_visual=SOME),
        lambda run, path: embed(run, path),
    ),
    "an embedding of a modality alone": (
        changed("visual", FAR),
        lambda run, path: embed(run, path, only="visual"),
    ),
    "an embedding that gets a label": (changed("visual", FAR), lambda run, path: label(run, path)),
    **{
        f"{kind} of a test row": (
            changed("visual", np.nan if kind == "logits" else 2, audio=values, visual=values),
            lambda run, path, kind=kind: graph(path, soft=kind, split="test"),
        )
        for kind, values in SOFT.items()
    },
}


@pytest.mark.parametrize("what", AFTER)
def test_a_subset_is_named_by_the_rows_of_the_file(what: str, run: Path, tmp_path: Path) -> None:
    arrays, call = AFTER[what]
    np.savez(tmp_path / "clips.npz", **arrays)
    with pytest.raises(InputError) as refused:
        call(run, tmp_path / "clips.npz")
    assert f"row {BAD} (id 'clip{BAD}')" in str(refused.value)


def test_subsets_of_subsets_know_their_rows(tmp_path: Path) -> None:
    np.savez(tmp_path / "clips.npz", **corpus())
    data = load(tmp_path / "clips.npz").split("test").subset([11, 2])
    assert data.source_rows is not None
    assert data.source_rows.tolist() == [BAD, 11]
    assert torch.equal(data.modalities["audio"][0], load(tmp_path / "clips.npz").modalities["audio"][BAD])


def test_rows_without_ids_are_named_by_number(tmp_path: Path) -> None:
    arrays = changed("audio", np.nan)
    del arrays["ids"]
    np.savez(tmp_path / "clips.npz", **arrays)
    with pytest.raises(InputError, match=rf"key 'audio', row {BAD}: NaN \(1 such rows: {BAD}\)"):
        load(tmp_path / "clips.npz")


def test_rows_of_parts_are_named_by_their_part(tmp_path: Path) -> None:
    arrays = {f"{name}_{part}": np.ones((9, 2)) for name in ("audio", "visual") for part in ("train", "test")}
    arrays["audio_test"][[4, 6]] = np.nan
    np.savez(tmp_path / "clips.npz", **arrays)
    with pytest.raises(InputError, match=r"'audio_test', row 4: NaN \(2 such rows: 4 of test, 6 of test\)"):
        load_views(tmp_path / "clips.npz")


def test_messages_about_many_rows_are_bounded(tmp_path: Path) -> None:
    arrays = changed("audio", 0)
    arrays["ids"] = np.array([f"{row}-{'x' * 5000}" for row in range(ROWS)])
    arrays["audio"][::2] = np.nan
    np.savez(tmp_path / "clips.npz", **arrays)
    with pytest.raises(InputError, match="30 in all") as refused:
        find("outliers", tmp_path / "clips.npz")
    assert len(str(refused.value)) < 1000
