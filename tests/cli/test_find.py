"""``overtone find``: clips by id and file name, as a table, as JSON, as CSV and as a report."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import overtone

from .conftest import Cli, clips


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """300 clips with file names; the last two are copies of the first two, clip 7 is far out, 20 pairs are wrong."""
    arrays = clips(300)
    arrays["audio"][7] *= 30
    for name in ("audio", "visual"):
        arrays[name][-2:] = arrays[name][:2]
    moved = np.arange(100, 120)
    arrays["visual"][moved] = arrays["visual"][np.roll(moved, 1)]
    ids = np.array([f"clip-{row}" for row in range(300)])
    path = tmp_path / "archive.npz"
    np.savez(path, **arrays, ids=ids, media_audio=np.char.add("sounds/", np.char.add(ids, ".wav")))
    return path


def test_duplicates(cli: Cli, archive: Path) -> None:
    called = cli("find", "duplicates", archive, "--csv", "d.csv", "--report", "d.html")
    assert called.code == 0, called.err
    for word in ("clip-0.wav", "clip-298.wav", "near-duplicates, in 2 groups", "Written: d.csv", "Written: d.html"):
        assert word in called.out
    with Path("d.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["id", "media_audio", "group", "distance", "expected"]
    assert {(row["id"], row["group"]) for row in rows} == {
        ("clip-0", "1"),
        ("clip-298", "1"),
        ("clip-1", "2"),
        ("clip-299", "2"),
    }
    page = Path("d.html").read_text(encoding="utf-8")
    assert 'href="sounds/clip-298.wav"' in page
    assert "Near-duplicates in archive.npz" in page


def test_outliers_of_one_modality(cli: Cli, archive: Path) -> None:
    called = cli("find", "outliers", archive, "--only", "audio", "--json")
    assert called.code == 0, called.err
    clip = {"id": "clip-7", "media": {"audio": "sounds/clip-7.wav"}, "metadata": {}}
    assert called.document["outliers"][0]["clip"] == clip
    assert called.document["modalities"] == ["audio"]
    assert "clip-7.wav" in called.err
    assert "clip-7.wav" not in cli("find", "outliers", archive, "--only", "visual").out


def test_mismatched(cli: Cli, archive: Path) -> None:
    found = cli("find", "mismatched", archive, "--fdr", "0.9", "--json").document
    assert found["share"] == 0.9
    wrong = {f"clip-{row}" for row in range(100, 120)}
    listed = [one["clip"]["id"] for one in found["mismatches"]]
    assert len(wrong.intersection(listed[:20])) >= 10
    assert "of the pairs are wrong" in " ".join(cli("find", "mismatched", archive).out.split())


def test_run_scales_and_a_file_of_one_modality_will_do(cli: Cli, archive: Path) -> None:
    assert cli("train", "cca", archive, "--out", "run", "--set", "scaling=minmax").code == 0
    by_run = cli("find", "duplicates", "run", archive, "--json")
    assert by_run.code == 0, by_run.err
    assert len(by_run.document["groups"]) == 2
    assert by_run.document["dimension"] != cli("find", "duplicates", archive, "--json").document["dimension"]
    with np.load(archive) as arrays:
        np.savez("sounds.npz", audio=arrays["audio"], ids=arrays["ids"])
    assert cli("find", "outliers", "run", "sounds.npz", "--only", "audio").code == 0
    assert cli("find", "outliers", "sounds.npz").code == 0
    assert cli("embed", "run", archive, "--out", "e.npz").code == 0
    assert len(cli("find", "duplicates", "e.npz", "--json").document["groups"]) == 2


def test_in_python(archive: Path) -> None:
    data = overtone.load(archive)
    found = overtone.find("duplicates", data)
    assert [clip.id for clip in found.groups[0].clips] in (["clip-0", "clip-298"], ["clip-1", "clip-299"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("copies", "archive.npz"), "what: no such value; got 'copies'; valid: duplicates, outliers, mismatched"),
        (("duplicates", "nowhere.npz"), "nowhere.npz: no such file or folder"),
        (("duplicates", "archive.npz", "--fdr", "1.5"), "fdr is a share of what is found; got 1.5"),
        (("duplicates", "archive.npz", "archive.npz"), "archive.npz: not a run folder; leave DATA out"),
        (("mismatched", "archive.npz", "--only", "audio"), "mismatched pairs need two modalities"),
        (("mismatched", "sounds.npz"), "mismatched pairs need two modalities"),
        (("outliers", "archive.npz", "--only", "sound"), "no modality 'sound'; valid: audio, visual"),
        (("outliers", "run"), "run: a run's scaling is used on features"),
        (("outliers", "run", "other.npz", "--only", "audio"), "audio: does not fit the run of cca"),
    ],
)
def test_what_cannot_be_done(cli: Cli, archive: Path, words: tuple[str, ...], said: str) -> None:
    if "run" in words:
        assert cli("train", "cca", archive, "--out", "run").code == 0
    np.savez("sounds.npz", audio=clips(300)["audio"])
    np.savez("other.npz", audio=clips(300)["audio"][:, :5])
    refused = cli("find", *words, "--csv", "found.csv")
    assert refused.code == 2
    assert said in refused.err
    assert not Path("found.csv").exists()


def test_nothing_found(cli: Cli) -> None:
    random = np.random.default_rng(0)
    np.savez("plain.npz", image=random.standard_normal((200, 6)).astype(np.float32))
    called = cli("find", "duplicates", "plain.npz", "--csv", "d.csv", "--report", "d.html")
    assert called.code == 0, called.err
    assert "no two are nearer than chance explains" in called.out
    assert Path("d.csv").read_text().splitlines() == ["id,group,distance,expected"]
    assert "None." in Path("d.html").read_text(encoding="utf-8")


def test_the_report_of_a_run_shows_what_was_found_with_it(cli: Cli, archive: Path) -> None:
    assert cli("train", "cca", archive, "--out", "run").code == 0
    assert "kept as run/found/duplicates.json" in cli("find", "duplicates", "run", archive).err
    assert cli("find", "outliers", "run", archive, "--only", "audio").code == 0
    assert "near-duplicates" not in Path("run/report.html").read_text(encoding="utf-8")
    called = cli("report", "run", archive, "--json")
    assert called.code == 0, called.err
    assert called.document == {"run": "run", "report": "run/report.html"}
    page = Path("run/report.html").read_text(encoding="utf-8")
    for word in ("Which clips are near-duplicates?", "Which clips are outliers in audio alone?", "clip-298", "clip-7"):
        assert word in page
    assert 'href="sounds/clip-298.wav"' in page
    assert page.index("near-duplicates?") < page.index("How was this made?")
    assert "Which pairs" not in page
    assert cli("train", "cca", archive, "--out", "run", "--resume").code == 0  # writes the report again
    assert "Which clips are near-duplicates?" in Path("run/report.html").read_text(encoding="utf-8")
    assert cli("train", "cca", archive, "--out", "run", "--overwrite").code == 0
    assert not list(Path("run/found").glob("*"))
    assert "Which clips are near-duplicates?" not in Path("run/report.html").read_text(encoding="utf-8")


def test_what_was_found_in_other_data_is_not_shown(cli: Cli, archive: Path) -> None:
    assert cli("train", "cca", archive, "--out", "run").code == 0
    for what in ("duplicates", "mismatched"):
        assert cli("find", what, "run", archive).code == 0
    with np.load(archive) as arrays:
        changed = dict(arrays)
    changed["visual"][5, 0] += 1
    np.savez("changed.npz", **changed)
    Path("run/found/mismatched.json").write_text("{", encoding="utf-8")
    called = cli("report", "run", "changed.npz")
    assert called.code == 0, called.err
    assert "duplicates.json: is of other data and is left out of the report; run overtone find again" in called.err
    assert "mismatched.json: cannot be read and is left out" in called.err
    assert "near-duplicates?" not in Path("run/report.html").read_text(encoding="utf-8")
    renamed = np.char.add("other-", changed["ids"])
    np.savez("renamed.npz", **{**changed, "visual": np.load(archive)["visual"], "ids": renamed})
    assert "duplicates.json: is of other data" in cli("report", "run", "renamed.npz").err


def test_a_report_needs_a_finished_run_and_a_test_split(cli: Cli, archive: Path) -> None:
    assert cli("report", "nowhere", archive).code == 2
    assert cli("train", "cca", archive, "--out", "run").code == 0
    Path("run/report.html").unlink()
    Path("run/report.html").mkdir()
    refused = cli("report", "run", archive)
    assert refused.code == 2
    assert "run/report.html: " in refused.err
    Path("run/found").write_text("a file", encoding="utf-8")
    called = cli("find", "duplicates", "run", archive)
    assert called.code == 0
    assert "what was found is not kept for the run's report" in called.err
