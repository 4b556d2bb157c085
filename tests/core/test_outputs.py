"""Where results may go: nothing of the user's is replaced, and a result only if that was asked for."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from overtone.core import InputError
from overtone.core.outputs import MANIFEST, ResultFolder, check_file, check_writable
from overtone.core.sources import check_inside

NAMES = ("a.txt", "b/c.txt")


def fill(folder: ResultFolder, *names: str) -> None:
    for name in names:
        path = folder.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("made")


def make(path: Path, command: str = "train", names: tuple[str, ...] = NAMES) -> ResultFolder:
    folder = ResultFolder(path, command)
    with folder.open(names, resume=False, overwrite=False):
        fill(folder, *(name for name in names if not name.endswith("/")))
    return folder


def test_a_new_file_is_fine_and_the_trial_leaves_nothing(tmp_path: Path) -> None:
    assert check_file(tmp_path / "deep" / "down" / "x.npz") == tmp_path / "deep" / "down" / "x.npz"
    assert os.listdir(tmp_path) == []


def test_what_is_there_is_replaced_only_if_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    path.write_text("mine")
    with pytest.raises(InputError, match=r"x.npz: is there already; choose another name, or say --overwrite"):
        check_file(path)
    assert check_file(path, overwrite=True) == path
    assert path.read_text() == "mine"


@pytest.mark.parametrize("name", ["x.npz", "sub/../x.npz", "link.npz", "hard.npz", "data/audio.npy"])
def test_an_input_is_never_an_output(tmp_path: Path, name: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "audio.npy").write_text("mine")
    (tmp_path / "x.npz").write_text("mine")
    (tmp_path / "link.npz").symlink_to("x.npz")
    (tmp_path / "hard.npz").hardlink_to(tmp_path / "x.npz")
    with pytest.raises(InputError, match="is read by this command .*, and would be lost"):
        check_file(tmp_path / name, inputs=(None, 3, tmp_path / "x.npz", str(tmp_path / "data")), overwrite=True)


def test_impossible_places_are_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "pipe")
    for path, said in (
        (tmp_path / "file" / "x", "is a file, not a folder"),
        (tmp_path / ("x" * 300), "cannot be written"),
        (Path("a\0b"), "cannot be written"),
        (tmp_path, "is a folder, not a file"),
        (tmp_path / "pipe", "is not a file"),
        (Path("/proc/x"), "cannot be written"),
    ):
        with pytest.raises(InputError, match=said):
            check_file(path, overwrite=True)
    check_writable(tmp_path / "new" / "folder")
    assert sorted(os.listdir(tmp_path)) == ["file", "pipe"]


def test_a_folder_of_results_lists_what_is_its_own_before_anything_is_in_it(tmp_path: Path) -> None:
    folder = ResultFolder(tmp_path / "run", "train")
    assert folder.check(resume=True, overwrite=False) is False
    with folder.open(NAMES, resume=False, overwrite=False):
        assert json.loads((tmp_path / "run" / MANIFEST).read_text()) == {"command": "train", "files": sorted(NAMES)}
    with pytest.raises(InputError, match="holds results of overtone train already; --resume .*, --overwrite"):
        folder.check(resume=False, overwrite=False)
    assert folder.check(resume=True, overwrite=False) is True
    with pytest.raises(InputError, match="leave one of them out"):
        folder.check(resume=True, overwrite=True)


def refuse(folder: ResultFolder, written: str | None) -> None:
    with folder.open(("a.txt",), resume=False, overwrite=False):
        if written:
            (folder.path / written).write_text("")
        raise InputError("no such setting")


@pytest.mark.parametrize("there", [True, False])
def test_work_that_is_refused_at_once_leaves_the_folder_as_it_was(tmp_path: Path, there: bool) -> None:
    folder = ResultFolder(tmp_path / "run", "train")
    if there:
        folder.path.mkdir()
    with pytest.raises(InputError, match="no such setting"):
        refuse(folder, None)
    assert folder.path.exists() is there
    assert not there or os.listdir(folder.path) == []
    with pytest.raises(InputError, match="no such setting"):
        refuse(folder, "a.txt")
    assert folder.check(resume=True, overwrite=False) is True


def test_only_what_is_listed_is_removed(tmp_path: Path) -> None:
    folder = make(tmp_path / "run")
    fill(folder, "notes.txt", "b/notes.txt")
    with folder.open(("a.txt",), resume=False, overwrite=True):
        folder.reset(("a.txt",))
        left = sorted(path.relative_to(folder.path).as_posix() for path in folder.path.rglob("*") if path.is_file())
        assert left == ["b/notes.txt", "notes.txt", MANIFEST, "write.lock", "writer.json"]


def test_runs_inside_a_run_go_by_their_own_lists(tmp_path: Path) -> None:
    folder = make(tmp_path / "run", names=("a.txt", "teacher/"))
    inner = make(tmp_path / "run" / "teacher" / "fold-1", names=("w.txt",))
    other = make(tmp_path / "run" / "teacher" / "fold-2", names=("w.txt",))
    fill(inner, "mine.txt")
    fill(ResultFolder(tmp_path / "run" / "teacher" / "mine", "train"), "w.txt")
    with folder.open(("a.txt",), resume=False, overwrite=True):
        folder.reset(("a.txt",))
    assert sorted(os.listdir(inner.path)) == ["mine.txt"]
    assert not other.path.exists()
    assert os.listdir(tmp_path / "run" / "teacher" / "mine") == ["w.txt"]


def test_a_run_that_is_a_folder_inside_a_run_goes_by_its_own_list(tmp_path: Path) -> None:
    folder = make(tmp_path / "run", names=("a.txt", "reference/", "trials/"))
    make(tmp_path / "run" / "reference", names=("w.txt", "teacher/"))
    make(tmp_path / "run" / "reference" / "teacher" / "fold-1", names=("w.txt",))
    trials = make(tmp_path / "run" / "trials", names=("w.txt",))
    fill(trials, "mine.txt")
    with folder.open(("a.txt",), resume=False, overwrite=True):
        folder.reset(("a.txt",))
    assert not (tmp_path / "run" / "reference").exists()
    assert os.listdir(trials.path) == ["mine.txt"]


def test_a_file_that_another_hand_put_there_is_not_replaced(tmp_path: Path) -> None:
    folder = make(tmp_path / "run")
    fill(folder, "graph.json")
    for flags in ({"resume": True, "overwrite": False}, {"resume": False, "overwrite": True}):
        with pytest.raises(InputError, match=r"graph.json: would be replaced, and was not made by overtone train"):
            folder.check(names=(*NAMES, "graph.json"), **flags)


def test_results_of_another_command_are_replaced_only_if_that_was_asked_for(tmp_path: Path) -> None:
    make(tmp_path, "compare")
    other = ResultFolder(tmp_path, "diagnose")
    for resume in (False, True):
        with pytest.raises(InputError, match="holds results of overtone compare; choose another folder, or say --over"):
            other.check(resume=resume, overwrite=False)
    assert other.check(resume=False, overwrite=True) is False


def test_a_folder_of_an_older_version_is_known_by_its_first_file(tmp_path: Path) -> None:
    folder = ResultFolder(tmp_path, "train", ("run.json", "a.txt"))
    fill(folder, "run.json", "a.txt", "notes.txt")
    assert folder.check(resume=True, overwrite=False)
    with folder.open(("a.txt",), resume=False, overwrite=True):
        folder.reset(("a.txt",))
    assert sorted(os.listdir(tmp_path)) == ["notes.txt", MANIFEST, "write.lock"]


def test_what_a_writer_left_that_was_killed_at_once_is_no_obstacle(tmp_path: Path) -> None:
    for name in ("write.lock", "writer.json", f".{MANIFEST}.0123abcd-1-abcdefgh.part/{MANIFEST}"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert ResultFolder(tmp_path, "train").check(resume=False, overwrite=False) is False


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "..\\x", "C:/x", "", "a\0b"])
def test_names_that_lead_out_of_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="names a file outside of its folder"):
        check_inside(name, "x")
    (tmp_path / MANIFEST).write_text(json.dumps({"command": "train", "files": [name]}))
    with pytest.raises(InputError, match=f"{MANIFEST}: names a file outside of its folder"):
        ResultFolder(tmp_path, "train").check(resume=False, overwrite=True)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"command": 3, "files": []}', '{"files": "a"}', "[" * 100_000])
def test_a_damaged_list_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(InputError, match=MANIFEST):
        ResultFolder(tmp_path, "train").check(resume=False, overwrite=True)
