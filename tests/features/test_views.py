"""Single views: every reader gives them, they are checked like pairs, and pairs stay what they were."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from overtone.core import InputError
from overtone.features import (
    Features,
    PairedFeatures,
    from_arrays,
    hold_out,
    inspect,
    load,
    load_views,
    require_pairs,
    save,
    split_by_class,
    views_from_arrays,
)
from overtone.features.base import find_label_kind
from overtone.features.formats import formats, npz
from overtone.features.saving import to_plain_layout
from overtone.features.subsets import SUBSETS, Subset

Arrays = dict[str, np.ndarray]


@pytest.fixture
def arrays() -> Arrays:
    generator = np.random.default_rng(0)
    return {
        "image": generator.standard_normal((20, 6)).astype(np.float32),
        "y": np.arange(20) % 4,
        "split": np.array(["train"] * 14 + ["test"] * 6),
    }


def save_npy(data: Features, folder: Path) -> None:
    folder.mkdir()
    for key, values in to_plain_layout(data).items():
        np.save(folder / f"{key}.npy", values)


def save_mat(data: Features, path: Path) -> None:
    cells = {key: v.astype(object) if v.dtype.kind == "U" else v for key, v in to_plain_layout(data).items()}
    scipy.io.savemat(path, cells)


WRITERS: dict[str, tuple[str, Callable[[Features, Path], None]]] = {
    "npz": ("a.npz", save),
    "hdf5": ("a.h5", save),
    "parquet": ("a.parquet", save),
    "safetensors": ("a.safetensors", save),
    "npy": ("a", save_npy),
    "mat": ("a.mat", save_mat),
}


def test_every_format_but_the_audio_visual_one_is_in_the_round_trip() -> None:
    assert set(formats) == {*WRITERS, "ave", "shards"}


@st.composite
def views(draw) -> Features:
    rows, classes = draw(st.integers(3, 12)), draw(st.integers(0, 4))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    name = draw(st.sampled_from(["image", "X", "embeddings", "left"]))
    targets = torch.rand(rows, classes, generator=generator) if classes else None
    if targets is not None and draw(st.booleans()):
        targets = targets.round()
    cut = draw(st.integers(1, rows - 1))
    return Features(
        {name: torch.randn(rows, draw(st.integers(2, 5)), generator=generator)},
        ids=tuple(f"row {row}" for row in range(rows)),
        labels=targets,
        label_kind=find_label_kind(targets),
        class_names=tuple(f"class {index}" for index in range(classes)),
        splits={"train": torch.arange(cut), "test": torch.arange(cut, rows)},
        media={name: tuple(f"{row}.png" for row in range(rows))} if draw(st.booleans()) else {},
    )


@pytest.mark.parametrize("kind", WRITERS)
@given(data=views())
def test_what_is_written_loads_to_an_equal_view(tmp_path_factory, kind, data):
    assume(kind != "mat" or data.classes != 1)  # MATLAB knows no difference between (N,) and (N, 1)
    name, write = WRITERS[kind]
    path = tmp_path_factory.mktemp("round") / name
    write(data, path)
    again = load_views(path)
    assert type(again) is Features
    assert (again.provenance.reader, again.names, again.ids) == (kind, data.names, data.ids)
    assert (again.label_kind, again.class_names, again.media) == (data.label_kind, data.class_names, data.media)
    assert torch.equal(again.modalities[data.names[0]], data.modalities[data.names[0]])
    assert data.targets is None or torch.equal(again.targets, data.targets)
    assert {split: rows.tolist() for split, rows in again.splits.items()} == {
        split: rows.tolist() for split, rows in data.splits.items()
    }
    found = inspect(path)
    assert (list(found.modalities), found.problems) == ([data.names[0]], ())
    with pytest.raises(InputError, match=rf"holds one view, '{data.names[0]}', but two modalities are needed"):
        load(path)


def test_nothing_copies_a_mapped_view_on_its_way(tmp_path, arrays, monkeypatch):
    maps = []

    def noted(*arguments, original=npz.map_array):
        maps.append(original(*arguments))
        return maps[-1]

    save(views_from_arrays(arrays), tmp_path / "a.npz")
    monkeypatch.setattr(npz, "map_array", noted)
    data = load_views(tmp_path / "a.npz")
    places = {rows.ctypes.data for rows in maps if isinstance(rows, np.memmap)}
    assert data.modalities["image"].data_ptr() in places
    assert split_by_class(data).modalities["image"].data_ptr() in places
    assert hold_out(data, 0.2, 0).modalities["image"].data_ptr() in places


@pytest.mark.parametrize("name", ["image", "features", "clip_vit", "audio"])
def test_the_only_array_with_a_row_per_label_is_the_view(arrays, name):
    arrays[name] = arrays.pop("image")
    data = views_from_arrays(
        {**arrays, "centres": np.ones((4, 6)), "score": np.ones(20), "shown": np.ones((20, 3, 3, 2))}
    )
    assert data.names == (name,)
    assert f"took {name!r} as the one view: the only array that qualifies" in data.provenance.notes


def test_two_arrays_that_can_be_meant_stay_a_pair(arrays):
    data = views_from_arrays({**arrays, "text": np.eye(20, 2)})
    assert isinstance(data, PairedFeatures)
    assert data.names == ("image", "text")
    home = views_from_arrays({**arrays, "audio": arrays["image"] + 1, "visual": arrays["image"] - 1})
    assert home.names == ("audio", "visual"), "the usual pair goes before everything else"


def test_doubt_stays_an_error_and_a_name_ends_it(arrays):
    many = {**arrays, "text": np.eye(20, 2), "more": np.eye(20, 3)}
    with pytest.raises(InputError, match=r"cannot tell which.*'image' \(20, 6\) float32.*name them with --modalities"):
        views_from_arrays(many)
    assert views_from_arrays(many, modalities=("image",)).shapes == ((6,),)
    assert views_from_arrays(many, modalities=("more", "text")).names == ("more", "text")
    with pytest.raises(InputError, match="no key 'imago'"):
        views_from_arrays(many, modalities=("imago",))
    for wrong in ((), ("image", "text", "more"), ("text", "text")):
        with pytest.raises(InputError, match="the name of one view or of two different modalities is needed"):
            views_from_arrays(many, modalities=wrong)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": np.ones((20, 8, 8, 3))}, r"key 'image': wrong rank; got shape \(20, 8, 8, 3\)"),
        ({"image": np.array(["a.png"] * 20)}, "key 'image': features must be numbers"),
        ({"image": np.ones((19, 6))}, "key 'y': 20 rows but arrays, key 'image' has 19"),
        ({"image": np.where(np.eye(20, 6) > 0, np.nan, 1)}, r"key 'image', row 0: NaN \(6 such rows"),
        ({"image": np.zeros((20, 6))}, "key 'image': every row is zero"),
        ({"y": np.arange(20) - 2}, r"key 'y', row 0.*: label out of range"),
        ({"ids": np.zeros(20)}, "id '0' occurs twice"),
        ({"split": np.array(["train"] * 20)}, "no row in split 'test'"),
    ],
)
def test_a_view_is_checked_like_a_pair(tmp_path, arrays, change, message):
    with pytest.raises(InputError, match=message):
        views_from_arrays({**arrays, **change})
    np.savez(tmp_path / "a.npz", **{**arrays, **change})
    problems = inspect(tmp_path / "a.npz").problems
    assert any(re.search(message.replace("arrays, ", ".*"), problem) for problem in problems)


def test_doubtful_views_are_warned_of(arrays):
    arrays["image"][[3, 15]] = 0
    warnings = " ".join(views_from_arrays(arrays).provenance.warnings)
    assert "2 rows are all zero (3, 15): a missing image?" in warnings
    assert "1 of 6 test rows also occur in training (rows 15)" in warnings


@pytest.mark.parametrize(
    ("labels", "kind", "names"),
    [
        ({"y": np.arange(20) % 3}, "single", ("0", "1", "2")),
        ({"y": np.array(["cat", "dog"] * 10)}, "single", ("cat", "dog")),
        ({"labels": np.tile([[1, 1, 0], [0, 0, 1]], (10, 1))}, "multi", ("0", "1", "2")),
        ({"labels": np.tile([[0.5, 0.5], [0, 1]], (10, 1))}, "soft", ("0", "1")),
        ({}, "none", ()),
    ],
)
def test_labels_of_every_kind(arrays, labels, kind, names):
    data = views_from_arrays({"image": arrays["image"], **labels})
    assert (data.label_kind, data.class_names) == (kind, names)


def test_train_and_test_parts_sequences_and_own_ids(arrays):
    steps = np.random.default_rng(1).standard_normal((20, 3, 6))
    data = views_from_arrays(
        {
            "x_train": steps[:14],
            "x_test": steps[14:],
            "y_train": arrays["y"][:14],
            "y_test": arrays["y"][14:],
            "ids_x": np.arange(100, 120),
        }
    )
    assert (data.names, data.shapes, data.ids[0]) == (("x",), ((6,),), "100")
    assert data.splits["test"].tolist() == [14, 15, 16, 17, 18, 19]
    assert "x: sequences of 3 steps averaged over time" in data.provenance.notes


def test_one_modality_of_a_pair_is_a_view_of_the_same_rows():
    data, pair = load_views("split-digits", modalities=("right",)), load("split-digits")
    assert torch.equal(data.modalities["right"], pair.modalities["right"])
    assert torch.equal(data.targets, pair.targets)
    assert type(data) is Features
    assert isinstance(load_views("split-digits"), PairedFeatures)


def test_one_modality_of_rows_matched_by_id_is_refused_since_the_labels_may_follow_the_other(arrays):
    matched = {**arrays, "audio": arrays["image"], "ids_audio": np.arange(20), "ids_image": np.arange(20)[::-1]}
    with pytest.raises(InputError, match=r"rows are matched by id \(ids_audio\), labels may follow another array"):
        views_from_arrays(matched, modalities=("image",))


def test_pairs_are_asked_of_a_single_view(arrays):
    for wanted in (None, ("audio", "visual")):
        with pytest.raises(InputError, match=r"holds one view, 'image'.*\(20, 6\) float32.*`overtone diagnose`"):
            from_arrays(arrays, modalities=wanted)
    with pytest.raises(InputError, match="arrays: holds one view, 'image'"):
        require_pairs(views_from_arrays(arrays))


def test_paired_makes_pairs_of_what_has_two_modalities():
    pair = load("split-digits")
    assert require_pairs(pair) is pair
    plain = Features(pair.modalities, pair.ids, pair.targets, pair.label_kind, pair.class_names, pair.splits)
    assert type(require_pairs(plain)) is PairedFeatures
    assert torch.equal(require_pairs(plain).splits["test"], pair.splits["test"])


def test_parts_of_a_view_are_views_and_of_a_pair_pairs(arrays, monkeypatch):
    monkeypatch.setitem(SUBSETS, "odd", Subset(("1", "3"), "two classes"))
    for source, kind in (("digits", Features), ("split-digits", PairedFeatures)):
        data, part = load_views(source), load_views(source, subset="odd")
        assert part.provenance.notes[-1] == "two classes"
        for same in (data.subset([1, 0]), data.split("test"), hold_out(data, 0.2, 0), part):
            assert type(same) is kind
        assert set(part.targets.argmax(1).tolist()) == {0, 1}
        rows = torch.nonzero(data.targets[:, [1, 3]].any(1)).flatten()
        wanted = data.subset(rows)
        assert (part.ids, part.class_names, part.label_kind) == (wanted.ids, ("1", "3"), "single")
        assert torch.equal(part.modalities[part.names[0]], wanted.modalities[part.names[0]])
        assert torch.equal(part.targets, wanted.targets[:, [1, 3]])
        assert part.splits.keys() == wanted.splits.keys()
        assert all(torch.equal(part.splits[name], wanted.splits[name]) for name in wanted.splits)
    assert repr(part).startswith("PairedFeatures(split-digits: left (")
    assert repr(views_from_arrays(arrays)).startswith("Features(arrays: image (20, 6); single labels of 4 classes")


def test_neither_none_nor_three_modalities():
    for count in (0, 3):
        with pytest.raises(InputError, match="features have one or two modalities"):
            Features({f"m{index}": torch.zeros(1, 1) for index in range(count)}, ids=("0",))
    with pytest.raises(InputError, match="a must have one row per id; got 2 rows and 1 ids"):
        Features({"a": torch.zeros(2, 1)}, ids=("0",))
