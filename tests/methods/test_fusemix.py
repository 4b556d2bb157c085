"""FuseMix: what is mixed with what, in which proportion, and that the loss is InfoNCE of the mixtures."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from scipy import stats

from overtone.objectives.soft_infonce import infonce


def test_both_modalities_mix_the_same_two_clips_in_the_same_proportion(ready):
    """Partners and λ are found again by least squares over both modalities at once."""
    method, batch = ready("fusemix", rows=20)
    mixed, plain = torch.cat(method.mix(batch), 1).double(), torch.cat(batch.features, 1).double()
    partners, shares = [], []
    for row, own in zip(mixed, plain):
        if torch.allclose(row, own):
            continue  # the permutation leaves it where it is
        weights = [(row - other) @ (own - other) / (own - other).square().sum() for other in plain]
        errors = [(row - other - weight * (own - other)).norm() for other, weight in zip(plain, weights)]
        best = int(torch.stack(errors).nan_to_num(torch.inf).argmin())
        assert errors[best] < 1e-5
        partners.append(best)
        shares.append(weights[best].item())
    assert len(partners) >= 15
    assert len(set(partners)) == len(partners)  # a permutation: nobody is mixed in twice
    assert shares == pytest.approx([shares[0]] * len(shares), abs=1e-4)
    assert 0 < shares[0] < 1


@pytest.mark.parametrize("alpha", [0.3, 1.0, 4.0])
def test_coefficients_are_beta_distributed(ready, alpha):
    method, batch = ready("fusemix", rows=8, mixing=alpha, shapes=((1,), (1,)))
    ones = replace(batch, features=(torch.arange(8.0)[:, None], torch.ones(8, 1)))
    drawn = []
    for _ in range(600):
        replay = torch.Generator().set_state(ones.generator.get_state())
        first, _ = method.mix(ones)
        torch.randint(4096, (1,), generator=replay)
        order = torch.randperm(8, generator=replay).float()
        moved = order != torch.arange(8.0)
        drawn.append(((first[:, 0] - order) / (torch.arange(8.0) - order))[moved][0].item())
    assert stats.kstest(drawn, stats.beta(alpha, alpha).cdf).pvalue > 0.01


def test_the_loss_is_infonce_of_the_mixtures(ready):
    method, batch = ready("fusemix", dropout=0.0)
    state = batch.generator.get_state()
    loss = method.step(batch)["loss"]
    batch.generator.set_state(state)
    embedded = method.encode(batch, method.mix(batch))
    torch.testing.assert_close(loss, infonce(*embedded, method.settings.temperature))
    assert loss != infonce(*method.encode(batch, batch.features), method.settings.temperature)


def test_sequences_are_mixed_step_by_step(ready):
    method, batch = ready("fusemix", shapes=((3, 6), (5,)), rows=10)
    state = batch.generator.get_state()
    first, _ = method.mix(batch)
    batch.generator.set_state(state)
    flat, _ = method.mix(replace(batch, features=(batch.features[0].flatten(1), batch.features[1])))
    torch.testing.assert_close(first.flatten(1), flat)
