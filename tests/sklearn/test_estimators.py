"""Estimators of scikit-learn: its own checks, pipelines, searches of parameters, and CCA beside others' CCA."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import linalg
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from overtone import sklearn as wrapped
from overtone.core import InputError
from overtone.evaluation import counterpart_ranks
from overtone.sklearn import FeatureScaling, two_view_estimators

Floats = NDArray[np.float64]
QUICK = {"epochs": 1, "batch_size": 64}


def views(rows: int = 160, seed: int = 0) -> tuple[Floats, Floats]:
    """Two noisy linear views of the same four numbers."""
    random = np.random.default_rng(seed)
    hidden = random.standard_normal((rows, 4))
    first, second = (hidden @ np.random.default_rng(side).standard_normal((4, 6 + side)) for side in (1, 2))
    return first + 0.3 * random.standard_normal(first.shape), second + 0.3 * random.standard_normal(second.shape)


FIRST, SECOND = views()
ESTIMATORS = two_view_estimators()


@parametrize_with_checks([FeatureScaling(), FeatureScaling("none"), FeatureScaling("log+zscore"), FeatureScaling("l2")])
def test_single_view_transformers_pass_scikit_learns_checks(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("name", sorted(ESTIMATORS))
def test_every_label_free_method_is_an_estimator(name: str) -> None:
    kind = ESTIMATORS[name]
    known = kind().get_params()
    estimator = kind(**{key: value for key, value in QUICK.items() if key in known})
    assert clone(estimator).get_params() == estimator.get_params()
    fitted = estimator.fit(FIRST, SECOND)
    one, other = fitted.transform(FIRST[:7], SECOND[:5])
    assert one.shape == (7, fitted.n_components_)
    assert other.shape == (5, fitted.n_components_)
    assert np.linalg.norm(one, axis=1) == pytest.approx(np.ones(7), abs=1e-5)
    assert np.array_equal(fitted.transform(FIRST[:7]), one)
    assert 0 < fitted.score(FIRST, SECOND) <= 1
    assert fitted.n_features_in_ == 7
    assert getattr(wrapped, kind.__name__) is kind


def test_the_score_is_the_mean_reciprocal_rank_of_true_counterparts() -> None:
    fitted = wrapped.CCA().fit(FIRST[:100], SECOND[:100])
    one, other = fitted.transform(FIRST[100:], SECOND[100:])
    ranks = [counterpart_ranks(one, other), counterpart_ranks(other, one)]
    assert fitted.score(FIRST[100:], SECOND[100:]) == pytest.approx(
        np.mean([np.mean(1 / np.asarray(r)) for r in ranks])
    )
    assert fitted.score(FIRST[100:], SECOND[100:]) > 0.3


@pytest.mark.parametrize(
    ("views", "name"), [((np.ones((50, 5)), SECOND[:50]), "first"), ((FIRST[:50], np.ones((50, 5))), "second")]
)
def test_a_view_whose_rows_are_equal_is_refused(views: tuple[np.ndarray, np.ndarray], name: str) -> None:
    with pytest.raises(InputError, match=f"{name} view: all rows are equal.*n_samples=50"):
        wrapped.CCA().fit(*views)
    with pytest.raises(InputError, match="n_samples=1"):
        wrapped.CCA().fit(FIRST[:1], SECOND[:1])


def test_pipelines_and_searches_take_the_second_view_as_y() -> None:
    pipeline = make_pipeline(FeatureScaling("zscore"), wrapped.CCA(scaling="none"))
    search = GridSearchCV(pipeline, {"cca__ridge": [0.01, 1.0, 100.0]}, cv=KFold(3)).fit(FIRST, SECOND)
    assert search.best_params_["cca__ridge"] < 100
    assert search.best_score_ > 0.3
    assert search.best_estimator_.transform(FIRST[:3]).shape[0] == 3
    assert len(cross_val_score(wrapped.CSA(), FIRST, SECOND, cv=3)) == 3
    names = pipeline.fit(FIRST, SECOND)[-1].get_feature_names_out()
    assert names[0] == "cca0"


def test_an_estimator_is_pickled_by_its_name() -> None:
    fitted = wrapped.CCA(ridge=0.1).fit(FIRST, SECOND)
    again = pickle.loads(pickle.dumps(fitted))  # as joblib does it between processes
    assert np.array_equal(again.transform(FIRST), fitted.transform(FIRST))
    assert again.get_params()["ridge"] == 0.1


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: wrapped.CCA().fit(FIRST, SECOND[:9]), "both views need the same rows; got 160 and 9"),
        (lambda: wrapped.CCA(ridge=-1.0).fit(FIRST, SECOND), "ridge"),
        (lambda: wrapped.CCA().fit(FIRST * np.nan, SECOND), "NaN"),
        (lambda: wrapped.CCA().fit(FIRST, SECOND * np.inf), "infinity"),
        (lambda: wrapped.CCA().fit(FIRST, SECOND).transform(FIRST[:, :3]), "3 features"),
        (lambda: wrapped.CCA().fit_transform(FIRST), "needs a second view"),
        (lambda: wrapped.CCA().transform(FIRST), "not fitted"),
        (lambda: FeatureScaling("zscroe").fit(FIRST), "did you mean 'zscore'"),
    ],
)
def test_wrong_input_is_a_value_error(call: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()
    with pytest.raises(TypeError, match="no parameter 'rigde'"):
        wrapped.CCA(rigde=1.0)
    with pytest.raises(AttributeError, match="Triplet"):
        _ = wrapped.Triplet  # it needs labels


def scaled() -> tuple[Floats, Floats]:
    """The views as float32 holds them, so that all that are compared get the same numbers."""
    return FIRST.astype(np.float32).astype(float), SECOND.astype(np.float32).astype(float)


def unit(rows: Floats) -> Floats:
    found: Floats = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return found


def ours() -> tuple[Floats, tuple[Floats, Floats]]:
    """Correlations and whitened coordinates of Overtone's CCA without its ridge and its weights."""
    fitted = wrapped.CCA(ridge=0.0, power=0.0, scaling="none", pairs="keep").fit(FIRST, SECOND)
    one, other = fitted.transform(FIRST, SECOND)
    return fitted.run_.method.projection.correlations.numpy(), (one, other)


