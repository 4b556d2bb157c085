"""What is computed when somebody asks: clusters, agreement of neighbours, ranks of many clips."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from overtone.core import Progress
from overtone.evaluation import counterpart_ranks, neighbour_agreement
from overtone.explorer import Session, run_columns
from overtone.explorer.jobs import Jobs
from overtone.explorer.kept import Kept
from overtone.explorer.run_columns import AGREEMENT, Classes, RunColumns

from .conftest import CLIPS


def compute(client: TestClient, name: str, run: int = 0) -> dict[str, Any]:
    """Ask until a column is there, or why it is not."""
    for _ in range(3000):
        answer = client.post("/api/column", json={"run": run, "name": name})
        said: dict[str, Any] = answer.json()
        if answer.status_code != 200 or said["state"] != "running":
            return said
        time.sleep(0.02)
    raise AssertionError("never ended")


def values(client: TestClient, name: str, kind: str = "<i4", run: int = 0) -> np.ndarray:
    return np.frombuffer(client.get("/api/values", params={"name": name, "run": run}).content, kind)


def test_clusters_are_named_by_size_and_label(client: TestClient) -> None:
    assert client.get("/api/session").json()["runs"][0]["clusters"] == {"usual": 4, "most": 40}
    column = compute(client, "4 clusters")["result"]
    codes = values(client, "4 clusters")
    sizes = np.bincount(codes, minlength=4)
    assert (codes.min(), sizes.sum(), sizes.tolist()) == (0, CLIPS, sorted(sizes.tolist(), reverse=True))
    assert [level.partition(":")[0] for level in column["levels"]] == ["1", "2", "3", "4"]
    assert {level.split()[1] for level in column["levels"]} == {"dog", "cat", "rain", "bell"}
    assert column["kind"] == "category"
    session = client.get("/api/session").json()
    assert column in session["columns"]
    assert len(compute(client, "7 clusters", run=1)["result"]["levels"]) == 7


def test_agreement_is_that_of_the_evaluation_and_kept(client: TestClient, session: Session) -> None:
    space = session.spaces[1]
    assert AGREEMENT in client.get("/api/session").json()["runs"][1]["on_demand"]
    column = compute(client, AGREEMENT, run=1)["result"]
    assert "by chance 0.13" in column["means"]
    expected = neighbour_agreement(*space.views.vectors)
    assert values(client, AGREEMENT, "<f4", run=1) == pytest.approx(expected)
    assert AGREEMENT not in client.get("/api/session").json()["runs"][1]["on_demand"]
    kept = space.kept.read("agreement")
    assert kept is not None
    assert kept["shares"] == pytest.approx(expected)
    assert client.get("/api/clip", params={"id": "clip-7", "run": 1}).json()["measures"][AGREEMENT] is not None


@pytest.mark.parametrize("name", ["1 clusters", "41 clusters", "00 clusters", "clusters", "label", "\u0663 clusters"])
def test_columns_that_there_are_not(client: TestClient, name: str) -> None:
    said = compute(client, name)
    assert "unknown column of the run" in said["error"]
    assert "2 to 40 clusters" in said["error"]
    assert client.get("/api/values", params={"name": name, "run": 0}).status_code == 400


def test_ranks_of_many_clips_wait_until_somebody_asks(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_columns, "MOST_AT_ONCE", 10)
    views = session.spaces[0].views
    columns = RunColumns(("audio", "visual"), views, Kept(tmp_path, "of these"))
    name = "rank of the counterpart, audio → visual"
    assert name in columns.offered
    columns.compute(name)
    assert columns.values[name] == pytest.approx(counterpart_ranks(*views.vectors))
    assert name not in RunColumns(("audio", "visual"), views, Kept(tmp_path, "of these")).offered
    assert name in RunColumns(("audio", "visual"), views, Kept(tmp_path, "of others")).offered


def test_clusters_without_labels_and_without_a_modality(session: Session) -> None:
    from overtone.explorer.projection import Views

    given = session.spaces[0].views
    present = [flags.copy() for flags in given.present]
    present[0][:3], present[1][2:5] = False, False  # clip 2 has none
    columns = RunColumns(("audio", "visual"), Views(given.vectors, present), Kept(None, ""))
    column = columns.compute("3 clusters")
    assert column.levels == ("cluster 1", "cluster 2", "cluster 3")
    assert np.flatnonzero(columns.values["3 clusters"] < 0).tolist() == [2]
    agreement = columns.compute(AGREEMENT)
    assert np.flatnonzero(np.isnan(columns.values[AGREEMENT])).tolist() == [0, 1, 2, 3, 4]
    assert agreement.low is not None
    assert Classes(("a",), np.zeros(3, dtype=np.int32)).usual == 12


def test_a_failure_is_told_once_and_then_tried_again() -> None:
    jobs, tried = Jobs(), []

    def work(_: object) -> None:
        tried.append(1)
        raise ValueError("out of order")

    job = jobs.begin("job", work)
    while not job._done.is_set():  # it has failed, and nobody has asked yet
        pass
    assert jobs.begin("job", work) is job
    assert job.report().error == "ValueError: out of order"
    again = jobs.begin("job", work)
    assert again is not job
    assert again.report(5).state == "failed"
    assert len(tried) == 2


def test_progress_of_a_job_is_a_share() -> None:
    import threading

    go_on, told = threading.Event(), threading.Event()

    def work(progress: Any) -> int:
        progress(Progress("map", 5, 20))
        told.set()
        go_on.wait(5)
        return 7

    job = Jobs().begin("job", work)
    told.wait(5)
    assert (job.report().state, job.report().share) == ("running", 0.25)
    go_on.set()
    assert job.report(5).result == 7
