import h5py
import numpy as np
import pytest
import torch

from overtone.core import InputError
from overtone.features import from_arrays, load


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {
        "audio": generator.standard_normal((20, 3)).astype(np.float32),
        "visual": generator.standard_normal((20, 4)).astype(np.float32),
    }


def test_without_a_split_a_seeded_one_is_made_and_said_and_labels_do_not_matter(arrays):
    one = from_arrays(arrays, seed=4)
    labelled = from_arrays({**arrays, "y": np.arange(20) % 2}, seed=4)
    assert {name: len(rows) for name, rows in one.splits.items()} == {"train": 14, "test": 6}
    assert torch.equal(one.splits["test"], labelled.splits["test"])
    assert not torch.equal(one.splits["test"], from_arrays(arrays, seed=5).splits["test"])
    assert "made a 70/30 split with seed 4" in one.provenance.notes[0]
    assert one.provenance.made_split
    assert not from_arrays({**arrays, "is_test": np.arange(20) % 4 == 0}).provenance.made_split


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64])
def test_is_test_flags(arrays, dtype):
    data = from_arrays({**arrays, "is_test": (np.arange(20) % 4 == 0).astype(dtype)})
    assert data.splits["test"].tolist() == [0, 4, 8, 12, 16]
    assert len(data.splits["train"]) == 15
    assert data.provenance.notes == ()


def test_split_names_with_rows_in_none(arrays):
    split = np.array(["train"] * 10 + ["validation"] * 3 + ["test"] * 5 + [""] * 2)
    data = from_arrays({**arrays, "split": split})
    assert {name: len(rows) for name, rows in data.splits.items()} == {"train": 10, "val": 3, "test": 5}


def test_pairs_of_train_and_test_arrays_are_joined(arrays):
    parts = {
        **{f"{key}_train": values[:12] for key, values in arrays.items()},
        **{f"{key}_val": values[12:15] for key, values in arrays.items()},
        **{f"{key}_test": values[15:] for key, values in arrays.items()},
        "y_train": np.arange(12) % 3,
        "y_val": np.arange(3),
        "y_test": np.arange(5) % 3,
    }
    data = from_arrays(parts)
    assert np.array_equal(data.modalities["audio"], arrays["audio"])
    assert data.splits["val"].tolist() == [12, 13, 14]
    assert data.splits["test"].tolist() == [15, 16, 17, 18, 19]
    assert data.targets.argmax(1).tolist() == [*(np.arange(12) % 3), 0, 1, 2, *(np.arange(5) % 3)]


@pytest.mark.parametrize("lab", ["numbers", "column", "one-hot"])
def test_vegas_layout_reads_quantised_values(tmp_path, lab):
    generator = np.random.default_rng(0)
    with h5py.File(tmp_path / "vegas.h5", "w") as file:
        for split, rows in (("train", 30), ("test", 10)):
            file[f"audio_{split}"] = generator.integers(0, 256, (rows, 8)).astype(np.uint8)
            file[f"visual_{split}"] = generator.standard_normal((rows, 6))
            y = np.arange(rows) % 10
            file[f"lab_{split}"] = {"numbers": y, "column": y[:, None].astype(float), "one-hot": np.eye(10)[y]}[lab]
        quantised = np.concatenate([file["audio_train"][:], file["audio_test"][:]])
    data = load(tmp_path / "vegas.h5")
    np.testing.assert_allclose(data.modalities["audio"], (quantised.astype(float) - 128) / 256)
    assert data.modalities["audio"].max() < 0.5
    assert {name: len(rows) for name, rows in data.splits.items()} == {"train": 30, "test": 10}
    assert (data.label_kind, data.classes) == ("single", 10)
    assert data.targets.argmax(1)[30:].tolist() == list(range(10))
    assert any("(x - 128) / 256" in note for note in data.provenance.notes)
    assert not any("visual" in note for note in data.provenance.notes)


def test_eight_bit_values_elsewhere_stay_as_they_are(arrays):
    data = from_arrays({**arrays, "visual": np.arange(80, dtype=np.uint8).reshape(20, 4)})
    assert data.modalities["visual"].max() == 79


def test_other_names_by_argument_or_because_only_two_can_be_meant(arrays):
    other = {"image": arrays["audio"], "text": arrays["visual"], "y": np.arange(20) % 2, "extra": np.zeros(20)}
    assert from_arrays(other, modalities=("text", "image")).names == ("text", "image")
    data = from_arrays(other)
    assert data.names == ("image", "text")
    assert "took 'image' and 'text'" in data.provenance.notes[0]
    elsewhere = {**other, "colours": np.zeros((7, 3))}  # cannot be meant: not a row per label
    assert from_arrays(elsewhere).names == ("image", "text")


