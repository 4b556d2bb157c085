"""Every endpoint gives what the rooms below it give, and says in a sentence what it cannot do."""

from __future__ import annotations

import json
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

import overtone
from overtone.evaluation import counterpart_ranks, modality_gap
from overtone.explorer import Session
from overtone.search import search_ids
from overtone.training import Run

from .conftest import CLIPS


def test_session_describes_clips_columns_and_runs(client: TestClient, session: Session) -> None:
    said = client.get("/api/session").json()
    assert said["clips"] == CLIPS
    assert said["media"] == ["audio", "visual"]
    assert [run["method"] for run in said["runs"]] == ["cca", "infonce"]
    columns = {(one["name"], one["run"]): one for one in said["columns"]}
    assert columns["label", None]["levels"] == ["bell", "cat", "dog", "rain"]
    assert columns["duration", None]["kind"] == "number"
    assert (columns["duration", None]["low"], columns["duration", None]["high"]) == (0.0, 7.9)
    assert columns["similarity of the pair", 1]["run"] == 1
    vectors = [session.spaces[0].records.vectors[name] for name in ("audio", "visual")]
    assert said["runs"][0]["gap"] == modality_gap(*vectors).to_dict()


def test_ids_places_and_values_are_in_one_order(client: TestClient, session: Session) -> None:
    ids = client.get("/api/ids").json()
    assert ids == list(session.clips.ids)
    places = np.frombuffer(client.get("/api/places", params={"run": 0}).content, "<f4").reshape(2, CLIPS, 2)
    assert np.isfinite(places).all()
    assert places.reshape(-1, 2).mean(0) == pytest.approx([0, 0], abs=1e-5)
    centred = client.get("/api/places", params={"run": 0, "centred": True})
    assert np.frombuffer(centred.content, "<f4").reshape(2, CLIPS, 2).mean(1) == pytest.approx(
        np.zeros((2, 2)), abs=1e-5
    )
    labels = np.frombuffer(client.get("/api/values", params={"name": "label"}).content, "<i4")
    named = ["bell", "cat", "dog", "rain"]
    assert [named[one] for one in labels[:4]] == ["dog", "cat", "rain", "bell"]
    name = "rank of the counterpart, audio → visual"
    ranks = np.frombuffer(client.get("/api/values", params={"name": name, "run": 1}).content, "<f4")
    vectors = session.spaces[1].records.vectors
    assert ranks == pytest.approx(counterpart_ranks(vectors["audio"], vectors["visual"]))


def test_neighbours_are_those_of_a_search(client: TestClient, session: Session) -> None:
    found = client.get("/api/neighbours", params={"id": "clip-7", "k": 5}).json()
    assert [(one["from"], one["to"]) for one in found] == [
        (["audio"], ["audio"]),
        (["audio"], ["visual"]),
        (["visual"], ["audio"]),
        (["visual"], ["visual"]),
    ]
    (expected,) = search_ids(
        session.spaces[0].store, ["clip-7"], 5, from_modality="audio", to_modality="visual"
    ).queries
    assert [(hit["id"], hit["score"]) for hit in found[1]["hits"]] == [(hit.id, hit.score) for hit in expected.hits]
    assert [session.clips.ids[hit["row"]] for hit in found[1]["hits"]] == [hit["id"] for hit in found[1]["hits"]]


def test_more_like_these_are_nearest_to_their_mean(client: TestClient, session: Session) -> None:
    asked = {"rows": [0, 4, 8], "k": 6, "from_modality": "audio", "to_modality": "visual"}
    found = client.post("/api/like", json=asked).json()
    vectors = session.spaces[0].records.vectors
    mean = vectors["audio"][[0, 4, 8]].mean(0)
    scores = vectors["visual"] @ (mean / np.linalg.norm(mean))
    order = [row for row in np.argsort(-scores, kind="stable").tolist() if row not in (0, 4, 8)][:6]
    assert [hit["row"] for hit in found["hits"]] == order


def test_a_file_is_a_query(client: TestClient, corpus: Path, run: Run) -> None:
    with np.load(corpus) as data:
        io = BytesIO()
        np.savez(io, audio=data["audio"][:3], ids=np.array(["x", "y", "z"]))
    asked = {"name": "../../C:\\sounds\\new clips.npz", "k": 4}
    found = client.post("/api/upload", params=asked, content=io.getvalue()).json()
    assert [one["query"] for one in found] == ["x", "y", "z"]
    assert (found[0]["from"], found[0]["to"]) == (["audio"], ["visual"])
    result = overtone.search_store(run.folder, query="clip-0", from_modality="audio", k=4)  # what a clip finds itself
    assert found[0]["hits"][0]["id"] in {"clip-0", result.queries[0].hits[0].id}


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.npz", b"PK nothing"), ("a.npz", b""), ("a.exe", b"MZ"), ("..", b"x"), ("a.png", b"\x89PNG"), ("\0", b"x")],
)
def test_files_that_are_none_are_refused(client: TestClient, name: str, content: bytes) -> None:
    answer = client.post("/api/upload", params={"name": name}, content=content)
    assert answer.status_code == 400
    assert "/tmp" not in answer.json()["error"]


