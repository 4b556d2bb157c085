"""Methods on clips that lack a modality, and on clips that belong together."""

from dataclasses import replace

import pytest
import torch

from overtone.core import InputError
from overtone.methods import CorpusInfo, methods
from overtone.methods.neighbourhoods import Mining
from overtone.objectives.soft_infonce import infonce
from overtone.objectives.targets import own_and_others

PAIRED, ROWS = 24, 48
BATCHWISE = {"mining_rows": 0}
SOFTMAX = {"mining_rows": 0, "mining_weighting": "softmax"}  # walks on marked rows go over each modality's own edges
FORMS = [{}, {"form": "multi_positive"}, {"distillation_weight": 1.0}, BATCHWISE, {"own_weight": 1.0}]
FORMS += [{"distillation_weight": 1.0, "distillation": "similarity"}, {"reconstruct": "all"}, {"walk_edges": 40}]


def unpaired(ready, absent=0.0, **settings):
    """A method and 48 rows: 24 whole ones, 12 with the first modality only, 12 with the second only, mixed."""
    number = torch.randperm(ROWS, generator=torch.Generator().manual_seed(5))
    present = (number < PAIRED + 12, (number < PAIRED) | (number >= PAIRED + 12))
    method, batch = ready("hsc-mae", rows=ROWS, **settings)
    first, second = (torch.where(there[:, None], rows, absent) for rows, there in zip(batch.features, present))
    method.surveyed.fill_(-1)
    batch = replace(batch, features=(first, second), present=present, pairs=PAIRED)
    method.on_epoch_start(batch)
    return method, batch


def terms_and_gradient(method, batch):
    torch.manual_seed(0)
    batch.generator.manual_seed(0)
    method.zero_grad()
    terms = method.step(batch)
    terms["loss"].backward()
    gradient = torch.cat([p.grad.flatten() for p in method.encoders.parameters()])
    return {name: float(value.detach()) for name, value in terms.items()}, gradient


@pytest.mark.parametrize("settings", FORMS)
def test_what_stands_in_the_place_of_a_missing_modality_does_not_matter(ready, settings):
    zeros = terms_and_gradient(*unpaired(ready, dropout=0.0, **settings))
    numbers = terms_and_gradient(*unpaired(ready, absent=3.0, dropout=0.0, **settings))
    assert numbers[0] == pytest.approx(zeros[0], rel=1e-5)
    assert numbers[1].allclose(zeros[1], atol=1e-5)
    assert zeros[1].isfinite().all()
    assert zeros[1].norm() > 0


@pytest.mark.parametrize("settings", [one if one != BATCHWISE else SOFTMAX for one in FORMS])
def test_whole_rows_that_are_marked_as_whole_train_as_ever(ready, settings):
    method, batch = ready("hsc-mae", rows=ROWS, dropout=0.0, **settings)
    plain = terms_and_gradient(method, batch)
    everyone = torch.ones(ROWS, dtype=torch.bool)
    marked = terms_and_gradient(method, replace(batch, present=(everyone, everyone), pairs=ROWS))
    assert marked[0] == pytest.approx(plain[0], rel=1e-4)
    assert marked[1].allclose(plain[1], atol=1e-4)
    alone = terms_and_gradient(method, replace(batch, groups=torch.arange(ROWS)))
    assert alone[0] == pytest.approx(plain[0], rel=1e-4)


@pytest.mark.parametrize("settings", FORMS)
def test_two_processes_descend_what_one_would(ready, two_processes, settings):
    method, batch = unpaired(ready, dropout=0.0, **settings)
    state = batch.generator.get_state()
    parts, copies = two_processes(method, batch)
    batch.generator.set_state(state)
    whole = method.step(batch)
    whole["loss"].backward()
    torch.stack([terms["loss"] for terms in parts]).mean().backward()
    for name, value in whole.items():
        assert sum(float(terms[name].detach()) for terms in parts) / 2 == pytest.approx(float(value.detach()), abs=1e-5)
    for name, parameter in method.named_parameters():
        if parameter.grad is not None:
            summed = sum(dict(one.named_parameters())[name].grad for one in copies)
            assert summed.allclose(parameter.grad, atol=1e-5), name


