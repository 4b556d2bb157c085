"""MATLAB files of both versions."""

import h5py
import numpy as np
import pytest
import scipy.io

from overtone.core import InputError
from overtone.features import load


@pytest.fixture
def views() -> list[np.ndarray]:
    generator = np.random.default_rng(2)
    return [generator.standard_normal((12, width)) for width in (3, 4, 5)]


def write_mat73(path, views, y):
    """The way MATLAB 7.3 writes it: HDF5 behind a 512-byte header, all axes reversed, cells as references."""
    with h5py.File(path, "w", userblock_size=512) as file:
        cell = file.create_dataset("X", (1, len(views)), dtype=h5py.ref_dtype)
        cell.attrs["MATLAB_class"] = np.bytes_("cell")
        for index, view in enumerate(views):
            file[f"#refs#/{index}"] = view.T
            cell[0, index] = file[f"#refs#/{index}"].ref
        file["y"] = np.asarray(y, dtype=float)[None, :]
        label = file.create_dataset("name", data=np.array([[ord(letter)] for letter in "six"], dtype=np.uint16))
        label.attrs["MATLAB_class"] = np.bytes_("char")
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(128))


@pytest.mark.parametrize("version", ["5", "7.3"])
@pytest.mark.parametrize("turned", [False, True])
def test_mat_cells_are_views_and_clips_may_stand_in_columns(tmp_path, views, version, turned):
    y = np.arange(12) % 3 + 1
    stored = [view.T for view in views] if turned else views
    path = tmp_path / "views.mat"
    if version == "5":
        cell = np.empty((1, 3), dtype=object)
        cell[0] = stored
        scipy.io.savemat(path, {"X": cell, "y": y[:, None], "name": "six"})
    else:
        write_mat73(path, stored, y)
    data = load(path, modalities=("view2", "view0"))
    assert data.provenance.reader == "mat"
    np.testing.assert_allclose(data.modalities["view2"], views[2], rtol=1e-6)
    np.testing.assert_allclose(data.modalities["view0"], views[0], rtol=1e-6)
    assert data.class_names == ("1", "2", "3")
    assert any("turned into rows" in note for note in data.provenance.notes) == turned
    with pytest.raises(InputError, match="cannot tell which.*'view1' .12, 4..*--modalities"):
        load(path)


def test_mat_without_labels_is_turned_to_a_common_number_of_rows(tmp_path, views):
    scipy.io.savemat(tmp_path / "a.mat", {"audio": views[0].T, "visual": views[1].T})
    assert len(load(tmp_path / "a.mat")) == 12


def test_mat_with_named_matrices_and_names_of_classes(tmp_path, views):
    names = np.array(["dog", "cat"], dtype=object)
    y = np.arange(12) % 2
    scipy.io.savemat(tmp_path / "a.mat", {"audio": views[0], "visual": views[1], "y": y, "class_names": names})
    data = load(tmp_path / "a.mat")
    assert data.class_names == ("dog", "cat")
    assert data.targets.argmax(1).tolist() == y.tolist()


CLIPS = 12
WORDS = ("dog", "", "Zürich 🎵", "a cat")
CODES = np.arange(CLIPS) % len(WORDS)


