"""One of two processes that hold a part of the training rows each: ``parts_worker.py OUT SETTINGS``.

Trains HSC-MAE in one go, and ended after two epochs and resumed; and a method that needs all rows.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import time
from pathlib import Path

import torch

if __name__ == "__main__":
    torch.set_num_threads(1)
    from overtone.core import scratch
    from overtone.core.files import save_tensors
    from overtone.methods.base import methods
    from overtone.training import train
    from overtone.training.fit import Fit

    toys = runpy.run_path(str(Path(__file__).resolve().parents[1] / "toys.py"))
    methods.register("toy")(toys["Toy"])
    scratch.LARGE_BYTES = 1 << 10
    out, settings = Path(sys.argv[1]), json.loads(sys.argv[2])
    first = os.environ["RANK"] == "0"
    data = toys["make_data"](450)
    train("toy", data, settings={"epochs": 2, "dropout": 0.0}, out=out / "toy", evaluate=False)
    whole = train("hsc-mae", data, settings=settings, out=out / "whole", evaluate=False)
    save = Fit._save

    def save_and_end(fit: Fit, *given: object) -> None:
        save(fit, *given)
        if fit.done == 2:
            raise toys["Interrupted"]

    Fit._save = save_and_end
    try:
        train("hsc-mae", data, settings=settings, out=out / "resumed", evaluate=False)
    except toys["Interrupted"]:
        Fit._save = save
    if first:
        (out / "ended").touch()
    while not (out / "ended").exists():  # until then the first process has the folder
        time.sleep(0.01)
    resumed = train("hsc-mae", data, out=out / "resumed", resume=True, evaluate=False)
    if first:
        for name, run in (("whole", whole), ("resumed", resumed)):
            save_tensors(out / f"{name}.safetensors", run.method.state_dict())
