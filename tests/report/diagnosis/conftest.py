"""Diagnoses made of numbers: losses that differ as the papers say, with every part a report may get."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

LOSSES = {
    "contrastive": (0.0052, 9.0, 0.962, 0.62),
    "triplet": (0.0334, 30.0, 0.974, 0.04),
    "n-pair": (0.041, 45.0, 0.958, 0.55),
    "infonce": (0.0086, 14.0, 0.969, 0.41),
    "arcface": (0.0121, 20.0, 0.971, 0.33),
    "scl": (0.0291, 26.0, 0.9745, 0.48),
    "ccl": (0.0073, 12.0, 0.966, 0.28),
}
"""Loss -> final intra-class variance, updates in which it falls to a third, recall, final active ratio."""
FINDINGS = [
    {
        "rule": "over-compaction",
        "figure": 0.0052,
        "quantity": "intra_variance",
        "threshold": 0.01,
        "says": "The classes have become points: what tells their members apart is mostly gone.",
        "advice": "Widen the positive margin, stop earlier, or take triplet where single items matter.",
    },
    {
        "rule": "easy_gradient",
        "figure": 0.71,
        "quantity": "easy_share",
        "threshold": 0.5,
        "says": "Most of the gradient falls on rows that are already right.",
        "advice": "Mine harder pairs, or lower the temperature.",
    },
]


def make_diagnosis(
    losses: dict[str, tuple[float, float, float, float]] | None = None,
    seeds: int = 5,
    classes: int = 10,
    epochs: int = 40,
    **changes: Any,
) -> dict[str, Any]:
    """What ``overtone diagnose --json`` prints, with curves that fall and rise as trained heads' do.

    Args:
        losses: Loss to final variance, time constant, recall and active ratio.
        seeds: How many seeds; with one there are no intervals.
        classes: How many classes.
        epochs: Epochs of ten updates.
        **changes: Entries to replace.
    """
    random = np.random.default_rng(0)
    losses = LOSSES if losses is None else losses
    names = [f"kind-{number}" for number in range(classes)]
    diagnosis = {
        "corpus": "folder/digits.npz",
        "modalities": ["image"],
        "protocol": "within",
        "seeds": list(range(seeds)),
        "rows": {"train": 1257, "test": 540},
        "classes": {"train": classes, "test": classes},
        "class_disjoint": False,
        "settings": {"epochs": epochs, "batch_size": 512, "learning_rate": 1e-4, "embedding_dim": 128},
        "losses": {name: _loss(name, numbers, seeds, names, epochs, random) for name, numbers in losses.items()},
        "features": {
            "intra_variance": 0.31,
            "centroid_distance": {"mean": 0.72, "std": 0.1},
            "between_variance": 0.24,
            "variance_ratio": 0.31 / 0.24,
            "smallest_gap": 0.41,
            "effective_rank": 21.4,
            "recall@1": 0.91,
            "map": 0.66,
        },
        "recommendation": {
            "sentences": [
                "Where single items matter, take triplet or scl: they keep the most variance and cannot be told apart.",
                "Where classes matter, take contrastive: it compacts the fastest.",
            ],
            "fine_grained": "triplet",
        },
        "paired_tests": [
            {
                "a": "scl",
                "b": "triplet",
                "quantity": "map",
                "difference": 0.002,
                "ci95": [-0.003, 0.007],
                "p_value": 0.4,
            }
        ],
        "seconds": 412.0,
        "report": None,
    }
    return {**diagnosis, **changes}


def make_details(diagnosis: dict[str, Any], rows: int = 540, width: int = 16) -> dict[str, Any]:
    """Embeddings of all losses around shared class centres, each as wide as its loss makes them."""
    random = np.random.default_rng(1)
    classes = diagnosis["classes"]["test"]
    labels = np.arange(rows) % classes
    centres = random.normal(size=(classes, width))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    spread = {name: math.sqrt(entry["intra_variance"] / width) for name, entry in diagnosis["losses"].items()}
    return {
        "embeddings": {
            name: centres[labels] + 1.7 * scale * random.normal(size=(rows, width)) for name, scale in spread.items()
        },
        "labels": labels,
        "class_names": [f"kind-{number}" for number in range(classes)],
        "notes": ["made a 70/30 split with seed 0"],
        "warnings": [],
        "versions": {"overtone": "0.1.0", "torch": "2.13"},
        "checksum": "c0ffee",
    }


def _loss(
    name: str,
    numbers: tuple[float, float, float, float],
    seeds: int,
    classes: list[str],
    epochs: int,
    random: np.random.Generator,
) -> dict[str, Any]:
    variance, pace, recall, active = numbers
    updates = np.unique(np.r_[0, np.geomspace(2, 10 * epochs, 19).round()]).tolist()
    falling = np.exp(-np.array(updates) / pace / 2)
    epoch = np.arange(1, epochs + 1)
    decay = np.exp(-epoch * 20 / pace / 10)
    distance = 1.41 - 4 * abs(variance - 0.03)
    finals = {
        "recall@1": recall,
        "map": recall - 0.03,
        "map@r": recall - 0.05,
        "intra_variance": variance,
        "centroid_distance": distance,
        "between_variance": distance**2 / 2.2,
        "variance_ratio": variance / (distance**2 / 2.2),
        "smallest_gap": distance * 0.8,
        "unevenness": 0.05 / distance,
        "effective_rank": 8.2 + 40 * variance,
        "active_ratio": active,
        "gradient_norm": 0.03 * active,
        "easy_share": 0.2 + active / 2,
        "loss_decay_rate": 1 / pace,
        "updates_to_half": round(pace),
    }
    widths = variance * np.exp(0.4 * random.normal(size=len(classes)))
    gap = {"smallest_gap": finals["smallest_gap"], "smallest_gap_classes": [classes[0], classes[-1]]}
    return {
        **{key: finals[key] for key in ("intra_variance", "between_variance", "variance_ratio", "effective_rank")},
        **{
            key: finals[key] for key in ("recall@1", "map", "map@r", "loss_decay_rate", "updates_to_half", "easy_share")
        },
        **gap,
        "intra_variance_std": float(widths.std()),
        "centroid_distance": {"mean": distance, "std": 0.05},
        "active_ratio": (active + (1 - active) * decay).tolist(),
        "gradient_norm": (0.03 * (active + (1 - active) * decay)).tolist(),
        "active_means": f"A term of {name} is active while its hinge is above zero.",
        "settings": {"margin": 0.2, "reduction": "active"},
        "seconds": 58.0,
        "over_seeds": {key: _over(value, seeds, random) for key, value in finals.items()},
        "series": {
            "epoch": epoch.tolist(),
            "loss": (2.0 * pace * (0.2 + 0.8 * decay)).tolist(),
            "active_ratio": (active + (1 - active) * decay).tolist(),
            "active_samples": (0.9 * active + 0.1 * decay).tolist(),
            "gradient_norm": (0.03 * (active + (1 - active) * decay)).tolist(),
            "parameter_gradient_norm": (active + 3 * decay).tolist(),
            "easy_share": [None, *(0.2 + active / 2 * (1 - decay[1:])).tolist()],
        },
        "looks": {
            "epoch": [update / 10 for update in updates],
            "updates": updates,
            "intra_variance": (variance + (0.3 - variance) * falling).tolist(),
            "train_intra_variance": (0.8 * variance + (0.3 - variance) * falling).tolist(),
            "centroid_distance": (distance - 0.7 * falling).tolist(),
            "variance_ratio": (finals["variance_ratio"] + falling).tolist(),
            "smallest_gap": (0.8 * distance - 0.5 * falling).tolist(),
            "effective_rank": (finals["effective_rank"] + 12 * falling).tolist(),
            "recall@1": (recall - 0.06 * falling).tolist(),
            "map": (recall - 0.03 - 0.3 * falling).tolist(),
            "map@r": (recall - 0.05 - 0.3 * falling).tolist(),
        },
        "per_class": {one: {"variance": float(width), "rows": 54} for one, width in zip(classes, widths)},
        "verdict": FINDINGS[:2] if name == "contrastive" else FINDINGS[1:] if name == "n-pair" else [],
    }


def _over(value: float, seeds: int, random: np.random.Generator) -> dict[str, Any]:
    values = value * (1 + 0.004 * random.normal(size=seeds))
    if seeds < 2:
        return {"mean": float(values[0]), "std": None, "ci95": None, "values": values.tolist()}
    mean, std = float(values.mean()), float(values.std(ddof=1))
    return {"mean": mean, "std": std, "ci95": [mean - 1.24 * std, mean + 1.24 * std], "values": values.tolist()}


@pytest.fixture
def diagnosis() -> dict[str, Any]:
    """Seven losses, five seeds."""
    return make_diagnosis()


@pytest.fixture(name="make_diagnosis")
def diagnosis_maker() -> Callable[..., dict[str, Any]]:
    return make_diagnosis


@pytest.fixture(name="make_details")
def details_maker() -> Callable[..., dict[str, Any]]:
    return make_details
