"""Measure what sparse mining costs where dense mining is possible (`make study-mining`): docs/studies/scale.md.

    python scripts/study_mining.py --data FOLDER [--only NAME ...] [--seeds N] [--variants NAME ...]
    python scripts/study_mining.py --data FOLDER --large [--default-network]

HSC-MAE is trained on corpora of some thousand rows with the weights of its neighbours from a dense matrix, as it is
by default up to 4,096 rows, and from sparse walks, as above. On larger corpora (``--large``) sparse walks stand beside
mining in batches, with a small network or the default one. The large corpora are simulated clips, and the left and the
right half of each CIFAR-10 picture as two modalities. Runs that are finished are taken from runs/studies/mining.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cifar
import numpy as np
import torch
from measured import Measured, score_tables
from pages import put_between, study_parser
from results import CORPORA as ALL
from results import read

from overtone.features import PairedFeatures, SimulatorSettings, from_arrays, simulate
from overtone.media.backbones.hog_color import colour, hog
from overtone.training import train

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "studies" / "scale.md"
RUNS = ROOT / "runs" / "studies" / "mining"
TITLES = {name: ALL[name].title for name in ("split-digits", "handwritten", "wikipedia", "digits_av", "scene15", "ccv")}
LARGE: dict[str, Callable[[Path], PairedFeatures]] = {
    "20,000 simulated clips": lambda _: simulated(20_000),
    "60,000 simulated clips": lambda _: simulated(60_000),
    "CIFAR-10 halves": lambda folder: halves(folder),
}
CIFAR_ROWS = 40_000
"""Training rows of the halves, drawn at random."""
SMALL: dict[str, Any] = {"width": 128, "depth": 1, "epochs": 30}
VARIANTS: dict[str, dict[str, Any]] = {
    "sparse walks": {"mining_rows": 0},
    "dense": {"mining_rows": 100_000},
    "sparse walks, inverted lists": {"mining_rows": 0, "mining_exact_rows": 0},
    "in batches": {"mining_rows": 0, "mining_weighting": "softmax"},
}


def simulated(rows: int) -> PairedFeatures:
    """So many clips of the simulator to train on, and 4,000 to test on."""
    return from_arrays(simulate(SimulatorSettings(train_rows=rows, test_rows=4000), seed=0))


def halves(folder: Path) -> PairedFeatures:
    """The left and the right half of each picture, each as gradients beside colours."""
    tested, classes = cifar.splits(folder)
    drawn = np.random.default_rng(0).permutation(np.flatnonzero(~tested))[:CIFAR_ROWS]  # the file is sorted by class
    kept = np.concatenate([np.sort(drawn), np.flatnonzero(tested)])
    pixels = cifar.pictures(folder, kept)
    sides = {"left": pixels[..., :16], "right": pixels[..., 16:]}
    views = {name: torch.cat([describe(part) for part in side.split(2000)]).numpy() for name, side in sides.items()}
    return from_arrays({**views, "y": classes[kept], "is_test": tested[kept]})


def describe(pixels: torch.Tensor) -> torch.Tensor:
    """(n, 3, 32, 16) 8-bit pixels to (n, d) descriptors."""
    values = pixels.float()
    return torch.cat([hog(values, cell=4), colour(values / 255, grid=4)], dim=1)


def measure(
    name: str, folder: Path, seeds: int, variants: Sequence[str], settings: dict[str, Any]
) -> dict[str, Measured]:
    """Variant to what it reaches on the test rows of a corpus."""
    data = LARGE[name](folder) if name in LARGE else read(name, folder)
    found = {variant: Measured() for variant in variants}
    for seed in range(seeds):
        for variant, measured in found.items():
            network = "-small" if settings else ""
            out = RUNS / f"{name}{network}" / variant.replace(", ", "-").replace(" ", "-") / f"seed-{seed}"
            chosen = {"seed": seed, "device": "cpu", **settings, **VARIANTS[variant]}
            run = train("hsc-mae", data, settings=chosen, out=out, resume=True, evaluate=False)
            measured.add(run.evaluate(data, bootstrap=0))
            print(f"{name}, {variant}, seed {seed}: {measured.maps[-1]:.4f}", file=sys.stderr, flush=True)
    return found


def main() -> int:
    """Measure and write the section's tables."""
    parser = study_parser("Measure what sparse mining costs in quality.", (*TITLES, *LARGE))
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, help="these only")
    parser.add_argument("--large", action="store_true", help="the large corpora, with a small network")
    parser.add_argument("--default-network", action="store_true", help="with the default network instead")
    options = parser.parse_args()
    names = [name for name in options.only if (name in LARGE) == options.large]
    usual = ("sparse walks", "in batches") if options.large else tuple(VARIANTS)
    settings = SMALL if options.large and not options.default_network else {}
    found = {
        TITLES.get(name, name): measure(name, options.data, options.seeds, options.variants or usual, settings)
        for name in names
    }
    kind = ("large" if settings else "large-default") if options.large else "mining"
    marks = f"<!-- {kind}: begin -->", f"<!-- {kind}: end -->"
    page = put_between(PAGE.read_text(encoding="utf-8"), score_tables(found, "mining"), marks)
    PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