@pytest.mark.parametrize(
    ("where", "rows"),
    [("label = 'dog' and duration < 1", [0, 4, 8]), ("note like '%=1%'", [5]), ("duration > 100", [])],
)
def test_filter_is_that_of_a_search(client: TestClient, where: str, rows: list[int]) -> None:
    assert np.frombuffer(client.get("/api/filter", params={"where": where}).content, "<i4").tolist() == rows


def test_text_is_found_in_ids_and_metadata(client: TestClient) -> None:
    def rows(text: str) -> list[int]:
        return np.frombuffer(client.get("/api/matches", params={"text": text}).content, "<i4").tolist()

    assert rows("CLIP-77") == [77]
    assert rows("note 7")[0] == 7
    assert rows("bell clip-2") == [23, 27]
    assert rows("nothing of the kind") == []


def test_clip_has_its_media_and_measures(client: TestClient) -> None:
    found = client.get("/api/clip", params={"id": "clip-9"}).json()
    assert found["metadata"] == {"label": "cat", "split": "test", "duration": 0.9, "note": "note 9"}
    assert [(one["kind"], one["found"]) for one in found["media"]] == [("audio", True), ("image", True)]
    assert set(found["measures"]) >= {"similarity of the pair"}


def wait_for(client: TestClient, method: str, kind: str) -> Any:
    for _ in range(3000):
        said = client.request(method, "/api/found", **asked(method, kind)).json()
        if said["state"] != "running":
            return said
        time.sleep(0.02)
    raise AssertionError("never ended")


def asked(method: str, kind: str) -> dict[str, Any]:
    return {"params" if method == "GET" else "json": {"kind": kind, "run": 0}}


def test_duplicates_are_looked_for_on_demand_and_kept(client: TestClient, run: Run) -> None:
    assert run.folder is not None
    assert wait_for(client, "GET", "duplicates") == {"state": "done", "result": None, "error": None, "share": None}
    found = wait_for(client, "POST", "duplicates")["result"]
    assert {one["id"] for one in found["rows"]} >= {"clip-78", "clip-79"}
    assert wait_for(client, "GET", "duplicates")["result"] == found
    assert (run.folder / "found/duplicates.json").is_file()


def test_training_and_graph(client: TestClient, other: Run) -> None:
    found = client.get("/api/training", params={"run": 1}).json()
    assert [record["epoch"] for record in found["history"]] == [1, 2, 3]
    assert other.evaluation is not None
    metrics = {one["key"]: one for one in found["metrics"]}
    assert metrics["map"]["mean"] == other.evaluation["map"].mean
    assert next(iter(metrics)) == "map"
    graph = client.get("/api/graph").json()
    assert graph["state"] == "failed"
    assert "no class graph" in graph["error"]


def test_export_writes_what_a_spreadsheet_does_not_compute(client: TestClient) -> None:
    answer = client.post("/api/export", json={"rows": [5, 2], "format": "csv"})
    assert answer.headers["content-disposition"] == 'attachment; filename="clips.csv"'
    head, first, second = answer.text.splitlines()
    assert head == "id,label,split,media_audio,media_visual,duration,note"
    assert first.startswith("clip-5,cat,train,clip-5.wav,clip-5.png,0.5,")
    assert "'=1+1" in first
    assert second.startswith("clip-2,")
    found = json.loads(client.post("/api/export", json={"rows": [5], "format": "json"}).text)
    assert found[0]["note"] == "=1+1"
    assert client.post("/api/export", json={"rows": [5, 2], "format": "txt"}).text == "clip-5\nclip-2\n"


