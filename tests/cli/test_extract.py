"""``overtone extract`` from the outside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from .conftest import Cli

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for split in ("train", "test"):
        for name in ("ant", "bee", "cow", "dog"):
            for number in range(3):
                path = tmp_path / "images" / split / name / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(random.integers(0, 256, (20, 24, 3), dtype=np.uint8)).save(path)
    return tmp_path / "images"


def test_extract_inspect_and_document(cli: Cli, images: Path) -> None:
    called = cli("extract", "images", "--out", "f.npz", "--set", "side=32", "--set", "cell=8", "--json")
    assert called.code == 0, called.err
    found = called.document
    assert found["out"] == "f.npz"
    assert (found["layout"], found["clips"], found["features"]) == ("folder", 24, {"image": 548})
    assert (found["splits"], found["classes"], found["broken"]) == ({"train": 12, "test": 12}, 4, {})
    assert found["recipes"]["image"]["backbone"] == "hog-color"
    assert found["recipes"]["image"]["settings"]["side"] == 32
    assert "images: 24/24" in called.err
    inspected = cli("inspect", "f.npz", "--json")
    assert inspected.code == 0
    assert inspected.document["modalities"]["image"]["shape"] == [24, 548]


def test_extract_says_what_it_did(cli: Cli, images: Path) -> None:
    (images / "train" / "ant" / "0.png").write_bytes(b"broken")
    called = cli("extract", "images", "--out", "f.npz", "--split", "class-disjoint", "--limit", "23")
    assert called.code == 0, called.err
    assert "images × 548" in called.out
    assert "classes train" in called.err
    if "left out" in called.err:
        assert "train/ant/0.png" in called.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "no such file or folder"),
        (["images", "--layout", "cubs"], "did you mean 'cub'?"),
        (["images", "--layout", "cub"], "not in the layout cub"),
        (["images", "--backbone", "hog"], "unknown backbone 'hog'"),
        (["images", "--set", "size=3"], "unknown setting in backbone hog-color 'size'"),
        (["images", "--split", "odd"], "valid: official, class-disjoint, random"),
        (["images", "--device", "cuda:99"], "cuda:99"),
    ],
)
def test_wrong_input(cli: Cli, images: Path, words: list[str], said: str) -> None:
    called = cli("extract", *words, "--out", "f.npz")
    assert (called.code, called.out) == (2, "")
    assert said in called.err
    assert not Path("f.npz").exists()


def test_broken_image(cli: Cli, images: Path) -> None:
    (images / "test" / "dog" / "2.png").write_bytes(b"broken")
    called = cli("extract", "images", "--out", "f.npz", "--strict")
    assert called.code == 2
    assert "2.png: cannot be decoded (not an image); replace or remove it" in called.err
    again = cli("extract", "images", "--out", "f.npz")  # nothing was done that could be resumed
    assert again.code == 0, again.err
    assert "Left out, 1 broken: test/dog/2.png: not an image" in again.out
