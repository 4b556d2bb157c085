"""Whatever is wrong with a file: exit code 2, one sentence that names file, key and row, no traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from .conftest import Arrays, Cli, clips


def change(key: str, rows: object, value: object) -> Callable[[Arrays], None]:
    def apply(arrays: Arrays) -> None:
        arrays[key][rows] = value

    return apply


def put(**new: object) -> Callable[[Arrays], None]:
    return lambda arrays: arrays.update(new)


def cut(key: str, rows: int) -> Callable[[Arrays], None]:
    return lambda arrays: arrays.update({key: arrays[key][:rows]})


def drop(key: str) -> Callable[[Arrays], None]:
    return lambda arrays: arrays.pop(key)


IDS = np.array([f"clip{i}" for i in range(60)])
TWICE = np.where(np.arange(60) == 7, "clip3", IDS)

FATAL = {
    "unequal rows": (cut("visual", 50), ["key 'visual'", "50 rows", "60"]),
    "unequal labels": (cut("y", 59), ["key 'y'", "59 rows"]),
    "duplicate ids": (put(ids=TWICE), ["key 'ids'", "row 7", "'clip3'", "row 3"]),
    "unmatched ids": (
        put(ids_audio=IDS, ids_visual=np.char.replace(IDS, "clip9", "other")),
        ["not in the other", "clip9"],
    ),
    "NaN": (change("audio", (4, 2), np.nan), ["key 'audio', row 4", "NaN"]),
    "Inf": (change("visual", (5, 0), np.inf), ["key 'visual', row 5", "Inf"]),
    "all rows zero": (change("audio", slice(None), 0.0), ["key 'audio'", "every row is zero"]),
    "text as features": (put(audio=IDS), ["key 'audio'", "numbers"]),
    "wrong rank": (put(visual=np.zeros(60, np.float32)), ["key 'visual'", "rank", "(60,)"]),
    "no test rows": (put(is_test=np.zeros(60, bool)), ["key 'is_test'", "'test'"]),
    "unknown split": (drop("is_test"), []),
    "negative class": (change("y", 3, -2), ["key 'y', row 3", "-2"]),
}
FATAL["unknown split"] = (put(split=np.where(np.arange(60) < 30, "train", "trst")), ["key 'split', row 30", "'trst'"])

DOUBTFUL = {
    "zero rows": (change("visual", slice(3, 5), 0.0), ["key 'visual'", "2 rows are all zero"]),
    "one class": (change("y", slice(None), 0), ["key 'y'", "one class"]),
}


def leak(arrays: Arrays) -> None:
    for name in ("audio", "visual"):
        arrays[name][6] = arrays[name][0]


DOUBTFUL["test rows in train"] = (leak, ["1 of 24 test rows"])


def write(folder: Path, spoil: Callable[[Arrays], None]) -> Path:
    arrays = clips()
    spoil(arrays)
    path = folder / "spoilt.npz"
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("case", FATAL)
@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_wrong_file_ends_with_two_and_one_sentence(cli: Cli, tmp_path: Path, case: str, command: str) -> None:
    spoil, said = FATAL[case]
    path = write(tmp_path, spoil)
    called = cli(*{"train": ["train", "cca", path, "--out", "run"], "evaluate": ["evaluate", path]}[command])
    assert called.code == 2
    assert called.out == ""
    assert called.err.startswith("overtone: ")
    assert called.err.count("\n") == 1
    assert "spoilt.npz" in called.err
    assert [part for part in said if part not in called.err] == []
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("case", FATAL)
def test_inspect_names_the_problem_and_ends_with_two(cli: Cli, tmp_path: Path, case: str) -> None:
    spoil, said = FATAL[case]
    called = cli("inspect", write(tmp_path, spoil), "--json")
    assert called.code == 2
    problems = "\n".join(called.document["problems"])
    assert [part for part in said if part not in problems] == []


@pytest.mark.parametrize("case", DOUBTFUL)
def test_doubtful_data_is_a_warning(cli: Cli, tmp_path: Path, case: str) -> None:
    spoil, said = DOUBTFUL[case]
    path = write(tmp_path, spoil)
    called = cli("inspect", path, "--json")
    assert called.code == 0
    assert called.document["problems"] == []
    warnings = "\n".join(called.document["warnings"])
    assert [part for part in said if part not in warnings] == []
    for_people = cli("inspect", path)
    assert for_people.code == 0
    assert all(part in " ".join(for_people.out.split()) for part in said)


def test_training_says_the_warnings(cli: Cli, tmp_path: Path) -> None:
    called = cli("train", "cca", write(tmp_path, leak), "--out", "run")
    assert called.code == 0
    assert "1 of 24 test rows" in " ".join(called.err.split())


def truncated(folder: Path) -> Path:
    path = folder / "whole.h5"
    with h5py.File(path, "w") as file:
        for key, value in clips().items():
            file[key] = value
    cut_off = folder / "broken.h5"
    cut_off.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return cut_off


def text_as(suffix: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / f"broken{suffix}"
        path.write_text("this is only text\n", encoding="utf-8")
        return path

    return make


def pickled(folder: Path) -> Path:
    path = folder / "broken.npz"
    np.savez(path, audio=np.array([{"a": 1}] * 60, dtype=object), visual=clips()["visual"])
    return path


FILES = {
    "truncated HDF5": truncated,
    "text as HDF5": text_as(".h5"),
    "text as npz": text_as(".npz"),
    "text as mat": text_as(".mat"),
    "text as parquet": text_as(".parquet"),
    "text as safetensors": text_as(".safetensors"),
    "unknown suffix": text_as(".docx"),
    "pickle inside": pickled,
}


@pytest.mark.parametrize("case", FILES)
def test_damaged_file_ends_with_two_and_its_name(cli: Cli, tmp_path: Path, case: str) -> None:
    path = FILES[case](tmp_path)
    for words in (("train", "cca", path, "--out", "run"), ("evaluate", path)):
        called = cli(*words)
        assert called.code == 2
        assert path.name in called.err
        assert called.err.count("\n") == 1
    inspected = cli("inspect", path)
    assert inspected.code == 2
    assert path.name in inspected.out + inspected.err


MISTAKES = {
    "no such file": (["train", "cca", "nowhere.npz", "--out", "run"], ["nowhere.npz", "split-digits"]),
    "no such method": (["train", "hsc-mea", "CORPUS", "--out", "run"], ["'hsc-mea'", "did you mean 'hsc-mae'?"]),
    "no such setting": (["train", "cca", "CORPUS", "--out", "run", "--set", "epohcs=3"], ["'epohcs'", "'epochs'"]),
    "value that does not fit": (
        ["train", "dcca", "CORPUS", "--out", "run", "--set", "epochs=many"],
        ["'epochs'", "'many'"],
    ),
    "setting without value": (["train", "cca", "CORPUS", "--out", "run", "--set", "epochs"], ["key=value", "'epochs'"]),
    "no such config": (["train", "cca", "CORPUS", "--out", "run", "--config", "no.yaml"], ["no.yaml"]),
    "one modality": (["train", "cca", "CORPUS", "--out", "run", "--modalities", "audio"], ["--modalities", "'audio'"]),
    "wrong modality": (["train", "cca", "CORPUS", "--out", "run", "--modalities", "audio,video"], ["video", "visual"]),
    "wrong sequences": (["train", "cca", "CORPUS", "--out", "run", "--sequences", "max"], ["'max'", "mean, keep"]),
    "no such view": (["inspect", "CORPUS", "--view", "ave-16"], ["ave-16"]),
    "no such device": (["train", "cca", "CORPUS", "--out", "run", "--device", "abacus"], ["abacus"]),
    "out is a file": (["train", "cca", "CORPUS", "--out", "clips.npz"], ["clips.npz", "file"]),
    "run that is none": (["embed", "nowhere", "CORPUS", "--out", "e.npz"], ["nowhere", "run"]),
    "folder without features": (["evaluate", "."], ["folder"]),
    "data beside embeddings": (["evaluate", "CORPUS", "split-digits"], ["not a run", "leave DATA out"]),
    "embeddings of two sizes": (["evaluate", "CORPUS"], ["8", "6"]),
    "no such split": (["evaluate", "CORPUS", "--split", "tset"], ["'tset'", "'test'"]),
    "no method to compare": (["compare", "split-digits"], ["method"]),
    "no such method to compare": (["compare", "cca", "dcac", "CORPUS"], ["'dcac'", "'dcca'"]),
    "no such method to show": (["methods", "dcac"], ["'dcac'", "'dcca'"]),
    "no such option": (["train", "cca", "CORPUS", "--out", "run", "--epochs", "3"], ["--epochs"]),
    "no such command": (["trian"], ["trian"]),
    "nothing to train on": (["train", "cca"], ["DATA"]),
}


@pytest.mark.parametrize("case", MISTAKES)
@pytest.mark.parametrize("as_json", [False, True], ids=["people", "json"])
def test_mistake_ends_with_two_and_says_what_to_do(cli: Cli, corpus: Path, case: str, as_json: bool) -> None:
    words, said = MISTAKES[case]
    json = ["--json"] if as_json and case != "no such command" else []
    called = cli(*(corpus.name if word == "CORPUS" else word for word in words), *json)
    assert called.code == 2, called.err
    if not called.out.startswith("{"):  # inspect answers wrong data with a document, all others with a message
        assert called.out == ""
    assert "Traceback" not in called.err
    assert [part for part in said if part not in " ".join((called.err + called.out).split())] == []