@pytest.mark.parametrize("extra", [{"more": np.ones((20, 2))}, {"text": np.ones((21, 4))}])
def test_doubt_about_the_two_modalities_lists_what_is_there(arrays, extra):
    other = {"image": arrays["audio"], "text": arrays["visual"], **extra}
    with pytest.raises(InputError, match=r"cannot tell which.*'image' \(20, 3\) float32.*name them with --modalities"):
        from_arrays(other)


def test_a_wrong_name_lists_what_is_there(arrays):
    with pytest.raises(InputError, match=r"arrays: no key 'motion'; got keys 'audio' \(20, 3\) float32, 'visual'"):
        from_arrays(arrays, modalities=("audio", "motion"))
    with pytest.raises(InputError, match="one view or of two different modalities is needed; got audio,audio"):
        from_arrays(arrays, modalities=("audio", "audio"))


@pytest.mark.parametrize(
    ("labels", "kind", "names", "first"),
    [
        ({"y": np.array([3, 7] * 10)}, "single", ("3", "7"), [1, 0]),
        ({"y": np.array([1.0, 0.0] * 10)}, "single", ("0", "1"), [0, 1]),
        ({"y": np.array([1, 0] * 10), "class_names": ["a", "b", "c"]}, "single", ("a", "b", "c"), [0, 1, 0]),
        ({"y": np.array(["dog", "cat"] * 10)}, "single", ("cat", "dog"), [0, 1]),
        ({"y": np.array(["dog", "cat"] * 10), "class_names": ["dog", "cat"]}, "single", ("dog", "cat"), [1, 0]),
        ({"labels": np.tile([[1, 1], [0, 0]], (10, 1))}, "multi", ("0", "1"), [1, 1]),
        ({"labels": np.tile([[0.25, 0.75], [0, 0]], (10, 1))}, "soft", ("0", "1"), [0.25, 0.75]),
        ({"labels": np.tile([[True, False]], (20, 1)), "y": np.arange(20)}, "single", ("0", "1"), [1, 0]),
    ],
)
def test_labels_of_every_kind(arrays, labels, kind, names, first):
    data = from_arrays({**arrays, **labels})
    assert (data.label_kind, data.class_names, data.targets.dtype) == (kind, names, torch.float32)
    assert data.targets[0].tolist() == first


def test_no_labels(arrays):
    data = from_arrays(arrays)
    assert (data.targets, data.label_kind, data.class_names, data.classes) == (None, "none", (), 0)


def test_sequences_are_averaged_unless_kept(arrays):
    steps = np.random.default_rng(1).standard_normal((20, 5, 4)).astype(np.float32)
    pooled = from_arrays({**arrays, "visual": steps})
    torch.testing.assert_close(pooled.modalities["visual"], torch.from_numpy(steps.mean(axis=1)))
    assert "visual: sequences of 5 steps averaged over time" in pooled.provenance.notes
    kept = from_arrays({**arrays, "visual": steps}, sequences="keep")
    assert kept.shapes == ((3,), (5, 4))
    with pytest.raises(InputError, match="sequences are averaged or kept; got 'max'; valid: mean, keep"):
        from_arrays(arrays, sequences="max")
    with pytest.raises(InputError, match="seed cannot be negative; got -1"):
        from_arrays(arrays, seed=-1)


def test_ids_media_and_truth_find_their_places(arrays):
    data = from_arrays(
        {
            **arrays,
            "video_id": np.arange(100, 120),
            "media_audio": [f"{row}.wav" for row in range(20)],
            "events_audio": np.eye(20),
            "interactions": np.zeros((6, 6)),
        }
    )
    assert data.ids[:2] == ("100", "101")
    assert data.media["audio"][3] == "3.wav"
    assert {key: tuple(tensor.shape) for key, tensor in data.truth.items()} == {
        "events_audio": (20, 20),
        "interactions": (6, 6),
    }


def test_rows_are_matched_by_the_modalities_own_ids(arrays):
    order = np.random.default_rng(0).permutation(20)
    names = np.array([f"clip{row}" for row in range(20)])
    data = from_arrays(
        {
            **arrays,
            "visual": arrays["visual"][order],
            "ids_audio": names,
            "ids_visual": names[order],
            "y": np.arange(20),
        }
    )
    assert data.ids == tuple(names)
    np.testing.assert_array_equal(data.modalities["visual"], arrays["visual"])
    assert "visual: rows matched to the other modality's by id" in data.provenance.notes


def test_the_checksum_is_of_features_targets_and_splits(arrays):
    one = from_arrays(arrays).provenance.checksum
    assert from_arrays(arrays, source="elsewhere").provenance.checksum == one
    assert from_arrays(arrays, seed=1).provenance.checksum != one
    assert from_arrays({**arrays, "y": np.arange(20)}).provenance.checksum != one
    assert from_arrays({**arrays, "audio": arrays["audio"] + 1}).provenance.checksum != one
