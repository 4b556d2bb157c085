"""Inputs that a fuzz run has found: each ends in a sentence that says what is wrong."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from overtone.core import InputError
from overtone.features import from_arrays, load, load_views

ROWS = 12
AUDIO = np.random.default_rng(0).normal(size=(ROWS, 4))
VISUAL = np.random.default_rng(1).normal(size=(ROWS, 3))


def header(text: str) -> bytes:
    """A .npy file with any header."""
    content = text.encode("latin-1").ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(content).to_bytes(2, "little") + content + bytes(64)


HEADERS = [
    "{'descr': '<f4', 'fortran_order': False, 'shape': (12, 4",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 4), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 4), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (12L, 4), }",
    "{'descr': ('<f4', (3, 99999999999)), 'fortran_order': False, 'shape': (12, 4), }",
    "{'descr': {}, 'fortran_order': 7, 'shape': (12, 4), }",
    "[" * 100,
]


@pytest.mark.parametrize("text", HEADERS)
@pytest.mark.parametrize("kind", ["folder", "npz", "file"])
def test_headers_of_numpy_that_make_no_sense(kind: str, text: str, tmp_path: Path) -> None:
    source = tmp_path / {"folder": "clips", "npz": "clips.npz", "file": "audio.npy"}[kind]
    if kind == "folder":
        source.mkdir()
        (source / "audio.npy").write_bytes(header(text))
        np.save(source / "visual.npy", VISUAL)
    elif kind == "npz":
        with zipfile.ZipFile(source, "w") as archive:
            archive.writestr("audio.npy", header(text))
    else:
        source.write_bytes(header(text))
    with pytest.raises(InputError, match=r"audio|clips.npz"):
        load_views(source)


@pytest.mark.parametrize("shape", [(ROWS, 0), (ROWS, 2), (0,), (ROWS, 1, 1), ()])
def test_flags_of_presence_of_any_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="present_audio"):
        from_arrays({"audio": AUDIO, "visual": VISUAL, "present_audio": np.ones(shape)})


def test_a_modality_that_no_clip_has() -> None:
    nothing = np.full_like(AUDIO, np.nan)
    with pytest.raises(InputError, match="'audio': no row has this modality"):
        from_arrays({"audio": nothing, "visual": VISUAL}, missing="nan")
    with pytest.raises(InputError, match="no row has this modality"):
        from_arrays({"audio": AUDIO, "visual": VISUAL, "present_audio": np.zeros(ROWS)})


def test_a_long_text_in_a_table_of_numbers_takes_no_memory(tmp_path: Path) -> None:
    from overtone.graphs.columns import TableOptions
    from overtone.graphs.reading import read_table

    lines = ["a,b,c", f"1,2,{'x' * 300_000}", *("1,2,3" for _ in range(60_000))]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    with pytest.raises(InputError, match="column 'c': a text of 300,000 characters"):
        list(read_table(tmp_path / "t.csv", TableOptions()).chunks())


def test_the_source_is_left_as_it_was(tmp_path: Path) -> None:
    np.savez(tmp_path / "clips.npz", audio=AUDIO, visual=VISUAL)
    before = (tmp_path / "clips.npz").read_bytes()
    load(tmp_path / "clips.npz")
    assert (tmp_path / "clips.npz").read_bytes() == before


@pytest.mark.parametrize("key", ["split", "ids", "y", "class_names", "groups"])
@pytest.mark.parametrize("kind", ["<U5", ">U5"])
def test_text_with_numbers_that_are_no_characters(key: str, kind: str, tmp_path: Path) -> None:
    texts = np.array([f"t{row}" for row in range(ROWS)], kind)
    texts.view(kind[0] + "u4")[7] = 0x110000
    arrays = {"audio": AUDIO, "visual": VISUAL, "y": np.arange(ROWS) % 2, key: texts}
    np.savez(tmp_path / "clips.npz", **arrays)
    (tmp_path / "clips").mkdir()
    for name, values in arrays.items():
        np.save(tmp_path / "clips" / f"{name}.npy", values)
    for source in ("clips.npz", "clips"):
        with pytest.raises(InputError, match=f"{key}.*numbers that are no characters"):
            load(tmp_path / source)


@pytest.mark.parametrize("text", ["{}", '{"state": "finished"}', '{"method": null}'])
def test_a_run_that_does_not_say_its_method(text: str, tmp_path: Path) -> None:
    from overtone.interactions import read_run_graph

    (tmp_path / "run.json").write_text(text)
    with pytest.raises(InputError, match="no class graph"):
        read_run_graph(tmp_path)


@pytest.mark.parametrize("kind", ["V4", "c16", "M8[D]"])
def test_flags_that_are_neither_numbers_nor_text(kind: str) -> None:
    with pytest.raises(InputError, match=r"key 'is_test': not flags; got \(12,\)"):
        from_arrays({"audio": AUDIO, "visual": VISUAL, "is_test": np.zeros(ROWS, kind)})


def test_a_file_that_makes_its_reader_take_memory_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import h5py

    from overtone.features.formats import probing

    def fill(_: Path) -> None:
        taken = []
        while True:
            taken.append(np.ones(1 << 23))

    with h5py.File(tmp_path / "clips.h5", "w") as file:
        file["audio"] = AUDIO
    monkeypatch.setattr(probing, "_walk", fill)
    with pytest.raises(InputError, match="damaged: reading its .* bytes takes more than 256 MiB of memory"):
        load(tmp_path / "clips.h5")


@pytest.mark.parametrize("key", ["ids", "y", "class_names", "groups", "media_audio"])
def test_text_with_halves_of_characters(key: str, tmp_path: Path) -> None:
    """What Python makes of a file's name that is not UTF-8."""
    texts = np.array([f"t{row}" for row in range(2 if key == "class_names" else ROWS)])
    texts[1] = "t\udcff"
    arrays = {"audio": AUDIO, "visual": VISUAL, "y": np.arange(ROWS) % 2, key: texts}
    np.savez(tmp_path / "clips.npz", **arrays)
    with pytest.raises(InputError, match=rf"key '{key}': text that is not UTF-8.*got 't.udcff'"):
        load(tmp_path / "clips.npz")


