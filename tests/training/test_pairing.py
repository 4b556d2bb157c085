"""Wrong pairs in training: found, named, taken apart or left out."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch

import overtone
from overtone.features import PairedFeatures, load
from overtone.methods.base import CorpusInfo, methods
from overtone.training import Run, train
from overtone.training.data import hide_labels, prepare
from overtone.training.pairing import check_pairs, memorisation
from overtone.training.rows import Rows
from overtone.training.settings import TrainingSettings

QUICK = {"epochs": 2, "device": "cpu"}


@pytest.fixture(scope="module")
def clean() -> PairedFeatures:
    """Split digits, 500 training rows and 100 test rows."""
    data = load("split-digits")
    return data.subset(torch.cat([data.splits["train"][:500], data.splits["test"][:100]]))


@pytest.fixture(scope="module")
def shuffled(clean) -> tuple[PairedFeatures, set[str]]:
    """The same with the right halves of every third training row shifted among these, and the ids of those."""
    train_rows = clean.splits["train"]
    wrong = train_rows[::3]
    right = clean.modalities["right"].clone()
    right[wrong] = clean.modalities["right"][wrong.roll(1)]
    data = replace(clean, modalities={**clean.modalities, "right": right})
    return data, {data.ids[row] for row in wrong.tolist()}


def views(data: PairedFeatures) -> tuple[torch.Tensor, torch.Tensor, tuple[str, ...]]:
    """Centred training rows of both modalities, and their ids."""
    train_data = data.split("train")
    first, second = (rows - rows.mean(0) for rows in train_data.modalities.values())
    return first, second, train_data.ids


def test_wrong_pairs_are_found_and_the_rest_is_kept(shuffled):
    first, second, ids = views(shuffled[0])
    found = check_pairs(first, second, ids)
    flagged = {name for name, _, _ in found.rows()}
    assert found.left_out
    assert len(flagged) == int(found.wrong.sum()) == found.summary()["left_out"]
    assert len(flagged & shuffled[1]) > 0.75 * len(shuffled[1])
    assert len(flagged - shuffled[1]) < 0.1 * (len(ids) - len(shuffled[1]))
    assert abs(found.agreement.wrong_share - 1 / 3) < 0.1
    staying = float(found.agreement.chances[~found.wrong].mean())
    assert 0.8 * staying < found.wrong_share < staying < 0.3 * found.agreement.wrong_share
    ranks = [rank for _, rank, _ in found.rows()]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize("seed", [102, 195, 604, 1052])
def test_views_that_share_nothing_lose_no_pair(seed):
    """Among 1,500 draws these are the ones whose few apparent right pairs seem to be recognised, by chance."""
    generator = torch.Generator().manual_seed(seed)
    first, second = (torch.randn(200, 4, generator=generator) for _ in range(2))
    found = check_pairs(first, second, tuple(map(str, range(200))))
    assert found.agreement.recognised > 1
    assert not found.left_out
    assert "too little in common" in found.reason


def test_pairs_are_all_kept_where_asked_or_where_few_are_wrong(clean, shuffled):
    first, second, ids = views(shuffled[0])
    assert not check_pairs(first, second, ids, keep=True).left_out
    found = check_pairs(*views(clean))
    assert not found.left_out
    assert found.summary()["left_out"] == 0
    assert found.wrong_share == max(0.0, found.agreement.wrong_share - 2 * found.agreement.wrong_share_error) < 0.1
    assert check_pairs(first[:49], second[:49], ids[:49]) is None


def test_weak_pairs_are_not_taken_for_wrong_ones():
    generator = torch.Generator().manual_seed(0)
    latent = torch.randn(400, 6, generator=generator)
    first, second = (latent + 2.0 * torch.randn(400, 6, generator=generator) for _ in range(2))
    found = check_pairs(first, second, tuple(map(str, range(400))))
    assert found.agreement.wrong_share > 0.3
    assert not found.left_out


def test_memorisation_is_one_for_shared_directions_and_more_for_chance():
    generator = torch.Generator().manual_seed(0)
    latent = torch.randn(400, 4, generator=generator)
    known = latent + 0.3 * torch.randn(400, 4, generator=generator)
    assert 0.8 < memorisation(latent, known) < 1.25
    chance = torch.randn(400, 100, generator=generator), torch.randn(400, 100, generator=generator)
    assert memorisation(*chance) > 3


def test_halves_of_wrong_pairs_become_rows_of_one_modality():
    rows = Rows((torch.arange(4.0)[:, None], 10 + torch.arange(4.0)[:, None]), groups=torch.tensor([0, 0, 1, 2]))
    apart = rows.taken_apart(torch.tensor([1, 3]), halves=True)
    assert apart.features[0].flatten().tolist() == [0, 2, 1, 3, 0, 0]
    assert apart.features[1].flatten().tolist() == [10, 12, 0, 0, 11, 13]
    assert [mask.tolist() for mask in apart.present] == [
        [True] * 4 + [False] * 2,
        [True] * 2 + [False] * 2 + [True] * 2,
    ]
    assert apart.groups.tolist() == [0, 1, 0, 2, 0, 2]
    left = rows.taken_apart(torch.tensor([1, 3]), halves=False)
    assert left.features[1].flatten().tolist() == [10, 12]
    assert left.present is None
    assert left.groups.tolist() == [0, 1]


def test_rows_that_lack_a_modality_stay_when_pairs_are_taken_apart():
    there = torch.tensor([True, True, False]), torch.tensor([True, True, True])
    rows = Rows((torch.tensor([[1.0], [2.0], [0.0]]), torch.tensor([[4.0], [5.0], [6.0]])), present=there)
    apart = rows.taken_apart(torch.tensor([0]), halves=True)
    assert [mask.tolist() for mask in apart.present] == [[True, False, True, False], [True, True, False, True]]
    assert rows.taken_apart(torch.tensor([0]), halves=False).present[0].tolist() == [True, False]


@pytest.mark.parametrize("method", ["hsc-mae", "cca"])
def test_a_run_names_the_pairs_it_trained_without(shuffled, method, tmp_path):
    run = train(method, shuffled[0], settings=QUICK if method == "hsc-mae" else {}, out=tmp_path / "run")
    said, corpus = run.info["pairs"], run.info["corpus"]
    wrong = said["left_out"]
    assert wrong > 100
    halves = 2 * wrong if methods[method].uses_unpaired else 0
    assert corpus["rows"] == 500 - wrong + halves
    assert corpus["pairs"] == (500 - wrong if halves else None)
    with (tmp_path / "run" / "pairs.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == wrong
    assert len({row["id"] for row in table} & shuffled[1]) > 0.75 * len(shuffled[1])
    assert said["likeliest"] == [row["id"] for row in table][:5]
    again = Run.load(tmp_path / "run")
    assert again.decisions == run.decisions
    assert run.decisions["wrong pairs"] == said["said"]
    page = overtone.report_run(again, shuffled[0]).read_text(encoding="utf-8")
    assert f"{wrong:,} training pairs look wrong, likeliest {table[0]['id']}" in page
    assert again.embed(shuffled[0].split("test"))["left"].equal(run.embed(shuffled[0].split("test"))["left"])


def test_a_method_with_labels_keeps_its_pairs(shuffled):
    run = train("cluster-cca", shuffled[0])
    assert "pairs" not in run.info
    assert run.info["corpus"]["rows"] == 500


@pytest.mark.parametrize(
    ("wrong_share", "memorised", "noise"),
    [(0.0, 3.0, 0.0), (0.5, 1.0, 0.0), (0.5, 3.0, 1.0), (0.08, 2.0, 0.5), (0.11, 1.325, 0.5), (0.08, 1.325, 0.25)],
)
def test_noise_of_hsc_mae_rises_where_unclear_pairs_are_learnt_by_heart(wrong_share, memorised, noise):
    kind = methods["hsc-mae"]
    corpus = CorpusInfo(((8,), (8,)), 400, wrong_share=wrong_share, memorised=memorised)
    found = kind.resolve(kind.settings_type(), corpus)
    assert found.dropout == pytest.approx(0.35 + 0.15 * noise)
    assert found.mask_ratio == pytest.approx(0.2 + 0.3 * noise)
    assert kind.resolve(kind.settings_type(), corpus._replace(pairs=300)) == found  # wrong pairs were taken apart
    given = kind.resolve(kind.settings_type(dropout=0.1, mask_ratio=0.0), corpus)
    assert (given.dropout, given.mask_ratio) == (0.1, 0.0)


def test_pairs_of_clips_with_one_modality_ask_for_no_noise(shuffled):
    data = hide_labels(shuffled[0], methods["hsc-mae"])
    halves = torch.arange(len(data)) % 5 > 0
    part = replace(data, present={data.names[0]: halves, data.names[1]: torch.ones(len(data), dtype=torch.bool)})
    settings = TrainingSettings.build({"select": "last"})
    assert prepare(data, settings, torch.device("cpu"), uses_unpaired=True).corpus.wrong_share > 0.0
    assert prepare(part, settings, torch.device("cpu"), uses_unpaired=True).corpus.wrong_share == 0.0


def test_inspect_foresees_what_training_decides(shuffled, tmp_path):
    arrays = {name: rows.numpy() for name, rows in shuffled[0].modalities.items()}
    split = np.array(["train"] * 500 + ["test"] * 100)
    np.savez(tmp_path / "pairs.npz", **arrays, split=split)
    said = overtone.inspect(tmp_path / "pairs.npz", training=True).training
    run = train("cca", overtone.load(tmp_path / "pairs.npz"))
    assert said["wrong pairs"] == run.info["pairs"]["said"]
    assert "not trained on as pairs" in said["wrong pairs"]
    assert said["scaling of left"].startswith(run.info["scaling"]["left"]["steps"])
    assert overtone.inspect(tmp_path / "pairs.npz").training == {}
