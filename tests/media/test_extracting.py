"""``extract``: what comes out, splits, resuming to the same bytes, broken images, and who is told what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from overtone.core import InputError, Progress
from overtone.features import Features, load_views
from overtone.media import extract, make_backbone, outline_features, read_catalogue, read_record
from overtone.media.catalogue import Catalogue
from overtone.media.decoding.images import decode

from . import conftest as make
from .conftest import FEW


def test_every_layout_becomes_a_file_that_loads(instance: tuple[str, str, Path], tmp_path: Path) -> None:
    _, layout, source = instance
    found = read_catalogue(source)
    data = extract(source, tmp_path / "f.npz", settings=FEW, batch_size=5)
    again = load_views(tmp_path / "f.npz")
    assert type(again) is Features
    assert again.names == ("image",)
    assert again.ids == data.ids == found.ids
    assert torch.equal(again.modalities["image"], data.modalities["image"])
    assert again.shapes == ((36 + 4 * 9,),)
    assert again.class_names == found.class_names
    assert again.targets is not None
    assert found.labels is not None
    assert again.targets.argmax(dim=1).tolist() == found.labels.tolist()
    assert {"train", "test"} <= set(again.splits)
    assert again.media == (found.files)
    assert read_record(tmp_path / "f.npz")["layout"] == layout


def test_features_do_not_depend_on_batches_or_workers(images: Path, tmp_path: Path) -> None:
    tower = make_backbone("hog-color", FEW)
    found = read_catalogue(images)
    one_by_one = torch.cat(
        [
            tower.embed(torch.from_numpy(tower.prepare(decode(found.media["image"](row))).copy())[None])
            for row in range(len(found))
        ]
    )
    for batch_size, workers in ((1, 1), (7, 3), (100, 8)):
        out = tmp_path / f"{batch_size}.npz"
        data = extract(images, out, settings=FEW, batch_size=batch_size, workers=workers)
        torch.testing.assert_close(data.modalities["image"], one_by_one)


def classes(data: Features, split: str) -> set[int]:
    assert data.targets is not None
    return set(data.targets[data.splits[split]].argmax(dim=1).tolist())


def test_splits(tmp_path: Path) -> None:
    """Birds part by class unless someone wants the official split or a random one."""
    birds = read_catalogue(make.cub(tmp_path / "cub"))
    default, official, chance = (
        outline_features(birds),
        outline_features(birds, "official"),
        outline_features(birds, "random", seed=3),
    )
    assert (classes(default, "train"), classes(default, "test")) == ({0, 1}, {2, 3})
    assert classes(official, "train") == classes(official, "test") == {0, 1, 2, 3}
    assert (len(official.splits["train"]), len(official.splits["test"])) == (8, 4)
    assert (len(chance.splits["train"]), len(chance.splits["test"])) == (8, 4)
    assert torch.equal(chance.splits["test"], outline_features(birds, "random", seed=3).splits["test"])
    assert "seed 3" in chance.provenance.notes[-1]
    others = read_catalogue(make.folder(tmp_path / "f"))
    assert len(outline_features(others).splits["train"]) == 12
    assert (
        classes(outline_features(others, "class-disjoint"), "train"),
        len(outline_features(others, "class-disjoint")),
    ) == ({0, 1}, 20)


def test_splits_that_cannot_be(tmp_path: Path) -> None:
    make.write(tmp_path / "flat" / "1.png", 0)
    make.write(tmp_path / "flat" / "2.png", 1)
    flat = read_catalogue(tmp_path / "flat")
    assert {name: len(rows) for name, rows in outline_features(flat).splits.items()} == {"train": 1, "test": 1}
    with pytest.raises(InputError, match="a split by class needs labels"):
        outline_features(flat, "class-disjoint")
    with pytest.raises(InputError, match="has no split of its own"):
        outline_features(flat, "official")
    with pytest.raises(InputError, match=r"unknown split; got 'offical'; valid: official, class-disjoint, random"):
        outline_features(flat, "offical")


def toy(splits: list[str], labels: list[int] | None) -> Catalogue:
    names = tuple(map(str, range(len(splits))))
    numbers = None if labels is None else np.array(labels)
    return Catalogue(Path("toy"), "folder", names, {"image": lambda row: b""}, numbers, ("a", "b"), tuple(splits))


def test_validation_stands_in_for_a_test_without_labels() -> None:
    data = outline_features(toy(["train", "val", "test", "train"], [0, 1, -1, 1]))
    assert {name: rows.tolist() for name, rows in data.splits.items()} == {"train": [0, 3], "test": [1]}
    assert "took 'val' as 'test'" in data.provenance.notes[0]
    assert data.targets is not None
    assert data.targets[2].tolist() == [0, 0]
    kept = outline_features(toy(["train", "val", "test"], [0, 1, 1]))
    assert set(kept.splits) == {"train", "val", "test"}
    with pytest.raises(InputError, match=r"none to test on; got 2 train"):
        outline_features(toy(["train", "train"], [0, 1]))


def test_limit_draws_from_all(images: Path, tmp_path: Path) -> None:
    data = extract(images, tmp_path / "f.npz", settings=FEW, limit=12)
    whole = extract(images, tmp_path / "w.npz", settings=FEW)
    assert len(data) == 12
    rows = [whole.ids.index(name) for name in data.ids]
    assert rows == sorted(rows)
    assert torch.equal(data.modalities["image"], whole.modalities["image"][rows])
    assert any("took 12 of the images" in note for note in data.provenance.notes)
    assert len(extract(images, tmp_path / "x.npz", settings=FEW, limit=1000)) == 20


class Stop(Exception):
    """An interruption, for tests."""


def interrupted(*arguments: Any, at: int, **more: Any) -> None:
    """Begin an extraction and stop it when so many images are done."""

    def stop(progress: Progress) -> None:
        if progress.label == "images" and progress.done >= at:
            raise Stop

    with pytest.raises(Stop):
        extract(*arguments, progress=stop, **more)


@pytest.mark.parametrize("workers", [1, 2])
def test_resumed_extraction_writes_the_same_bytes(images: Path, tmp_path: Path, workers: int) -> None:
    chosen: dict[str, Any] = {"settings": FEW, "batch_size": 4, "split": "class-disjoint"}
    extract(images, tmp_path / "whole.npz", **chosen)
    out = tmp_path / "parts.npz"
    interrupted(images, out, at=9, workers=workers, **chosen)
    assert not out.exists()
    assert len(list((tmp_path / "parts.npz.parts").glob("0*.safetensors"))) == 3
    parts = [path for path in (tmp_path / "parts.npz.parts").iterdir() if path.suffix != ".lock"]
    before = {path: path.stat().st_mtime_ns for path in parts}
    interrupted(images, out, at=14, resume=True, **chosen)
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())
    reports: list[Progress] = []
    extract(images, out, resume=True, progress=reports.append, **chosen)
    assert {report.label for report in reports} == {"images"}
    assert (reports[-1].done, reports[-1].total) == (20, 20)
    for suffix in ("", ".json", ".clips.csv"):
        assert Path(f"{out}{suffix}").read_bytes() == Path(f"{tmp_path / 'whole.npz'}{suffix}").read_bytes()
    assert not (tmp_path / "parts.npz.parts").exists()


def test_parts_of_another_extraction_are_not_mixed_in(images: Path, tmp_path: Path) -> None:
    out = tmp_path / "f.npz"
    interrupted(images, out, at=9, settings=FEW, batch_size=2)
    with pytest.raises(InputError, match=r"was interrupted here; go on with it \(--resume\)"):
        extract(images, out, settings=FEW, batch_size=2)
    for change, key in (({"batch_size": 4}, "batch_size"), ({"split": "random"}, "split"), ({"seed": 1}, "seed")):
        with pytest.raises(InputError, match=f"begun with another {key}"):
            extract(images, out, resume=True, **{"settings": FEW, "batch_size": 2, **change})
    make.write(images / "train" / "ant" / "new.png", 0)
    with pytest.raises(InputError, match="media were added, removed or renamed"):
        extract(images, out, resume=True, settings=FEW, batch_size=2)
    assert len(extract(images, out, overwrite=True, settings=FEW)) == 21


def test_what_is_there_is_left_alone(images: Path, tmp_path: Path) -> None:
    out = tmp_path / "f.npz"
    first = extract(images, out, settings=FEW)
    stored = out.read_bytes()
    with pytest.raises(InputError, match="is there already"):
        extract(images, out, settings=FEW)
    again = extract(images, out, settings=FEW, resume=True)
    assert again.ids == first.ids
    with pytest.raises(InputError, match="begun with another recipes, image, settings, side; got 32"):
        extract(images, out, settings={**FEW, "side": 32}, resume=True)
    assert out.read_bytes() == stored
    assert extract(images, out, overwrite=True).shapes == ((548,),)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"limit": 0}, "limit must be at least 1"),
        ({"workers": 0}, "workers must be at least 1"),
    ],
)
def test_numbers_out_of_range(images: Path, tmp_path: Path, more: dict[str, int], said: str) -> None:
    with pytest.raises(InputError, match=said):
        extract(images, tmp_path / "f.npz", **more)


def test_wrong_suffix_is_said_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown kind of file; got suffix '\.txt'"):
        extract(tmp_path / "nowhere", tmp_path / "f.txt")


def test_images_are_never_overwritten_by_their_features(tmp_path: Path) -> None:
    source = make.npz_jpeg(tmp_path / "n")
    stored = source.read_bytes()
    with pytest.raises(InputError, match="is read by this command .*, and would be lost"):
        extract(source, source, overwrite=True)
    assert source.read_bytes() == stored


def test_record_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="was made is unknown"):
        read_record(tmp_path / "f.npz")


@pytest.mark.shared_data
def test_real_images(shared_data: Path, tmp_path: Path) -> None:
    """Real photographs: the descriptor finds the class of a neighbour more than twice as often as chance would."""
    source = shared_data / "cifar10" / "cifar10_jpg.npz"
    data = extract(source, tmp_path / "f.npz", limit=200)
    assert data.modalities["image"].shape == (200, 548)
    assert data.class_names[0] == "airplane"
    assert {"train", "test"} == set(data.splits)
    assert data.targets is not None
    rows = torch.nn.functional.normalize(data.modalities["image"] - data.modalities["image"].mean(dim=0))
    nearest = (rows @ rows.T).fill_diagonal_(-1).argmax(dim=1)
    labels = data.targets.argmax(dim=1)
    assert (labels == labels[nearest]).float().mean() > 0.2
