"""What methods refuse, and the closed form among them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from overtone.core import InputError
from overtone.methods.base import methods


@pytest.mark.parametrize(("name", "settings"), [("dcca", {}), ("hsc-mae", {"canonical_weight": 1.0})])
def test_a_batch_in_which_noise_reads_as_correlation_is_refused(ready, some, name, settings):
    method, batch = ready(name, embedding_dim=8, **settings)
    method.step(some(batch, slice(0, 16)))
    with pytest.raises(
        InputError, match=r"15 rows is too small for canonical correlation in 8 dim.*at least 16.*raise"
    ):
        method.step(some(batch, slice(0, 15)))
    # of several processes' shares, the global batch counts
    method.step(
        replace(some(batch, slice(0, 8)), gather=lambda rows: torch.cat([rows, rows.roll(1, 0)]), global_size=16)
    )


@pytest.mark.parametrize(("name", "least"), [("dcca", 16), ("hsc-mae", 16), ("triplet", 32), ("infonce", 2)])
def test_the_least_batch_is_one_that_means_something(ready, some, name, least):
    method, batch = ready(name, embedding_dim=8)
    assert method.least_batch == least
    method.step(some(batch, slice(0, least)))
    assert ready("hsc-mae", embedding_dim=8, canonical_weight=0.0)[0].least_batch == 2


def test_every_term_switched_off_is_refused(ready):
    for name in ("hsc-mae", "cav-mae"):
        weights = {key: 0.0 for key in methods[name].settings_type.model_fields if key.endswith("_weight")}
        method, batch = ready(name, **{key: 0.0 for key in weights if key not in ("own_weight", "within_weight")})
        with pytest.raises(InputError, match="every term of the method is switched off"):
            method.step(batch)


def test_the_closed_form_takes_no_steps(ready):
    method, batch = ready("cca")
    with pytest.raises(RuntimeError, match="takes no steps"):
        method.step(batch)
    with pytest.raises(InputError, match="more canonical dimensions .*got 6"):
        ready("cca", dimensions=6)


def test_cca_aligns_what_two_views_share(ready):
    """Its own partner is nearer to a row than the others are, on rows that were not fitted."""
    method, batch = ready("cca", rows=400)
    first, second = (method.embed(rows[200:], side) for side, rows in enumerate(batch.features))
    similarity = first @ second.T
    better = (similarity >= similarity.diagonal()[:, None]).float().mean()
    assert better < 0.2
