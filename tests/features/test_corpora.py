import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from overtone.core import InputError
from overtone.features import SimulatorSettings, corpora, from_arrays, load, load_views, simulate


def test_every_corpus_loads_and_follows_its_seed():
    assert set(corpora) >= {"digits", "split-digits", "simulated", "toy-classes"}
    for name in corpora:
        one, same = load_views(name, seed=1), load_views(name, seed=1)
        assert one.provenance.checksum == same.provenance.checksum
        assert one.provenance.reader == "corpus"
        assert {"train", "test"} <= set(one.splits)
    assert load("simulated", seed=1).provenance.checksum != load("simulated", seed=2).provenance.checksum


def test_split_digits_are_the_halves_of_the_real_images_with_a_fixed_split():
    data = load("split-digits")
    digits = load_digits()
    joined = torch.cat([half.reshape(-1, 8, 4) for half in data.modalities.values()], dim=2)
    np.testing.assert_array_equal(joined, digits.images)
    assert data.targets.argmax(1).tolist() == digits.target.tolist()
    assert (len(data.splits["train"]), len(data.splits["test"])) == (1257, 540)
    assert data.splits["test"][:5].tolist() == [1, 2, 3, 11, 13], "published numbers depend on this split"
    assert torch.equal(load("split-digits", seed=9).splits["test"], data.splits["test"])
    assert data.provenance.warnings == ()
    assert all("columns are constant" in note for note in data.provenance.notes)  # the margins of the images


def test_digits_are_the_whole_images_under_the_same_split():
    data, halves = load_views("digits"), load("split-digits")
    assert (data.names, data.shapes) == (("image",), ((64,),))
    np.testing.assert_array_equal(data.modalities["image"], load_digits().data)
    assert torch.equal(data.targets, halves.targets)
    assert torch.equal(data.splits["test"], halves.splits["test"])


def test_toy_classes_are_gaussian_and_overlap_in_part():
    data = load_views("toy-classes", seed=3)
    x, numbers = data.modalities["x"].double(), data.targets.argmax(1)
    assert (data.names, data.shapes, data.classes, len(data)) == (("x",), ((128,),), 10, 2000)
    for name, count in (("train", 140), ("test", 60)):
        assert torch.bincount(numbers[data.splits[name]]).tolist() == [count] * 10
    means = torch.stack([x[numbers == number].mean(0) for number in range(10)])
    assert means.std().item() == pytest.approx((1 + 2.5**2 / 200) ** 0.5, rel=0.1)
    assert (x - means[numbers]).std().item() == pytest.approx(2.5, rel=0.01)
    apart = torch.cdist(x, x).fill_diagonal_(torch.inf)
    assert 0.75 < (numbers[apart.argmin(1)] == numbers).double().mean() < 0.92
    assert 0.98 < (torch.cdist(x, means).argmin(1) == numbers).double().mean() <= 1
    assert load_views("toy-classes", seed=4).provenance.checksum != data.provenance.checksum


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    return simulate(SimulatorSettings(train_rows=20000, test_rows=100, classes=6, interactions=4), seed=0)


def test_planted_interactions_happen_with_their_probability(arrays):
    events = np.concatenate([arrays["events_audio"], arrays["events_visual"]], axis=1) > 0
    planted = arrays["interactions"]
    assert len(planted) == 4
    for source, target in planted:
        assert (source < 6) != (target < 6), "from one modality to the other"
        assert source % 6 != target % 6
        rate = events[events[:, source], target].mean()
        assert 0.59 < rate < 0.75  # .6, plus the clips where the class happens by itself
    nothing_planted = set(range(12)) - set(planted[:, 1].tolist())
    assert all(events[:, target].mean() < 0.3 for target in nothing_planted)


def test_the_annotation_keeps_one_event_that_shows_somewhere(arrays):
    labels = arrays["labels"]
    assert (labels.sum(axis=1) == 1).all()
    shown = np.maximum(arrays["events_audio"], arrays["events_visual"])
    assert (shown[labels.astype(bool)] == 1).all()
    assert shown.sum(axis=1).mean() > 1.2
    heard = arrays["events_audio"][labels.astype(bool)].mean()
    assert 0.85 < heard < 0.95  # presence .9, a little more for what would show nowhere


