"""The evaluation of embeddings of given rows."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from typing_extensions import Unpack

from overtone.evaluation import EvaluateOptions, Evaluation, evaluate
from overtone.features import PairedFeatures, refuse_zeros


def judge(embeddings: Mapping[str, Tensor], data: PairedFeatures, **options: Unpack[EvaluateOptions]) -> Evaluation:
    """Evaluate embeddings of the rows of ``data`` against its labels, and against all of its events, where known."""
    refuse_zeros(data, embeddings)
    first, second = embeddings.values()
    return evaluate(
        first,
        second,
        data.labels,
        events=data.events,
        names=data.names,
        class_names=data.class_names,
        present=data.present,
        groups=data.groups,
        warn=False,
        **options,
    )
