"""Another process for tests.

worker.py train OUT THREADS SETTINGS
worker.py gradients OUT THREADS
worker.py apart OUT THREADS              where the second process has other data, another run folder, other settings
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from pathlib import Path
from typing import Any

import torch


def joined_gradients(toys: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Gradients of the toy on one batch of 32 rows, joined over however many processes there are."""
    from overtone.methods.base import Batch, CorpusInfo
    from overtone.training.distribution import processes

    with processes("cpu") as (group, _):
        torch.manual_seed(0)
        kind = toys["TOYS"]["toy"]
        toy = kind(kind.settings_type(dropout=0.0), CorpusInfo(((6,), (5,)), 100))
        first, second = toys["make_data"]().modalities.values()
        size = 32 // group.size
        rows = torch.arange(32)[group.rank * size : (group.rank + 1) * size]
        generator = torch.Generator().manual_seed(7)
        batch = Batch(rows, (first[rows], second[rows]), None, 0.0, group.gather, group.rank * size, 32, generator)
        toy.step(batch)["loss"].backward()
        group.average_gradients(toy.parameters())
        if group.rank:
            return {}
    return {name: parameter.grad for name, parameter in toy.named_parameters()}


if __name__ == "__main__":
    what, out, threads = sys.argv[1:4]
    torch.set_num_threads(int(threads))
    toys = runpy.run_path(str(Path(__file__).resolve().parents[1] / "toys.py"))
    from overtone.methods.base import methods

    for name, toy in toys["TOYS"].items():
        methods.register(name)(toy)
    if what == "train":
        from overtone.training import train

        train("toy", toys["make_data"](), settings=json.loads(sys.argv[4]), out=out)
    elif what == "twice":
        from overtone.training import train

        for number in range(2):
            train("toy", toys["make_data"](), settings={"epochs": 1}, out=f"{out}/{number}")
    elif what == "apart":
        from overtone.core import InputError
        from overtone.training import train

        second = os.environ["RANK"] == "1"
        # as under torchrun one store outlives the trainings; of several, the second process could join one that closes
        place = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        store = None if second else torch.distributed.TCPStore(*place, is_master=True, wait_for_workers=False)
        os.environ["TORCHELASTIC_USE_AGENT_STORE"] = "True"
        for differ in ("the data", "the run folder", "settings"):
            folder = Path(out) / differ / ("1" if second and differ == "the run folder" else "0")
            seen = toys["make_data"](seed=int(second and differ == "the data"))
            rate = 0.02 if second and differ == "settings" else 0.01
            try:
                train("toy", seen, settings={"epochs": 2, "learning_rate": rate}, out=folder, resume=True)
            except InputError as error:
                sys.stderr.write(f"{error}\n")
    elif gradients := joined_gradients(toys):
        from overtone.core.files import save_tensors

        save_tensors(out, gradients)
