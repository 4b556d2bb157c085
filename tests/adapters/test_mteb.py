"""The encoder for MTEB: towers by what a batch holds, vectors as stored ones, both ways to judge on small tasks."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

import overtone
from overtone.adapters.mteb import RunEncoder, judge_retrieval
from overtone.core import InputError
from overtone.features import from_arrays
from overtone.media import extract
from overtone.training import Run
from synthetic_clips import RATE, tone

NAMES = ("ant", "bee", "cat")
ABOUT = {"task_metadata": None, "hf_split": "test", "hf_subset": "default", "prompt_type": None, "batch_size": 4}
"""What the benchmark passes beside the batches."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Any, Path]:
    """A run on images with sounds, its data, and the folder of the media."""
    root = tmp_path_factory.mktemp("mteb")
    for number, name in enumerate(NAMES):
        for seed in range(6):
            stem = root / "media" / name / str(seed)
            stem.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (24, 20), (70 * number + 3 * seed, 200 - 60 * number, 5 * seed)).save(f"{stem}.png")
            soundfile.write(f"{stem}.wav", tone(300 * (1 + number) + 5 * seed, 0.3, seed), RATE, subtype="FLOAT")
    chosen = {"visual.side": 16, "visual.cell": 8}
    data = extract(root / "media", root / "f.npz", settings=chosen, workers=1)
    return overtone.train("cca", root / "f.npz"), data, root / "media"


def media_of(data: Any, root: Path) -> dict[str, list[Any]]:
    """The clips as the benchmark hands them over."""
    sounds = [soundfile.read(root / f"{name}.wav", dtype="float32") for name in data.ids]
    return {
        "audio": [{"array": samples, "sampling_rate": rate} for samples, rate in sounds],
        "image": [Image.open(root / f"{name}.png") for name in data.ids],
        "label": [name.split("/")[0] for name in data.ids],
    }


def batches(items: dict[str, list[Any]], size: int = 4) -> list[dict[str, list[Any]]]:
    count = len(next(iter(items.values())))
    return [{kind: part[at : at + size] for kind, part in items.items()} for at in range(0, count, size)]


def test_vectors_are_those_of_the_stored_features(made: tuple[Run, Any, Path]) -> None:
    run, data, root = made
    encoder, clips, wanted = RunEncoder(run), media_of(data, root), run.embed(data)
    assert encoder.towers == {"audio": "audio", "video": "visual", "image": "visual"}
    for kind, modality in (("audio", "audio"), ("image", "visual")):
        found = encoder.encode(batches({kind: clips[kind]}), **ABOUT)
        np.testing.assert_allclose(found, wanted[modality].numpy(), atol=1e-5)


def test_a_batch_of_several_kinds_is_their_mean_and_other_keys_count_nothing(made: tuple[Run, Any, Path]) -> None:
    run, data, root = made
    encoder, clips = RunEncoder(run), media_of(data, root)
    audio, image = (encoder.encode(batches({kind: clips[kind]})) for kind in ("audio", "image"))
    both = encoder.encode(batches({**clips, "id": list(data.ids)}))
    mean = (audio + image) / 2
    np.testing.assert_allclose(both, mean / np.linalg.norm(mean, axis=1, keepdims=True), atol=1e-5)
    torch.testing.assert_close(
        encoder.similarity_pairwise(audio, image), encoder.similarity(audio, image).diagonal(), atol=1e-6, rtol=1e-5
    )


def test_videos_come_as_frames_in_either_order_of_axes(made: tuple[Run, Any, Path]) -> None:
    run, data, root = made
    encoder = RunEncoder(run)
    still = [np.asarray(Image.open(root / f"{name}.png").convert("RGB")) for name in data.ids[:3]]
    wanted = run.embed(data)["visual"][:3].numpy()
    for frames in (
        [np.stack([one] * 5) for one in still],
        [torch.tensor(np.stack([one] * 9)).permute(0, 3, 1, 2) for one in still],
    ):
        np.testing.assert_allclose(encoder.encode([{"video": frames}]), wanted, atol=1e-5)


