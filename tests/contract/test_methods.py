"""Every registered method keeps the same promises: it steps, is stored and read back, resumes to the same weights."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from overtone.features import PairedFeatures, from_arrays
from overtone.interactions import InteractionTrainer
from overtone.methods.base import Batch, CorpusInfo, InferredTargets, Method, methods
from overtone.methods.infonce import InfoNCE
from overtone.training import Run, TrainingSettings

train = InteractionTrainer().train
EPOCHS = 4
CLASSES = 3


@pytest.fixture(scope="module")
def data() -> PairedFeatures:
    """300 clips of three classes: each modality sees the class through its own projection and noise."""
    generator = torch.Generator().manual_seed(0)
    classes = torch.arange(300) % CLASSES
    hidden = torch.eye(CLASSES)[classes] + 0.3 * torch.randn(300, CLASSES, generator=generator)
    arrays = {
        name: hidden @ torch.randn(CLASSES, width, generator=generator)
        + 0.3 * torch.randn(300, width, generator=generator)
        for name, width in (("audio", 12), ("visual", 16))
    }
    return from_arrays({**arrays, "y": classes, "is_test": torch.arange(300) % 3 == 2})


def settings(name: str, **more: Any) -> dict[str, Any]:
    stages = (
        {"folds": 2, "teacher": {"epochs": EPOCHS}, "inference": {"bootstrap": 3}}
        if methods[name].needs_inferred_targets
        else {}
    )
    loop = {"epochs": EPOCHS, "batch_size": 100, "checkpoint_seconds": 0, "collapse_rank": 0, "seed": 1}
    return {**loop, **stages, **more}


def weights(run: Run) -> dict[str, Tensor]:
    return run.method.state_dict()


def assert_same(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    assert first.keys() == second.keys()
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


@pytest.fixture(scope="module")
def stored(data: PairedFeatures, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """One short run of each method, stored."""
    folder = tmp_path_factory.mktemp("runs")
    return {name: train(name, data, settings=settings(name), out=folder / name) for name in methods}


@pytest.mark.parametrize("name", list(methods))
def test_is_filed_under_its_own_name_with_settings_that_are_described(name: str) -> None:
    kind = methods[name]
    assert kind.name == name
    assert [row[0] for row in kind.settings_type.table() if not row[3].strip()] == []
    assert not kind.settings_type.model_fields.keys() & TrainingSettings.model_fields.keys()


@pytest.mark.parametrize("name", list(methods))
def test_ablations_are_settings_of_the_method(name: str) -> None:
    for changes in methods[name].ablations().values():
        assert changes.keys() <= methods[name].settings_type.model_fields.keys() | TrainingSettings.model_fields.keys()


def built(name: str, data: PairedFeatures, changes: Mapping[str, Any] | None = None) -> tuple[Method, Batch]:
    kind = methods[name]
    part = data.split("train")
    first, second = part.modalities.values()
    torch.manual_seed(0)
    corpus = CorpusInfo(part.shapes, len(part), part.classes if kind.supervised else 0)
    method = kind(kind.settings_type.build(changes or {}), corpus)
    targets = part.targets if kind.supervised else None
    if kind.needs_inferred_targets:
        assert targets is not None
        method.set_inferred_targets(InferredTargets((targets, targets), torch.eye(2 * CLASSES).roll(CLASSES + 1, 1)))
    generator = torch.Generator().manual_seed(0)
    return method, Batch(torch.arange(len(part)), (first, second), targets, global_size=len(part), generator=generator)


@pytest.mark.parametrize("name", list(methods))
def test_a_step_gives_finite_scalars_and_gradients(name: str, data: PairedFeatures) -> None:
    method, batch = built(name, data)
    method.on_train_start(batch)
    if not method.iterative:
        return
    terms = method.train().step(batch)
    assert "loss" in terms
    assert all(term.dim() == 0 and term.isfinite() for term in terms.values())
    terms["loss"].backward()
    gradients = [p.grad for p in method.parameters() if p.requires_grad and p.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert any(gradient.abs().max() > 0 for gradient in gradients)


@pytest.mark.parametrize("name", list(methods))
def test_embeddings_are_unit_rows_of_one_size(name: str, stored: dict[str, Run], data: PairedFeatures) -> None:
    first, second = stored[name].embed(data).values()
    assert first.shape == second.shape
    assert len(first) == len(data)
    for rows in (first, second):
        assert not rows.requires_grad
        torch.testing.assert_close(rows.norm(dim=1), torch.ones(len(data)))


@pytest.mark.parametrize("name", list(methods))
def test_a_stored_run_embeds_the_same(name: str, stored: dict[str, Run], data: PairedFeatures) -> None:
    run = stored[name]
    assert run.folder is not None
    again = Run.load(run.folder)
    assert_same(run.method.weights_state(), again.method.weights_state())
    assert_same(run.embed(data), again.embed(data))


@pytest.mark.parametrize("name", [name for name, kind in methods.items() if kind.iterative])
def test_an_interrupted_run_resumes_to_the_same_weights(
    name: str, stored: dict[str, Run], data: PairedFeatures, tmp_path: Path
) -> None:
    def interrupt(report: Any) -> None:
        if report.done == EPOCHS // 2:
            interrupted.append(report.done)
        elif report.done > EPOCHS // 2:
            raise KeyboardInterrupt

    interrupted: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        train(name, data, settings=settings(name), out=tmp_path, progress=interrupt)
    assert interrupted
    resumed = train(name, data, settings=settings(name), out=tmp_path, resume=True)
    assert_same(weights(stored[name]), weights(resumed))
    assert_same(stored[name].embed(data), resumed.embed(data))


@pytest.mark.parametrize("name", [name for name, kind in methods.items() if not kind.supervised])
def test_a_label_free_method_does_not_depend_on_labels(name: str, stored: dict[str, Run], data: PairedFeatures) -> None:
    assert data.targets is not None
    other = replace(data, labels=data.targets.roll(1, dims=0))
    assert_same(weights(stored[name]), weights(train(name, other, settings=settings(name))))


@pytest.mark.parametrize("name", [name for name, kind in methods.items() if kind.iterative])
def test_another_seed_gives_another_run(name: str, stored: dict[str, Run], data: PairedFeatures) -> None:
    other = train(name, data, settings=settings(name, seed=2))
    assert any(not torch.equal(tensor, weights(other)[key]) for key, tensor in weights(stored[name]).items())


_MINED: dict[str, dict[str, Any]] = {
    "walks": {"mining_rows": 0},
    "inverted lists": {"mining_rows": 0, "mining_exact_rows": 100},
    "batches": {"mining_rows": 0, "mining_weighting": "softmax"},
}
_ON_PARTS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name, kind in methods.items() if kind.works_on_parts),
    *(("hsc-mae", changes) for changes in _MINED.values()),
]


def on_parts(whole: Method, batch: Batch, count: int) -> list[tuple[dict[str, Tensor], Method]]:
    """A copy of a method for each part of the rows: its terms of a step, and the copy; threads are the processes."""
    shared: list[Tensor] = [torch.empty(0)] * count
    barrier = threading.Barrier(count)
    size = len(batch) // count

    def work(number: int) -> tuple[dict[str, Tensor], Method]:
        def gather(tensor: Tensor) -> Tensor:
            shared[number] = tensor
            barrier.wait(60)
            joined = torch.cat(shared)
            barrier.wait(60)
            return joined

        own = slice(number * size, (number + 1) * size)
        rows = batch.features[0][own], batch.features[1][own]
        labels = None if batch.labels is None else batch.labels[own]
        generator = torch.Generator().manual_seed(0)
        part = replace(batch, rows=batch.rows[own], features=rows, labels=labels, gather=gather, offset=own.start)
        method = copy.deepcopy(whole)
        try:
            return see_everything(method, replace(part, generator=generator)), method
        except BaseException:
            barrier.abort()
            raise

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))


def see_everything(method: Method, train: Batch) -> dict[str, Tensor]:
    """All that a method does with the training set, and a step on it."""
    method.on_train_start(train)
    method.on_epoch_start(train)
    assert train.generator is not None
    train.generator.manual_seed(1)
    with torch.no_grad():
        terms = method.eval().step(train)
        method.prepare_embedding(train)
    return terms


@pytest.mark.parametrize(("name", "changes"), _ON_PARTS)
def test_parts_of_the_training_rows_come_to_what_the_whole_comes_to(
    name: str, changes: dict[str, Any], data: PairedFeatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("overtone.methods.mined_walks.DIRECTIONS", 4)  # fewer than columns
    method, batch = built(name, data, changes)
    parts = on_parts(method, batch, 2)
    terms = see_everything(method, batch)
    for _, part in parts:
        for key, tensor in part.state_dict().items():
            torch.testing.assert_close(tensor, method.state_dict()[key], atol=1e-4, rtol=1e-4, msg=key)
    for key, term in terms.items():
        torch.testing.assert_close(torch.stack([found[key] for found, _ in parts]).mean(), term, atol=1e-4, rtol=1e-4)


def test_a_method_that_sees_the_training_set_in_its_own_way_has_to_say_that_it_works_on_parts() -> None:
    class Own(InfoNCE):
        def on_epoch_start(self, train: Batch) -> None:
            self.mean = train.features[0].mean()

    class Sure(Own):
        works_on_parts = True

    assert InfoNCE.works_on_parts
    assert (Own.works_on_parts, Sure.works_on_parts) == (False, True)


def test_the_docs_name_the_methods_with_steps_that_need_all_rows_in_every_process() -> None:
    scale = Path(__file__).parents[2] / "docs" / "scale.md"
    (line,) = (line for line in scale.read_text().splitlines() if line.startswith("- **Every process holds all rows**"))
    need_all = {name for name, kind in methods.items() if kind.iterative and not kind.works_on_parts}
    assert {name for name in methods if f"`{name}`" in line} == need_all
