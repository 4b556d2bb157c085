"""Several processes by plain torchrun: what is joined, what is averaged, and why the gradient is the one-process one.

Every process holds the data, or a part of it, and draws the same batches; of each batch it takes its own contiguous
slice. A method computes on its slice, joins what statistics, neighbours and negatives need, and then computes the very
same joined loss on every process. With W processes, parameters θ and joined rows z = (z_1, …, z_W), z_r computed on
process r:

- *before the join*: the wanted gradient is Σ_r (∂L/∂z_r)(∂z_r/∂θ). Process r can only follow its own z_r. The join's
  backward hands it W · ∂L/∂z_r, and the average over processes, (1/W) Σ_r W (∂L/∂z_r)(∂z_r/∂θ), is the wanted sum.
- *after the join* (a temperature, a head on joined rows): every process has the whole ∂L/∂θ; their average is the same.
- *without a join* (a mean over the process's own rows, slices being equally long): the joined loss is the mean of the
  local ones, so its gradient is the mean of the local gradients: the average again.

One averaging rule is right for all three, and the terms may be mixed freely.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from overtone.core import InputError
from overtone.core.devices import find_device

_JOINING = timedelta(minutes=30)
"""How long processes wait for each other at the beginning: they read their files at different speeds."""
_WORKING = timedelta(days=2)
"""How long they wait later: the others do nothing while the first one evaluates. A lost one is noticed at once."""
_NUMBERS = itertools.count()
"""Of the groups of this process: torchrun keeps one store, where addresses of an earlier group must not be found."""


class _Join(torch.autograd.Function):
    """all_gather along the rows; backward keeps the own slice, times the number of processes (see the module)."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, rank: int, world: int) -> Tensor:
        ctx.start, ctx.rows, ctx.world = rank * len(tensor), len(tensor), world
        own = tensor.detach().contiguous()
        parts = [torch.empty_like(own) for _ in range(world)]
        dist.all_gather(parts, own)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return gradients[0].narrow(0, ctx.start, ctx.rows) * ctx.world, None, None


@dataclass(frozen=True)
class Group:
    """The processes of a run: ``rank`` of ``size``; for a group of one everything here is the identity."""

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes files and shows progress."""
        return self.rank == 0

    def gather(self, tensor: Tensor) -> Tensor:
        """(b, …) rows of this process to the (W·b, …) rows of all in rank order, with gradient."""
        if self.size == 1:
            return tensor
        apply: Callable[[Tensor, int, int], Tensor] = _Join.apply  # PyTorch leaves it without types
        return apply(tensor, self.rank, self.size)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace every gradient by its mean over the processes, in one exchange."""
        if self.size > 1:
            self._exchange([p.grad for p in parameters if p.grad is not None], average=True)

    def average(self, tensor: Tensor) -> Tensor:
        """The mean of a tensor over the processes."""
        if self.size > 1:
            self._exchange([tensor], average=True)
        return tensor

    def broadcast(self, tensors: Sequence[Tensor]) -> None:
        """Overwrite the tensors of every process with those of the first."""
        if self.size > 1:
            for kind in sorted({tensor.dtype for tensor in tensors}, key=str):
                self._exchange([tensor for tensor in tensors if tensor.dtype == kind], average=False)

    def require_same(self, facts: Mapping[str, str], device: torch.device) -> None:
        """Refuse to train where processes would not do the same work, and wait for each other or learn nonsense.

        Args:
            facts: What must be the same, to its value in this process.
            device: Of this process.

        Raises:
            InputError: In every process, where one of them has another value than the first.
        """
        own = torch.tensor(
            [list(hashlib.sha256(value.encode()).digest()) for value in facts.values()], dtype=torch.uint8
        )
        everyones = self.gather(own.to(device)).view(self.size, *own.shape).cpu()
        for rank, theirs in enumerate(everyones):
            for name, first, value in zip(facts, everyones[0], theirs):
                if not torch.equal(first, value):
                    what = f"process {rank} of {self.size} and the first one differ in {name}"
                    fix = "give every machine the same versions, files and settings, and a run folder on a shared disk"
                    raise InputError(what, fix=fix)

    def barrier(self) -> None:
        """Go on when every process has come here."""
        if self.size > 1:
            dist.barrier()

    @torch.no_grad()
    def _exchange(self, tensors: Sequence[Tensor], average: bool) -> None:
        if not tensors:
            return
        flat = torch.cat([tensor.detach().reshape(-1) for tensor in tensors])
        if average:
            dist.all_reduce(flat)
            flat /= self.size
        else:
            dist.broadcast(flat, src=0)
        parts = torch.split(flat, [tensor.numel() for tensor in tensors])
        torch._foreach_copy_([t.detach() for t in tensors], [part.view_as(t) for part, t in zip(parts, tensors)])


class ProcessLost(RuntimeError):
    """Another process of the group has ended before its work was done."""


def _in_an_exchange(error: BaseException) -> bool:
    """Whether an error comes from an exchange with the other processes."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and "distributed" in frames[-1].filename.replace("\\", "/").split("torch/")[-1]


def _make_group(backend: str) -> None:
    """Make the group of all processes, once all of them have come.

    Raises:
        ProcessLost: Some have not come.
    """
    world = os.environ["WORLD_SIZE"]
    try:
        shared, rank, size = next(iter(rendezvous("env://", timeout=_JOINING)))
        store = PrefixStore(f"training-{next(_NUMBERS)}", shared)
        store.set(f"joined/{rank}", "")
        store.wait([f"joined/{other}" for other in range(size)], _JOINING)
    except dist.DistError as error:
        minutes = _JOINING.total_seconds() / 60
        what = f"the {world} processes of this training have not found each other within {minutes:g} minutes"
        raise ProcessLost(f"{what}: look at what each of them says, and at --master-addr and --master-port") from error
    dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=_WORKING)


@contextmanager
def processes(device: str = "auto") -> Iterator[tuple[Group, torch.device]]:
    """The group that torchrun started this process in (or a group of one), and this process's device.

    Raises:
        InputError: There is no device called ``device``.
        ProcessLost: Other processes have not come, or have ended.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    chosen = find_device(device, int(os.environ.get("LOCAL_RANK", "0")) if world > 1 else None)
    if world == 1:
        yield Group(), chosen
        return
    started = not dist.is_initialized()
    if started:
        _make_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield Group(dist.get_rank(), dist.get_world_size()), chosen
    except RuntimeError as error:
        if not _in_an_exchange(error):
            raise
        raise ProcessLost("another process of this training has ended: resume with --resume, all of them") from error
    finally:
        if started:
            dist.destroy_process_group()
