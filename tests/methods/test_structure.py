"""STRUCTURE: the regulariser against a computation in scalars, and its part in the loss."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from overtone.methods.structure import neighbourhood_divergence
from overtone.objectives.soft_infonce import infonce


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def reference(x: torch.Tensor, z: torch.Tensor, temperature: float, levels: int) -> float:
    """In loops of Python: probabilities, walks of one step more at a time, entropies."""

    def neighbours(rows: list[list[float]]) -> list[list[float]]:
        rows = [[v / math.sqrt(sum(w * w for w in row)) for v in row] for row in rows]
        mean = [sum(column) / len(rows) for column in zip(*rows)]
        rows = [[v - m for v, m in zip(row, mean)] for row in rows]
        table = []
        for row in rows:
            weights = [math.exp(sum(a * b for a, b in zip(row, other)) / temperature) for other in rows]
            table.append([w / sum(weights) for w in weights])
        return table

    def walk(steps: list[list[float]], table: list[list[float]]) -> list[list[float]]:
        return [[sum(p * table[k][j] for k, p in enumerate(row)) for j in range(len(table))] for row in steps]

    def entropy(p: list[float]) -> float:
        return -sum(v * math.log(v) for v in p if v > 0)

    tables = [neighbours(rows.tolist()) for rows in (x, z)]
    now, total = tables, 0.0
    for level in range(1, levels + 1):
        for p, q in zip(*now):
            mixed = entropy([(a + b) / 2 for a, b in zip(p, q)]) - (entropy(p) + entropy(q)) / 2
            total += mixed / level / levels / len(x)
        now = [walk(steps, table) for steps, table in zip(now, tables)]
    return total


@given(st.integers(0, 300), st.sampled_from([0.1, 0.5, 2.0]), st.integers(1, 4))
def test_it_is_the_divergence_of_walks_over_neighbours(seed: int, temperature: float, levels: int) -> None:
    x, z = draw(6, 4, seed=seed), draw(6, 3, seed=seed + 1)
    wanted = reference(x, z, temperature, levels)
    assert neighbourhood_divergence(x, z, temperature, levels).item() == pytest.approx(wanted, rel=1e-6, abs=1e-9)


@given(st.integers(0, 300))
def test_it_is_zero_where_angles_are_kept_and_bounded_elsewhere(seed: int) -> None:
    x = draw(8, 4, seed=seed)
    turned = x @ torch.linalg.qr(draw(4, 4, seed=seed + 1))[0] * draw(8, 1, seed=seed + 2).abs()
    assert neighbourhood_divergence(x, turned, 0.1, 3).item() == pytest.approx(0, abs=1e-9)
    other = draw(8, 4, seed=seed + 3)
    assert 0 < neighbourhood_divergence(x, other, 0.05, 1).item() <= math.log(2)


def test_only_embeddings_learn_and_extremes_stay_finite() -> None:
    x, z = draw(8, 4).requires_grad_(), draw(8, 3, seed=1).float().requires_grad_()
    neighbourhood_divergence(x, z, 0.005, 3).backward()
    assert x.grad is None
    assert z.grad.isfinite().all()
    assert z.grad.any()


def test_the_loss_is_infonce_and_both_modalities_divergence(ready):
    method, batch = ready("structure", dropout=0.0, structure_weight=3.0, structure_warmup=0.5, levels=2)
    embeddings, s = method.encode(batch, batch.features), method.settings
    apart = [neighbourhood_divergence(x, z, s.structure_temperature, 2) for x, z in zip(batch.features, embeddings)]
    contrast, structure = infonce(*embeddings, s.temperature), (apart[0] + apart[1]) / 2
    for progress, share in ((0.0, 0.0), (0.25, 0.5), (0.5, 1.0), (1.0, 1.0)):
        terms = method.step(replace(batch, progress=progress))
        torch.testing.assert_close(terms["structure"], structure)
        torch.testing.assert_close(terms["loss"], contrast + 3.0 * share * structure)


def test_without_the_regulariser_it_is_infonce(ready):
    method, batch = ready("structure", dropout=0.0, structure_weight=0.0)
    plain, _ = ready("infonce", dropout=0.0)
    torch.testing.assert_close(method.step(batch)["loss"], plain.step(batch)["loss"])
