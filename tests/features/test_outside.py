"""Features are read from their own file, and are no larger than it can hold."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from overtone.core import InputError
from overtone.features import load


def external_link(file: h5py.File) -> None:
    file["audio"] = h5py.ExternalLink("/etc/passwd", "/x")


def nested_link(file: h5py.File) -> None:
    file["deep/down"] = h5py.ExternalLink("other.h5", "/x")


def external_storage(file: h5py.File) -> None:
    file.create_dataset("audio", shape=(8, 2), dtype="f4", external=[("/etc/passwd", 0, 64)])


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout(shape=(8, 2), dtype="f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", shape=(8, 2))
    file.create_virtual_dataset("audio", layout)


@pytest.mark.parametrize("suffix", [".h5", ".mat"])
@pytest.mark.parametrize("add", [external_link, nested_link, external_storage, virtual])
def test_hdf5_that_leads_out_of_its_file_is_refused_by_name(tmp_path: Path, add, suffix: str) -> None:
    with h5py.File(tmp_path / f"a{suffix}", "w") as file:
        file["visual"] = np.zeros((8, 2))
        add(file)
    with pytest.raises(InputError, match=r"key '.*': (is a link into|has its values in) another file; got"):
        load(tmp_path / f"a{suffix}")


def test_a_zip_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    zeros = np.zeros((40_000, 2000), np.float32)
    np.savez_compressed(tmp_path / "a.npz", audio=zeros, visual=zeros[:, :2])
    with pytest.raises(InputError, match=r"a.npz, key 'audio': declares 320,000,000 bytes, and the file holds"):
        load(tmp_path / "a.npz")


def test_a_header_that_declares_more_than_there_is_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "audio.npy", np.ones((10, 3)))
    np.save(tmp_path / "visual.npy", np.ones((10, 3)))
    content = (tmp_path / "audio.npy").read_bytes()
    (tmp_path / "audio.npy").write_bytes(content.replace(b"(10, 3)", b"(9999999999, 3)".ljust(7))[: len(content)])
    with pytest.raises(InputError, match=r"audio.npy: not an npy file, or a truncated one"):
        load(tmp_path)


def test_an_empty_hdf5_dataset_of_terabytes_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for key in ("audio", "visual"):
            file.create_dataset(key, shape=(10**6, 10**6), chunks=(10, 1000), dtype="f4")
    with pytest.raises(InputError, match="declares 4,000,000,000,000 bytes"):
        load(tmp_path / "a.h5")


def test_parquet_that_repeats_itself_is_refused(tmp_path: Path) -> None:
    text = pa.array(["x" * 10_000_000] + ["a"] * 1000)
    pq.write_table(pa.table({"audio": text}), tmp_path / "texts.parquet")
    with pytest.raises(InputError, match="texts of up to 10,000,000 characters: declares"):
        load(tmp_path / "texts.parquet")
    rows = pa.array(np.zeros(60_000_000, np.int8))
    pq.write_table(pa.table({"audio": rows}), tmp_path / "runs.parquet", compression="zstd")
    with pytest.raises(InputError, match="runs.parquet: declares"):
        load(tmp_path / "runs.parquet")


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".mat", ".parquet", ".safetensors"])
def test_pipes_and_devices_are_no_features(tmp_path: Path, suffix: str) -> None:
    os.mkfifo(tmp_path / f"a{suffix}")
    (tmp_path / f"zero{suffix}").symlink_to("/dev/zero")
    for name in ("a", "zero"):
        with pytest.raises(InputError, match="is not a file"):
            load(tmp_path / f"{name}{suffix}")
