"""Formats: what is saved loads again, memory maps, numbers of any kind, files written by others."""

import json

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from overtone.core import InputError
from overtone.features import PairedFeatures, from_arrays, load, save
from overtone.features.arrays import Array, Column
from overtone.features.base import find_label_kind
from overtone.features.formats import find_format, formats

from .conftest import WRITABLE

names = st.text(st.characters(exclude_categories=("C",)), min_size=1, max_size=8)


@st.composite
def paired(draw) -> PairedFeatures:
    rows = draw(st.integers(2, 12))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    shapes = draw(
        st.tuples(*[st.one_of(st.tuples(st.integers(1, 5)), st.tuples(st.integers(1, 3), st.integers(1, 4)))] * 2)
    )
    pair = draw(st.sampled_from([("audio", "visual"), ("left", "right"), ("visual", "audio")]))
    order = torch.randperm(rows, generator=generator)
    cut = draw(st.integers(1, rows - 1))
    splits = {"train": order[:cut].sort().values, "test": order[cut:].sort().values}
    if cut > 1 and draw(st.booleans()):  # one row in no split, the others in three
        splits = {"train": order[1:cut].sort().values, "val": order[:1], "test": splits["test"]}
    classes = draw(st.integers(0, 4))
    targets = None
    if classes:
        targets = torch.rand(rows, classes, generator=generator)
        targets = targets if draw(st.booleans()) else targets.round()
    return PairedFeatures(
        {name: torch.randn(rows, *shape, generator=generator) for name, shape in zip(pair, shapes)},
        ids=tuple(draw(st.lists(names, min_size=rows, max_size=rows, unique=True))),
        labels=targets,
        label_kind=find_label_kind(targets),
        class_names=tuple(draw(st.lists(names, min_size=classes, max_size=classes, unique=True))),
        splits=splits,
        media={pair[0]: tuple(draw(st.lists(names, min_size=rows, max_size=rows)))} if draw(st.booleans()) else {},
        truth={f"events_{pair[1]}": torch.eye(rows), "interactions": torch.eye(4)} if draw(st.booleans()) else {},
    )


def assert_equal(one: PairedFeatures, two: PairedFeatures) -> None:
    assert (one.names, one.ids, one.label_kind, one.class_names, one.media) == (
        *(two.names, two.ids, two.label_kind, two.class_names, two.media),
    )
    for mine, yours in ((one.modalities, two.modalities), (one.splits, two.splits), (one.truth, two.truth)):
        assert mine.keys() == yours.keys()
        assert all(mine[key].dtype == yours[key].dtype and torch.equal(mine[key], yours[key]) for key in mine)
    assert (one.targets is None) == (two.targets is None)
    assert one.targets is None or torch.equal(one.targets, two.targets)


@pytest.mark.parametrize("suffix", WRITABLE)
@given(data=paired())
def test_what_is_saved_loads_to_an_equal_object(tmp_path_factory, suffix, data):
    path = tmp_path_factory.mktemp("round") / f"clips.{suffix}"
    save(data, path)
    again = load(path, sequences="keep")
    assert_equal(data, again)
    save(again, path.with_stem("twice"))  # also from memory maps of the first file
    assert load(path.with_stem("twice"), sequences="keep").provenance.checksum == again.provenance.checksum


def test_every_format_that_can_be_written_is_in_the_round_trip():
    assert {suffix for _, known in formats.items() if known.write for suffix in known.suffixes} >= {
        f".{suffix}" for suffix in WRITABLE
    }
    assert sum(known.write is not None for _, known in formats.items()) == len(WRITABLE)


def test_save_refuses_what_it_could_not_give_back(tmp_path):
    data = load("split-digits")
    with pytest.raises(InputError, match=r"unknown kind of file; got suffix '.mat'; valid: .h5, .*\.npz"):
        save(data, tmp_path / "x.mat")
    odd = PairedFeatures({"y": data.modalities["left"], "b": data.modalities["right"]}, data.ids)
    with pytest.raises(InputError, match="cannot be saved under the name 'y'"):
        save(odd, tmp_path / "x.npz")
    rows = torch.tensor([0, 1])
    overlapping = PairedFeatures(data.modalities, data.ids, splits={"train": rows, "test": rows})
    with pytest.raises(InputError, match="splits 'train' and 'test' overlap"):
        save(overlapping, tmp_path / "x.npz")
    assert list(tmp_path.iterdir()) == []