@pytest.mark.parametrize(("query", "document"), [("audio", "image"), ("image", "audio")])
def test_both_protocols_on_a_small_task(made: tuple[Run, Any, Path], query: str, document: str) -> None:
    run, data, root = made
    clips = media_of(data, root)
    by_pair = judge_retrieval(RunEncoder(run), clips, "own-pair", query=query, document=document, batch_size=5)
    by_class = judge_retrieval(RunEncoder(run), clips, "class", query=query, document=document)
    assert by_class["hit_rate_at_1"] > 2 / 3
    assert by_class["ndcg_at_10"] > 2 / 3
    assert by_pair["hit_rate_at_1"] <= by_class["hit_rate_at_1"]
    assert by_pair["hit_rate_at_10"] > 10 / 18


def test_metrics_by_hand() -> None:
    """Scores are cosines of the features themselves: each query's relevant document is second, or none is near."""
    eye = np.eye(12, 24, dtype=np.float32)
    second = np.roll(eye, 1, axis=0) + 0.5 * eye  # the own document is behind that of the next query
    same: Any = SimpleNamespace(name="same", modalities=("a", "b"), recipes={}, info={})
    same.embed_one = lambda modality, rows: torch.nn.functional.normalize(rows, dim=1)
    encoder = RunEncoder.__new__(RunEncoder)
    encoder.run, encoder.towers, encoder.describe = (
        same,
        {"audio": "a", "video": "b"},
        {"audio": np.stack, "video": np.stack},
    )
    found = judge_retrieval(encoder, {"audio": list(eye), "video": list(second)}, "own-pair")
    assert found == pytest.approx(
        {"ndcg_at_10": 1 / np.log2(3), "mrr_at_10": 0.5, "hit_rate_at_1": 0, "hit_rate_at_10": 1}
    )
    labels = [at // 6 for at in range(12)]
    every = judge_retrieval(encoder, {"audio": list(eye), "video": list(eye), "label": labels}, "class")
    assert every["hit_rate_at_1"] == 1.0
    assert 0.5 < every["ndcg_at_10"] <= 1.0


def test_a_run_on_features_from_elsewhere_needs_to_be_told(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(40, 6)).astype(np.float32)
    run = overtone.train(
        "cca", from_arrays({"heard": rows, "seen": rows[:, ::-1].copy()}, modalities=("heard", "seen"))
    )
    with pytest.raises(InputError, match="does not know how media become its features"):
        RunEncoder(run)
    told = RunEncoder(run, describe={"audio": np.stack, "video": np.stack}, towers={"audio": "heard", "video": "seen"})
    np.testing.assert_allclose(told.encode([{"audio": list(rows)}]), run.embed_one("heard", rows).numpy(), atol=1e-6)
    with pytest.raises(InputError, match=r"tower for; got text; valid: audio, video"):
        told.encode([{"text": ["an owl"]}])
    with pytest.raises(InputError, match="towers: no such kind of input or modality; got audio: smelt"):
        RunEncoder(run, towers={"audio": "smelt"})


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        ({"audio": [{"array": [[1.0]]}]}, "audio: not an array with a sampling_rate"),
        ({"audio": [{"array": [np.nan], "sampling_rate": 8000}]}, "audio: not a sound"),
        ({"video": [np.zeros((2, 5, 5))]}, r"video: not \(frames, 3, height, width\) pixels"),
        ({"image": ["a.png"]}, "image: not an image of Pillow; got str"),
    ],
)
def test_items_that_cannot_be_read_are_named(made: tuple[Run, Any, Path], batch: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        RunEncoder(made[0]).encode([batch])


def test_wrong_tasks_are_refused(made: tuple[Run, Any, Path]) -> None:
    encoder = RunEncoder(made[0])
    unknown: Any = "pairs"
    with pytest.raises(InputError, match="no such protocol; got 'pairs'; valid: own-pair, class"):
        judge_retrieval(encoder, {}, unknown)
    with pytest.raises(InputError, match="as many of audio, video, label are needed"):
        judge_retrieval(encoder, {"audio": [1], "video": [1]}, "class")
    with pytest.raises(InputError, match="nothing to encode"):
        encoder.encode([])


def test_what_the_benchmark_wants_to_know(made: tuple[Run, Any, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = RunEncoder(made[0])
    monkeypatch.setitem(sys.modules, "mteb", None)
    monkeypatch.setitem(sys.modules, "mteb.models", None)
    with pytest.raises(InputError, match=r"mteb is not installed; pip install 'overtone\[mteb\]'"):
        _ = encoder.mteb_model_meta
    monkeypatch.setitem(sys.modules, "mteb.models", SimpleNamespace(ModelMeta=SimpleNamespace))
    meta = encoder.mteb_model_meta
    assert (meta.name, meta.modalities) == ("overtone/cca", ["audio", "image", "video"])


def test_the_real_interface(made: tuple[Run, Any, Path]) -> None:
    mteb = pytest.importorskip("mteb")
    encoder = RunEncoder(made[0])
    assert isinstance(encoder, mteb.models.models_protocols.EncoderProtocol)
    assert encoder.mteb_model_meta.name == "overtone/cca"


@pytest.mark.parametrize("protocol", ["own-pair", "class"])
def test_a_real_task_says_what_the_judge_says(protocol: Any, tmp_path: Path) -> None:
    """A small task of the benchmark's own class, with its own loader, metrics and store of scores."""
    mteb = pytest.importorskip("mteb")
    from datasets import Dataset
    from mteb.abstasks.retrieval import AbsTaskRetrieval
    from mteb.abstasks.retrieval_dataset_loaders import RetrievalSplitData
    from mteb.abstasks.task_metadata import TaskMetadata

    random = np.random.default_rng(0)
    labels = np.arange(60) % 5
    hidden = np.eye(5, 8)[labels] + 0.4 * random.normal(size=(60, 8))
    sides = {kind: (hidden @ random.normal(size=(8, 12))).astype(np.float32) for kind in ("audio", "video")}
    clips: dict[str, list[Any]] = {kind: [list(map(float, row)) for row in rows] for kind, rows in sides.items()}
    ids = [str(at) for at in range(60)]

    class Small(AbsTaskRetrieval):
        metadata = TaskMetadata(
            name=f"Small-{protocol}",
            description="Synthetic clips.",
            dataset={"path": "none/none", "revision": "1"},
            type="Any2AnyRetrieval",
            category="a2v",
            eval_splits=["test"],
            eval_langs=["zxx-Zxxx"],
            main_score="ndcg_at_10",
            modalities=["audio", "video"],
        )

        def load_data(self, *_: Any, **__: Any) -> None:
            same = np.eye(60) > 0 if protocol == "own-pair" else labels[:, None] == labels
            relevant = {one: {ids[at]: 1 for at in np.flatnonzero(row)} for one, row in zip(ids, same)}
            queries, corpus = (Dataset.from_dict({"id": ids, kind: clips[kind]}) for kind in ("audio", "video"))
            self.dataset = {
                "default": {
                    "test": RetrievalSplitData(corpus=corpus, queries=queries, relevant_docs=relevant, top_ranked=None)
                }
            }
            self.data_loaded = True

    cache, found = mteb.ResultCache(tmp_path), []
    for ridge in (0.1, 100.0):  # a second run on the same data is another model
        run = overtone.train(
            "cca", from_arrays({"audio": sides["audio"], "visual": sides["video"]}), settings={"ridge": ridge}
        )
        towers = {"audio": "audio", "video": "visual"}
        encoder = RunEncoder(run, describe={"audio": np.stack, "video": np.stack}, towers=towers)
        theirs = mteb.evaluate(encoder, Small(), cache=cache, show_progress_bar=False).task_results[0].scores["test"][0]
        ours = judge_retrieval(encoder, {**clips, "label": labels.tolist()}, protocol)
        assert {key: theirs[key] for key in ours} == pytest.approx(ours, abs=2e-5)
        assert theirs["main_score"] == theirs["ndcg_at_10"]
        found.append(ours)
    assert found[0] != found[1]
