"""Rows with one modality only, and groups of rows: read, checked, split, saved and read back."""

import numpy as np
import pytest
import torch

from overtone.core import InputError
from overtone.features import PairedFeatures, from_arrays, hold_out, inspect, load, load_views, save, save_arrays
from overtone.features.splitting import draw_split, group_numbers


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {
        "audio": generator.standard_normal((20, 3)).astype(np.float32),
        "visual": generator.standard_normal((20, 4)).astype(np.float32),
        "ids": np.array([f"clip{row}" for row in range(20)]),
        "split": np.array(["train"] * 14 + ["test"] * 6),
    }


def absent(*rows: int) -> np.ndarray:
    return ~np.isin(np.arange(20), rows)


def test_flags_say_which_rows_are_there(arrays):
    arrays["audio"][3] = 0.0
    data = from_arrays({**arrays, "present_audio": absent(3, 15), "present_visual": absent(4).astype(np.uint8)})
    assert data.has("audio").tolist() == absent(3, 15).tolist()
    assert (~data.paired).nonzero().flatten().tolist() == [3, 4, 15]
    assert data.modalities["audio"][[3, 15]].isnan().all()  # never values that could be taken for data
    assert data.modalities["visual"][4].isnan().all()
    assert not data.modalities["audio"][4].isnan().any()
    assert "of 20 rows 2 without audio and 1 without visual" in data.provenance.notes


def test_rows_of_nan_are_read_only_when_asked_for(arrays):
    arrays["audio"][5] = np.nan
    with pytest.raises(
        InputError, match=r"row 5 \(id 'clip5'\): NaN .*read the data with missing=nan \(--missing nan\)"
    ):
        from_arrays(arrays)
    data = from_arrays(arrays, missing="nan")
    assert data.has("audio").tolist() == absent(5).tolist()
    arrays["audio"][6, 0] = np.nan  # one value of a row is no missing row
    with pytest.raises(InputError, match=r"row 6 \(id 'clip6'\): NaN \(1 such rows: 6 'clip6'\); leave these"):
        from_arrays(arrays, missing="nan")
    with pytest.raises(InputError, match=r"got 'zeros'; valid: refuse, nan"):
        from_arrays(arrays, missing="zeros")


def test_one_step_of_nan_is_no_missing_sequence(arrays):
    arrays["audio"] = np.repeat(arrays["audio"][:, None], 5, axis=1)
    arrays["audio"][2] = np.nan
    assert from_arrays(arrays, missing="nan").has("audio").tolist() == absent(2).tolist()
    arrays["audio"][7, 1] = np.nan
    with pytest.raises(InputError, match=r"row 7 \(id 'clip7'\): NaN"):
        from_arrays(arrays, missing="nan")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"present_audio": absent(2, 9), "present_visual": absent(9)},
            r"row 9 \(id 'clip9'\): without either modality",
        ),
        ({"present_audio": absent(*range(20))}, r"key 'audio': no row has this modality"),
        ({"present_audio": np.arange(20)}, r"key 'present_audio': not flags; got 2 .18 such rows: 2 'clip2'"),
        ({"present_audio": absent()[:4]}, r"key 'present_audio': 4 rows but .*key 'audio' has 20"),
        ({"groups": np.arange(4)}, r"key 'groups': 4 rows but"),
    ],
)
def test_what_cannot_be_meant_is_refused(arrays, change, message):
    with pytest.raises(InputError, match=message):
        from_arrays({**arrays, **change})


def test_a_single_view_has_all_its_rows(arrays, tmp_path):
    save_arrays({**arrays, "present_audio": absent(3)}, tmp_path / "clips.npz")
    with pytest.raises(InputError, match=r"row 3 \(id 'clip3'\): without 'audio', the one view here"):
        load_views(tmp_path / "clips.npz", modalities=("audio",))
    assert load_views(tmp_path / "clips.npz", modalities=("visual",)).present == {}