def test_walks_reach_the_other_modality_through_paired_rows():
    points = torch.nn.functional.normalize(
        torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.8, 0.2], [0.0, 1.0], [0.1, 0.9]]), dim=1
    )
    present = torch.tensor([True, True, False, True, False]), torch.tensor([False, True, True, True, True])
    mining = Mining("joint", False, "walk", 0.2, 1, 0.1, 0.05)
    (first, second), shares = mining.similarities((points, points), (points, points), present)
    assert first[0, 2] == second[0, 2] == -torch.inf  # no modality in common
    assert first[0, 1] == pytest.approx(float(points[0] @ points[1]))
    weights = mining.weights_of_both((first, second), shares)
    assert weights[0, 1] > 0
    assert weights[0, 2] > 0
    assert weights[:, :3].isfinite().all()


def test_a_softmax_takes_the_mean_over_shared_modalities():
    first, second = torch.tensor([[1.0, 0.4, -torch.inf]] * 3), torch.tensor([[1.0, 0.8, -torch.inf]] * 3)
    mining = Mining("joint", False, "softmax", 2, 1, 0.1, 0.05)
    plain = mining.weights(torch.tensor([[1.0, 0.7, -torch.inf]] * 3))
    assert mining.weights_of_both((first, second), torch.tensor([0.25, 0.75])).allclose(plain)


def test_targets_go_to_what_is_there():
    others = torch.tensor([[0.0, 3.0, 1.0], [1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    excluded = torch.tensor([[True, True, False], [False, False, False], [True, True, True]])
    targets = own_and_others(others, 0.2, excluded)
    assert targets.allclose(torch.tensor([[0.0, 0.0, 1.0], [0.4, 0.2, 0.4], [0.0, 0.0, 0.0]]))


def test_rows_of_a_group_are_no_negatives():
    first, second = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(0))
    groups = torch.tensor([0, 0, 1, 2, 2, 2])
    apart = (groups[:, None] == groups[None, :]).fill_diagonal_(False)
    logits = torch.nn.functional.normalize(first, dim=1) @ torch.nn.functional.normalize(second, dim=1).T / 0.2
    kept = logits.masked_fill(apart, -torch.inf)
    wanted = -0.5 * (kept.log_softmax(1).diagonal().mean() + kept.log_softmax(0).diagonal().mean())
    assert float(infonce(first, second, 0.2, apart)) == pytest.approx(float(wanted))


@pytest.mark.parametrize("name", ["infonce", "cav-mae", "structure", "fusemix", "hsc-mae"])
def test_groups_change_what_is_learnt(ready, name):
    method, batch = ready(name, dropout=0.0)
    plain = terms_and_gradient(method, batch)[0]["loss"]
    grouped = terms_and_gradient(method, replace(batch, groups=torch.arange(len(batch)) // 2))[0]["loss"]
    assert grouped != pytest.approx(plain, rel=1e-4)


@pytest.mark.parametrize("settings", [{"queue": 8, "mining_rows": 0}, {"batch_norm": True}, {"mining_view": "mean"}])
def test_what_needs_pairs_throughout_is_refused(settings):
    kind = methods["hsc-mae"]
    with pytest.raises(InputError, match="queue, batch_norm and mining_view=mean"):
        kind(kind.settings_type.build(settings), CorpusInfo(((6,), (5,)), 48, 0, 24))


def test_dimensions_go_by_the_pairs():
    kind = methods["hsc-mae"]
    assert kind(kind.settings_type(), CorpusInfo(((6,), (5,)), 1000, 0, 40)).dim == 10