def test_features_carry_the_events(arrays):
    audio = arrays["audio"]
    fitted, *_ = np.linalg.lstsq(arrays["events_audio"], audio, rcond=None)
    residual = (audio - arrays["events_audio"] @ fitted).std()
    assert 2.0 < residual < 2.3
    assert audio.dtype == np.float32


def test_missing_annotations_are_rows_of_zeros_in_train_only():
    data = from_arrays(simulate(SimulatorSettings(train_rows=1000, test_rows=500, missing=0.5), seed=0))
    without = data.targets.sum(dim=1) == 0
    assert 400 < int(without[data.splits["train"]].sum()) < 600
    assert not without[data.splits["test"]].any()
    assert data.label_kind == "single"
    assert set(data.truth) == {"events_audio", "events_visual", "interactions"}


def test_impossible_settings_are_refused():
    with pytest.raises(InputError, match="2 classes have only 4 possible interactions across modalities; got 5"):
        simulate(SimulatorSettings(classes=2, interactions=5))
    with pytest.raises(InputError, match="3 classes have only 12 possible interactions within modalities; got 13"):
        simulate(SimulatorSettings(classes=3, interactions=13, within=1.0))
    with pytest.raises(InputError, match="'probability'"):
        SimulatorSettings.build({"probability": 2})


def planted(**settings):
    arrays = simulate(SimulatorSettings(classes=10, train_rows=4000, test_rows=10, **settings), seed=1)
    sides = arrays["interactions"] >= 10
    return arrays, [tuple(pair) for pair in sides.tolist()]


def test_interactions_lead_where_the_settings_say():
    assert set(planted(interactions=30)[1]) == {(False, True), (True, False)}
    assert set(planted(interactions=30, direction="a2v")[1]) == {(False, True)}
    assert set(planted(interactions=30, direction="v2a")[1]) == {(True, False)}
    _, sides = planted(interactions=40, within=0.25)
    assert sum(source == target for source, target in sides) == 10
    arrays, _ = planted(interactions=20, mutual=1.0)
    pairs = {tuple(pair) for pair in arrays["interactions"].tolist()}
    assert {(target, source) for source, target in pairs} == pairs
    assert 20 < len(pairs) <= 40


def test_strengths_are_the_rates_at_which_interactions_happen():
    arrays, _ = planted(interactions=8, spread=0.3, chains=False, background=0.0, presence=1.0)
    strengths = arrays["interaction_strengths"]
    assert strengths.std() > 0.05
    assert 0.3 <= strengths.min() <= strengths.max() <= 0.9
    main = arrays["labels"].argmax(1)
    events = np.concatenate([arrays["events_audio"], arrays["events_visual"]], axis=1)
    for (source, target), strength in zip(arrays["interactions"], strengths):
        others = [s for s, t in arrays["interactions"] if t == target and s != source and s % 10 == source % 10]
        if not others:
            assert events[main == source % 10, target].mean() == pytest.approx(strength, abs=0.1)


def test_without_chains_only_what_happened_brings_something():
    chained, _ = planted(interactions=120)
    direct, _ = planted(interactions=120, chains=False)
    assert direct["events_audio"].sum(1).mean() < 0.7 * chained["events_audio"].sum(1).mean()


def test_presence_can_differ_between_modalities():
    arrays, _ = planted(interactions=0, background=0.0, audio_presence=0.5, visual_presence=1.0)
    assert arrays["events_visual"].sum(1).mean() == 1
    assert arrays["events_audio"].sum(1).mean() == pytest.approx(0.5, abs=0.03)


def test_the_annotation_keeps_what_it_is_told_to():
    main, any_one, everything = (planted(annotation=kept)[0] for kept in ("main", "any", "all"))
    happens = np.maximum(main["events_audio"], main["events_visual"])
    assert (main["labels"].sum(1) == 1).all()
    assert (any_one["labels"].sum(1) == 1).all()
    assert not np.array_equal(main["labels"], any_one["labels"])
    assert (happens[any_one["labels"].astype(bool)] == 1).all()
    np.testing.assert_array_equal(everything["labels"], happens)
    for other in (any_one, everything):  # all else is the same
        np.testing.assert_array_equal(other["audio"], main["audio"])