def test_uncompressed_npz_and_npy_and_contiguous_h5_are_memory_mapped(tmp_path, arrays):
    save(from_arrays(arrays), tmp_path / "a.npz")
    save(from_arrays(arrays), tmp_path / "a.h5")
    for key, values in arrays.items():
        np.save(tmp_path / f"{key}.npy", values)
    for source in (tmp_path / "a.npz", tmp_path / "a.h5", tmp_path):
        rows = find_format(source).read(source).arrays["audio"].rows
        assert isinstance(rows, np.memmap), source
        assert Column([Array(rows, "")]).float32().ctypes.data == rows.ctypes.data, "the array is the map itself"
        data = load(source)
        np.testing.assert_array_equal(data.modalities["audio"], arrays["audio"])
        np.testing.assert_allclose(data.modalities["visual"], arrays["visual"], rtol=1e-6)
        data.modalities["audio"][0] = 7.0  # copy on write: the file stays as it is
        np.testing.assert_array_equal(load(source).modalities["audio"], arrays["audio"])


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "<f2", "u1", "<i2", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("writer", [np.savez, np.savez_compressed])
def test_npz_of_any_number_and_order(tmp_path, monkeypatch, arrays, dtype, order, writer):
    monkeypatch.setattr("overtone.features.arrays.BLOCK_BYTES", 64)  # many blocks
    values = np.array(np.random.default_rng(1).integers(0, 2, (40, 5)), dtype=dtype, order=order)
    writer(tmp_path / "a.npz", **{**arrays, "visual": values})
    loaded = load(tmp_path / "a.npz").modalities["visual"]
    assert loaded.dtype == torch.float32
    np.testing.assert_array_equal(loaded, values.astype(np.float32))


@pytest.mark.parametrize("options", [{}, {"chunks": True}, {"compression": "gzip"}])
def test_h5_of_any_storage_in_blocks(tmp_path, monkeypatch, arrays, options):
    monkeypatch.setattr("overtone.features.arrays.BLOCK_BYTES", 64)
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        for key, values in arrays.items():
            file.create_dataset(key, data=values, **options)
        file["class_names"] = np.array([b"a", b"b", b"c", b"d"])
    data = load(tmp_path / "a.hdf5")
    np.testing.assert_allclose(data.modalities["visual"], arrays["visual"], rtol=1e-6)
    assert data.class_names == ("a", "b", "c", "d")


def test_safetensors_takes_types_that_numpy_lacks(tmp_path):
    audio = torch.randn(10, 3).to(torch.bfloat16)
    save_file({"audio": audio, "visual": torch.randn(10, 4)}, tmp_path / "a.safetensors", metadata={"note": "[no json"})
    assert torch.equal(load(tmp_path / "a.safetensors").modalities["audio"], audio.float())


def test_parquet_from_elsewhere_with_lists_dictionaries_and_nested_lists(tmp_path):
    table = pa.table(
        {
            "audio": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.5]],
            "visual": [[[1, 2], [3, 4]], [[5, 6], [7, 8]], [[9, 10], [11, 12]]],
            "y": pa.array(["dog", "cat", "dog"]).dictionary_encode(),
            "split": ["train", "train", "test"],
            "when": pa.array([1, 2, 3], pa.timestamp("s")),
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet", row_group_size=2)
    data = load(tmp_path / "a.parquet", sequences="keep")
    assert data.modalities["visual"][1].tolist() == [[5.0, 6.0], [7.0, 8.0]]
    assert data.class_names == ("cat", "dog")
    assert data.targets.argmax(1).tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ([[1.0, 2.0], [3.0]], "row 1: a list of another length than row 0's; got 1 values; valid: 2 values"),
        ([[1.0, 2.0], None], "row 1: NaN"),
        ([[[1.0], [2.0]], [[3.0], [4.0, 5.0]]], "row 1: a list of another length"),
    ],
)
def test_parquet_names_the_row_that_differs(tmp_path, lists, message):
    pyarrow.parquet.write_table(pa.table({"audio": lists, "visual": [[1.0], [2.0]]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=f"a.parquet, key 'audio', {message}"):
        load(tmp_path / "a.parquet")


def test_metadata_that_is_not_ours_is_left_alone(tmp_path):
    table = pa.table({"audio": [[1.0], [2.0]], "visual": [[1.0], [2.0]]})
    table = table.replace_schema_metadata({"pandas": json.dumps({"a": 1}), "ids": "[[1], [1, 2]]"})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    assert load(tmp_path / "a.parquet").ids == ("0", "1")


def test_lists_and_tensors_in_memory():
    data = from_arrays({"audio": torch.eye(4, dtype=torch.bfloat16), "visual": [[1], [2], [3], [4]]})
    assert data.modalities["visual"].tolist() == [[1.0], [2.0], [3.0], [4.0]]
    with pytest.raises(InputError, match="arrays, key 'audio': rows of different lengths"):
        from_arrays({"audio": [[1], [1, 2]], "visual": [[1], [2]]})


def test_a_saved_npz_is_one_for_numpy_too_and_the_same_bytes_each_time(tmp_path, arrays):
    odd = {"file": arrays["audio"], "naïve": arrays["visual"], "y": arrays["y"]}
    data = from_arrays(odd)
    for name in ("one.npz", "two.npz"):
        save(data, tmp_path / name)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    with np.load(tmp_path / "one.npz", allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["file"], arrays["audio"])
        np.testing.assert_array_equal(archive["naïve"], arrays["visual"].astype(np.float32))
    assert load(tmp_path / "one.npz").names == ("file", "naïve")


def test_a_map_that_is_not_aligned_is_copied(tmp_path, arrays):
    for width in range(1, 9):  # the key's length moves the values within the file
        np.savez(tmp_path / "a.npz", **{"a" * width: arrays["audio"], "b": arrays["visual"]})
        assert load(tmp_path / "a.npz").modalities["a" * width].data_ptr() % 4 == 0
