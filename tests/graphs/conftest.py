"""What the graph tests share: the slow oracle, a small graph, and clips with events whose interactions are known."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from overtone.graphs import Graph, learn_graph


@pytest.fixture(scope="session")
def oracle() -> ModuleType:
    """The functions of ``oracle.py``, which is no test and so not imported by itself."""
    spec = importlib.util.spec_from_file_location("graph_oracle", Path(__file__).with_name("oracle.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["graph_oracle"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def graph() -> Graph:
    random = np.random.default_rng(0)
    a, b, c, d = random.normal(size=(4, 300))
    return learn_graph(
        np.column_stack([a, a - 2 * b + c, b, b + d]), ['say "a"', "x<y", "b", "ü"], settings={"bootstrap": 20}
    )


NAMES = ["rain", "wet", "sun", "mood"]


@pytest.fixture
def values() -> Any:
    """Rows of :data:`NAMES`: rain and sun make wet, which makes the mood."""
    random = np.random.default_rng(0)
    rain, sun, noise, mood = random.normal(size=(4, 300))
    wet = rain - sun + noise
    return np.column_stack([rain, wet, sun, wet + mood])


def edges(graph: Graph) -> set[tuple[str, str, str]]:
    """Source, target and kind of every edge."""
    return {(edge.source, edge.target, edge.kind) for edge in graph.edges}


Floats = NDArray[np.float64]
CLASSES = ["train", "dog", "horn", "rain", "crowd"]


def clips(rows: int = 900, seed: int = 0, chance: float = 0.6) -> tuple[Any, Any, Any]:
    """Random generator, labels with one class a clip, and (2, n, C) events: the annotated class in both modalities."""
    random = np.random.default_rng(seed)
    labels = np.eye(len(CLASSES))[random.integers(len(CLASSES), size=rows)]
    events = np.stack([labels > 0, labels > 0])
    events |= random.random((rows, len(CLASSES))) < 0.04
    return random, labels, events


def brought(random: Any, events: Any, source: tuple[int, int], target: tuple[int, int], chance: float = 0.6) -> None:
    """Let a class in a modality bring a class into a modality; both are given as (modality, class)."""
    events[target[0], :, target[1]] |= events[source[0], :, source[1]] & (random.random(events.shape[1]) < chance)


def scored(random: Any, events: Any, noise: float = 1.0) -> dict[str, Floats]:
    """Logits of a good teacher."""
    return {
        name: 6 * part - 3 + noise * random.normal(size=part.shape) for name, part in zip(("audio", "visual"), events)
    }