@pytest.mark.parametrize("row", [{"id": "a", "title": "x\ud800"}, {"id": "a", "x\ud800": 1}])
def test_metadata_with_halves_of_characters(row: dict[str, object], tmp_path: Path) -> None:
    from overtone.features.metadata import read_metadata

    (tmp_path / "more.jsonl").write_text(json.dumps({"id": "b"}) + "\n" + json.dumps(row))
    with pytest.raises(InputError, match="more.jsonl, column .*: text that is not UTF-8"):
        read_metadata(tmp_path / "more.jsonl")


def test_names_that_are_not_utf8_are_no_places_for_results(tmp_path: Path) -> None:
    from overtone.core.outputs import check_writable

    with pytest.raises(InputError, match="is not UTF-8"):
        check_writable(tmp_path / "run\udcff")


def test_a_store_has_no_item_of_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    from overtone.search import open_store

    name = "clip\udcff"
    with open_store(f"flat:{tmp_path / 'store'}", create=True) as store:
        store.add(["clip1"], {"audio": [[1.0, 0.0]]})
        assert store.known([name, "clip1"]) == ["clip1"]
        assert store.delete([name]) == 0
        with pytest.raises(InputError, match="no item"):
            store.get([name])
        with pytest.raises(InputError, match="not UTF-8"):
            store.add([name], {"audio": [[1.0, 0.0]]})
        with pytest.raises(InputError, match="metadata 'title': text that is not UTF-8"):
            store.add(["clip2"], {"audio": [[1.0, 0.0]]}, {"title": [name]})
        with pytest.raises(InputError, match="text that is not UTF-8"):
            store.count(f"title = '{name}'")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
@pytest.mark.parametrize("suffix", ["npz", "zip", "csv", ""])
def test_pipes_are_no_sources_of_media(suffix: str, tmp_path: Path) -> None:
    from overtone.media.layouts import read_catalogue

    os.mkfifo(tmp_path / f"pipe.{suffix}")
    with pytest.raises(InputError, match="is not a file"):
        read_catalogue(tmp_path / f"pipe.{suffix}")
