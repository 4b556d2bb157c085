"""The view of a diagnosis of losses: what is read, what it says without one, and what cannot be read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from overtone.core import InputError
from overtone.experiments import Diagnosis
from overtone.explorer import Session
from overtone.explorer.app import make_app
from overtone.explorer.guard import Access
from overtone.explorer.losses import read_losses
from overtone.training import Run

from .conftest import PORT


def test_losses_are_those_of_the_diagnosis(diagnosis: Path, session: Session) -> None:
    shown = replace(session, diagnosis=diagnosis)
    client = TestClient(make_app(shown, Access(PORT)), base_url=f"http://localhost:{PORT}")
    found = client.get("/api/losses").json()["found"]
    assert found["losses"] == ["contrastive", "triplet"]
    assert found["advice"] == ["For a right first neighbour: contrastive (R@1 0.910)."]
    rows = {one["about"]["name"]: one for one in found["quantities"]}
    assert rows["R@1"]["values"]["contrastive"]["mean"] == pytest.approx(0.91)
    assert rows["intra-class variance"]["values"]["frozen features"]["mean"] == 0.8
    assert [hit["rule"] for hit in found["verdicts"]["triplet"]] == ["crowded-classes"]
    assert found["verdicts"]["contrastive"] == []
    curves = {one["about"]["name"]: one for one in found["curves"]}
    assert curves["loss"]["lines"][0] == {"loss": "contrastive", "at": [4, 8, 12], "values": [1.0, 0.5, 0.25]}
    assert curves["intra-class variance"]["over"] == "updates"
    assert found["variances"]["triplet"] == {"dog": 0.3, "cat": 0.15}


def test_without_a_diagnosis_the_command_is_said(client: TestClient, run: Run) -> None:
    said = client.get("/api/losses").json()
    assert said["found"] is None
    assert said["make"].startswith("overtone diagnose ")
    assert said["make"].endswith(f"--out {run.folder}/diagnosis")


def test_one_in_the_folder_of_the_run_is_found(
    client: TestClient, session: Session, run: Run, diagnosis: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run.folder is not None
    (run.folder / "diagnosis").symlink_to(diagnosis)
    try:
        assert client.get("/api/losses").json()["found"]["corpus"] == "clips.npz"
    finally:
        (run.folder / "diagnosis").unlink()


@pytest.mark.parametrize("text", [None, "", "[]", "{", '{"losses": 3}', '{"losses": {"a": [1]}, "seeds": [0]}'])
def test_what_is_no_diagnosis_is_refused(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "diagnosis.json").write_text(text)
    with pytest.raises(InputError, match=r"diagnosis\.json"):
        read_losses(tmp_path)


def test_a_diagnosis_is_read_as_it_was_written(diagnosis: Path) -> None:
    from overtone.core.files import read_json

    found = Diagnosis.load(diagnosis)
    assert Diagnosis.from_dict(found.to_dict()).to_dict() == found.to_dict()
    assert list(found.losses) == list(read_json(diagnosis / "diagnosis.json")["losses"])
