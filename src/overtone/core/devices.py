"""Where to compute, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from overtone.core.errors import InputError

if TYPE_CHECKING:
    import torch


def find_device(name: str, local_rank: int | None = None) -> torch.device:
    """The device of that name; ``auto`` is a GPU if there is one.

    Raises:
        InputError: The name is no device, or the device is not there.
    """
    import torch  # which takes seconds

    cuda = torch.cuda.is_available()
    try:
        device = torch.device(("cuda" if cuda else "cpu") if name == "auto" else name)
    except RuntimeError:
        valid = "auto, cpu, cuda, cuda:0 …"
        raise InputError("setting 'device': no such device", got=repr(name), valid=valid) from None
    if device.type == "cuda":
        if not cuda or (device.index or 0) >= torch.cuda.device_count():
            what = f"setting 'device': {name} is not there ({torch.cuda.device_count()} GPUs found)"
            raise InputError(what, fix="set device=cpu")
        index = local_rank if local_rank is not None else device.index or 0
        device = torch.device("cuda", index)
        torch.cuda.set_device(device)
    return device
