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
