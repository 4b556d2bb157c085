"""One of two processes that train HSC-MAE on split digits: ``mining_worker.py OUT SETTINGS``."""

from __future__ import annotations

import json
import sys

import torch

if __name__ == "__main__":
    torch.set_num_threads(1)
    from overtone.features import load
    from overtone.training import train

    data = load("split-digits")
    data = data.subset(torch.cat([data.splits["train"][:300], data.splits["test"][:50]]))
    train("hsc-mae", data, settings=json.loads(sys.argv[2]), out=sys.argv[1])
