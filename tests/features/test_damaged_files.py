"""Damaged, truncated and unknown files: one sentence each, and nothing unpickled."""

import contextlib
import zipfile
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from hypothesis import given
from hypothesis import strategies as st

from overtone.core import InputError
from overtone.features import PairedFeatures, from_arrays, load, save

from .conftest import WRITABLE


@pytest.mark.parametrize("suffix", [*WRITABLE, "mat"])
@pytest.mark.parametrize("damage", ["empty", "text", "half"])
def test_a_damaged_file_is_named_as_such(tmp_path, suffix, damage):
    path = tmp_path / f"a.{suffix}"
    if suffix == "mat":
        values = np.random.default_rng(0).standard_normal((50, 20))
        scipy.io.savemat(path, {"audio": values, "visual": values}, do_compression=True)
    else:
        save(load("split-digits"), path)
    whole = path.read_bytes()
    path.write_bytes({"empty": b"", "text": b"audio,visual\n1,2\n", "half": whole[: len(whole) // 2]}[damage])
    with pytest.raises(InputError, match=rf"a\.{suffix}: not an? .*truncated.*bytes; check that the copy") as caught:
        load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
@given(places=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8))
def test_flipped_bytes_end_in_a_sentence_or_in_features_but_in_nothing_else(tmp_path_factory, suffix, places):
    path = tmp_path_factory.mktemp("flipped") / f"a.{suffix}"
    save(from_arrays({"audio": np.arange(12.0).reshape(6, 2), "visual": np.eye(6)}), path)
    content = bytearray(path.read_bytes())
    for place, value in places:
        content[int(place * len(content))] = value
    path.write_bytes(bytes(content))
    with contextlib.suppress(InputError):  # any other exception fails the test
        assert isinstance(load(path, modalities=("audio", "visual")), PairedFeatures)


def test_a_damaged_header_is_named(tmp_path, arrays):
    for key, values in arrays.items():
        np.save(tmp_path / f"{key}.npy", values)
    path = tmp_path / "visual.npy"
    path.write_bytes(path.read_bytes().replace(b"}", b"(", 1))
    with pytest.raises(InputError, match=r"visual\.npy: not an npy file, or a truncated one \(its header is damaged"):
        load(tmp_path)


def test_a_truncated_npy_is_named(tmp_path, arrays):
    for key, values in arrays.items():
        np.save(tmp_path / f"{key}.npy", values)
    path = tmp_path / "visual.npy"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"visual\.npy: not an npy file, or a truncated one"):
        load(tmp_path)


def test_a_corrupt_member_of_a_zip_is_named_with_its_key(tmp_path, arrays):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, **{**arrays, "visual": np.random.default_rng(0).standard_normal((40, 5000))})
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("visual.npy")
    content = bytearray(path.read_bytes())
    middle = info.header_offset + 30 + len(info.filename) + info.compress_size // 2
    content[middle : middle + 40] = bytes(40)
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match=r"a\.npz, key 'visual': cannot be read whole .*damaged"):
        load(path)


def test_pickles_are_refused_wherever_they_are_used_and_ignored_elsewhere(tmp_path, arrays):
    objects = np.array([{"a": 1}] * 40, dtype=object)
    np.savez(tmp_path / "a.npz", **arrays, unused=objects)
    assert len(load(tmp_path / "a.npz")) == 40
    for key in ("audio", "y", "ids"):
        np.savez(tmp_path / "b.npz", **{**arrays, key: objects})
        with pytest.raises(InputError, match=f"b.npz, key '{key}': holds Python objects .a pickle., .* never loaded"):
            load(tmp_path / "b.npz")


def test_unknown_sources_say_what_is_possible(tmp_path):
    with pytest.raises(
        InputError, match=r"no such file or folder; valid: .*split-digits.*; did you mean 'split-digits'"
    ):
        load("split-digit")
    (tmp_path / "a.csv").write_text("1,2")
    with pytest.raises(InputError, match=r"a.csv: unknown kind of file; got suffix '.csv'; valid: .*\.npz.*a folder"):
        load(tmp_path / "a.csv")
    with pytest.raises(
        InputError, match=r"a folder without features; valid: a folder that holds \*\.npy or \*\.npz or audio_feature"
    ):
        load(tmp_path)
    np.savez(tmp_path / "none.npz")
    with pytest.raises(InputError, match="a zip without arrays"):
        load(tmp_path / "none.npz")


@pytest.mark.parametrize("suffix", [*WRITABLE, "mat", "npy", "csv"])
def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch, arrays, suffix):
    (tmp_path / "clips").mkdir()
    path = tmp_path / "clips" / f"audio.{suffix}"
    if suffix == "npy":
        np.save(path, arrays["audio"])
    elif suffix in WRITABLE:
        save(from_arrays(arrays), path)
    else:
        path.touch()

    opened = Path.open

    def refuse(self: Path, *options: object, **further: object) -> object:
        if self == path:
            raise PermissionError(13, "Permission denied", str(self))
        return opened(self, *options, **further)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=rf"audio.{suffix}: cannot be read \(Permission denied\); check its perm"):
        from_arrays(arrays, metadata=path) if suffix == "csv" else load(path.parent if suffix == "npy" else path)


def test_a_folder_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    def refuse(self: Path) -> object:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(InputError, match=r"cannot be read \(Permission denied\); check its permissions"):
        load(tmp_path)
