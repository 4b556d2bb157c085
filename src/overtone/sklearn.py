"""Overtone's methods as estimators of scikit-learn: ``fit(first, second)``, ``transform``, ``score``.

Every label-free method is a class here by its class name, with its settings as parameters::

    from overtone.sklearn import CCA, HSCMAE

The second view stands where scikit-learn has ``y``, so that pipelines and searches of parameters work as they are.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted

from overtone.core import InputError
from overtone.evaluation import mean_reciprocal_rank
from overtone.features import PairedFeatures, Scaler
from overtone.methods.base import Method, methods
from overtone.training import TrainingSettings, train

Floats = NDArray[np.float32]
E = TypeVar("E", bound="TwoViewEstimator")
S = TypeVar("S", bound="FeatureScaling")

_VIEWS = ("first", "second")


class TwoViewEstimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Base of the estimators: learns a space of two views from pairs, row i of one with row i of the other.

    Parameters are the settings of the method and of the training (:class:`overtone.training.TrainingSettings`); None
    is the method's own choice.

    Attributes:
        run_: The trained run, as :func:`overtone.train` returns it.
        n_features_in_: Columns of the first view.
        n_features_second_: Columns of the second view.
        n_components_: Dimensions of the space.
    """

    method: str
    _parameters: tuple[str, ...] = ()

    def fit(self: E, first: ArrayLike, second: ArrayLike) -> E:
        """Learn from pairs.

        Args:
            first: (N, d_1) features of the first view.
            second: (N, d_2) features of the second view, of the same N things in the same order.

        Returns:
            The estimator itself.

        Raises:
            InputError: A setting cannot be used, all rows of a view are equal, or a training diverges.
            ValueError: An array is not as scikit-learn wants it, or there are other numbers of rows.
        """
        views = [_validated(self, first, reset=True), _as_floats(second)]
        if len(views[0]) != len(views[1]):
            raise InputError("both views need the same rows", got=" and ".join(str(len(view)) for view in views))
        for name, view in zip(_VIEWS, views):
            if not np.ptp(view, axis=0).any():
                what = f"{name} view: all rows are equal, so there is nothing to learn"
                raise InputError(what, got=f"n_samples={len(view)}", fix="give rows that differ")
        features = {name: torch.from_numpy(view) for name, view in zip(_VIEWS, views)}
        rows = torch.arange(len(views[0]))
        data = PairedFeatures(features, tuple(map(str, rows.tolist())), splits={"train": rows})
        given = {name: value for name in self._parameters if (value := getattr(self, name)) is not None}
        self.run_ = train(self.method, data, settings=given, evaluate=False)
        self.n_features_second_ = views[1].shape[1]
        self.n_components_ = self.run_.embed_one(_VIEWS[0], views[0][:1]).shape[1]
        return self

    def transform(self, first: ArrayLike, second: ArrayLike | None = None) -> Floats | tuple[Floats, Floats]:
        """Unit-length rows of the common space, whose dot products are cosines.

        Args:
            first: (n, d_1) rows of the first view.
            second: (m, d_2) rows of the second view, or None.

        Returns:
            (n, k) rows, with ``second`` a pair of such and (m, k).

        Raises:
            ValueError: The estimator is not fitted, or an array does not fit.
        """
        check_is_fitted(self, "run_")
        embedded = self._embed(0, _validated(self, first, reset=False))
        return embedded if second is None else (embedded, self.transform_second(second))

    def transform_second(self, second: ArrayLike) -> Floats:
        """Unit-length rows of the common space of the second view alone.

        Args:
            second: (m, d_2) rows.

        Returns:
            (m, k) rows.

        Raises:
            ValueError: The estimator is not fitted, or the array does not fit.
        """
        check_is_fitted(self, "run_")
        return self._embed(1, _as_floats(second))

    def fit_transform(self, X: ArrayLike, y: ArrayLike | None = None, **options: object) -> Floats:
        """Fit, and the rows of the first view in the common space, as a step of a pipeline gives them on.

        Args:
            X: The first view.
            y: The second view.
            options: Not used.
        """
        if y is None:
            raise InputError(f"{type(self).__name__} needs a second view", fix="fit(first, second)")
        found: Floats = self.fit(X, y)._embed(0, _as_floats(X))
        return found

    def score(self, first: ArrayLike, second: ArrayLike) -> float:
        """Mean reciprocal rank of each row's true counterpart, over both directions: 1 if all come first.

        Args:
            first, second: Pairs, best those that were not trained on.

        Returns:
            A number in (0, 1], larger is better.

        Raises:
            ValueError: As :meth:`transform`.
        """
        check_is_fitted(self, "run_")
        rows = [self.run_.embed_one(name, _as_floats(view)) for name, view in zip(_VIEWS, (first, second))]
        if len(rows[0]) != len(rows[1]):
            raise InputError("both views need the same rows", got=" and ".join(str(len(view)) for view in rows))
        return float(mean_reciprocal_rank(*rows))

    def _embed(self, side: int, rows: Floats) -> Floats:
        found: Floats = self.run_.embed_one(_VIEWS[side], rows).numpy()
        return found

    @property
    def _n_features_out(self) -> int:
        return int(self.n_components_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.two_d_labels = True
        return tags


class FeatureScaling(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """The scaling of one view's features, as a transformer.

    Args:
        steps: Steps of :class:`overtone.features.Scaler`, such as ``"zscore"``, ``"log+zscore"`` or ``"l2+svd100"``.

    Attributes:
        scaler_: The fitted scaler.
        n_features_in_: Number of columns.
    """

    def __init__(self, steps: str = "zscore") -> None:
        self.steps = steps

    def fit(self: S, X: ArrayLike, y: object = None) -> S:
        """Learn the scaling.

        Args:
            X: (N, d) features.
            y: Not looked at.

        Returns:
            The transformer itself.

        Raises:
            InputError: There is no such step.
            ValueError: The array is not as scikit-learn wants it.
        """
        self.scaler_ = Scaler.fit(self.steps, torch.from_numpy(_validated(self, X, reset=True)))
        return self

    def transform(self, X: ArrayLike) -> Floats:
        """Scale.

        Args:
            X: (n, d) features.

        Returns:
            (n, d) float32, or (n, k) where the steps take directions.

        Raises:
            ValueError: The transformer is not fitted, or the array does not fit.
        """
        check_is_fitted(self, "scaler_")
        found: Floats = self.scaler_(torch.from_numpy(_validated(self, X, reset=False))).numpy()
        return found

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> NDArray[np.object_]:
        """Names of the columns that :meth:`transform` gives: those of the features, or numbered directions.

        Args:
            input_features: Names of the features; by default those seen while fitting.

        Returns:
            (k,) names.
        """
        check_is_fitted(self, "scaler_")
        names: NDArray[np.object_] = super().get_feature_names_out(input_features)
        directions = self.scaler_.tensors.get("directions")
        if directions is None:
            return names
        return np.array([f"direction{number}" for number in range(directions.shape[1])], dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def two_view_estimators() -> dict[str, type[TwoViewEstimator]]:
    """The estimators of all label-free methods, by their method's name.

    Example:
        >>> sorted(two_view_estimators())[:3]
        ['cav-mae', 'cca', 'csa']
    """
    label_free = {name: kind for name, kind in methods.items() if not kind.supervised}
    return {name: _estimator(name, kind) for name, kind in label_free.items()}


_MADE: dict[str, type[TwoViewEstimator]] = {}
"""Class name to class, so that each is made once: clones and pickles find it by its name."""


def _estimator(name: str, kind: type[Method]) -> type[TwoViewEstimator]:
    """The estimator of a method."""
    if kind.__name__ in _MADE:
        return _MADE[kind.__name__]
    fields = {**TrainingSettings.model_fields, **kind.settings_type.model_fields}
    keyword = inspect.Parameter.KEYWORD_ONLY
    known = [inspect.Parameter(field, keyword, default=None) for field in sorted(fields)]

    def __init__(self: TwoViewEstimator, **settings: object) -> None:
        unknown = sorted(settings.keys() - fields)
        if unknown:
            raise TypeError(f"{kind.__name__} has no parameter {unknown[0]!r}")
        for field in sorted(fields):
            setattr(self, field, settings.get(field))

    this = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    vars(__init__)["__signature__"] = inspect.Signature([this, *known])
    summary = " ".join((kind.__doc__ or "").split("\n\n")[0].split())
    document = f"{summary}\n\nAn estimator of scikit-learn; `overtone methods {name}` lists its parameters."
    members = {"__init__": __init__, "__doc__": document, "__module__": __name__, "method": name}
    made = type(kind.__name__, (TwoViewEstimator,), {**members, "_parameters": tuple(sorted(fields))})
    _MADE[kind.__name__] = made
    return made


def __getattr__(name: str) -> type[TwoViewEstimator]:
    """The estimator of a method by its class name."""
    for method, kind in methods.items() if not name.startswith("_") else ():
        if kind.__name__ == name and not kind.supervised:
            return _estimator(method, kind)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> Sequence[str]:
    label_free: Mapping[str, type[TwoViewEstimator]] = two_view_estimators()
    return sorted([*globals(), *(kind.__name__ for kind in label_free.values())])


def _as_floats(X: ArrayLike) -> Floats:
    """(n, d) finite float32, checked as scikit-learn does."""
    found: Floats = check_array(X, dtype=np.float32, copy=True)
    return found


def _validated(estimator: BaseEstimator, X: ArrayLike, *, reset: bool) -> Floats:
    """The same, which also sets or checks the number and the names of the columns."""
    options = {"dtype": np.float32, "copy": True, "reset": reset}
    own = getattr(estimator, "_validate_data", None)  # of versions before 1.6
    if own is not None:
        older: Floats = own(X, **options)
        return older
    from sklearn.utils.validation import validate_data

    found: Floats = validate_data(estimator, X, **options)
    return found


__all__ = ["FeatureScaling", "TwoViewEstimator", "two_view_estimators"]