@pytest.mark.parametrize(
    ("method", "path", "given", "said"),
    [
        ("GET", "/api/clip", {"id": "nobody"}, "no clip 'nobody'"),
        ("GET", "/api/clip", {}, "id: field required"),
        ("GET", "/api/places", {"run": 7}, "run: input should be less than or equal to 1"),
        ("GET", "/api/values", {"name": "colour"}, "unknown column to colour by 'colour'"),
        ("GET", "/api/values", {"name": "note"}, "valid: duration, label"),
        ("GET", "/api/filter", {"where": "label ="}, "character 8: a number, text"),
        ("GET", "/api/filter", {"where": "label = 3"}, "'label' holds text"),
        ("GET", "/api/session", {"more": 1}, "more: extra inputs are not permitted"),
        ("POST", "/api/rows", {"rows": [CLIPS]}, "no such row"),
        ("POST", "/api/rows", {"rows": list(range(501))}, "rows: list should have at most 500"),
        ("POST", "/api/like", {"rows": []}, "rows: list should have at least 1"),
        ("POST", "/api/like", {"rows": [1], "from_modality": "smell"}, "smell"),
        ("POST", "/api/export", {"rows": [1], "format": "exe"}, "format: input should be"),
        ("GET", "/api/found", {"kind": "gold"}, "kind: input should be"),
    ],
)
def test_wrong_requests_get_a_sentence(
    client: TestClient, method: str, path: str, given: dict[str, Any], said: str
) -> None:
    answer = client.get(path, params=given) if method == "GET" else client.post(path, json=given)
    assert answer.status_code == 400
    assert said in answer.json()["error"]


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 5000, b"\xff\xfe", b"null", b"[1]"])
def test_malformed_bodies_are_refused(client: TestClient, body: bytes) -> None:
    answer = client.post("/api/rows", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_description_has_every_endpoint(client: TestClient) -> None:
    said = client.get("/api/openapi.json").json()
    assert said["openapi"].startswith("3.1")
    for path, operations in said["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"].endswith("."), path
            needed = [one for one in operation.get("parameters", []) if one["required"]]
            body = operation.get("requestBody", {})
            answer = client.request(method, path, **({"json": {}} if body else {}))
            assert answer.status_code == (400 if needed or body else 200), path


def test_stores_without_a_common_clip_are_refused(run: Run, tmp_path: Any) -> None:
    from overtone.core import InputError
    from overtone.explorer import open_session

    with overtone.open_store(tmp_path / "empty", create=True) as store, pytest.raises(InputError, match="no clip"):
        open_session([(run, store)])


def test_maps_are_kept_with_the_run(run: Run, session: Session) -> None:
    from overtone.core.files import load_tensors
    from overtone.explorer.kept import Kept
    from overtone.explorer.projection import Projection, Views

    assert run.folder is not None
    file, space = run.folder / "explored/maps.safetensors", session.spaces[0]
    assert np.array_equal(load_tensors(file)["joint"].numpy(), space.projection.joint.places)
    kept = Kept(run.folder, space.kept.identity)
    again = Projection.of(space.views, kept)
    assert np.array_equal(again.centred.places, space.projection.centred.places)
    file.write_bytes(b"damaged")
    mended = Projection.of(space.views, kept)
    assert np.array_equal(mended.joint.places, space.projection.joint.places)
    turned = Views([rows[::-1] for rows in space.views.vectors], space.views.present)
    other = Projection.of(turned, Kept(run.folder, "of other embeddings"))
    assert not np.array_equal(other.joint.places, space.projection.joint.places)


def test_clips_that_lack_a_modality(corpus: Path, run: Run, tmp_path: Path) -> None:
    from overtone.explorer import open_session
    from overtone.explorer.app import make_app
    from overtone.explorer.guard import Access

    with np.load(corpus) as data:
        views = {name: data[name].copy() for name in ("audio", "visual")}
        views["audio"][[0, 1]], views["visual"][2] = np.nan, np.nan
        np.savez(tmp_path / "part.npz", **views, ids=data["ids"])
    overtone.index(run, tmp_path / "part.npz", store=tmp_path / "store", missing="nan")
    with overtone.open_store(tmp_path / "store") as store:
        client = TestClient(make_app(open_session([(run, store)]), Access(8765)), "http://localhost:8765")
        places = np.frombuffer(client.get("/api/places").content, "<f4").reshape(2, CLIPS, 2)
        assert np.isnan(places).any(2).nonzero()[1].tolist() == [0, 1, 2]
        said = client.get("/api/session").json()
        assert said["runs"][0]["gap"]["pairs"] == CLIPS - 3
        clip = client.get("/api/clip", params={"id": "clip-0"}).json()
        assert clip["present"] == ["visual"]
        assert set(clip["measures"].values()) == {None}
        ways = client.get("/api/neighbours", params={"id": "clip-0"}).json()
        assert [(one["from"], one["to"]) for one in ways] == [(["visual"], ["audio"]), (["visual"], ["visual"])]
        refused = client.post("/api/like", json={"rows": [0, 1], "from_modality": "audio"})
        assert "none of these clips has audio" in refused.json()["error"]
        failed = client.get("/api/found", params={"kind": "outliers"}).json()
        assert "not known" in failed["error"]
