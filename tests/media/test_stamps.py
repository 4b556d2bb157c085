"""A real corpus, from files to answers: pictures for children, and their names spoken in French."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import overtone
from overtone import api
from overtone.training import Run

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import study_media as study

pytestmark = [
    pytest.mark.stamps,
    pytest.mark.skipif(not study.STAMPS.is_dir(), reason=f"the system package {study.PACKAGE} is not installed"),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A space of 300 of the stamps."""
    pytest.importorskip("soundfile")
    root = tmp_path_factory.mktemp("stamps")
    folder = study.link_stamps(study.STAMPS, root / "stamps", "fr")
    api.build(folder, root / "place", modalities=("visual", "audio"), limit=300, settings={"epochs": 120})
    return Run.load(root / "place" / "run")


def test_counterparts_are_found_far_above_chance(run: Run) -> None:
    """With features that have no weights: it is little, and it is there."""
    assert run.evaluation is not None
    chance = 10 / run.evaluation.queries
    for recall in run.evaluation["instance_recall@10"].directions.values():
        assert recall > 2 * chance
    assert run.evaluation["map"].mean > run.evaluation["chance_map"].mean + 0.05


@pytest.mark.parametrize(("suffix", "way"), [("ogg", ("audio", "visual")), ("png", ("visual", "audio"))])
def test_speech_finds_pictures_and_back(run: Run, suffix: str, way: tuple[str, str]) -> None:
    """By the files of clips that were not trained on: counterparts are in the first tenth far above chance."""
    assert run.folder is not None
    with overtone.open_store(run.folder) as store:
        (items,) = store.iterate()
    new = [name for name, split in zip(items.ids, items.metadata["split"].to_pylist()) if split == "test"]
    stamps = run.folder.parent.parent / "stamps"
    found = api.search_store(run.folder, query=[str(stamps / f"{name}.{suffix}") for name in new], k=len(items) // 10)
    assert (found.from_modality, found.to_modality) == ((way[0],), (way[1],))
    exact = [name in {hit.id for hit in one.hits} for name, one in zip(new, found.queries)]
    assert sum(exact) > 2 * len(exact) / 10
    same = api.search_store(run.folder, query=stamps / f"{new[0]}.{suffix}", to_modality=way[0], k=1)
    (hit,) = same.queries[0].hits
    assert hit.id == new[0]
    assert hit.score == pytest.approx(1.0, abs=1e-5)