def test_rows_matched_by_id_keep_their_flags(arrays):
    names = arrays.pop("ids")
    order = np.random.default_rng(1).permutation(20)
    matched = from_arrays(
        {
            **arrays,
            "visual": arrays["visual"][order],
            "present_visual": absent(8)[order],
            "ids_audio": names,
            "ids_visual": names[order],
        }
    )
    assert matched.has("visual").tolist() == absent(8).tolist()
    assert matched.modalities["visual"][7].numpy() == pytest.approx(arrays["visual"][7])


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".safetensors", ".parquet"])
def test_saved_and_read_back(arrays, tmp_path, suffix):
    data = from_arrays({**arrays, "present_audio": absent(3, 15), "groups": np.arange(20) // 2})
    save(data, tmp_path / f"clips{suffix}")
    again = load(tmp_path / f"clips{suffix}")
    assert again.provenance.checksum == data.provenance.checksum
    assert again.has("audio").equal(data.has("audio"))
    assert again.groups == data.groups == tuple(str(row // 2) for row in range(20))
    assert again.modalities["audio"].equal(data.modalities["audio"]) is False  # NaN differs from NaN
    assert again.modalities["audio"].nan_to_num(9.0).equal(data.modalities["audio"].nan_to_num(9.0))


def test_parts_keep_what_they_lack(arrays):
    data = from_arrays({**arrays, "present_audio": absent(3), "groups": np.arange(20) // 2})
    assert data.split("train").has("audio").tolist() == absent(3)[:14].tolist()
    assert data.split("test").present == {}
    assert data.split("test").groups == ("7", "7", "8", "8", "9", "9")


def test_the_checksum_of_complete_data_is_as_before(arrays):
    plain = from_arrays(arrays)
    assert from_arrays({**arrays, "present_audio": absent()}).provenance.checksum == plain.provenance.checksum
    assert from_arrays({**arrays, "present_audio": absent(1)}).provenance.checksum != plain.provenance.checksum
    assert from_arrays({**arrays, "groups": np.arange(20)}).provenance.checksum != plain.provenance.checksum


def test_inspect_counts_them(arrays, tmp_path):
    save_arrays({**arrays, "present_audio": absent(3, 15), "groups": np.arange(20) // 4}, tmp_path / "clips.npz")
    found = inspect(tmp_path / "clips.npz")
    assert (found.rows, found.paired, found.groups) == (20, 18, 5)
    assert (found.modalities["audio"].present, found.modalities["visual"].present) == (18, 20)
    assert np.isfinite(found.modalities["audio"].mean)
    assert any("group '3' has rows in 'train' and in 'test'" in warning for warning in found.warnings)


def test_leaks_are_found_among_rows_of_one_modality(arrays):
    arrays["visual"][15] = arrays["visual"][2]
    flags = absent(2, 15)
    data = from_arrays({**arrays, "present_audio": flags})
    assert any("1 of 6 test rows also occur in training" in warning for warning in data.provenance.warnings)


def test_no_group_is_cut():
    names = [f"clip{row // 3}" for row in range(60)]
    rest, taken = draw_split(60, 0.3, 0, names)
    assert len(rest) + len(taken) == 60
    assert 18 <= len(taken) <= 20
    assert not {names[row] for row in rest} & {names[row] for row in taken}


def test_made_splits_and_held_out_rows_keep_groups_whole(arrays):
    del arrays["split"]
    data = hold_out(from_arrays({**arrays, "groups": np.arange(20) // 4}), 0.2, seed=1)
    homes = [{data.groups[row] for row in rows.tolist()} for rows in data.splits.values()]
    assert len(homes) == 3
    assert sum(map(len, homes)) == 5


def test_rows_without_a_name_stand_alone():
    assert len(set(group_numbers(["", "", "a", "a"]).tolist())) == 3


def test_a_mask_must_fit():
    with pytest.raises(InputError, match="present audio must have one row per id"):
        PairedFeatures(
            {"audio": torch.zeros(2, 1), "visual": torch.zeros(2, 1)}, ("a", "b"), present={"audio": torch.ones(3)}
        )


def test_a_split_that_cannot_be_made_is_said_to_be_that(arrays):
    del arrays["split"]
    with pytest.raises(InputError, match="no split in the source, and none can be made; got 20 rows of 1 group; valid"):
        from_arrays({**arrays, "groups": ["film"] * 20})
    with pytest.raises(InputError, match="none can be made; got 1 rows; valid: 2 or more"):
        from_arrays({key: values[:1] for key, values in arrays.items()})


@pytest.mark.parametrize("small", [1, 19])
def test_two_groups_are_on_two_sides_whatever_their_sizes(small):
    for seed in range(4):
        rest, taken = draw_split(20, 0.3, seed, ["a"] * small + ["b"] * (20 - small))
        assert sorted([len(rest), len(taken)]) == [1, 19]


def test_groups_are_one_name_a_clip_unless_the_user_names_features(arrays):
    pairs = np.arange(40).reshape(20, 2)
    with pytest.raises(InputError, match=r"key 'groups': wrong rank; got shape \(20, 2\)"):
        from_arrays({**arrays, "groups": pairs})
    assert len(set(from_arrays(arrays, group_key="visual").groups)) == 20
