import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from overtone.core import InputError
from overtone.features import PairedFeatures, Scaler, hold_out, load
from overtone.features.splitting import draw_split, shuffle_rows


def test_the_seeded_order_never_changes():
    assert shuffle_rows(8, seed=0).tolist() == [3, 2, 1, 6, 0, 7, 4, 5], "every split ever made would change"


@given(rows=st.integers(2, 300), fraction=st.floats(0.05, 0.9), seed=st.integers(0, 9))
def test_a_random_split_is_a_partition(rows, fraction, seed):
    rest, part = draw_split(rows, fraction, seed)
    assert sorted([*rest.tolist(), *part.tolist()]) == list(range(rows))
    assert len(part) == int(np.ceil(rows * fraction))
    assert rest.tolist() == sorted(rest.tolist())


def test_hold_out_takes_from_train_only_and_follows_the_seed():
    data = load("split-digits")
    one, same, other = (hold_out(data, 0.2, seed) for seed in (1, 1, 2))
    assert sorted([*one.splits["train"].tolist(), *one.splits["val"].tolist()]) == data.splits["train"].tolist()
    assert torch.equal(one.splits["test"], data.splits["test"])
    assert torch.equal(one.splits["val"], same.splits["val"])
    assert not torch.equal(one.splits["val"], other.splits["val"])
    assert hold_out(one, 0.5, seed=3) is one


def test_hold_out_says_what_is_wrong():
    rows = PairedFeatures({"a": torch.zeros(1, 1), "b": torch.zeros(1, 1)}, ids=("0",))
    with pytest.raises(InputError, match="no split 'train'"):
        hold_out(rows, 0.1, 0)
    with pytest.raises(InputError, match="out of range; got 1"):
        hold_out(load("split-digits"), 1, 0)
    alone = PairedFeatures(rows.modalities, ids=("0",), splits={"train": torch.tensor([0])})
    with pytest.raises(InputError, match="no row to train on; got 1 train rows"):
        hold_out(alone, 0.1, 0)


@pytest.fixture
def rows() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(6, 6, generator=generator)
    return torch.randn(200, 6, generator=generator) @ mixing * 3 + 100


@pytest.mark.parametrize(("kind", "reference"), [("zscore", StandardScaler()), ("minmax", MinMaxScaler())])
def test_scaling_agrees_with_scikit_learn(rows, kind, reference):
    expected = reference.fit(rows[:150].numpy()).transform(rows.numpy())
    np.testing.assert_allclose(Scaler.fit(kind, rows[:150])(rows).numpy(), expected, rtol=1e-3, atol=1e-4)


def test_pca_agrees_with_scikit_learn_up_to_sign(rows):
    scaler = Scaler.fit("pca", rows[:150])
    got = scaler(rows).numpy()
    pca = PCA(n_components=got.shape[1]).fit(rows[:150].numpy().astype(np.float64))
    expected = pca.transform(rows.numpy().astype(np.float64)) / np.sqrt(pca.explained_variance_ * 149 / 150)
    np.testing.assert_allclose(np.abs(got), np.abs(expected), rtol=1e-2, atol=1e-2)


def test_pca_leaves_out_directions_without_variance(rows):
    flat = torch.cat([rows, rows[:, :2]], dim=1)
    assert Scaler.fit("pca", flat)(flat).shape[1] <= 6


@pytest.mark.parametrize("kind", ["zscore", "minmax", "pca"])
@pytest.mark.parametrize("level", [0.0, 0.1, 1e6])
def test_a_constant_column_becomes_zero_and_nothing_is_nan(rows, kind, level):
    with_constant = torch.cat([rows, torch.full((200, 1), level)], dim=1)
    scaled = Scaler.fit(kind, with_constant)(with_constant)
    assert scaled.isfinite().all()
    if kind != "pca":
        assert (scaled[:, -1] == 0).all()
    everything_constant = torch.full((5, 3), level)
    assert (Scaler.fit(kind, everything_constant)(everything_constant) == 0).all()


@pytest.mark.parametrize("kind", ["none", "zscore", "minmax", "pca"])
def test_state_brings_back_the_same_scaler_and_the_input_is_not_touched(rows, kind):
    scaler = Scaler.fit(kind, rows)
    before = rows.clone()
    again = Scaler.from_state(scaler.state())
    assert again.kind == kind
    assert torch.equal(again(rows), scaler(rows))
    assert torch.equal(rows, before)
    assert all(isinstance(tensor, torch.Tensor) for tensor in scaler.state().values())


@pytest.mark.parametrize("kind", ["zscore", "minmax", "pca"])
def test_sequences_are_scaled_over_all_their_steps(rows, kind):
    sequences = rows.reshape(50, 4, 6)
    scaled = Scaler.fit(kind, sequences)(sequences)
    torch.testing.assert_close(scaled.reshape(200, -1), Scaler.fit(kind, rows)(rows))


def test_unknown_kinds_and_no_rows_are_refused(rows):
    with pytest.raises(InputError, match="unknown scaling 'z-score'.*did you mean 'zscore'"):
        Scaler.fit("z-score", rows)
    with pytest.raises(InputError, match="at least one row"):
        Scaler.fit("zscore", rows[:0])