class Mat73:
    """Writes variables of a MATLAB 7.3 file, with all axes reversed and cells as references."""

    def __init__(self, path) -> None:
        self.path, self.file, self.count = path, h5py.File(path, "w", userblock_size=512), 0
        random = np.random.default_rng(0)
        for name, width in (("audio", 3), ("visual", 4)):
            self.add(name, random.normal(size=(CLIPS, width)))

    def add(self, key, value, kind="double"):
        """A matrix, a text, or a cell (a list)."""
        empty = len(value) == 0
        if isinstance(value, str):
            kind, value = "char", np.frombuffer(value.encode("utf-16-le"), "<u2")[None]
        if isinstance(value, list):
            kind, value = "cell", np.array([[self.refer(item) for item in value]], dtype=h5py.ref_dtype)
        item = self.file.create_dataset(key, data=np.zeros(2, np.uint64) if empty else value.T)
        item.attrs["MATLAB_class"] = np.bytes_(kind)
        if empty:
            item.attrs["MATLAB_empty"] = np.uint8(1)
        return item

    def refer(self, value):
        self.count += 1
        return self.add(f"#refs#/{self.count}", value).ref

    def add_strings(self, variables):
        """``string`` arrays: each variable has the number of an object, whose text is in the table of all objects."""
        contents = []
        for number, (key, texts) in enumerate(variables.items(), start=1):
            item = self.add(key, np.array([[0xDD000000, 2, 1, 1, number, 1]], np.uint32).T, "string")
            item.attrs["MATLAB_object_decode"] = np.int32(3)
            coded = [None if text is None else text.encode("utf-16-le") for text in texts]
            lengths = [2**64 - 1 if text is None else len(text) // 2 for text in coded]
            packed = b"".join(text or b"" for text in coded)
            numbers = [1, 2, 1, len(texts), *lengths]
            numbers += np.frombuffer(packed + bytes(-len(packed) % 8), "<u8").tolist()
            contents.append(self.refer(np.array([numbers], np.uint64)))
        names = b"any\0string\0".ljust(16, b"\0")
        classes, saved = [0, 0, 0, 0, 0, 2, 0, 0], [0, 0]
        objects = [0] * 6
        for number in range(1, len(variables) + 1):
            saved += [1, 1, 1, number - 1]
            objects += [1, 0, 0, number, 0, number]
        parts, starts = [classes, saved, objects, [0, 0]], [40 + len(names)]
        for part in parts:
            starts.append(starts[-1] + 4 * len(part))
        head = np.array([4, 2, *starts, *[starts[-1]] * 3], "<u4").tobytes()
        table = head + names + b"".join(np.array(part, "<u4").tobytes() for part in parts)
        cells = [self.refer(np.frombuffer(table, np.uint8)[None]), self.refer(np.zeros((0, 0))), *contents]
        cells += [self.refer(np.zeros((1, 1))) for _ in range(3)]
        self.file.create_dataset("#subsystem#/MCOS", data=np.array([cells], dtype=h5py.ref_dtype))

    def load(self, **options):
        self.file.close()
        with self.path.open("r+b") as file:
            file.write(b"MATLAB 7.3 MAT-file".ljust(128))
        return load(self.path, **options)


@pytest.fixture
def mat73(tmp_path):
    return Mat73(tmp_path / "clips.mat")


NAMED = ("dog", "Zürich 🎵", "a cat")


@pytest.mark.parametrize("form", ["cell", "cells in cells", "string", "padded"])
def test_names_of_classes_in_every_form_of_text(mat73, form):
    mat73.add("y", (np.arange(CLIPS) % 3)[:, None].astype(float))
    if form == "string":
        mat73.add_strings({"other": ["x", "yy"], "class_names": NAMED})
    elif form == "padded":
        width = max(len(name.encode("utf-16-le")) // 2 for name in NAMED)
        rows = [np.frombuffer(name.encode("utf-16-le"), "<u2") for name in NAMED]
        mat73.add(
            "class_names", np.array([np.pad(row, (0, width - len(row)), constant_values=32) for row in rows]), "char"
        )
    else:
        mat73.add("class_names", [[name] if form != "cell" else name for name in NAMED])
    assert mat73.load().class_names == NAMED


@pytest.mark.parametrize("form", ["cell", "string"])
def test_labels_by_name_in_cells_and_strings(mat73, form):
    names = [WORDS[code] for code in CODES]
    if form == "cell":
        mat73.add("y", names)
    else:
        mat73.add_strings({"y": [name or None for name in names]})
    data = mat73.load()
    assert data.class_names == ("Zürich 🎵", "a cat", "dog")
    assert (data.labels < 0).sum() == CLIPS // len(WORDS)  # empty, or <missing>


def test_strings_whose_text_is_not_in_the_file_are_said(mat73):
    item = mat73.add("class_names", np.array([[0xDD000000, 2, 1, 1, 1, 1]], np.uint32).T, "string")
    item.attrs["MATLAB_object_decode"] = np.int32(3)
    mat73.add("y", CODES[:, None].astype(float))
    assert any(
        "'class_names' (MATLAB strings, whose text is not in the file" in note for note in mat73.load().provenance.notes
    )


def test_fields_of_several_structs_are_columns(mat73):
    clips = mat73.file.create_group("clips")
    clips.attrs["MATLAB_class"] = np.bytes_("struct")
    for name, values in (
        ("y", [np.array([[float(code)]]) for code in CODES]),
        ("ids", [f"clip{at}" for at in range(CLIPS)]),
    ):
        clips.create_dataset(name, data=np.array([[mat73.refer(value) for value in values]], dtype=h5py.ref_dtype))
    data = mat73.load()
    assert data.ids[:2] == ("clip0", "clip1")
    assert data.labels.tolist() == CODES.tolist()


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_what_of_cells_cannot_be_read_is_said(tmp_path, mat73, version):
    numbers = [float(code) for code in CODES]
    if version == "7.3":
        mat73.add("y", [np.array([[number]]) for number in numbers])
        mat73.add("extra", ["text", ["a", "b"], np.zeros((2, 2))])
        data = mat73.load()
    else:
        extra, y = np.empty(4, dtype=object), np.empty(CLIPS, dtype=object)
        extra[:] = ["text", np.array(["a", "b"], dtype=object), np.zeros((2, 2)), {"field": 1.0}]
        y[:] = numbers
        views = {name: np.random.default_rng(0).normal(size=(CLIPS, 3)) for name in ("audio", "visual")}
        scipy.io.savemat(tmp_path / "a.mat", {**views, "y": y, "extra": extra})
        data = load(tmp_path / "a.mat")
    assert data.labels.tolist() == CODES.tolist()  # a cell of single numbers is one array
    assert any("a cell array in a cell array" in note for note in data.provenance.notes)
