"""What holds for each method, whatever its defaults: hsc-mae, cca, dcca, infonce, cav-mae and whoever joins them."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

from overtone.core import InputError
from overtone.methods.base import CorpusInfo, methods
from overtone.methods.two_tower import LARGE, TwoTower
from overtone.objectives import metric_losses

ALL = list(methods)
TRAINED = [name for name, kind in methods.items() if kind.iterative]
FRAMED = [name for name, kind in methods.items() if issubclass(kind, TwoTower)]
SHAPES = {"rows": ((6,), (5,)), "sequences": ((3, 6), (4, 5)), "mixed": ((6,), (4, 5))}
SEVERAL = [
    ("cav-mae", {}),
    ("cav-mae", {"reconstruct": "all", "batch_norm": True}),
    ("dcca", {"canonical_power": "rho"}),
    ("dcca", {"canonical_power": "rho2", "batch_norm": True}),
    ("infonce", {}),
    ("hsc-mae", {}),
    ("hsc-mae", {"batch_norm": True, "mask_value": "learned"}),
    ("hsc-mae", {"canonical_weight": 0.0, "within_weight": 0.5, "form": "multi_positive"}),
    ("hsc-mae", {"distillation_weight": 1.0, "distillation": "embedding"}),
    ("hsc-mae", {"distillation_weight": 1.0, "distillation": "similarity"}),
    ("hsc-mae", {"mining_rows": 0, "mining_weighting": "walk", "canonical_power": "rho"}),
    ("hsc-mae", {"mining_rows": 0, "mining_weighting": "softmax", "mining_view": "mean", "neighbours": 3}),
    ("hsc-mae", {"mining_rows": 0, "queue": 20, "within_weight": 0.5}),
    ("hsc-mae", {"mining_rows": 0, "queue": 100, "form": "multi_positive"}),
    ("hsc-mae", {"own_weight": 1.0}),
    ("hsc-mae", {"learn_weights": True, "warmup": 0.0}),
    ("av-sal", {}),
    ("av-sal", {"head": "softmax", "smoothing": 0.2}),
    ("av-sal", {"mixup": 0.7, "negative_weight": 0.2, "depth": 0, "feature_reconstruction": 3.0}),
    ("triplet", {}),
    ("triplet", {"mining": "batch-hard", "batch_norm": True}),
    *(("metric", {"loss": loss}) for loss in metric_losses()),
]
VARIANTS = [*SEVERAL, *((name, {}) for name in TRAINED if name not in dict(SEVERAL))]
IDS = [f"{name}-{'-'.join(map(str, settings.values())) or 'as it is'}" for name, settings in VARIANTS]


@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize(("name", "settings"), VARIANTS, ids=IDS)
def test_terms_are_finite_scalars_with_a_gradient(ready, name, settings, shapes):
    method, batch = ready(name, shapes=shapes, **settings)
    terms = method.step(batch)
    assert "loss" in terms
    assert all(term.dim() == 0 and term.isfinite() for term in terms.values())
    terms["loss"].backward()
    learning = [p for p in method.parameters() if p.requires_grad]
    assert all(p.grad is None or p.grad.isfinite().all() for p in learning)
    assert any(p.grad is not None and p.grad.any() for p in learning)
    grouped = [id(p) for group in method.parameter_groups(0.1, 0.1) for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in learning)


@pytest.mark.parametrize(("name", "settings"), VARIANTS, ids=IDS)
def test_half_precision_changes_a_step_little(ready, name, settings):
    found = []
    for enabled in (False, True):
        method, batch = ready(name, **settings, **({"dropout": 0.0} if name in FRAMED else {}))
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            terms = method.step(batch)
        terms["loss"].backward()
        assert all(p.grad is None or p.grad.isfinite().all() for p in method.parameters())
        found.append({key: value.item() for key, value in terms.items()})
    assert found[1] == pytest.approx(found[0], rel=0.1, abs=0.05)
    assert found[0] != found[1]


@pytest.mark.parametrize(("name", "settings"), VARIANTS, ids=IDS)
def test_two_processes_descend_what_one_would(ready, two_processes, name, settings):
    shapes = SHAPES["mixed"]
    method, batch = ready(name, shapes=shapes, dropout=0.0, **settings)
    parts, copies = two_processes(method, batch)
    terms = method.step(batch)
    assert all(part.keys() == terms.keys() for part in parts)
    for key, value in terms.items():
        mean = torch.stack([part[key] for part in parts]).mean()
        torch.testing.assert_close(mean, value, rtol=1e-4, atol=1e-6)
    terms["loss"].backward()
    torch.stack([part["loss"] for part in parts]).mean().backward()
    compared = 0
    for wanted, first, second in zip(method.parameters(), *(one.parameters() for one in copies)):
        if wanted.grad is not None:
            torch.testing.assert_close(first.grad + second.grad, wanted.grad, rtol=1e-3, atol=1e-5)
            compared += bool(wanted.grad.any())
    assert compared
    for wanted, first, second in zip(method.buffers(), *(one.buffers() for one in copies)):
        torch.testing.assert_close(first, wanted, rtol=1e-4, atol=1e-5)
        assert torch.equal(first, second)


@pytest.mark.parametrize(("name", "settings"), VARIANTS, ids=IDS)
def test_no_step_makes_the_host_wait(ready, some, watch_syncs, name, settings):
    method, batch = ready(name, **settings)
    batch = some(batch, slice(0, 40))
    with watch_syncs() as syncs:
        method.step(batch)["loss"].backward()
        method.on_step_end(0.5)
        assert syncs.found == []
        batch.features[0].sum().item()
        assert syncs.found  # or else this test would see nothing


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize(("name", "settings"), VARIANTS, ids=IDS)
def test_a_gpu_computes_the_same_without_waiting(ready, name, settings):
    still = {"dropout": 0.0, "mask_ratio": 0.0, "reconstruct": "all"}  # a GPU draws other random numbers
    still = {key: value for key, value in still.items() if key in methods[name].settings_type.model_fields}
    method, batch = ready(name, **{**settings, **still})
    there = copy.deepcopy(method).cuda()
    moved = replace(
        batch,
        rows=batch.rows.cuda(),
        features=(batch.features[0].cuda(), batch.features[1].cuda()),
        labels=None if batch.labels is None else batch.labels.cuda(),
        generator=torch.Generator("cuda").manual_seed(0),
    )
    copy.deepcopy(there).step(moved)["loss"].backward()  # libraries set themselves up at first, and wait
    waits = settings.get("canonical_power") == "rho"  # a decomposition asks whether it has converged
    torch.cuda.set_sync_debug_mode("default" if waits else "error")
    try:
        terms = there.step(moved)
        terms["loss"].backward()
        there.on_step_end(0.5)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    wanted = {key: value.item() for key, value in method.step(batch).items()}
    assert {key: value.item() for key, value in terms.items()} == pytest.approx(wanted, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("name", ALL)
def test_embeddings_are_unit_rows_of_one_width_without_gradient(ready, name, shapes):
    method, batch = ready(name, shapes=shapes)
    method.prepare_embedding(batch)
    method.eval()
    named = [
        {"embed": method.embed(rows, side), **method.embed_variants(rows, side)}
        for side, rows in enumerate(batch.features)
    ]
    assert named[0].keys() == named[1].keys()
    for first, second in zip(named[0].values(), named[1].values()):
        assert first.shape == second.shape
        for rows in (first, second):
            assert not rows.requires_grad
            torch.testing.assert_close(rows.norm(dim=1), torch.ones(48))
    if len(named[0]) > 1:
        assert not torch.equal(*list(named[0].values())[:2])
    each = torch.cat([method.embed(row, 0) for row in batch.features[0].split(1)])
    whole, other = named[0]["embed"], named[1]["embed"]  # a row's embedding is its own:
    torch.testing.assert_close(each @ other.T, whole @ other.T, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(each, whole, rtol=1e-3, atol=1e-3)  # a pad of sqrt(1 - x) magnifies the last bit of x


@pytest.mark.parametrize("name", ALL)
def test_the_state_is_all_there_is(ready, make, name):
    method, batch = ready(name)
    if method.iterative:
        optimizer = torch.optim.AdamW(method.parameter_groups(0.01, 0.1))
        for progress in (0.2, 0.4):
            method.step(batch)["loss"].backward()
            optimizer.step()
            method.on_step_end(progress)
    method.prepare_embedding(batch)
    other, _ = make(name, seed=1)
    before = other.eval().embed(batch.features[0], 0)
    other.load_state_dict(method.state_dict())
    method.eval()
    for side, rows in enumerate(batch.features):
        assert torch.equal(other.embed(rows, side), method.embed(rows, side))
        for variant, found in other.embed_variants(rows, side).items():
            assert torch.equal(found, method.embed_variants(rows, side)[variant])
    assert not torch.equal(before, other.embed(batch.features[0], 0))


@pytest.mark.parametrize("name", ALL)
def test_a_misspelt_setting_is_refused(make, name):
    some_name = next(iter(methods[name].settings_type.model_fields))
    with pytest.raises(InputError, match=f"unknown setting .*{some_name}s'.*did you mean '{some_name}'"):
        make(name, **{f"{some_name}s": 1})


@pytest.mark.parametrize("name", [name for name in TRAINED if not methods[name].supervised])
def test_a_label_free_step_does_not_look_at_targets(ready, name):
    method, batch = ready(name)
    state = torch.get_rng_state(), batch.generator.get_state()
    blind = method.step(batch)
    torch.set_rng_state(state[0])
    batch.generator.set_state(state[1])
    method, _ = ready(name)
    torch.set_rng_state(state[0])
    seeing = method.step(replace(batch, labels=torch.full((48, 3), torch.nan)))
    assert all(torch.equal(blind[key], seeing[key]) for key in blind)


@pytest.mark.parametrize("name", TRAINED)
def test_every_ablation_steps_and_differs(ready, name):
    def loss(**settings):
        method, batch = ready(name, **settings)
        return method.step(replace(batch, progress=1.0))["loss"].item()  # by then every term acts

    whole = loss()
    for changes in methods[name].ablations().values():
        own = {key: value for key, value in changes.items() if key in methods[name].settings_type.model_fields}
        assert loss(**own) != whole


@pytest.mark.parametrize("name", FRAMED)
def test_the_teacher_follows_without_gradient_and_it_embeds(ready, name):
    method, batch = ready(name, projection="none", teacher_momentum=0.9, teacher_momentum_end=0.5)
    method.step(batch)["loss"].backward()
    assert all(p.grad is None and not p.requires_grad for p in method.teacher.parameters())
    assert not any(module.training for module in method.teacher.modules())
    with torch.no_grad():
        for p in method.encoders.parameters():
            p.add_(torch.randn_like(p))
    before = [p.clone() for p in method.teacher.parameters()]
    embedded = method.embed(batch.features[0], 0)
    method.on_step_end(0.5)  # half-way between the momenta: 0.7
    for was, now, own in zip(before, method.teacher.parameters(), method.encoders.parameters()):
        torch.testing.assert_close(now, 0.7 * was + 0.3 * own.detach())
    assert not torch.equal(embedded, method.embed(batch.features[0], 0))


@pytest.mark.parametrize("name", FRAMED)
def test_the_projection_is_what_the_setting_says_and_the_other_is_reported(ready, name):
    found = {}
    for projection in ("none", "canonical"):
        form = {"student": "lir"} if name == "interactions" else {}  # its heads have no projection
        method, batch = ready(name, projection=projection, **form)
        method.prepare_embedding(batch)
        (other,) = method.embed_variants(batch.features[0], 0)
        found[projection] = method.embed(batch.features[0], 0), method.embed_variants(batch.features[0], 0)[other]
        assert other == {"none": "canonical", "canonical": "raw"}[projection]
    assert torch.equal(found["none"][0], found["canonical"][1])
    assert torch.equal(found["none"][1], found["canonical"][0])


@pytest.mark.parametrize("name", FRAMED)
def test_gaps_in_the_settings_are_filled_by_corpus_size(name):
    kind = methods[name]
    shapes = SHAPES["rows"]
    small, large = (kind.resolve(kind.settings_type(), CorpusInfo(shapes, rows)) for rows in (40, LARGE))
    assert 2 <= small.embedding_dim <= min(10, large.embedding_dim)
    given = kind.resolve(
        kind.settings_type.build({"width": 12, "depth": 0, "embedding_dim": 7}), CorpusInfo(shapes, LARGE)
    )
    assert (given.width, given.depth, given.embedding_dim) == (12, 0, 7)


@pytest.mark.parametrize("rows", [4, 20, 60, LARGE])
@pytest.mark.parametrize("name", FRAMED)
def test_dimensions_leave_rows_enough_for_canonical_correlation(name, rows):
    corpus = CorpusInfo(SHAPES["rows"], rows)
    dimensions = methods[name].resolve(methods[name].settings_type(), corpus).embedding_dim
    assert dimensions >= 2
    assert 2 * dimensions <= min(rows, methods[name].training_defaults(corpus).batch_size)


@pytest.mark.parametrize("rows", [10, 300, 3000, LARGE, 200_000])
@pytest.mark.parametrize("name", TRAINED)
def test_training_defaults_hold_for_any_size(name, rows):
    defaults = methods[name].training_defaults(CorpusInfo(SHAPES["rows"], rows))
    assert defaults.epochs >= 1
    assert defaults.batch_size >= 2
    assert 0 < defaults.learning_rate < 1
    assert defaults.weight_decay >= 0
    assert defaults.select != "map" or methods[name].supervised


@pytest.mark.parametrize(
    ("name", "rate"), [("hsc-mae", 2e-3), ("infonce", 2e-3), ("triplet", 2e-3), ("dcca", 1e-3), ("av-sal", 3e-3)]
)
def test_large_corpora_have_larger_batches_at_the_same_rate(name, rate):
    wanted = {LARGE - 1: (256, rate), LARGE: (512, rate)}
    for rows, budget in wanted.items():
        defaults = methods[name].training_defaults(CorpusInfo(SHAPES["rows"], rows))
        assert (defaults.batch_size, defaults.learning_rate) == budget
        assert defaults.weight_decay == (1e-3 if name == "av-sal" else 1e-4)
