"""HSC-MAE term by term: what each needs, what switches it off, how neighbours are found."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from overtone.methods.base import methods
from overtone.objectives.canonical import canonical_loss
from overtone.objectives.distillation import distillation
from overtone.objectives.soft_infonce import infonce, soft_infonce, soft_infonce_within, symmetric_soft_infonce
from overtone.objectives.targets import own_and_others

TERMS = {"canonical", "neighbours", "reconstruction", "distillation"}
ON = {
    "canonical_weight": 0.7,
    "neighbour_weight": 1.3,
    "reconstruction_weight": 0.4,
    "distillation_weight": 0.2,
    "own_weight": 0.3,
    "mining_rows": 4096,
}
"""All terms on, so that no test depends on what the defaults are."""


def test_the_loss_is_the_weighted_sum_of_its_terms(ready):
    method, batch = ready("hsc-mae", **ON)
    terms = method.step(batch)
    assert terms.keys() == {"loss"} | TERMS
    weights = {"canonical": 0.7, "neighbours": 1.3, "reconstruction": 0.4, "distillation": 0.2}
    torch.testing.assert_close(terms["loss"], sum(weights[name] * terms[name] for name in TERMS))
    assert all(terms[name] > 0 for name in TERMS)


@pytest.mark.parametrize("kind", ["embedding", "similarity"])
def test_each_term_is_its_loss_over_both_modalities(ready, kind):
    method, batch = ready("hsc-mae", **{**ON, "dropout": 0.0, "mask_ratio": 0.0, "distillation": kind})
    with torch.no_grad():
        for p in method.encoders.parameters():
            p.add_(0.3 * torch.randn_like(p))
    terms, s = method.step(batch), method.settings
    student = method.encode(batch, batch.features)
    torch.testing.assert_close(terms["canonical"], canonical_loss(*student, s.canonical_ridge, s.canonical_power))
    apart = [distillation(student[m], method.teach(batch.features[m], m), kind) for m in (0, 1)]
    torch.testing.assert_close(terms["distillation"], torch.stack(apart).mean())
    others = method.affinity.float()
    targets = own_and_others(others, s.own_weight)
    inside = others / others.sum(1, keepdim=True).clamp_min(1e-12)
    within = [soft_infonce_within(z, inside, s.temperature, s.form) for z in student]
    wanted = symmetric_soft_infonce(*student, targets, s.temperature, s.form)
    torch.testing.assert_close(terms["neighbours"], wanted + s.within_weight * torch.stack(within).mean())


@pytest.mark.parametrize("term", ["canonical", "neighbour", "reconstruction", "distillation"])
def test_a_weight_of_zero_leaves_a_term_out(ready, term):
    method, batch = ready("hsc-mae", **{**ON, f"{term}_weight": 0.0})
    left_out = {"neighbour": "neighbours"}.get(term, term)
    assert method.step(batch).keys() == {"loss"} | TERMS - {left_out}
    assert (len(method.decoders) == 0) == (term == "reconstruction")
    assert (method.affinity.numel() == 0) == (term == "neighbour")


def ablated(ready, name):
    return ready("hsc-mae", **{**ON, **methods["hsc-mae"].ablations()[name]})


def test_each_ablation_takes_away_what_its_name_says(ready):
    assert {"no-canonical", "no-neighbours", "no-reconstruction", "no-masking"} <= methods["hsc-mae"].ablations().keys()
    for name in ("canonical", "reconstruction"):
        method, batch = ablated(ready, f"no-{name}")
        assert name not in method.step(batch)
    method, batch = ablated(ready, "no-masking")
    hidden, masks = method.mask(batch)
    assert not any(mask.any() for mask in masks)
    assert all(torch.equal(a, b) for a, b in zip(hidden, batch.features))


def test_without_neighbours_the_local_term_is_plain_infonce(ready):
    changes = {**ON, **methods["hsc-mae"].ablations()["no-neighbours"]}
    method, batch = ready("hsc-mae", **{**changes, "dropout": 0.0, "mask_ratio": 0.0, "canonical_weight": 0.0})
    assert not method.mines
    assert method.affinity.numel() == 0
    first, second = method.encode(batch, batch.features)
    wanted = infonce(first, second, method.settings.temperature)
    torch.testing.assert_close(method.step(batch)["neighbours"], wanted)


def test_a_survey_mines_the_whole_training_set(ready, some):
    method, batch = ready("hsc-mae", **ON)
    assert method.affinity.shape == (48, 48)
    torch.testing.assert_close(method.affinity.float().sum(1), torch.ones(48), atol=0.01, rtol=0)
    assert not method.affinity.diagonal().any()
    rows = slice(10, 30)
    weights, memory = method._others(some(batch, rows))
    assert memory is None
    assert torch.equal(weights, method.affinity[rows, rows].float())


@pytest.mark.parametrize("weighting", ["walk", "softmax"])
@pytest.mark.parametrize("view", ["joint", "mean"])
def test_a_batch_of_everything_is_mined_like_everything(ready, weighting, view):
    same = {**ON, "mining_weighting": weighting, "mining_view": view, "neighbours": 5}
    whole, batch = ready("hsc-mae", rows=32, **same)
    parts, _ = ready("hsc-mae", rows=32, **{**same, "mining_rows": 0})
    assert parts.affinity.numel() == 0
    wanted, found = whole._others(batch)[0], parts._others(batch)[0]
    torch.testing.assert_close(found, wanted, atol=2e-3, rtol=0)
    assert (wanted > 0.01).any()


def test_the_projection_that_batches_are_mined_through_is_fitted_on_a_sample(ready):
    method, _ = ready("hsc-mae", rows=200, **{**ON, "mining_rows": 0})
    assert method.look.correlations.max() > 0.1


def moments(method, batch, epochs):
    """At which of so many epochs the training set is mined."""
    found = []
    mine, method.look.fit = method.look.fit, lambda *_: found.append(epoch)
    for epoch in range(epochs):
        method.on_epoch_start(replace(batch, progress=epoch / epochs))
    method.look.fit = mine
    return found


@pytest.mark.parametrize(
    ("mining_refreshes", "wanted"), [(1, [0]), (2, [0, 4]), (4, [0, 2, 4, 6]), (100, list(range(8)))]
)
def test_mining_is_spread_over_the_training(make, mining_refreshes, wanted):
    method, batch = make("hsc-mae", **{**ON, "mining_refreshes": mining_refreshes})
    assert moments(method, batch, 8) == wanted


def test_a_resumed_training_surveys_where_the_other_would_have(make):
    method, batch = make("hsc-mae", **{**ON, "mining_refreshes": 2})
    method.on_epoch_start(batch)
    again, _ = make("hsc-mae", seed=1, **{**ON, "mining_refreshes": 2})
    again.load_state_dict(method.state_dict())
    assert moments(again, batch, 8) == [4]
    assert torch.equal(again.affinity, method.affinity)


def test_no_survey_without_neighbours(make):
    method, batch = make("hsc-mae", **{**ON, "own_weight": 1.0})
    assert moments(method, batch, 8) == []


QUEUED = {**ON, "mining_rows": 0, "queue": 20}


def test_a_queue_is_first_in_first_out(ready, some):
    method, batch = ready("hsc-mae", **QUEUED)
    assert method.queue.shape == (2, 20, 4)
    torch.testing.assert_close(method.queue.norm(dim=2), torch.ones(2, 20))  # filled before the first step
    for rows in (slice(0, 8), slice(8, 24), slice(0, 48)):
        before, now = method.queue.clone(), [method.teach(z[rows], side) for side, z in enumerate(batch.features)]
        method.step(some(batch, rows))
        wanted = torch.cat([torch.stack(now), before], 1)[:, :20]
        assert torch.equal(method.queue, wanted)
        assert not method.queue.requires_grad


def test_a_queue_extends_the_neighbourhood(ready, some):
    method, batch = ready("hsc-mae", **QUEUED)
    rows = some(batch, slice(0, 10))
    weights, memory = method._others(rows)
    assert weights.shape == (10, 30)
    assert memory is not None
    assert memory[0].shape == memory[1].shape == (20, 4)
    assert weights[:, 10:].any()


def test_with_a_queue_the_local_term_is_the_mean_of_both_directions(ready):
    method, batch = ready("hsc-mae", **{**QUEUED, "dropout": 0.0, "mask_ratio": 0.0, "within_weight": 0.0})
    before = method.queue.clone()
    first, second = method.encode(batch, batch.features)
    others, past = method._others(batch)
    method.queue.copy_(before)
    targets, s = own_and_others(others, method.settings.own_weight), method.settings
    there = soft_infonce(first, torch.cat([second, past[1]]), targets, s.temperature, s.form)
    back = soft_infonce(second, torch.cat([first, past[0]]), targets, s.temperature, s.form)
    torch.testing.assert_close(method.step(batch)["neighbours"], torch.stack([there, back]).mean())


def test_a_queue_is_not_there_where_the_training_set_is_mined_as_a_whole(ready):
    method, _ = ready("hsc-mae", **{**QUEUED, "mining_rows": 4096})
    assert method.queue.numel() == 0


LEARNT = {**ON, "learn_weights": True, "warmup": 0.25, "weights_learning_rate": 0.5}


def test_learned_weights_wait_for_a_warm_up_of_reconstruction(ready):
    method, batch = ready("hsc-mae", **LEARNT)
    before = method.step(replace(batch, progress=0.24))
    assert before.keys() == {"loss"} | TERMS
    torch.testing.assert_close(before["loss"], 0.4 * before["reconstruction"])
    before["loss"].backward()
    assert method.learned.log_variance.grad is None
    after = method.step(replace(batch, progress=0.25))
    torch.testing.assert_close(after["loss"], method.learned({name: after[name] for name in TERMS}))
    after["loss"].backward()
    assert method.learned.log_variance.grad.abs().min() > 0


def test_without_reconstruction_there_is_nothing_to_warm_up_with(ready):
    method, batch = ready("hsc-mae", **{**LEARNT, "reconstruction_weight": 0.0})
    terms = method.step(batch)
    torch.testing.assert_close(terms["loss"], method.learned({n: terms[n] for n in TERMS - {"reconstruction"}}))


def test_learned_weights_start_as_given_at_a_rate_of_their_own(make):
    method, _ = make("hsc-mae", **LEARNT)
    started = dict(zip(method.learned.names, method.learned.log_variance.neg().exp().tolist()))
    assert started == pytest.approx({"canonical": 0.7, "neighbours": 1.3, "reconstruction": 0.4, "distillation": 0.2})
    groups = method.parameter_groups(0.1, 0.2)
    (own,) = [group for group in groups if any(p is method.learned.log_variance for p in group["params"])]
    assert len(own["params"]) == 1
    assert (own["lr"], own["weight_decay"]) == (0.5, 0.0)
    assert all(group["lr"] == 0.1 for group in groups if group is not own)


def test_only_what_is_hidden_is_reconstructed(ready):
    """With nothing hidden the masked form has nothing to learn from; all entries do."""
    for where, zero in (("masked", True), ("all", False)):
        method, batch = ready("hsc-mae", **{**ON, "mask_ratio": 0.0, "reconstruct": where})
        assert (method.step(batch)["reconstruction"].item() == 0) == zero


def test_whole_steps_of_sequences_are_hidden(ready):
    method, batch = ready("hsc-mae", shapes=((5, 6), (5,)), **{**ON, "mask_ratio": 0.0, "mask_steps": 0.5})
    (hidden, rows), (steps, none) = method.mask(batch)
    assert torch.equal(steps.any(2), steps.all(2))
    assert 0.3 < steps.float().mean() < 0.7
    assert not hidden[steps].any()
    assert not none.any()
    assert torch.equal(rows, batch.features[1])
    assert method.step(batch)["loss"].isfinite()


def test_distillation_leads_the_student_to_the_teacher(ready):
    method, batch = ready("hsc-mae", **{**ON, "dropout": 0.0, "mask_ratio": 0.0})
    assert method.step(batch)["distillation"].item() == pytest.approx(0, abs=1e-6)  # they begin as one
    with torch.no_grad():
        for p in method.encoders.parameters():
            p.add_(0.3 * torch.randn_like(p))
    terms = method.step(batch)
    assert terms["distillation"].item() > 0.01
    terms["distillation"].backward()
    assert all(p.grad is None for p in method.teacher.parameters())
    assert any(p.grad is not None and p.grad.any() for p in method.encoders.parameters())


def test_training_brings_partners_together(ready):
    """A few dozen steps with everything on: own partners rank higher than before."""

    def rank(method):
        first, second = (method.embed(rows, side) for side, rows in enumerate(batch.features))
        similarity = first @ second.T
        return (similarity > similarity.diagonal()[:, None]).float().mean().item()

    quick = {
        "teacher_momentum": 0.5,
        "teacher_momentum_end": 0.9,
        "own_weight": 0.6,
        "temperature": 0.2,
        "mask_ratio": 0.2,
    }
    method, batch = ready("hsc-mae", **{**ON, **quick, "projection": "none", "dropout": 0.0})
    optimizer = torch.optim.AdamW(method.parameter_groups(0.01, 1e-4))
    before = rank(method)
    for step in range(60):
        method.on_epoch_start(replace(batch, progress=step / 60))
        optimizer.zero_grad()
        method.step(replace(batch, progress=step / 60))["loss"].backward()
        optimizer.step()
        method.on_step_end(step / 60)
    assert rank(method) < 0.5 * before


@pytest.mark.parametrize(("given", "share"), [(0.25, 0.25), (None, 0.2)])  # null stands in settings of old runs
def test_how_much_is_hidden_is_a_setting(make, given, share):
    method, batch = make("hsc-mae", rows=400, shapes=((40,), (30,)), **{**ON, "mask_ratio": given})
    for mask in method.mask(batch)[1]:
        assert mask.float().mean().item() == pytest.approx(share, abs=0.02)
