import pytest
import torch

from overtone.core import InputError
from overtone.features import PairedFeatures, load
from overtone.features.base import find_label_kind


@pytest.fixture
def data() -> PairedFeatures:
    return PairedFeatures(
        {"audio": torch.arange(8.0).reshape(4, 2), "visual": torch.arange(12.0).reshape(4, 3)},
        ids=("a", "b", "c", "d"),
        labels=torch.eye(4),
        label_kind="single",
        class_names=("w", "x", "y", "z"),
        splits={"train": torch.tensor([0, 2]), "test": torch.tensor([1, 3])},
        media={"audio": ("a.wav", "b.wav", "c.wav", "d.wav")},
        truth={"events_audio": torch.eye(4), "interactions": torch.zeros(8, 8)},
    )


def test_describes_itself(data):
    assert (len(data), data.names, data.shapes, data.classes) == (4, ("audio", "visual"), ((2,), (3,)), 4)
    assert "2 train" in repr(data)


def test_subset_takes_every_part_along_and_renumbers_the_splits(data):
    part = data.subset([3, 0])
    assert part.ids == ("d", "a")
    assert part.modalities["audio"].tolist() == [[6.0, 7.0], [0.0, 1.0]]
    assert part.targets.argmax(1).tolist() == [3, 0]
    assert {name: rows.tolist() for name, rows in part.splits.items()} == {"train": [1], "test": [0]}
    assert part.media["audio"] == ("d.wav", "a.wav")
    assert part.truth["events_audio"].argmax(1).tolist() == [3, 0]
    assert part.truth["interactions"].shape == (8, 8)


def test_a_split_left_without_rows_is_dropped(data):
    assert set(data.subset(torch.tensor([0, 2])).splits) == {"train"}


def test_split_has_no_splits_of_its_own(data):
    test = data.split("test")
    assert test.ids == ("b", "d")
    assert test.splits == {}


def test_unknown_split_names_the_closest(data):
    with pytest.raises(InputError, match="unknown split 'tets'.*did you mean 'test'"):
        data.split("tets")


@pytest.mark.parametrize(("rows", "message"), [([0, 4], "out of range"), ([-1], "out of range"), ([1, 1], "twice")])
def test_subset_refuses_wrong_rows(data, rows, message):
    with pytest.raises(InputError, match=message):
        data.subset(rows)


def test_three_modalities_or_unequal_rows_are_refused():
    with pytest.raises(InputError, match="exactly two modalities; got a"):
        PairedFeatures({"a": torch.zeros(2, 1)}, ids=("0", "1"))
    with pytest.raises(InputError, match="b must have one row per id; got 3 rows and 2 ids"):
        PairedFeatures({"a": torch.zeros(2, 1), "b": torch.zeros(3, 1)}, ids=("0", "1"))


@pytest.mark.parametrize(
    ("targets", "kind"),
    [
        (None, "none"),
        (torch.tensor([[1.0, 0.0], [0.0, 0.0]]), "single"),
        (torch.tensor([[1.0, 1.0], [0.0, 0.0]]), "multi"),
        (torch.tensor([[0.5, 0.5]]), "soft"),
    ],
)
def test_label_kind(targets, kind):
    assert find_label_kind(targets) == kind


def test_the_public_names_of_the_room_are_there():
    import overtone.features as room

    assert all(hasattr(room, name) for name in room.__all__)
    assert load("split-digits").label_kind == "single"
