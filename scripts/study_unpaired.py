"""Measure what clips with one modality only are worth (`make study-unpaired`): a section of docs/results.md.

    python scripts/study_unpaired.py --data FOLDER [--only NAME ...] [--seeds N] [--share S] [--methods NAME ...]

Of the training rows of a corpus a share stays paired, drawn anew for each seed; half of the others lose one modality,
half the other one. HSC-MAE is trained on all of them, and every method on the paired ones alone. Runs that are finished
are taken from runs/studies/unpaired.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from measured import Measured, score_tables
from pages import put_between, study_parser
from results import CORPORA, METHODS, read

from overtone.features import PairedFeatures
from overtone.training import train

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "results.md"
MARKS = "<!-- unpaired: begin -->", "<!-- unpaired: end -->"
RUNS = ROOT / "runs" / "studies" / "unpaired"
LEADER = "hsc-mae, all rows"
TITLES = {name: CORPORA[name].title for name in ("split-digits", "handwritten", "digits_av", "scene15")}


def weaken(data: PairedFeatures, share: float, seed: int) -> PairedFeatures:
    """The same corpus with a share of its training rows paired, and half of the others in either modality only."""
    rows = data.splits["train"]
    rows = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(1000 + seed))]
    paired = round(share * len(rows))
    middle = paired + (len(rows) - paired) // 2
    parts, present = {}, {}
    for name, lacking in zip(data.names, (rows[middle:], rows[paired:middle])):
        present[name] = torch.ones(len(data), dtype=torch.bool).index_fill_(0, lacking, False)
        parts[name] = data.modalities[name].index_fill(0, lacking, torch.nan)
    return replace(data, modalities=parts, present=present)


def measure(name: str, folder: Path, share: float, seeds: int, methods: Sequence[str]) -> dict[str, Measured]:
    """Variant to what it reaches on the test rows."""
    data = read(name, folder)
    found: dict[str, Measured] = {}
    for seed in range(seeds):
        weak = weaken(data, share, seed)
        for variant, method, unpaired in variants(methods):
            out = RUNS / f"{name}-{share:g}" / variant.replace(", ", "-").replace(" ", "-") / f"seed-{seed}"
            settings = {"seed": seed, "unpaired": unpaired, "device": "cpu"}
            run = train(method, weak, settings=settings, out=out, resume=True, evaluate=False)
            evaluation = run.evaluate(weak, bootstrap=0)
            found.setdefault(variant, Measured()).add(evaluation)
            print(f"{name}, {variant}, seed {seed}: {evaluation['map'].mean:.4f}", file=sys.stderr, flush=True)
    return found


def variants(methods: Sequence[str] = METHODS) -> Iterator[tuple[str, str, bool]]:
    """Name, method, and whether it is trained on unpaired rows."""
    yield LEADER, "hsc-mae", True
    for method in methods:
        yield method, method, False


def main() -> int:
    """Measure and write the section's tables."""
    parser = study_parser("Measure what clips with one modality only are worth.", TITLES)
    parser.add_argument("--share", type=float, default=0.1, help="share of the training rows that stay paired")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS), help="on the paired rows")
    options = parser.parse_args()
    torch.set_num_threads(1)
    settings = options.data, options.share, options.seeds, options.methods
    found = {TITLES[name]: measure(name, *settings) for name in options.only}
    page = put_between(PAGE.read_text(encoding="utf-8"), score_tables(found, "trained with"), MARKS)
    PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
