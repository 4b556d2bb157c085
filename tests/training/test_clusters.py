"""Clusters among training pairs: found, recorded, foreseen, and what HSC-MAE makes of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import overtone
from overtone.evaluation.clusters import ClusterSize
from overtone.features import PairedFeatures, from_arrays, load
from overtone.methods.base import CorpusInfo, methods
from overtone.training import train
from overtone.training.clusters import ClusterCheck, check_clusters


@pytest.fixture(scope="module")
def clustered() -> PairedFeatures:
    """40 clusters of 12 rows in two noisy views, 10 of them to train on."""
    rng = np.random.default_rng(0)
    centres = np.repeat(rng.normal(size=(40, 16)), 12, axis=0)
    left, right = (centres + 0.6 * rng.normal(size=centres.shape) for _ in range(2))
    split = np.array((["train"] * 10 + ["test"] * 2) * 40)
    return from_arrays({"left": left, "right": right, "split": split})


def check(size: int, bend: float, largest: int) -> ClusterCheck:
    """A check with these figures."""
    return ClusterCheck(ClusterSize(size, bend, 0.02, (2, largest), (0.1, 0.2)))


def test_only_a_sure_bend_is_a_cluster_and_it_is_said():
    assert check(11, 0.13, 512).size == 0
    assert check(11, 0.13, 512).sentence() == "none for sure (the agreement of neighbours bends by 0.13 ± 0.02 at most)"
    assert check(11, 0.15, 512).size == 11
    assert (
        check(11, 0.3, 512).sentence() == "of about 11 clips (the agreement of neighbours bends by 0.30 ± 0.02 there)"
    )
    assert check(128, 0.3, 512).sentence().startswith("of 128 clips or more (")
    assert check_clusters(torch.randn(63, 4), torch.randn(63, 4)) is None


@pytest.mark.parametrize(
    ("size", "edges", "restart"),
    [
        (0, 10, 0.03),
        (8, 5, 0.3),
        (11, 6, 0.3),
        (16, 8, 0.3),
        (32, 10, 147 / 1024),
        (64, 10, 147 / 4096),
        (91, 10, 0.03),
    ],
)
def test_walks_of_hsc_mae_stay_near_small_clusters(size, edges, restart):
    kind = methods["hsc-mae"]
    corpus = CorpusInfo(((8,), (8,)), 400, cluster_size=size)
    found = kind.resolve(kind.settings_type(), corpus)
    assert (found.walk_edges, found.walk_restart) == (edges, pytest.approx(restart))
    lacking = kind.resolve(kind.settings_type(), corpus._replace(pairs=300))
    assert (lacking.walk_edges, lacking.walk_restart) == (10, 0.03)
    given = kind.resolve(kind.settings_type(walk_edges=20, walk_restart=0.5), corpus)
    assert (given.walk_edges, given.walk_restart) == (20, 0.5)


def test_a_run_records_clusters_and_inspect_foresees_them(clustered, tmp_path):
    run = train("hsc-mae", clustered, settings={"epochs": 2, "device": "cpu"}, out=tmp_path / "run")
    said = run.info["clusters"]
    assert said["size"] in (8, 11)
    assert run.info["corpus"]["cluster_size"] == said["size"]
    assert run.settings["walk_restart"] == 0.3
    arrays = {name: rows.numpy() for name, rows in clustered.modalities.items()}
    split = np.array((["train"] * 10 + ["test"] * 2) * 40)
    np.savez(tmp_path / "rows.npz", **arrays, split=split)
    assert overtone.inspect(tmp_path / "rows.npz", training=True).training["clusters"] == said["said"]


def test_rows_of_a_group_are_not_taken_for_a_cluster(clustered):
    arrays = {name: rows.numpy() for name, rows in clustered.modalities.items()}
    grouped = from_arrays({**arrays, "groups": np.arange(len(clustered)) // 12})
    run = train("cca", grouped)
    assert "clusters" not in run.info
    assert run.info["corpus"]["cluster_size"] == 0


def test_large_classes_keep_the_usual_walks():
    run = train("hsc-mae", load("split-digits"), settings={"epochs": 2, "device": "cpu"})
    assert run.info["clusters"]["size"] > 70
    assert (run.settings["walk_edges"], run.settings["walk_restart"]) == (10, 0.03)
