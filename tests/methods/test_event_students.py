"""The student of events: two heads, a space whose cosine adds them up, and a weight that does no harm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from overtone.core import InputError
from overtone.evaluation import average_precisions
from overtone.methods.base import InferredTargets
from overtone.methods.event_gate import WEIGHTS, Trials, choose_weight
from overtone.methods.event_space import Padding, blend


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def informed(make):
    """A student that was told and has begun, its batch, and the event chances it was told."""

    def build(few=0.3, **settings):
        method, batch = make("interactions", dropout=0.0, **settings)
        chances = torch.maximum(batch.targets, few * random(*batch.targets.shape))
        method.set_inferred_targets(InferredTargets((chances, chances), torch.zeros(8, 8), chances))
        method.on_train_start(batch)
        return method, batch, chances

    return build


@given(st.integers(2, 40), st.integers(1, 12), st.integers(0, 99))
def test_the_cosine_of_padded_rows_is_the_inner_product_over_the_scale(rows, classes, seed):
    first, second = random(rows, classes, seed=seed), random(rows, classes, seed=seed + 1)
    padding = Padding(classes, classes)
    padding.fit(first, second)
    a, b = padding(first, 0), padding(second, 1)
    for z in (a, b):
        torch.testing.assert_close(z.norm(dim=1), torch.ones(rows), atol=1e-4, rtol=0)
    short = [part.square().sum(1) <= padding.scale for part in (first, second)]
    wanted = first @ second.mT / padding.scale
    torch.testing.assert_close((a @ b.mT)[short[0]][:, short[1]], wanted[short[0]][:, short[1]], atol=1e-4, rtol=0)
    assert (torch.cat([first, second]).square().sum(1) <= padding.scale * 1.001).float().mean() > 0.9


def test_fewer_columns_than_classes_keep_most_of_all_inner_products():
    basis, parts = random(5, 40, seed=3), [random(300, 5, seed=seed) for seed in (1, 2)]
    first, second = (part @ basis / 5 for part in parts)  # five directions in forty classes
    whole, few = Padding(40, 40), Padding(40, 5)
    for padding in (whole, few):
        padding.fit(first, second)
    assert few.width == 7
    torch.testing.assert_close(
        few(first, 0) @ few(second, 1).mT, whole(first, 0) @ whole(second, 1).mT, atol=1e-3, rtol=0
    )


def test_a_blend_weighs_two_cosines():
    rows = [F.normalize(random(6, 4, seed=seed) - 0.5, dim=1) for seed in range(4)]
    cosines = blend(rows[0], rows[1], 0.3) @ blend(rows[2], rows[3], 0.3).mT
    torch.testing.assert_close(cosines, 0.7 * rows[0] @ rows[2].mT + 0.3 * rows[1] @ rows[3].mT)


def test_the_loss_is_the_cross_entropy_of_labels_and_of_event_chances(informed):
    method, batch, chances = informed()
    terms = method.step(batch)
    views = method.encode(batch, batch.features)
    bce = F.binary_cross_entropy_with_logits
    torch.testing.assert_close(terms["labels"], sum(bce(view[:, :4], batch.targets) for view in views))
    torch.testing.assert_close(terms["events"], sum(bce(view[:, 4:], chances) for view in views))
    torch.testing.assert_close(terms["loss"], terms["labels"] + terms["events"])


def test_many_events_a_clip_weigh_less(informed):
    method, batch, chances = informed(few=1.0)
    assert chances.sum(1).mean() > 2
    share = (2 / float(chances.sum(1).mean())) ** 2
    views = method.encode(batch, batch.features)
    wanted = share * sum(F.binary_cross_entropy_with_logits(view[:, 4:], chances) for view in views)
    torch.testing.assert_close(method.step(batch)["events"], wanted)


def test_rows_without_a_label_teach_the_event_head_alone(informed):
    method, batch, chances = informed()
    targets = batch.targets * (torch.arange(len(batch)) < 24).float()[:, None]
    terms = method.step(replace(batch, labels=targets))
    views = method.encode(batch, batch.features)
    bce = F.binary_cross_entropy_with_logits
    torch.testing.assert_close(terms["labels"], sum(bce(view[:24, :4], targets[:24]) for view in views))
    torch.testing.assert_close(terms["events"], sum(bce(view[:, 4:], chances) for view in views))


@pytest.mark.parametrize("settings", [{}, {"loss": "triplet"}, {"loss": "arcface"}, {"graph": "pairs"}])
def test_two_processes_descend_what_one_does(informed, two_processes, settings):
    method, batch, _ = informed(**settings)
    whole = method.step(batch)
    halves, _ = two_processes(method, batch)
    for terms in halves:
        for name, value in terms.items():
            torch.testing.assert_close(value, whole[name])


@pytest.mark.parametrize("settings", [{}, {"loss": "scl"}, {"student": "lir"}])
@pytest.mark.parametrize("weight", [0.0, 0.3])
def test_the_embedding_has_unit_length_and_the_weight_that_was_set(informed, settings, weight):
    method, batch, _ = informed(event_weight=weight, **settings)
    method.eval()
    method.prepare_embedding(batch)
    first, second = (method.embed(part, side) for side, part in enumerate(batch.features))
    assert first.shape == (len(batch), method.dim)
    torch.testing.assert_close(first.norm(dim=1), torch.ones(len(batch)), atol=1e-4, rtol=0)
    assert float(method.event_weight) == pytest.approx(weight)
    if settings.get("student") != "lir":  # whose reference, untold here, is a copy of itself
        at = [method.at_weight(part, side, 0.0) for side, part in enumerate(batch.features)]
        assert torch.allclose(first @ second.mT, at[0] @ at[1].mT, atol=1e-5) == (weight == 0)


def test_heads_have_no_canonical_projection(make):
    with pytest.raises(InputError, match="no canonical projection"):
        make("interactions", projection="canonical")


def gate(gain: float, harm: float, rows: int = 120, hidden: float = 1.0):
    """What is chosen where events add noise in proportion to the weight, and labels are better or worse by a gain."""
    labels = torch.eye(4)[torch.arange(rows) % 4]
    noise = [torch.randn(rows, 4, generator=torch.Generator().manual_seed(seed)) for seed in range(2)]

    def precisions(shift):
        first, second = (F.normalize(labels + shift * part, dim=1) for part in noise)
        ways = ((first, second), (second, first))
        return np.concatenate([average_precisions(a, b, labels, labels) for a, b in ways])

    trials = Trials(precisions(0.6), {w: precisions(0.6 - gain + harm * w) for w in WEIGHTS})
    return choose_weight(trials, hidden), trials


def test_what_does_no_harm_counts_as_much_as_it_may():
    found, _ = gate(0.1, 0.0)
    assert found.weight == max(WEIGHTS)
    assert len({change for change, _ in found.curve.values()}) == 1


def test_harm_is_weighed_against_what_the_labels_have_gained():
    found, trials = gate(0.1, 0.3)
    assert 0 < found.weight < max(WEIGHTS)
    assert found.queries == 240
    for weight, (change, _) in found.curve.items():
        assert change == pytest.approx(trials.weights[weight].mean() - trials.reference.mean())
    assert "240 queries, annotated mAP changes by" in found.said


def test_students_with_worse_labels_give_way_to_those_without_events():
    found, _ = gate(-0.3, 0.3)
    assert found.weight is None
    assert found.to_dict()["reference"] is True
    assert "not used" in found.said


def test_labels_that_are_only_as_good_are_learnt_alone():
    change = np.tile([0.1, -0.08], 60)  # a gain of .01, known to ± .008
    assert choose_weight(Trials(np.full(120, 0.5), dict.fromkeys(WEIGHTS, 0.5 + change))).weight is None
    surely = np.tile([0.04, -0.02], 60)  # the same gain, known to ± .003
    assert choose_weight(Trials(np.full(120, 0.5), dict.fromkeys(WEIGHTS, 0.5 + surely))).weight == max(WEIGHTS)


@pytest.mark.parametrize(("hidden", "weight"), [(0.0, 0.0), (0.375, 0.31), (0.75, 0.63), (4.0, 0.63)])
def test_labels_may_lose_less_where_few_events_are_hidden(hidden, weight):
    just_gained = np.full(90, 1 - 1e-6)
    trials = Trials(just_gained, {weight: np.full(90, 1 - 0.0095 * weight) for weight in WEIGHTS})
    assert choose_weight(trials, hidden).weight == weight


def test_students_that_have_gained_stay_although_their_events_count_nothing():
    found, _ = gate(0.1, 300.0, hidden=0.0)
    assert found.weight == 0
    assert "learning them raises it by" in found.said


def test_a_third_of_what_labels_surely_gained_may_be_spent():
    found, trials = gate(0.1, 0.3)
    gain = found.curve[0.0][0]
    spendable = (gain - found.error) / 3 + 0.006 * trials.reference.mean()
    allowed = {w: spendable + (change - gain) - error for w, (change, error) in found.curve.items()}
    assert gain > 0.01
    below = max(w for w, rest in allowed.items() if rest >= 0)
    above = WEIGHTS[WEIGHTS.index(below) + 1]
    between = below + (above - below) * allowed[below] / (allowed[below] - allowed[above])
    assert 0 <= between - found.weight < 0.01
    assert found.change == pytest.approx(
        np.interp(found.weight, list(found.curve), [c for c, _ in found.curve.values()])
    )


def _tried_below(weight):
    return max(tried for tried in WEIGHTS if tried <= weight)


def _tried_above(weight):
    return min(tried for tried in WEIGHTS if tried > weight)


def test_students_that_are_those_without_events_at_weight_0_are_judged_by_what_the_weight_does():
    """Of a pull the embedding at weight 0 is the one without it."""
    found, trials = gate(0.0, 0.02)
    allowed = 0.006 * trials.reference.mean()
    below, above = _tried_below(found.weight), _tried_above(found.weight)
    assert 0 < found.weight < max(WEIGHTS)
    assert found.curve[below][0] - found.curve[below][1] >= -allowed
    assert found.curve[above][0] - found.curve[above][1] < -allowed
    assert gate(0.0, 3.0)[0].weight is None
    nothing = np.full(90, np.nan)
    assert choose_weight(Trials(nothing, dict.fromkeys(WEIGHTS, nothing))).weight is None


def test_queries_with_nothing_to_find_do_not_count():
    known = np.where(np.arange(90) % 3, 0.5, np.nan)
    found = choose_weight(Trials(known - 0.01, {weight: known - 0.001 * weight for weight in WEIGHTS}))
    assert found.weight == max(WEIGHTS)
    assert found.curve[0.5] == (pytest.approx(0.0095), pytest.approx(0, abs=1e-12))


def test_a_student_whose_trials_found_no_use_for_events_learns_labels_alone(make):
    method, batch = make("interactions", dropout=0.0)
    chances = batch.targets
    unused = choose_weight(Trials(np.ones(4), {weight: np.zeros(4) for weight in WEIGHTS}))
    method.set_inferred_targets(InferredTargets((chances, chances), torch.zeros(8, 8), chances, gate=unused))
    method.on_train_start(batch)
    terms = method.step(batch)
    assert set(terms) == {"loss", "labels"}
    torch.testing.assert_close(terms["loss"], terms["labels"])
    assert float(method.event_weight) == 0


def test_chances_of_the_one_label_of_a_clip_sum_to_one(informed):
    method, batch, _ = informed()
    for several in (False, True):
        targets = batch.targets.clone()
        targets[0] = 1.0 if several else targets[0]
        method.on_train_start(replace(batch, labels=targets))
        labels, events = method.chances(batch.features[0], 0)
        logits = method.teacher.module[0](batch.features[0])
        wanted = logits[:, :4].sigmoid() if several else logits[:, :4].softmax(1)
        torch.testing.assert_close(labels, wanted)
        torch.testing.assert_close(events, logits[:, 4:].sigmoid())


def test_without_queries_event_chances_are_not_used():
    nothing = np.zeros(0)
    assert choose_weight(Trials(nothing, dict.fromkeys(WEIGHTS, nothing))).weight is None
