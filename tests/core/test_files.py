"""Files are whole or not there."""

from __future__ import annotations

import json
import os
import resource
import stat
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from overtone.core import InputError, atomic
from overtone.core.atomic import atomic_path, sweep
from overtone.core.files import (
    checksum,
    json_text,
    load_tensors,
    read_header,
    save_tensors,
    write_json,
    write_text,
)


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "down" / "x.txt"
    with atomic_path(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()
        assert temporary.parent.parent == path.parent  # a rename over a file system's border is no rename
        assert temporary.name == path.name
    assert path.read_text() == "half"
    assert os.listdir(path.parent) == ["x.txt"]


def interrupted(path: Path) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text("aft")
        raise KeyboardInterrupt


def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    write_text(path, "before")
    with pytest.raises(KeyboardInterrupt):
        interrupted(path)
    assert path.read_text() == "before"
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == ["x.txt"]


def test_others_may_read_what_the_umask_allows(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "x.txt", "")
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x.txt").stat().st_mode) == 0o640


def test_a_place_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"x.txt: cannot be written .*choose another place"):
        write_text(tmp_path / "file" / "x.txt", "")


def test_json_has_no_word_for_what_is_not_finite() -> None:
    value = {
        "a": [float("nan"), float("inf"), 1.5],
        1: (torch.tensor([1.0, -torch.inf]), np.float32(0.5), np.array([[np.nan]])),
        "path": Path("x") / "y",
        "ü": None,
    }
    text = json_text(value)
    assert "ü" in text
    found = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert found == {"a": [None, None, 1.5], "1": [[1.0, None], 0.5, [[None]]], "path": "x/y", "ü": None}


def test_json_files_end_in_a_line_break(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"a": 1})
    assert (tmp_path / "x.json").read_text() == '{\n  "a": 1\n}\n'


def test_tensors_come_back_as_they_were(tmp_path: Path) -> None:
    base = torch.arange(12.0).reshape(3, 4)
    tensors = {
        "transposed": base.T,
        "view": base[1:],
        "half": base.half(),
        "scalar": torch.tensor(3),
        "empty": torch.zeros(0, 2),
        "gradient": base.clone().requires_grad_(),
    }
    save_tensors(tmp_path / "x.safetensors", tensors, {"made": "here", "numbers": "[1, 2.5]", "none": "null"})
    assert read_header(tmp_path / "x.safetensors") == {"numbers": [1, 2.5], "none": None}
    found = load_tensors(tmp_path / "x.safetensors")
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


@pytest.mark.parametrize("content", ["", "no tensors at all", "cut"])
def test_a_damaged_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.safetensors"
    save_tensors(path, {"a": torch.zeros(100)})
    path.write_bytes(path.read_bytes()[:-7] if content == "cut" else content.encode())
    with pytest.raises(InputError, match=r"x.safetensors: not a whole safetensors file .*write it again"):
        load_tensors(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"x.safetensors: no such file"):
        load_tensors(tmp_path / "x.safetensors")


def test_the_checksum_tells_values_shapes_types_and_order_apart() -> None:
    a, b = torch.arange(6.0), torch.arange(6.0) + 1
    different = [(a,), (b,), (a, b), (b, a), (a.reshape(2, 3),), (a.double(),), (a.int(),), (torch.tensor(0.0),), ()]
    assert len({checksum(*tensors) for tensors in different}) == len(different)
    assert checksum(a.reshape(2, 3).T) == checksum(a.reshape(2, 3).T.contiguous())
    assert checksum(a.clone().requires_grad_()) == checksum(a)


def test_a_checksum_depends_on_shape_type_and_bytes_and_not_on_the_kind_of_array() -> None:
    rows = np.arange(6, dtype=np.float32)
    different = [rows, rows.reshape(2, 3), rows.reshape(3, 2), rows.view(np.int32), rows[::-1]]
    assert len({checksum(part) for part in different}) == len(different)
    assert all(checksum(part.copy()) == checksum(torch.from_numpy(part.copy())) for part in different)
    assert checksum(rows, rows[:1]) != checksum(rows[:1], rows)


def left_over(folder: Path, pid: int, host: str | None = None) -> Path:
    path = folder / f".x.txt.{host or atomic._host()}-{pid}-abcdefgh.part"
    path.mkdir()
    (path / "x.txt").write_text("half")
    return path


def test_what_killed_writers_left_is_swept_and_what_is_being_written_is_not(tmp_path: Path) -> None:
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    gone = left_over(tmp_path, child)
    own = left_over(tmp_path, os.getpid())  # of an earlier process with the number of this one
    old = left_over(tmp_path, 1, host="0" * 8)
    os.utime(old, (0, 0))
    kept = [left_over(tmp_path, os.getppid()), left_over(tmp_path, child, host="1" * 8), tmp_path / ".mine.part"]
    kept[-1].mkdir()
    with atomic_path(tmp_path / "x.txt") as temporary:
        sweep(tmp_path)
        assert [path.exists() for path in (gone, own, old)] == [False] * 3
        temporary.write_text("whole")
    assert all(path.exists() for path in kept)


def test_a_library_may_put_files_of_its_own_beside_what_it_writes(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "x.txt") as temporary:
        temporary.with_name(".tmpAbC123").write_text("half")
        temporary.write_text("whole")
    assert os.listdir(tmp_path) == ["x.txt"]


def test_a_full_disk_is_said_and_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.safetensors"
    write_text(path, "before")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # which would be cut, too
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        for write in (
            lambda: write_text(path, "x" * 10_000),
            lambda: save_tensors(path, {"x": torch.zeros(10_000)}),
        ):
            with pytest.raises(InputError, match=r"x.safetensors: cannot be written \(.*; free some space"):
                write()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == ["x.safetensors"]


def test_a_long_name_can_be_written(tmp_path: Path) -> None:
    write_text(tmp_path / ("x" * 255), "")
    with pytest.raises(InputError, match="cannot be written"):
        write_text(tmp_path / ("x" * 256), "")
