"""Clips are laid out by neighbourhoods where the machine can, and said why not where it cannot."""

from __future__ import annotations

import sys
import time
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from overtone.core import InputError
from overtone.explorer import Session, layouts
from overtone.explorer.layouts import MOST_TSNE, check_layout, lay_out, offer_layouts

from .conftest import CLIPS


def ask(client: TestClient, **asked: Any) -> dict[str, Any]:
    """Ask until the clips are laid out, or why they are not."""
    for _ in range(3000):
        answer = client.post("/api/layout", json=asked)
        said: dict[str, Any] = answer.json()
        if answer.status_code != 200 or said["state"] != "running":
            return said
        time.sleep(0.02)
    raise AssertionError("never ended")


@pytest.fixture
def umap(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A package that lays out like umap-learn: by two of the dimensions, with a bar on the way."""
    seen = SimpleNamespace(rows=None, settings=None)

    class UMAP:
        def __init__(self, **settings: Any) -> None:
            seen.settings = settings

        def fit_transform(self, rows: np.ndarray) -> np.ndarray:
            seen.rows = rows
            seen.settings["tqdm_kwds"]["file"].write("\rEpochs completed:  25%| ###  50/200 [00:01]")
            return rows[:, :2]

    module = ModuleType("umap")
    vars(module)["UMAP"] = UMAP
    monkeypatch.setitem(sys.modules, "umap", module)
    monkeypatch.setattr(layouts, "find_spec", lambda name: module)
    return seen


def test_what_is_absent_is_said(monkeypatch: pytest.MonkeyPatch, client: TestClient) -> None:
    monkeypatch.setattr(layouts, "find_spec", lambda name: None)
    known = {one["name"]: one["absent"] for one in client.get("/api/session").json()["runs"][0]["layouts"]}
    assert known["pca"] is None
    assert known["tsne"] is None
    assert "pip install umap-learn" in known["umap"]
    assert "pip install umap-learn" in ask(client, layout="umap")["error"]
    absent = {one.name: one.absent for one in offer_layouts(MOST_TSNE + 1)}
    assert "at most 5,000 clips" in str(absent["tsne"])
    assert "at least 30" in str({one.name: one.absent for one in offer_layouts(10)}["tsne"])
    with pytest.raises(InputError, match="unknown layout"):
        check_layout("globe", 100)


def test_neighbours_stay_neighbours_by_tsne(client: TestClient, session: Session) -> None:
    early = client.get("/api/places", params={"layout": "tsne", "centred": True, "run": 1})  # nobody asks for that
    assert early.status_code == 400
    assert "not computed yet" in early.json()["error"]
    assert ask(client, layout="tsne", centred=True) == {"state": "done", "result": True, "error": None, "share": None}
    answer = client.get("/api/places", params={"layout": "tsne", "centred": True})
    places = np.frombuffer(answer.content, "<f4").reshape(2, CLIPS, 2)
    assert np.isfinite(places).all()
    labels = session.clips.values("label")
    distances = np.linalg.norm(places[0][:, None] - places[0][None], axis=-1) + 1e9 * np.eye(CLIPS)
    assert (labels[distances.argmin(1)] == labels).mean() > 0.7
    kept = session.spaces[0].kept.read("tsne-centred")
    assert kept is not None
    assert np.array_equal(kept["places"], places)


def test_umap_says_how_far_it_is(umap: SimpleNamespace, client: TestClient, session: Session) -> None:
    assert ask(client, layout="umap", run=1)["state"] == "done"
    answer = client.get("/api/places", params={"layout": "umap", "run": 1})
    places = np.frombuffer(answer.content, "<f4").reshape(2, CLIPS, 2)
    joint = session.spaces[1].views.stacked(centred=False)
    assert places.reshape(-1, 2) == pytest.approx(joint[:, :2])
    told: list[float] = []
    lay_out("umap", joint, lambda one: told.append(one.done / one.total))
    assert told == [0.25]
    assert umap.settings["random_state"] == 0
    assert umap.rows.dtype == np.float32


def test_rows_without_neighbourhoods_are_refused(umap: SimpleNamespace) -> None:
    for name in ("umap", "tsne"):
        with pytest.raises(InputError, match="too few or all alike"):
            lay_out(name, np.ones((100, 4)))
        with pytest.raises(InputError, match="too few or all alike"):
            lay_out(name, np.eye(10))
