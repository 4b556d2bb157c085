"""InfoNCE with soft targets: the local level, and (with the identity as target) the ordinary one-positive loss.

Embeddings may have any scale, temperatures are > 0, and every loss is a scalar.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from overtone.objectives.base import check_choice, objectives
from overtone.objectives.pairs import unit
from overtone.objectives.softmax import OUT_OF_REACH

Form = Literal["cross_entropy", "multi_positive"]


def soft_infonce(
    queries: Tensor,
    keys: Tensor,
    targets: Tensor,
    temperature: float | Tensor,
    form: Form,
    excluded: Tensor | None = None,
) -> Tensor:
    r"""InfoNCE of queries against keys, with a distribution over the keys as target of each query.

    With :math:`s_{ij} = \cos(q_i, k_j) / \tau`:

    .. math::
        \text{cross_entropy:}\quad & \ell_i = -\sum_j W_{ij} \log \operatorname{softmax}_j(s_{ij}) \\
        \text{multi_positive:}\quad & \ell_i = -\log \frac{\sum_j W_{ij} e^{s_{ij}}}
            {\sum_j W_{ij} e^{s_{ij}} + \sum_{j \ne i} (1 - W_{ij}) e^{s_{ij}}}

    The first asks for *all* of a query's positives in proportion to their weight, the second is satisfied when *one* of
    them is near. In the second a key with small weight counts as a negative almost in full, so with a mass spread over
    many neighbours it pushes them away; only a query's true counterpart, key i, is never a negative.

    Args:
        queries: (n, d).
        keys: (m, d); key i belongs to the same clip as query i, further keys to other clips.
        targets: (n, m) with rows that sum to one; a row of zeros takes no part in the mean.
        temperature: τ.
        form: Which of the two.
        excluded: (n, m) bool, pairs that are neither positive nor negative; their targets must be 0.

    Source:
        HSC-MAE (arXiv 2604.04229) for the second form; van den Oord et al. 2018 (arXiv 1807.03748) for InfoNCE.

    Example:
        >>> z = torch.eye(4)
        >>> bool(soft_infonce(z, z, torch.eye(4), 0.05, "cross_entropy") < 1e-6)
        True
    """
    return _from_cosines(_cosines(queries, keys), targets, temperature, form, excluded)


def _cosines(queries: Tensor, keys: Tensor) -> Tensor:
    """(n, m) cosines in float32 or better: half precision's steps of 1/256 are much, divided by a temperature."""
    with torch.autocast(queries.device.type, enabled=False):
        return unit(queries) @ unit(keys).mT


def _from_cosines(
    similarity: Tensor, targets: Tensor, temperature: float | Tensor, form: Form, excluded: Tensor | None = None
) -> Tensor:
    """:func:`soft_infonce` of (n, m) cosines."""
    check_choice("form", form, Form)
    logits = similarity / temperature
    if excluded is not None:
        logits = logits.masked_fill(excluded, OUT_OF_REACH)
    if form == "cross_entropy":
        losses = logits.logsumexp(1) * targets.sum(1) - (targets * logits).sum(1)
    else:
        against = (1.0 - targets).clamp_min(0.0)
        own = torch.eye(*against.shape, dtype=torch.bool, device=against.device)
        positive = (logits + _log(targets)).logsumexp(1)
        negative = (logits + _log(against.masked_fill(own, 0.0))).logsumexp(1)
        losses = torch.where(targets.sum(1) > 0, F.softplus(negative - positive), 0.0)
    taking_part = (targets.sum(1) > 0).sum().clamp_min(1)
    return losses.sum() / taking_part


def _log(weights: Tensor) -> Tensor:
    """Logarithm of weights, finite where there is none."""
    return weights.log().masked_fill(weights <= 0, OUT_OF_REACH)


@objectives.register("soft-infonce")
def symmetric_soft_infonce(
    first: Tensor,
    second: Tensor,
    targets: Tensor,
    temperature: float | Tensor,
    form: Form,
    excluded: Tensor | None = None,
) -> Tensor:
    """Mean of :func:`soft_infonce` in both directions over one cosine matrix, for targets over the same n clips.

    Args:
        first, second: (n, d) embeddings of the two modalities.
        targets: (n, n); row i is the target of clip i in either direction.
        temperature, form: As for :func:`soft_infonce`.
        excluded: The same; symmetric, as it holds in either direction.

    Returns:
        Scalar.
    """
    similarity = _cosines(first, second)
    there = _from_cosines(similarity, targets, temperature, form, excluded)
    back = _from_cosines(similarity.mT, targets, temperature, form, excluded)
    return 0.5 * (there + back)


def soft_infonce_within(
    embeddings: Tensor, targets: Tensor, temperature: float | Tensor, form: Form, excluded: Tensor | None = None
) -> Tensor:
    """:func:`soft_infonce` within one modality: a clip is no key of its own, and targets are zero on the diagonal."""
    itself = torch.eye(len(embeddings), dtype=torch.bool, device=embeddings.device)
    # far below any cosine, yet finite: its weight of 0 must stay 0 in the product
    similarity = _cosines(embeddings, embeddings).masked_fill(itself, -1e3)
    return _from_cosines(similarity, targets, temperature, form, excluded)


def infonce(first: Tensor, second: Tensor, temperature: float | Tensor, excluded: Tensor | None = None) -> Tensor:
    r"""InfoNCE with the true counterpart as the one positive, both directions.

    .. math:: \ell = -\frac{1}{2n} \sum_i \Big[\log \operatorname{softmax}_j(s_{ij})_i
              + \log \operatorname{softmax}_j(s_{ji})_i\Big]

    ``excluded``, (n, n) bool and symmetric, are pairs that are no negatives.

    Source:
        van den Oord, Li & Vinyals 2018, arXiv 1807.03748; symmetric as in Radford et al. 2021, arXiv 2103.00020.
    """
    own = torch.eye(len(first), device=first.device)
    return symmetric_soft_infonce(first, second, own, temperature, "cross_entropy", excluded)
