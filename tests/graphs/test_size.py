"""Tables and classes of which a graph would not fit into memory are refused before anything is computed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from overtone import api
from overtone.core import InputError
from overtone.features import from_arrays
from overtone.graphs import infer_interactions, interaction_graph, learn_graph
from overtone.graphs.checks import MOST_VARIABLES
from overtone.interactions import InteractionTrainer, event_chances

CLASSES = 20_000
TABLE = r"too many variables for a graph; got 40,000, of which one matrix takes 12\.8 GB; valid: up to 5,000; leave"
NODES = r"too many nodes \(20,000 classes in 2 modalities\) for a graph; got 40,000.*valid: up to 5,000; merge classes"


def scores() -> dict[str, Any]:
    """Soft labels of three clips."""
    return {name: np.full((3, CLASSES), 0.5, np.float32) for name in ("audio", "visual")}


LABELS = np.arange(3)

CALLS: dict[str, tuple[Callable[[], Any], str]] = {
    "table": (lambda: learn_graph(np.zeros((5, 2 * CLASSES))), TABLE),
    "covariance": (lambda: learn_graph(np.broadcast_to(0.0, (2 * CLASSES, 2 * CLASSES)), rows=10), TABLE),
    "chunks": (lambda: learn_graph(iter([]), [str(at) for at in range(2 * CLASSES)]), TABLE),
    "soft labels": (lambda: interaction_graph(scores(), kind="sigmoid"), NODES),
    "interactions": (lambda: infer_interactions(scores(), LABELS, kind="sigmoid"), NODES),
    "chances": (lambda: event_chances(scores(), LABELS), NODES),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_is_too_large_is_refused_at_once(name: str) -> None:
    call, said = CALLS[name]
    with pytest.raises(InputError, match=said):
        call()


def test_files_are_refused_before_they_are_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "table.npz", data=np.zeros((5, 2 * CLASSES), np.float32))
    np.savez(tmp_path / "soft.npz", y=LABELS, **scores())
    with pytest.raises(InputError, match=TABLE):
        api.graph(tmp_path / "table.npz")
    for more in ({}, {"interactions": True}):
        with pytest.raises(InputError, match=NODES):
            api.graph(tmp_path / "soft.npz", soft="sigmoid", **more)
    columns = [f"c{at}" for at in range(MOST_VARIABLES + 1)]
    (tmp_path / "table.csv").write_text("\n".join([",".join(columns), *[",".join("12" * len(columns))[:-2]] * 5]))
    with pytest.raises(InputError, match="too many variables for a graph; got 5,001"):
        api.graph(tmp_path / "table.csv")


def test_a_corpus_of_too_many_classes_is_refused_before_the_first_teacher(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(2 * CLASSES, 3)).astype(np.float32)
    data = from_arrays({"audio": rows, "visual": rows + 1, "y": np.arange(2 * CLASSES) % CLASSES})
    with pytest.raises(InputError, match=NODES):
        InteractionTrainer().train("interactions", data, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
