"""`index`, `search` and `export`: from a run to an answer by id."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from overtone.core import InputError
from overtone.search import open_store
from overtone.training import Run

from .conftest import Cli, caller, clips


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, its store with a column of durations, and a feature file with one modality: a folder to be copied."""
    folder = tmp_path_factory.mktemp("made")
    arrays = clips(300)
    ids = np.array([f"clip-{row}" for row in range(300)])
    np.savez(folder / "clips.npz", **arrays, ids=ids)
    np.savez(folder / "sounds.npz", audio=arrays["audio"][:4], ids=np.array(["a", "b", "c", "d"]))
    lines = ["id,duration", *(f"clip-{row},{row / 10}" for row in range(250))]
    (folder / "more.csv").write_text("\n".join(lines), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        cli = caller(folder, patch)
        assert cli("train", "cca", "clips.npz", "--out", "run").code == 0
        called = cli("index", "run", "clips.npz", "--metadata", "more.csv", "--json", "--audit")
    assert called.code == 0, called.err
    document = called.document
    assert (document["written"], document["store"]["items"]) == (300, 300)
    assert document["store"]["columns"] == {"label": "string", "split": "string", "duration": "double"}
    assert document["audit"]["verdict"].startswith("Exact")
    return folder


@pytest.fixture
def run(made: Path, cli: Cli, tmp_path: Path) -> Path:
    """The run in a folder of the test's own."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path / "run"


def test_a_run_that_was_moved_with_its_store_embeds_the_queries(cli: Cli, run: Path) -> None:
    assert cli("index", "run", "clips.npz", "--overwrite").code == 0
    run.rename(run.with_name("elsewhere"))
    (run.parent / "links").symlink_to("elsewhere")
    another = cli("train", "cca", "clips.npz", "--set", "scaling=none", "--out", "run")  # at its old place
    assert another.code == 0
    for place in ("elsewhere", "links", "flat:elsewhere/store"):
        both = ("--from", "audio", "--to", "audio")
        called = cli("search", place, "--query", "clips.npz", "--row", "clip-9", *both, "-k", 1, "--json")
        assert called.code == 0, called.err
        assert called.document["queries"][0]["hits"][0]["id"] == "clip-9"


@pytest.mark.parametrize("store", ["run/store", "beside"])
def test_a_store_that_was_moved_alone_keeps_the_place_of_the_run(cli: Cli, run: Path, store: str) -> None:
    assert cli("index", "run", "clips.npz", "--store", store, "--overwrite").code == 0
    (run.parent / store).rename(run.parent / "moved")
    assert cli("search", "moved", "--query", "clips.npz", "--row", "clip-9", "-k", 1).code == 0
    run.rename(run.with_name("gone"))
    called = cli("search", "moved", "--query", "clips.npz", "--row", "clip-9")
    assert called.code == 2
    assert f"{run}: not a run folder; name the run that embeds the queries: --run" in called.err


def test_by_id(cli: Cli, run: Path) -> None:
    called = cli("search", "run", "--query", "clip-7", "-k", 4, "--json")
    (found,) = called.document["queries"]
    assert found["query"] == "clip-7"
    assert len(found["hits"]) == 4
    assert found["hits"][0]["metadata"]["label"] == "1"
    shown = cli("search", run / "store", "--query", "clip-7", "--query", "clip-8", "--from", "audio").out
    assert "Nearest to clip-8, audio → visual" in shown
    assert "Random pairs score" in shown


def test_by_a_file_of_one_modality_and_by_a_row(cli: Cli, run: Path) -> None:
    found = cli("search", "run", "--query", "sounds.npz", "--to", "audio", "-k", 1, "--json").document
    assert found["from_modality"] == ["audio"]
    assert [one["query"] for one in found["queries"]] == ["a", "b", "c", "d"]
    assert [one["hits"][0]["id"] for one in found["queries"]] == ["clip-0", "clip-1", "clip-2", "clip-3"]
    by_number = cli("search", "run", "--query", "sounds.npz", "--row", 2, "--to", "audio", "-k", 1, "--json").document
    by_name = cli("search", "run", "--query", "sounds.npz", "--row", "c", "--to", "audio", "-k", 1, "--json").document
    assert by_number["queries"] == by_name["queries"] == found["queries"][2:3]
    both = cli("search", "run", "--query", "clips.npz", "--row", "clip-9", "-k", 1, "--json").document
    assert both["from_modality"] == both["to_modality"] == ["audio", "visual"]
    assert both["queries"][0]["hits"][0]["metadata"]["label"] == "0"


def test_a_file_in_which_some_clips_lack_a_modality(cli: Cli, run: Path) -> None:
    arrays = clips(20)
    np.savez("lack.npz", audio=arrays["audio"], visual=arrays["visual"], present_audio=np.arange(20) % 2 == 0)
    found = cli("search", "run", "--query", "lack.npz", "--from", "audio", "-k", 1, "--json")
    assert [one["query"] for one in found.document["queries"]] == [str(row) for row in range(0, 20, 2)]
    assert "10 of 20 clips lack audio" in found.err
    assert "split" not in found.err
    called = cli("search", "run", "--query", "lack.npz", "--from", "audio", "--row", 1)
    assert (called.code, called.out) == (2, "")
    assert "lack.npz, clip '1': without audio" in called.err
    assert cli("search", "run", "--query", "lack.npz", "--from", "audio", "--row", 2).code == 0
    assert cli("embed", "run", "lack.npz", "--only", "audio", "--out", "e.npz").code == 0
    assert len(np.load("e.npz")["ids"]) == 10


def test_with_a_row_a_query_is_a_file_whatever_items_are_called(cli: Cli, run: Path) -> None:
    with open_store("run/store") as store:
        part = store.get(["clip-0"])
        store.upsert(["sounds.npz"], part.vectors)
    assert cli("search", "run", "--query", "sounds.npz", "--json").document["queries"][0]["query"] == "sounds.npz"
    found = cli("search", "run", "--query", "sounds.npz", "--row", 1, "--json").document["queries"]
    assert [one["query"] for one in found] == ["b"]


def test_filters(cli: Cli, run: Path) -> None:
    where = "duration > 20 and label = '1' and split = 'test'"
    found = cli("search", "run", "--query", "clip-7", "--where", where, "--json").document
    numbers = [int(hit["id"].removeprefix("clip-")) for hit in found["queries"][0]["hits"]]
    assert len(numbers) == found["items"] == 6
    assert all(number > 200 and number % 3 == 1 and number % 10 >= 6 for number in numbers)
    assert found["items"] == sum(number % 3 == 1 and number % 10 >= 6 for number in range(201, 250))
    assert "nothing." in cli("search", "run", "--query", "clip-7", "--where", "duration < 0").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["search", "run"], "a search needs a query"),
        (["search", "run", "--query", ""], "a search needs a query"),
        (["search", "flat:", "--query", "clip-7"], "a kind of store without a place"),
        (["index", "run", "clips.npz", "--overwrite", "--audit", "--where", "a ="], "character 4"),
        (["search", "run", "--query", "clip-7x"], "did you mean 'clip-7'"),
        (["search", "run", "--query", "clip-7", "--where", "label = x"], "character 9: a value is needed, got x"),
        (["search", "run", "--query", "clip-7", "--row", "1"], "--row is for queries from a feature file"),
        (["search", "run", "--query", "sounds.npz", "--row", "9"], "no row '9'; valid: 0 to 3, or an id"),
        (["search", "run", "--query", "sounds.npz", "--from", "visual"], "no key 'visual'"),
        (["search", "nowhere", "--query", "clip-7"], "no store; make one with overtone index"),
        (["index", "nowhere", "clips.npz"], "not a run folder"),
        (["index", "run", "clips.npz"], "has item 'clip-0' already (300 of 300); --upsert replaces items"),
        (["index", "run", "clips.npz", "--where", "a = 1"], "--where is for the audit"),
        (["index", "run", "clips.npz", "--upsert", "--set", "dtype=int8"], "another dtype"),
        (["index", "run", "clips.npz", "--metadata", "more.txt"], "more.txt: cannot be read as a table of metadata"),
        (["export", "run", "--out", "x.xyz"], "no program is known"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_input_is_one_sentence(cli: Cli, run: Path, words: list[str], said: str) -> None:
    called = cli(*words)
    assert (called.code, called.out) == (2, "")
    assert said in called.err
    assert "Traceback" not in called.err


def test_upsert_and_overwrite(cli: Cli, run: Path, tmp_path: Path) -> None:
    with np.load(tmp_path / "clips.npz") as found:
        part = {name: values[:150] for name, values in found.items()}
    np.savez(tmp_path / "part.npz", **part)
    assert cli("index", "run", "part.npz", "--upsert", "--json").document["store"]["items"] == 300
    again = cli("index", "run", "part.npz", "--overwrite", "--set", "dtype=float16", "--json").document
    assert (again["store"]["items"], again["store"]["settings"]["dtype"]) == (150, "float16")


def test_overwriting_that_fails_leaves_the_store(cli: Cli, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = cli("search", "run", "--query", "clip-7", "--json").document["queries"]

    def refuse(*_: object) -> None:
        raise InputError("no memory")

    monkeypatch.setattr(Run, "embed", refuse)
    called = cli("index", "run", "clips.npz", "--overwrite")
    assert (called.code, called.out) == (2, "")
    assert cli("search", "run", "--query", "clip-7", "--json").document["queries"] == before


def test_other_weights_than_those_of_the_items_are_refused(cli: Cli, run: Path, tmp_path: Path) -> None:
    assert cli("index", "run", "clips.npz", "--overwrite").code == 0  # the store knows where its run lies
    by_id = cli("search", "run", "--query", "clip-7", "--json").document["queries"]
    assert cli("train", "cca", "clips.npz", "--out", "copy", "--json").code == 0
    assert cli("search", "run/store", "--query", "sounds.npz", "--run", "copy").code == 0  # the same weights
    again = cli("train", "cca", "clips.npz", "--out", "run", "--overwrite", "--set", "ridge=0.9")
    assert again.code == 0, again.err
    for words in (
        ["search", "run", "--query", "sounds.npz"],
        ["search", "run/store", "--query", "clips.npz", "--row", "clip-7", "--run", "run"],
        ["index", "run", "clips.npz", "--upsert"],
        ["index", "run", "clips.npz"],
    ):
        called = cli(*words)
        assert (called.code, called.out) == (2, "")
        assert "its items were embedded with other weights than those of" in called.err
        assert "index the clips again with --overwrite" in called.err
    assert cli("search", "run", "--query", "clip-7", "--json").document["queries"] == by_id
    assert cli("search", "run", "--query", "sounds.npz", "--run", "copy").code == 0
    assert cli("index", "run", "clips.npz", "--overwrite").code == 0
    assert cli("search", "run", "--query", "sounds.npz").code == 0


def test_a_store_that_does_not_know_its_weights_goes_on(cli: Cli, run: Path) -> None:
    with open_store("run/store") as store:  # as one of an older version
        store.set_attributes({"weights": ""})
    assert cli("train", "cca", "clips.npz", "--out", "other", "--set", "ridge=0.9").code == 0
    assert cli("search", "run", "--query", "sounds.npz").code == 0
    assert cli("index", "run", "clips.npz", "--upsert").code == 0
    with open_store("run/store") as store:
        assert not store.info().attributes["weights"]  # items of both kinds may be in it


def test_export(cli: Cli, run: Path) -> None:
    called = cli("export", "run", "--out", "a.npz", "--out", "a.parquet", "--json")
    assert called.document["out"] == ["a.npz", "a.parquet"]
    evaluated = cli("evaluate", "a.npz", "--json", "--bootstrap", 0)
    assert evaluated.document["map"]["mean"] == pytest.approx(
        cli("evaluate", "run", "clips.npz", "--json", "--bootstrap", 0).document["map"]["mean"], abs=1e-4
    )
