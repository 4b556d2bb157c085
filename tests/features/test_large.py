"""Features that are kept in a file: the same values as in memory, and a disk without room says so."""

from __future__ import annotations

import errno
import gc
import itertools
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from overtone.core import InputError, scratch
from overtone.features import load, save
from overtone.features.large import spread_sample, take_rows


@pytest.fixture
def small_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrays of more than 8 KiB are large."""
    monkeypatch.setattr(scratch, "LARGE_BYTES", 8 << 10)
    monkeypatch.setattr("overtone.features.large._BLOCK_BYTES", 1 << 10)


def arrays(rows: int = 600) -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {
        "audio": random.standard_normal((rows, 8)).astype(np.float32),
        "visual": random.standard_normal((rows, 12)).astype(np.float32),
        "y": np.arange(rows) % 3,
        "is_test": np.arange(rows) % 4 == 0,
    }


def write(kind: str, folder: Path, given: dict[str, Any]) -> Path:
    """Write arrays in one of the layouts that cannot be memory-mapped as float32."""
    place = folder / kind
    place.mkdir()
    if kind == "chunked":
        with h5py.File(place / "clips.h5", "w") as file:
            for key, values in given.items():
                chunks = (50, *values.shape[1:])
                file.create_dataset(key, data=values, chunks=chunks, compression="gzip")
        return place / "clips.h5"
    if kind == "doubles":
        np.savez(place / "clips.npz", **{key: v.astype(np.float64) if v.ndim > 1 else v for key, v in given.items()})
        return place / "clips.npz"
    bounds = (0, 100, 350, 600)
    for number, (start, stop) in enumerate(itertools.pairwise(bounds)):
        part = {key: np.ascontiguousarray(values[start:stop]) for key, values in given.items()}
        if kind == "safetensors-shards":
            save_file(part, place / f"clips-{number:05}.safetensors")
        else:
            with h5py.File(place / f"clips-{number:05}.h5", "w") as file:
                for key, values in part.items():
                    file.create_dataset(key, data=values)
    return place


@pytest.mark.parametrize("kind", ["chunked", "doubles", "safetensors-shards", "h5-shards"])
def test_large_features_lie_in_files_with_the_values_of_memory(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(kind, tmp_path, arrays())
    wanted = load(source)
    assert not any(scratch.in_file(rows) for rows in wanted.modalities.values())
    monkeypatch.setattr(scratch, "LARGE_BYTES", 8 << 10)
    found = load(source)
    assert all(scratch.in_file(rows) for rows in found.modalities.values())
    for name, rows in wanted.modalities.items():
        assert torch.equal(found.modalities[name], rows)
    assert found.provenance.checksum == wanted.provenance.checksum
    save(found, tmp_path / "again.h5")
    assert torch.equal(load(tmp_path / "again.h5").modalities["visual"], wanted.modalities["visual"])


@pytest.mark.usefixtures("small_memory")
def test_rows_taken_into_a_file_are_those_taken_in_memory() -> None:
    tensor = torch.randn(900, 10)
    rows = torch.randperm(900)[:700]
    found = take_rows(tensor, rows)
    assert scratch.in_file(found)
    assert torch.equal(found, tensor[rows])
    doubled = take_rows(tensor, rows, lambda part, numbers: part[:, :9] * numbers[:, None])
    assert torch.equal(doubled, tensor[rows][:, :9] * rows[:, None])
    assert not scratch.in_file(take_rows(tensor, rows[:20]))
    scratch.release(found, tensor)
    assert torch.equal(found, tensor[rows])  # nothing is lost


@pytest.mark.usefixtures("small_memory")
def test_a_sample_to_fit_on_is_all_rows_or_evenly_spread_ones() -> None:
    tensor = torch.arange(3000.0)[:, None].expand(3000, 4).contiguous()
    few, all_rows = torch.arange(0, 100), torch.arange(3000)
    assert torch.equal(spread_sample(tensor, few), tensor[few])
    sample = spread_sample(tensor, all_rows)[:, 0]
    assert len(sample) == 128
    assert (sample[0], sample[-1]) == (0.0, 2999.0)
    assert float(sample.diff().max() - sample.diff().min()) <= 1.0


@pytest.mark.usefixtures("small_memory")
def test_a_file_is_gone_with_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    rows = torch.from_numpy(scratch.empty_rows((1000, 4)))
    assert scratch.in_file(rows)
    assert list(tmp_path.iterdir()) == []
    address = rows.data_ptr()
    part = rows[10:]
    del rows
    gc.collect()
    assert address in scratch._SCRATCH  # a part still needs it
    del part
    gc.collect()
    assert address not in scratch._SCRATCH


@pytest.mark.usefixtures("small_memory")
def test_a_full_disk_says_how_much_is_needed_and_where(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(
        InputError, match=r"no room for .* GiB of features, too large for memory; set TMPDIR to a folder"
    ):
        scratch.empty_rows((1000, 4))


@pytest.mark.parametrize(
    ("given", "said"), [("64", None), ("much", "OVERTONE_LARGE_MB: not a number of MiB; got 'much'")]
)
def test_what_is_large_can_be_set(monkeypatch: pytest.MonkeyPatch, given: str, said: str | None) -> None:
    monkeypatch.setenv("OVERTONE_LARGE_MB", given)
    if said is None:
        assert scratch._read_limit() == 64 << 20
    else:
        with pytest.raises(InputError, match=said):
            scratch._read_limit()


@pytest.mark.usefixtures("small_memory")
def test_files_that_are_mapped_as_they_are_stay_so(tmp_path: Path) -> None:
    given = arrays()
    for key, values in given.items():
        np.save(tmp_path / f"{key}.npy", values)
    data = load(tmp_path)
    for name, rows in data.modalities.items():
        assert not scratch.in_file(rows)
        assert scratch._SOURCES[rows.data_ptr()] == given[name].nbytes
        scratch.release(rows)
        assert torch.equal(rows, torch.from_numpy(given[name]))
