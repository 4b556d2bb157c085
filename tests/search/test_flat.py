"""What only the flat store promises: versions, one writer, damage and a full disk end in one sentence."""

from __future__ import annotations

import errno
import logging
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from overtone.core import InputError
from overtone.core.locks import LOCK
from overtone.search import Store, audit_store, open_store, replace_store
from overtone.search.flat.manifest import KEPT, manifest_path, read_manifest, versions, write_manifest
from overtone.search.flat.scan import Best

from .conftest import assert_same, brute_force, make_items

WORKER = Path(__file__).with_name("worker.py")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store of two writes: version 1 has 30 items, version 2 has 60."""
    items = make_items(60)
    with open_store(tmp_path / "store", create=True) as store:
        store.add(*items.part(0, 30))
        store.add(*items.part(30, 60))
    return tmp_path / "store"


def ids(store: Store) -> list[str]:
    return [one for part in store.iterate() for one in part.ids]


def test_a_reader_sees_its_version_until_it_refreshes(folder: Path) -> None:
    reader, items = open_store(folder), make_items(60)
    expected = brute_force(reader, items.vectors["audio"][:5], 5, ("visual",))
    with open_store(folder) as writer:
        writer.delete(items.ids[:50])
        writer.compact()
    assert len(list(folder.glob("segment-*"))) == 1
    assert ids(reader) == items.ids
    assert_same(reader.search(items.vectors["audio"][:5], 5, to="visual"), expected)
    assert reader.count("label = 'dog'") == 30
    reader.refresh()
    assert ids(reader) == items.ids[50:]


@pytest.mark.parametrize("damage", ["truncated", "emptied", "changed"])
def test_a_damaged_manifest_is_named_and_the_last_whole_version_is_read(
    folder: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = manifest_path(folder, 2)
    text = path.read_text(encoding="utf-8")
    changed = {"truncated": text[: len(text) // 2], "emptied": "", "changed": text.replace('"rows": 30', '"rows": 29')}
    path.write_text(changed[damage], encoding="utf-8")
    check_fallback(folder, caplog, "manifest-00000002.json: not a whole manifest")


@pytest.mark.parametrize("name", ["audio.npy", "visual.npy", "metadata.parquet"])
@pytest.mark.parametrize("damage", ["truncated", "missing"])
def test_a_damaged_segment_is_named_and_the_last_whole_version_is_read(
    folder: Path, name: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = folder / "segment-00000002" / name
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-7])
    check_fallback(folder, caplog, f"segment-00000002/{name}: damaged")


@pytest.mark.parametrize("name", ["audio.npy", "visual.npy", "metadata.parquet"])
def test_a_changed_byte_inside_a_segment_is_named_with_its_items(folder: Path, name: str) -> None:
    path = folder / "segment-00000002" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    items = make_items(60)
    with open_store(folder) as store:
        lost = "30 items of this segment" if name.endswith("parquet") else "'clip-0-30' to 'clip-0-59'"
        for call in (store.verify, store.compact, lambda: audit_store(store)):
            with pytest.raises(
                InputError, match=rf"segment-00000002/{name}: damaged \(its checksum differs\); the .*{lost}"
            ):
                call()
        if not name.endswith("parquet"):
            store.upsert(*items.part(30, 60))
            store.compact()
            store.verify()
            assert ids(store) == items.ids


def test_a_store_without_checksums_opens_and_is_compacted(folder: Path) -> None:
    """One of an older version."""
    found = read_manifest(folder, 2)
    entries = tuple(replace(entry, checksums={}) for entry in found.segments)
    write_manifest(folder, replace(found, segments=entries))
    with open_store(folder) as store:
        store.verify()
        store.compact()
        store.verify()
    assert all(entry.checksums for entry in read_manifest(folder, 3).segments)


def check_fallback(folder: Path, caplog: pytest.LogCaptureFixture, said: str) -> None:
    """Reading goes on with version 1 after a sentence; writing is refused until the user has chosen."""
    with caplog.at_level(logging.WARNING, "overtone"):
        store = open_store(folder)
    (record,) = caplog.records
    assert said in record.getMessage()
    assert "version 1 with 30 items is the last whole one and is used" in record.getMessage()
    assert ids(store) == make_items(60).ids[:30]
    with pytest.raises(InputError, match=r"remove manifest-00000002.json to go on from there"):
        store.add(["x"], {"audio": np.ones((1, 16))})
    manifest_path(folder, 2).unlink()
    with open_store(folder) as store:
        store.add(["x"], {"audio": np.ones((1, 16))})
        assert ids(store) == [*make_items(60).ids[:30], "x"]


def test_where_nothing_is_whole_it_is_said(folder: Path) -> None:
    for version in versions(folder):
        manifest_path(folder, version).write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="no earlier version is whole; index the data again"):
        open_store(folder)


@pytest.mark.parametrize("damaged", [False, True])
def test_a_replacement_may_have_other_settings_and_readers_keep_their_version(folder: Path, damaged: bool) -> None:
    reader = open_store(folder)
    if damaged:
        for version in versions(folder):
            path = manifest_path(folder, version)
            path.write_text(path.read_text(encoding="utf-8").replace('"rows": 30', '"rows": 29'), encoding="utf-8")
    with replace_store(folder, settings={"dtype": "int8"}) as store:
        store.add(*make_items(3))
        with pytest.raises(InputError, match="is being written by"), open_store(folder) as other:
            other.delete(["clip-0-1"])
    assert ids(reader) == make_items(60).ids
    with open_store(folder) as store:
        assert (store.count(), store.info().settings["dtype"]) == (3, "int8")
    assert len(versions(folder)) == len(list(folder.glob("segment-*"))) == 1


def test_a_full_disk_leaves_the_store_that_was_to_be_replaced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(path.name for path in folder.iterdir())

    def fsync(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(InputError, match="No space left"), replace_store(folder) as store:
        store.add(*make_items(3))
    monkeypatch.undo()
    assert ids(open_store(folder)) == make_items(60).ids
    assert {path.name for path in folder.iterdir()} - {LOCK} == set(before) - {LOCK}


FULL = r"cannot be written \(No space left on device\); the store is as it was"


def test_a_full_disk_leaves_the_store_as_it_was(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    items, sync, calls = make_items(20, 5), os.fsync, [0]
    before = ids(open_store(folder))
    for full_at in range(1, 50):
        calls[0] = 0

        def fsync(handle: int, at: int = full_at) -> None:
            calls[0] += 1
            if calls[0] == at:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            sync(handle)

        monkeypatch.setattr(os, "fsync", fsync)
        vectors = {name: rows[[*range(20), 0]] for name, rows in items.vectors.items()}
        with open_store(folder) as store, pytest.raises(InputError, match=FULL):
            store.upsert([*items.ids, before[0]], vectors)
        assert ids(open_store(folder)) in (before, [*before[1:], *items.ids, before[0]])
        if ids(open_store(folder)) != before:  # the manifest stood; only the folder could not be synchronised
            break
    assert full_at > 5
    monkeypatch.undo()
    with open_store(folder) as store:
        store.upsert(items.ids, items.vectors)
        assert store.count() == len(before) + len(items.ids)
    assert not list(folder.glob(".segment-*"))


def test_a_limit_of_file_size_ends_in_a_sentence(folder: Path) -> None:
    program = (
        "import resource, sys, numpy as np\n"
        "from overtone.search import open_store\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "store = open_store(sys.argv[1])\n"
        "vectors = np.random.default_rng(0).standard_normal((5000, 16))\n"
        "store.add([f'n{i}' for i in range(5000)], {'audio': vectors, 'visual': vectors})\n"
    )
    command = [sys.executable, "-B", "-c", program, folder]  # -B: byte code would be cut, too
    ended = subprocess.run(command, capture_output=True, text=True)
    assert "InputError" in ended.stderr.splitlines()[-1]
    assert "cannot be written (File too large); the store is as it was" in ended.stderr
    assert ids(open_store(folder)) == make_items(60).ids


def test_one_process_writes_and_a_dead_ones_lock_is_taken_over(folder: Path) -> None:
    command = [sys.executable, str(WORKER), "hold", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "holding\n"
        store = open_store(folder)
        assert len(ids(store)) == 65
        with pytest.raises(InputError, match=f"is being written by process {holder.pid}; wait until it is done"):
            store.delete(["clip-77-0"])
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert store.delete(["clip-77-0"]) == 1
        store.close()
    assert len(ids(open_store(folder))) == 64


def test_what_a_stopped_writer_left_is_removed_by_the_next(folder: Path) -> None:
    (folder / ".segment-abc").mkdir()
    (folder / "segment-00000003").mkdir()
    (folder / "segment-00000003" / "audio.npy").write_bytes(b"half")
    (folder / "deleted-00000003-0.npy").write_bytes(b"half")
    with open_store(folder) as store:
        store.add(["x"], {"audio": np.ones((1, 16))})
        assert store.count() == 61
    assert sorted(path.name for path in folder.glob("*segment*")) == [f"segment-0000000{n}" for n in (1, 2, 3)]
    assert not list(folder.glob("deleted-*"))


def test_old_versions_are_forgotten_and_their_files_with_them(folder: Path) -> None:
    with open_store(folder) as store:
        for number in range(3 * KEPT):
            store.upsert(["x"], {"audio": np.full((1, 16), number + 1.0)})
        assert store.count() == 61
    assert KEPT <= len(versions(folder)) <= 2 * KEPT + 1
    assert len(list(folder.glob("segment-*"))) <= 2 * KEPT + 3
    with open_store(folder) as store:
        store.compact()
    assert len(versions(folder)) == len(list(folder.glob("segment-*"))) == 1


def test_settings_that_do_not_fit_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"another dtype; got float16; valid: float32"):
        open_store(folder, settings={"dtype": "float16"})
    with pytest.raises(InputError, match=r"unknown setting in settings of flat 'dtpye'.*did you mean 'dtype'"):
        open_store(folder, settings={"dtpye": "float16"})
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="holds other things than a store"):
        open_store(tmp_path / "other", create=True)
    with pytest.raises(InputError, match=r"modalities need plain names; got '\.\./a'"), open_store(folder) as store:
        store.add(["x"], {"../a": np.ones((1, 16))})


@pytest.mark.parametrize("memory_mb", [1, 64])
def test_int8_is_exact_where_rounding_hides_differences(tmp_path: Path, memory_mb: int) -> None:
    random = np.random.default_rng(0)
    rows = random.standard_normal(32) + 1e-3 * random.standard_normal((5000, 32))  # all nearly the same
    settings = {"dtype": "int8", "memory_mb": memory_mb}
    with open_store(tmp_path / "store", create=True, settings=settings) as store:
        store.add(list(map(str, range(5000))), {"audio": rows})
        queries = rows[:20] + 1e-3 * random.standard_normal((20, 32))
        assert_same(store.search(queries, 10), brute_force(store, queries, 10, ("audio",)))


def test_best_keeps_the_earliest_of_equal_scores() -> None:
    random = np.random.default_rng(0)
    scores = random.integers(0, 6, (7, 400)).astype(np.float32)
    best = Best(7, 9)
    for start in range(0, 400, 50):
        best.offer(scores[:, start : start + 50], np.arange(start, start + 50))
    order = np.lexsort((np.broadcast_to(np.arange(400), scores.shape), -scores), axis=1)[:, :9]
    np.testing.assert_array_equal(best.positions, order)
    np.testing.assert_array_equal(best.scores, np.take_along_axis(scores, order, axis=1))


@pytest.mark.parametrize("there", [True, False])
def test_a_file_of_milvus_lite_is_no_folder_of_a_flat_store(there: bool, tmp_path: Path) -> None:
    file = tmp_path / "media.db"
    if there:
        file.write_bytes(b"SQLite format 3")
    for create in (False, True):
        with pytest.raises(InputError, match=f"say milvus:{file}"):
            open_store(file, create=create)
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(InputError, match="no store"):
        open_store(tmp_path / "folder.db")
