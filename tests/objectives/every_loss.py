"""Every metric-learning loss with every choice of its settings, and small batches to give them."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import Tensor

from overtone.core import InputError
from overtone.objectives import MetricLoss, TermCounts, metric_losses

CLASSES, WIDTH = 4, 6


def other_choices(kind: type[MetricLoss]) -> list[tuple[str, object]]:
    """Every value of every setting with a choice of values, but for the defaults."""
    fields = kind.settings_type.model_fields.items()
    return [(name, value) for name, field in fields for value in get_args(field.annotation) if value != field.default]


VARIANTS: list[tuple[str, dict[str, object]]] = [
    *((name, {}) for name in metric_losses()),
    *((name, {field: value}) for name, kind in metric_losses().items() for field, value in other_choices(kind)),
    ("contrastive", {"distance": "cosine", "reduction": "kinds"}),
    ("contrastive", {"power": 1, "reduction": "active"}),
    ("triplet", {"mining": "semi-hard", "margin": 0.5}),
    ("triplet", {"mining": "batch-hard", "distance": "cosine"}),
    ("triplet", {"reduction": "all", "margin": 0.3}),
    ("ccl", {"margin": 0.2, "pull": 0.0}),
    ("arcface", {"margin": 0.0}),
]
IDS = ["-".join([name, *map(str, settings.values())]) for name, settings in VARIANTS]
PAIRED = [(name, settings) for name, settings in VARIANTS if not metric_losses()[name].needs_classes]
every = pytest.mark.parametrize(("name", "settings"), VARIANTS, ids=IDS)


def build(name: str, settings: dict[str, object]) -> MetricLoss:
    torch.manual_seed(7)
    kind = metric_losses()[name]
    required = {"classes": CLASSES, "embedding_dim": WIDTH} if kind.needs_classes else {}
    return kind(**required, **settings)


def takes_several(name: str, settings: dict[str, object]) -> bool:
    """Whether it takes several labels a row; which losses must is seen to where their values are tested."""
    try:
        build(name, settings)(rows(), soft())
    except InputError as error:
        return "one class" not in str(error)
    return True


def rows(n: int = 16, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(n, WIDTH, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def classes(n: int = 16) -> Tensor:
    return torch.arange(n) % CLASSES


def soft(n: int = 16, seed: int = 3) -> Tensor:
    return torch.rand(n, CLASSES, generator=torch.Generator().manual_seed(seed)).softmax(1)


def check_counts(counts: TermCounts | None, anchors: int) -> None:
    assert counts is not None
    assert counts.anchors == anchors
    for value in counts[:3]:
        assert value.dim() == 0
        assert not value.requires_grad
    assert 0 <= counts.active <= counts.total * (1 + 1e-6)
    assert counts.total > 0
    assert 0 <= counts.skipped <= anchors
