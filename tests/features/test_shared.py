"""The real corpora, as they lie there: no options needed but the two views of Handwritten."""

import pytest

from overtone.features import load, load_views, save, split_by_class

pytestmark = pytest.mark.shared_data

LOADED = {
    "ccv/ccv.npz": (("audio", "visual"), ((20,), (20,)), 20, {"train": 3368, "test": 3405}),
    "digits_av/digits_av.npz": (("audio", "visual"), ((800,), (784,)), 10, {"train": 2700, "test": 300}),
    "wikipedia/wikipedia.npz": (("image", "text"), ((128,), (10,)), 10, {"train": 2173, "test": 693}),
    "tiktok/tiktok.npz": (("audio", "visual"), ((128,), (128,)), 0, {"train": 4697, "test": 2013}),
    "ave15_scores/scores.npz": (("audio", "visual"), ((15,), (15,)), 15, {"train": 1186, "val": 189, "test": 189}),
}


@pytest.mark.parametrize("file", LOADED)
def test_loads_without_options(shared_data, file):
    names, shapes, classes, splits = LOADED[file]
    data = load(shared_data / file)
    assert (data.names, data.shapes, data.classes) == (names, shapes, classes)
    assert {name: len(rows) for name, rows in data.splits.items()} == splits


def test_ccv_keeps_video_ids_and_counts_the_clips_that_stand_in_both_splits(shared_data):
    data = load(shared_data / "ccv/ccv.npz")
    assert data.ids[0] == "1MdlncaU5JE"
    assert any("11 of 3405 test rows also occur in training" in warning for warning in data.provenance.warnings)


def test_handwritten_views_are_chosen_by_position(shared_data, tmp_path):
    data = load(shared_data / "handwritten/Handwritten.mat", modalities=("view1", "view4"))
    assert (data.shapes, data.classes, len(data.splits["train"])) == (((76,), (240,)), 10, 1400)
    save(data, tmp_path / "pair.npz")
    assert load(tmp_path / "pair.npz").provenance.checksum == data.provenance.checksum


def test_one_view_of_a_real_file_and_its_classes_parted(shared_data, tmp_path):
    view = load_views(shared_data / "handwritten/Handwritten.mat", modalities=("view0",))
    assert (view.shapes, view.classes, len(view)) == (((216,),), 10, 2000)
    audio = split_by_class(load_views(shared_data / "ccv/ccv.npz", modalities=("audio",)))
    rows = {name: set(part.targets.argmax(1).tolist()) for name in audio.splits if (part := audio.split(name))}
    assert rows == {"train": set(range(10)), "test": set(range(10, 20))}
    save(audio, tmp_path / "audio.npz")
    assert load_views(tmp_path / "audio.npz").ids == audio.ids
