"""Encoders, decoders and the batch normalisation that knows of other processes."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from overtone.networks import Decoder, Dropout, Encoder, GlobalBatchNorm


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def pair(width: int) -> tuple[GlobalBatchNorm, nn.BatchNorm1d]:
    """Ours and PyTorch's with the same scale and shift."""
    ours, theirs = GlobalBatchNorm(width), nn.BatchNorm1d(width)
    with torch.no_grad():
        for norm in (ours, theirs):
            norm.weight.copy_(torch.linspace(0.5, 2, width))
            norm.bias.copy_(torch.linspace(-1, 1, width))
    return ours, theirs


def test_batch_norm_is_pytorchs_in_training_and_after() -> None:
    ours, theirs = pair(5)
    rows = 3 * draw(20, 5) + 7
    first, second = rows.clone().requires_grad_(), rows.clone().requires_grad_()
    weights = draw(20, 5, seed=1)
    for x, norm in ((first, ours), (second, theirs)):
        (norm(x) * weights).sum().backward()
    torch.testing.assert_close(ours(rows), theirs(rows))
    torch.testing.assert_close(first.grad, second.grad, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    # the variance of the batch itself, which shares of it average to; PyTorch keeps n/(n-1) of it
    kept = [norm.running_variance if norm is ours else norm.running_var for norm in (ours, theirs)]
    started = 0.9**2  # two batches have passed
    torch.testing.assert_close(kept[0] - started, (kept[1] - started) * 19 / 20)
    with torch.no_grad():
        theirs.running_var.copy_(ours.running_variance)
    for norm in (ours, theirs):
        norm.eval()
    other = draw(4, 5, seed=2)
    before = ours.running_mean.clone()
    torch.testing.assert_close(ours(other), theirs(other))
    assert torch.equal(before, ours.running_mean)


def test_batch_norm_of_sequences_averages_over_time_too() -> None:
    ours, theirs = pair(5)
    rows = draw(6, 4, 5)
    torch.testing.assert_close(ours(rows), theirs(rows.flatten(0, 1)).unflatten(0, (6, 4)))


def joins(of: list[list[Tensor]], own: list[Tensor]) -> Callable[[Tensor], Tensor]:
    """Replays what the processes gave at each call so far, and keeps what this one gives."""
    calls = itertools.count()

    def join(tensor: Tensor) -> Tensor:
        call = next(calls)
        own.append(tensor)
        return torch.cat(of[call]) if call < len(of) else tensor

    return join


def test_batch_norm_of_shards_is_that_of_the_joined_batch() -> None:
    rows = draw(20, 5) * torch.linspace(0.1, 4, 20)[:, None] + 3
    whole, _ = pair(5)
    wanted = whole(rows)
    shards = rows[:10], rows[10:]
    exchanged: list[list[Tensor]] = []
    for _ in range(3):  # the mean is exchanged, then with it the variance
        given: list[list[Tensor]] = []
        outputs, norms = [], []
        for shard in shards:
            norms.append(pair(5)[0])
            given.append([])
            outputs.append(norms[-1](shard, joins(exchanged, given[-1])))
        exchanged = [list(parts) for parts in zip(*given)]
    torch.testing.assert_close(torch.cat(outputs), wanted)
    assert not torch.allclose(pair(5)[0](shards[0]), wanted[:10], atol=0.1)
    for norm in norms:
        torch.testing.assert_close(norm.running_mean, whole.running_mean)
        torch.testing.assert_close(norm.running_variance, whole.running_variance)


@pytest.mark.parametrize("shape", [(7,), (3, 7)])
@pytest.mark.parametrize("depth", [0, 2])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_shapes(shape: tuple[int, ...], depth: int, batch_norm: bool) -> None:
    encoder = Encoder(shape, 4, 16, depth, "tanh", 0.0, batch_norm)
    decoder = Decoder(shape, 4, 16, "relu")
    embedding = encoder(draw(5, *shape))
    assert embedding.shape == (5, 4)
    assert decoder(embedding).shape == (5, *shape)
    decoder(embedding).square().mean().backward()
    assert all(p.grad is not None for module in (encoder, decoder) for p in module.parameters())
    assert sum(isinstance(layer, Dropout) for layer in encoder.layers) == depth


def test_a_sequence_is_the_mean_of_its_steps() -> None:
    torch.manual_seed(0)
    encoder = Encoder((3, 7), 4, 16, 1, "gelu", 0.0)
    rows = draw(5, 3, 7)
    torch.testing.assert_close(encoder(rows), torch.stack([encoder(rows[:, t]) for t in range(3)]).mean(0))
    assert not torch.allclose(encoder(rows), encoder(rows.mean(1, keepdim=True)), atol=1e-4)


def test_steps_of_a_decoder_begin_small_beside_an_embedding_of_unit_length() -> None:
    torch.manual_seed(0)
    assert Decoder((50, 7), 64, 16, "gelu").steps.std().item() == pytest.approx(0.02, rel=0.1)


def test_a_decoded_sequence_differs_from_step_to_step() -> None:
    torch.manual_seed(0)
    decoded = Decoder((3, 7), 4, 16, "gelu")(draw(5, 4))
    assert not torch.allclose(decoded[:, 0], decoded[:, 1])


@pytest.mark.parametrize(("name", "kind"), [("tanh", nn.Tanh), ("gelu", nn.GELU), ("relu", nn.ReLU)])
def test_activations(name: str, kind: type[nn.Module]) -> None:
    modules = Encoder((7,), 4, 16, 2, name, 0.1).layers, Decoder((7,), 4, 16, name).layers
    assert all(sum(isinstance(layer, kind) for layer in layers) == 2 for layers in modules)


def test_dropout_is_for_training_only() -> None:
    torch.manual_seed(0)
    encoder, rows = Encoder((7,), 4, 64, 2, "gelu", 0.5), draw(5, 7)
    assert not torch.equal(encoder(rows), encoder(rows))
    encoder.eval()
    assert torch.equal(encoder(rows), encoder(rows))
