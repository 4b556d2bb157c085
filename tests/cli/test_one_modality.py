"""``overtone embed --only``: a file with one modality embeds as its half of a pair does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import overtone
from overtone.features import load, load_views

from .conftest import Cli, clips


@pytest.fixture
def run(cli: Cli, corpus: Path) -> str:
    assert cli("train", "cca", corpus, "--out", "run").code == 0
    assert cli("embed", "run", corpus, "--out", "both.npz").code == 0
    return "run"


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """The audio half alone, with ids and media."""
    rows = clips(300)["audio"]
    names = np.array([f"clip-{row}" for row in range(len(rows))])
    np.savez(tmp_path / "sounds.npz", audio=rows, ids=names, media_audio=np.char.add(names, ".wav"))
    return tmp_path / "sounds.npz"


def test_half_of_a_pair(cli: Cli, corpus: Path, run: str) -> None:
    called = cli("embed", run, corpus, "--only", "visual", "--out", "one.npz", "--json")
    assert called.code == 0, called.err
    both, one = np.load("both.npz"), np.load("one.npz")
    assert called.document["embeddings"] == {"visual": list(both["visual"].shape)}
    np.testing.assert_array_equal(one["visual"], both["visual"])
    assert "audio" not in one
    assert load_views("one.npz").class_names == load("both.npz").class_names


def test_file_of_one_modality_keeps_ids_and_media(cli: Cli, sounds: Path, run: str) -> None:
    assert cli("embed", run, sounds, "--only", "audio", "--out", "one.h5").code == 0
    found = load_views("one.h5")
    np.testing.assert_array_equal(found.modalities["audio"].numpy(), np.load("both.npz")["audio"])
    assert found.ids[7] == "clip-7"
    assert found.media["audio"][7] == "clip-7.wav"


def test_key_of_another_name(cli: Cli, run: str, tmp_path: Path) -> None:
    np.savez("mine.npz", clap=clips(300)["audio"])
    asked = "embed", run, "mine.npz", "--only", "audio", "--out", "one.npz"
    refused = cli(*asked)
    assert (refused.code, refused.out) == (2, "")
    assert "no key 'audio'" in refused.err
    assert cli(*asked, "--modalities", "clap").code == 0
    np.testing.assert_array_equal(np.load("one.npz")["audio"], np.load("both.npz")["audio"])
    np.savez("pair.npz", clap=clips(300)["audio"], clip=clips(300)["visual"])
    assert cli("embed", run, "pair.npz", "--only", "visual", "--out", "two.npz", "--modalities", "clap,clip").code == 0
    np.testing.assert_array_equal(np.load("two.npz")["visual"], np.load("both.npz")["visual"])


def test_what_does_not_fit(cli: Cli, corpus: Path, sounds: Path, run: str) -> None:
    for words, said in (
        ((corpus, "--only", "sound"), "unknown modality of the run 'sound'; valid: audio, visual"),
        ((sounds, "--only", "visual"), "no key 'visual'"),
        ((sounds,), "holds one view, 'audio'"),
        ((corpus, "--only", "visual", "--modalities", "audio"), "visual: does not fit the run of cca"),
    ):
        refused = cli("embed", run, *words, "--out", "one.npz")
        assert (refused.code, said in refused.err) == (2, True), refused.err
        assert len([line for line in refused.err.splitlines() if not line.startswith("note: ")]) == 1
        assert not Path("one.npz").exists()


def test_in_python(corpus: Path, cli: Cli, run: str) -> None:
    data = load(corpus)
    (rows,) = overtone.embed(run, data, only="audio").values()
    np.testing.assert_array_equal(rows.numpy(), np.load("both.npz")["audio"])
