"""The evaluation of embeddings of given rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from overtone.evaluation import Evaluation, evaluate
from overtone.features import PairedFeatures, refuse_zeros


def judge(embeddings: Mapping[str, Tensor], data: PairedFeatures, options: Mapping[str, Any]) -> Evaluation:
    """Evaluate embeddings of the rows of ``data`` against its labels, and against all of its events, where known."""
    refuse_zeros(data, embeddings)
    first, second = embeddings.values()
    known: dict[str, Any] = {"events": data.events, "names": data.names, "class_names": data.class_names, "warn": False}
    known |= {"present": data.present, "groups": data.groups}
    return evaluate(first, second, data.labels, **known, **options)
