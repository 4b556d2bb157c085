"""Scaling in joined steps, and the choice among them by the agreement of neighbours."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer

from overtone import train
from overtone.core import InputError
from overtone.features import Scaler, load
from overtone.features.scaling_choice import choose_scalings, fit_scalers

SPECS = ["root", "log+zscore", "l2", "root+l2+center", "center+svd3", "zscore+half2", "minmax+svd3", "root+half3"]


@pytest.fixture
def rows() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(200, 6, generator=generator) @ torch.randn(6, 6, generator=generator) * 3 + 5


@pytest.mark.parametrize("spec", [*SPECS, "tfidf+svd3"])
def test_a_stored_scaler_is_the_same(rows: torch.Tensor, spec: str) -> None:
    rows = rows.abs()
    scaler = Scaler.fit(spec, rows)
    again = Scaler.from_state(scaler.state())
    assert again.kind == spec
    assert torch.equal(again(rows), scaler(rows))
    steps = scaler(rows.reshape(50, 4, 6))  # sequences step by step
    torch.testing.assert_close(steps.reshape(200, -1), scaler(rows))


def test_states_of_older_runs_load(rows: torch.Tensor) -> None:
    old = {"kind": torch.tensor(1), "centre": rows.mean(0), "scale": 1 / rows.std(0, unbiased=False)}
    torch.testing.assert_close(Scaler.from_state(old)(rows), Scaler.fit("zscore", rows)(rows))


@pytest.mark.parametrize("spec", ["center", "root", "l2", "center+svd3", "zscore+half4", "root+zscore+svd2"])
def test_the_mean_square_of_an_entry_is_one(rows: torch.Tensor, spec: str) -> None:
    assert Scaler.fit(spec, rows)(rows).square().mean().item() == pytest.approx(1, rel=1e-3)


def test_directions_are_those_of_scikit_learn(rows: torch.Tensor) -> None:
    got = Scaler.fit("center+svd3", rows)(rows)
    expected = torch.from_numpy(PCA(3).fit_transform(rows.double().numpy())).float()
    torch.testing.assert_close(got.abs(), (expected / expected.square().mean().sqrt()).abs(), rtol=1e-3, atol=1e-3)
    half = Scaler.fit("center+half3", rows)(rows)
    variances, halved = got.square().mean(0), half.square().mean(0)
    torch.testing.assert_close(halved / halved[0], (variances / variances[0]).sqrt(), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(half / half.norm(dim=0), got / got.norm(dim=0), rtol=1e-3, atol=1e-4)


def test_tfidf_is_that_of_scikit_learn() -> None:
    counts = torch.poisson(torch.full((60, 30), 0.3), generator=torch.Generator().manual_seed(1))
    counts[0] = 0  # an empty document stays where it is
    expected = TfidfTransformer().fit_transform(counts.numpy()).toarray()
    got = Scaler.fit("tfidf", counts)(counts).numpy()
    np.testing.assert_allclose(got / np.sqrt((got**2).mean()), expected / np.sqrt((expected**2).mean()), rtol=1e-4)
    reduced = Scaler.fit("tfidf+svd5", counts)(counts).numpy()
    lsa = TruncatedSVD(5, algorithm="arpack").fit_transform(expected.astype(np.float64))
    np.testing.assert_allclose(np.abs(reduced), np.abs(lsa / np.sqrt((lsa**2).mean())), rtol=2e-2, atol=2e-3)


def test_more_columns_than_rows_give_the_same_directions(rows: torch.Tensor) -> None:
    wide = rows[:20] @ torch.randn(6, 50, generator=torch.Generator().manual_seed(2))
    got = Scaler.fit("center+svd6", wide)(wide)
    left, singular, _ = torch.linalg.svd((wide - wide.mean(0)).double(), full_matrices=False)
    expected = (left * singular)[:, : got.shape[1]]
    torch.testing.assert_close(
        got.abs().double(), (expected / expected.square().mean().sqrt()).abs(), rtol=1e-2, atol=1e-2
    )


@settings(max_examples=25, deadline=None)
@given(spec=st.sampled_from([*SPECS, "tfidf", "tfidf+half2"]), level=st.sampled_from([0.0, 1.0, 1e6]))
def test_constant_and_empty_features_stay_finite(spec: str, level: float) -> None:
    rows = torch.full((12, 4), level)
    assert Scaler.fit(spec, rows)(rows).isfinite().all()
    one = Scaler.fit(spec, rows[:1])
    assert one(rows[:1]).isfinite().all()


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("zscor", "did you mean 'zscore'"),
        ("svd10+zscore", "'zscore' cannot stand there"),
        ("zscore,zscore,none", "names 3 modalities"),
        ("svd0", "unknown scaling 'svd0'"),
        ("pca+svd3", "'svd3' cannot stand there"),
    ],
)
def test_what_cannot_be_read_is_refused(spec: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        train("cca", load("split-digits"), settings={"scaling": spec})
    assert "value error" not in str(error.value)
    assert str(error.value).count("valid:") == 1


def test_tfidf_of_negative_values_is_refused(rows: torch.Tensor) -> None:
    with pytest.raises(InputError, match="tfidf weighs counts; got a value of -"):
        Scaler.fit("tfidf", -rows.abs())


def clusters(n: int = 400, classes: int = 20) -> tuple[torch.Tensor, torch.Generator]:
    """(n, 8) points around class centres, the same for both modalities."""
    generator = torch.Generator().manual_seed(3)
    labels = torch.randint(classes, (n,), generator=generator)
    return torch.randn(classes, 8, generator=generator)[labels], generator


def test_columns_of_other_units_get_z_scores() -> None:
    points, generator = clusters()
    units = torch.tensor([1.0, 1, 1, 1, 1e3, 1, 1, 1])
    first = (points + 0.3 * torch.randn(points.shape, generator=generator)) * units
    second = points + 0.3 * torch.randn(points.shape, generator=generator)
    assert choose_scalings({"a": first, "v": second})["a"].spec.startswith("zscore")


def test_columns_of_one_unit_keep_their_sizes() -> None:
    points, generator = clusters()
    noise = 0.1 * torch.randn(len(points), 60, generator=generator)  # as in the corners of a picture
    first = torch.cat([points + 0.3 * torch.randn(points.shape, generator=generator), noise], 1)
    chosen = choose_scalings({"a": first, "v": points + 0.3 * torch.randn(points.shape, generator=generator)})["a"]
    assert chosen.spec.startswith("center")
    assert chosen.agreement[chosen.spec] > 2 * chosen.agreement["zscore+svd50"]


def test_texts_of_any_length_are_weighed_by_their_rare_words() -> None:
    generator = torch.Generator().manual_seed(4)
    topics = torch.randint(12, (800,), generator=generator)
    rates = torch.full((12, 300), 0.005)
    for topic in range(12):
        rates[topic, 20 * topic : 20 * topic + 20] = 0.15
    rates[:, 240:260] = 0.6  # common words

    def text() -> torch.Tensor:
        length = torch.empty(800, 1).log_normal_(0.0, 0.7, generator=generator)
        return torch.poisson(rates[topics] * length, generator=generator)

    assert all(choice.spec.startswith("tfidf") for choice in choose_scalings({"a": text(), "v": text()}).values())


def test_unrelated_modalities_get_the_usual_form_or_one_as_good() -> None:
    generator = torch.Generator().manual_seed(5)
    first, second = (torch.randn(300, 10, generator=generator) for _ in range(2))
    for choice in choose_scalings({"a": first, "v": second}).values():
        assert max(choice.agreement.values()) < 1.6


def test_few_rows_and_single_views_get_z_scores(rows: torch.Tensor) -> None:
    for modalities in ({"a": rows}, {"a": rows[:20], "v": rows[:20]}):
        assert {choice.spec for choice in choose_scalings(modalities).values()} == {"zscore"}


def test_either_modality_may_be_told(rows: torch.Tensor) -> None:
    other = torch.randn(200, 4, generator=torch.Generator().manual_seed(6))
    scalers, chosen = fit_scalers("minmax, auto", {"z": rows, "a": other})
    assert scalers["z"].kind == "minmax"
    assert list(chosen) == ["a"]
    assert scalers["a"].kind == chosen["a"].spec


def test_a_run_records_what_was_chosen() -> None:
    run = train("cca", load("split-digits"))
    assert {name: scaler.kind for name, scaler in run.scalers.items()} == {
        name: part["steps"] for name, part in run.info["scaling"].items()
    }
    assert all("times as often as by chance" in part["reason"] for part in run.info["scaling"].values())
    assert run.settings["scaling"] == "auto"


def test_the_number_of_threads_does_not_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums differ in their last digits with the threads that share them, and near ties with the sums."""
    data = load("split-digits").split("train")
    threads = []
    fit = Scaler.fit

    def watched(spec: str, rows: torch.Tensor) -> Scaler:
        threads.append(torch.get_num_threads())
        return fit(spec, rows)

    monkeypatch.setattr(Scaler, "fit", watched)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        fit_scalers("auto", data.modalities)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert len(threads) > 4
    assert set(threads[:-2]) == {1}  # the last two fit what was chosen
    assert set(threads[-2:]) == {2}