def agree(own: tuple[Floats, Floats], other: tuple[Floats, Floats]) -> None:
    """The same coordinates, but for the sign of each direction, which both views share, as float32 holds them."""
    signs = np.sign((own[0] * other[0]).sum(0))
    for mine, theirs in zip(own, other):
        assert np.abs(mine - theirs * signs).max() < 2e-6


def test_cca_is_that_of_the_generalised_eigenvalue_problem() -> None:
    """An independent way: the symmetric problem of both views at once, by scipy."""
    first, second = (view - view.mean(0) for view in scaled())
    widths = first.shape[1], second.shape[1]
    both = np.hstack([first, second])
    within = linalg.block_diag(first.T @ first, second.T @ second)
    values, vectors = linalg.eigh(both.T @ both - within, within)
    order = np.argsort(values)[::-1][: min(widths)]
    correlations, coordinates = ours()
    assert np.abs(correlations - values[order]).max() < 1e-6
    maps = vectors[:, order]
    expected = [view @ part for view, part in ((first, maps[: widths[0]]), (second, maps[widths[0] :]))]
    agree(coordinates, (unit(expected[0]), unit(expected[1])))


def test_cca_is_that_of_cca_zoo() -> None:
    linear = pytest.importorskip("cca_zoo.linear")
    first, second = scaled()
    theirs = linear.CCA(n_components=min(first.shape[1], second.shape[1])).fit([first, second])
    coordinates = theirs.transform([first, second])
    found = [np.corrcoef(one, other)[0, 1] for one, other in zip(*(rows.T for rows in coordinates))]
    correlations, own = ours()
    assert np.abs(correlations - found).max() < 1e-6
    agree(own, (unit(coordinates[0]), unit(coordinates[1])))


def test_a_missing_second_view_is_said_before_anything_is_trained() -> None:
    with pytest.raises(InputError, match=r"fit\(first, second\)"):
        make_pipeline(FeatureScaling(), wrapped.CCA()).fit_transform(FIRST)
