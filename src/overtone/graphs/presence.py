"""Which classes are present in a row, annotated or not, from scores that were trained on the annotation alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from overtone.graphs.arrays import Bools, Floats, Rows
from overtone.graphs.settings import InferenceSettings
from overtone.graphs.soft_labels import (
    Kind,
    SoftLabelArrays,
    identifiable_classes,
    indicators,
    represented,
    split_modalities,
)

Presences = dict[str, Floats]
"""Modality to (n, C) chances that a class is present in a row."""
_FREQUENT = 0.25
"""Share of rows annotated otherwise that may have a class before their median no longer shows where it is absent."""
_ROUNDS, _SETTLED = 20, 1e-3
"""Most rounds of finding that share, and the change at which it has settled."""
_BETWEEN = 0.1
"""Most rows in the middle third between absent and annotated."""
_APART = 3.0
"""Least distance of annotated from absent, in distances of the median of annotated scores from their first sixth."""


def presences(
    soft_labels: SoftLabelArrays,
    labels: ArrayLike,
    *,
    modality: Sequence[str] = (),
    kind: Kind = "sigmoid",
    settings: Mapping[str, Any] | None = None,
) -> Presences:
    """Chances that classes are present, whatever the annotation keeps of them.

    They are σ(sharpness · (e - midpoint)) of the :func:`unmixed_scores` e.

    Args:
        soft_labels, labels, modality, kind, settings: As for :func:`unmixed_scores`.

    Returns:
        Modality to (n, C) chances in [0, 1]; zero for a class that no row, or every row, is annotated with.

    Raises:
        InputError: The soft labels are not what ``kind`` says, or the labels do not fit them.

    Example:
        >>> random = np.random.default_rng(0)
        >>> events = random.random((600, 3)) < 0.4
        >>> labels = np.eye(3)[np.where(events, random.random((600, 3)), -1).argmax(1)]  # one event of a row is kept
        >>> scores = events @ np.array([[3, -2, 0], [0, 3, -2], [-2, 0, 3]]) + random.normal(size=(600, 3)) / 2
        >>> found = presences({"audio": scores}, labels, kind="sigmoid-logits")["audio"]
        >>> bool(((found > 0.5) == events)[labels == 0].mean() > 0.95)
        True
    """
    chosen = InferenceSettings.build(settings, where="inference settings")
    scores = unmixed_scores(soft_labels, labels, modality=modality, kind=kind, settings=settings)
    return {name: np.where(np.isnan(part), 0.0, _step(part, chosen)) for name, part in scores.items()}


def unmixed_scores(
    soft_labels: SoftLabelArrays,
    labels: ArrayLike,
    *,
    modality: Sequence[str] = (),
    kind: Kind = "sigmoid",
    settings: Mapping[str, Any] | None = None,
) -> Presences:
    """Scores of classes without what the company of other classes does to them, on one scale for all classes.

    A teacher that knows one label a row learns that everything else is absent: the score of an unannotated event is
    pushed down by the company it is in. Scores are therefore taken as *mixtures*, in each modality
    s = b + Σ_j e_j B_j + noise, with an unknown presence e_j in [0, 1] of every class j that moves all scores by B_j.
    In turns, B is the ridge regression of the scores on the presences, and the presences are the scores unmixed by
    B's inverse, e = (s - b) B⁺, without any prior of what goes with what; each is put on the scale of its class, 0
    where it is absent (:func:`absent_score`, mostly the median of the rows annotated otherwise), 1 a high quantile of
    the rows annotated with it.

    Args:
        soft_labels: Modality to (n, C) soft labels; or one array, as :func:`interaction_graph` takes them.
        labels: What is annotated, (n,) class codes, -1 for none, or (n, C) indicators; rows without any take part
            and set no scale.
        modality: Names of the modalities, where they are not the keys.
        kind: What the soft labels are.
        settings: Names and values of :class:`InferenceSettings`.

    Returns:
        Modality to (n, C) scores; NaN for a class that no row, or every row, is annotated with.

    Raises:
        InputError: The soft labels are not what ``kind`` says, or the labels do not fit them.

    Example:
        >>> random = np.random.default_rng(0)
        >>> events = random.random((600, 3)) < 0.4
        >>> labels = np.eye(3)[np.where(events, random.random((600, 3)), -1).argmax(1)]
        >>> scores = events @ np.array([[3, -2, 0], [0, 3, -2], [-2, 0, 3]]) + random.normal(size=(600, 3)) / 2
        >>> found = unmixed_scores({"audio": scores}, labels, kind="sigmoid-logits")["audio"]
        >>> bool(found[events & (labels == 0)].min() > found[~events].mean())
        True
    """
    chosen = InferenceSettings.build(settings, where="inference settings")
    scores = standard_scores(soft_labels, labels, modality=modality, kind=kind)
    given = indicators(labels, next(iter(scores.values())).shape)
    kept = identifiable_classes(given)
    for part in scores.values():
        part[:, kept] = _unmix(part[:, kept], given[:, kept], chosen)
    return scores


def standard_scores(
    soft_labels: SoftLabelArrays, labels: ArrayLike, *, modality: Sequence[str] = (), kind: Kind = "sigmoid"
) -> Presences:
    """Logits of soft labels, each class with mean 0 and standard deviation 1: about linear in presences.

    Args:
        soft_labels, labels, modality, kind: As for :func:`unmixed_scores`.

    Returns:
        Modality to (n, C) scores; NaN for a class that no row, or every row, is annotated with.

    Raises:
        InputError: As for :func:`unmixed_scores`.

    Example:
        >>> found = standard_scores({"audio": [[0.5, 0.1], [0.2, 0.9]]}, [0, 1])["audio"]
        >>> found.round(6).tolist()
        [[1.0, -1.0], [-1.0, 1.0]]
    """
    parts = split_modalities(soft_labels, modality)
    given = indicators(labels, next(iter(parts.values())).shape)
    kept = identifiable_classes(given)
    found = {}
    for name, part in parts.items():
        scores = represented(part, kind, "logit", name)
        spread = scores.std(0)
        found[name] = np.where(kept, (scores - scores.mean(0)) / np.where(spread > 0, spread, 1.0), np.nan)
    return found


def rescale_scores(scores: Floats, labels: Bools, settings: InferenceSettings | None = None) -> Floats:
    """Put scores on the scale of their class: 0 where it is absent, 1 where it is annotated.

    As the last step of :func:`unmixed_scores`. Rows without any annotation set no scale.

    Args:
        scores: (n, C), higher where a class is present.
        labels: (n, C), what is annotated.
        settings: For the quantile of annotated scores that becomes 1; None: the defaults.

    Returns:
        (n, C) scores.

    Example:
        >>> scores = np.array([[5.0, 0.0], [5.0, 0.0], [1.0, 2.0], [1.0, 2.0]])
        >>> rescale_scores(scores, np.array([[True, False], [True, False], [False, True], [False, True]])).tolist()
        [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
    """
    return _rescale(scores, _rows(labels), settings or InferenceSettings.build(None, where="inference settings"))


def _unmix(scores: Floats, labels: Bools, settings: InferenceSettings) -> Floats:
    """(n, C) unmixed scores of one modality from (n, C) standard scores."""
    rows, standard = _rows(labels), scores
    unmixed = _rescale(standard, rows, settings)
    for _ in range(settings.rounds):
        chances = _step(unmixed, settings)
        mixing = _regress(chances - chances.mean(0), standard, settings.ridge)
        unmixed = _rescale(standard @ _regress(mixing, np.eye(len(mixing)), settings.ridge), rows, settings)
    return unmixed


def _rows(labels: Bools) -> list[tuple[Rows, Rows]]:
    """For every class the rows annotated otherwise, or else those without it, and the rows annotated with it."""
    known = labels.any(1)
    found = []
    for marked in labels.T:
        others = known & ~marked
        found.append((np.flatnonzero(others if others.any() else ~marked), np.flatnonzero(marked)))
    return found


def _regress(matrix: Floats, targets: Floats, share: float) -> Floats:
    """The ridge regression (XᵀX + λI)⁻¹XᵀY of (n, K) on (n, C), λ a share of the mean of XᵀX's diagonal; (C, K)."""
    inner = matrix.T @ matrix
    inner[np.diag_indices_from(inner)] += share * np.trace(inner) / len(inner) + np.finfo(float).tiny
    found: Floats = np.linalg.solve(inner, matrix.T @ targets).astype(np.float64, copy=False)
    return found


def _rescale(scores: Floats, rows: Sequence[tuple[Rows, Rows]], settings: InferenceSettings) -> Floats:
    """Scores on the scale of their class, 0 absent and 1 present, by the ``rows`` of :func:`_rows`."""
    columns = np.ascontiguousarray(scores.T)
    absent = np.array([absent_score(column[others], column[marked]) for column, (others, marked) in zip(columns, rows)])
    present = np.array(
        [np.quantile(column[marked], settings.annotated_quantile) for column, (_, marked) in zip(columns, rows)]
    )
    # A class that its own rows hardly stand out in would have noise blown up to presences.
    gap = np.maximum(present - absent, scores.std(0))
    found: Floats = (scores - absent) / np.where(gap > 0, gap, 1.0)
    return found


def absent_score(others: Floats, annotated: Floats) -> float:
    """Where scores of a class lie that is absent.

    The median of rows annotated otherwise, as long as few of them have the class. Where a share π of them has it, π
    beyond a quarter, their quantile 2/3 (1 - π), which has two thirds of the rows without the class below it. π is
    read off the rows that score as annotated ones do: twice the share above the median of these, less the share as
    far below where the class is absent, as noise goes both ways. It counts only where absent and annotated lie three
    times as far apart as annotated scores spread, with a gap between them (a tenth of the rows at most in the middle
    third): without one, frequent events and poor scores look the same.

    Args:
        others: (n,) scores of rows annotated otherwise.
        annotated: (m,) scores of rows annotated with the class.

    Example:
        >>> random = np.random.default_rng(0)
        >>> annotated = 5 + random.normal(size=200)
        >>> rare, frequent = ((random.random(2000) < share) * 5 + random.normal(size=2000) for share in (0.1, 0.6))
        >>> bool(np.median(rare) == absent_score(rare, annotated)), round(float(np.median(frequent)))
        (True, 4)
        >>> 0 < absent_score(frequent, annotated) < 1
        True
    """
    low, shown = np.quantile(annotated, (1 / 6, 1 / 2))
    usual, above = float(np.median(others)), float(np.mean(others >= shown))
    if above <= _FREQUENT / 2:
        return usual
    level = 0.1
    for _ in range(_ROUNDS):
        absent = float(np.quantile(others, level))
        share = 2 * min(0.45, max(0.0, above - float(np.mean(others < 2 * absent - shown))))
        level, before = 0.5 * min(1.0, (1 - share) / (1 - _FREQUENT)), level
        if abs(level - before) < _SETTLED:
            break
    between = float(np.mean(np.abs(others - (absent + shown) / 2) < (shown - absent) / 6))
    return absent if level < 0.5 and shown - absent > _APART * (shown - low) and between < _BETWEEN else usual


def _step(scores: Floats, settings: InferenceSettings) -> Floats:
    """Scores through the step from absent to present."""
    chances: Floats = 0.5 * (1 + np.tanh(settings.sharpness * (scores - settings.midpoint) / 2))
    return chances
