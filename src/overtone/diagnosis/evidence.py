"""What a verdict is given on: figures of an embedding before and after training, and of the training itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from overtone.core import InputError


@dataclass(frozen=True)
class Evidence:
    """Figures that the rules look at; a rule whose figures are missing stays silent.

    Attributes:
        variance: ``VarianceResult.to_dict()`` of the embedding, best on rows that nothing was learnt from.
        train_variance: The same of the rows that were learnt from.
        features_variance: The same of the features that training began with.
        greediness: ``Watch.summary()`` of the training.
        recall: R@1 of the embedding.
        features_recall: R@1 of the features that training began with.
    """

    variance: Mapping[str, Any] | None = None
    train_variance: Mapping[str, Any] | None = None
    features_variance: Mapping[str, Any] | None = None
    greediness: Mapping[str, Any] | None = None
    recall: float | None = None
    features_recall: float | None = None

    def figure(self, part: str, *keys: str) -> float | None:
        """One figure, by the field and the keys under which it stands.

        Args:
            part: Name of a field.
            keys: Keys, from the outermost.

        Returns:
            The figure; None if it is not there or NaN.

        Example:
            >>> Evidence(variance={"centroid_distance": {"mean": 1.2}}).figure("variance", "centroid_distance", "mean")
            1.2
        """
        value: Any = getattr(self, part)
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        return _finite(value)

    @classmethod
    def mean(cls, several: Sequence[Evidence]) -> Evidence:
        """Means over seeds, figure by figure; a figure that some seeds lack is the mean over the others.

        Args:
            several: One per seed.

        Returns:
            The means; of what is no figure, the first seed's.

        Raises:
            InputError: There is none.

        Example:
            >>> Evidence.mean([Evidence(recall=0.5), Evidence(recall=0.75), Evidence()]).recall
            0.625
        """
        if not several:
            raise InputError("evidence of no seed at all", valid="one per seed")
        return cls(**{one.name: _mean([getattr(each, one.name) for each in several]) for one in fields(cls)})


def _finite(value: Any) -> float | None:
    known = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if known else None


def _mean(values: Sequence[Any]) -> Any:
    mappings = [value for value in values if isinstance(value, Mapping)]
    if mappings:
        keys = dict.fromkeys(key for mapping in mappings for key in mapping)
        return {key: _mean([mapping.get(key) for mapping in mappings]) for key in keys}
    known = [number for number in map(_finite, values) if number is not None]
    return sum(known) / len(known) if known else next((value for value in values if value is not None), None)
