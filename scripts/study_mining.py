"""Measure what sparse mining costs in quality, where dense mining is possible (`make study-mining`): docs/scale.md.

    python scripts/study_mining.py --data FOLDER [--only NAME ...] [--seeds N] [--variants NAME ...]

HSC-MAE is trained on corpora of some thousand rows with the weights of its neighbours from a dense matrix, as it is
by default up to 4,096 rows, and from sparse walks, as above. Runs that are finished are taken from
runs/studies/mining.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from measured import Measured, score_tables
from pages import put_between, study_parser
from results import CORPORA as ALL

from overtone.features import load
from overtone.training import train

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "scale.md"
MARKS = "<!-- mining: begin -->", "<!-- mining: end -->"
RUNS = ROOT / "runs" / "studies" / "mining"
CORPORA = {name: ALL[name] for name in ("split-digits", "handwritten", "wikipedia", "digits_av", "scene15", "ccv")}
VARIANTS: dict[str, dict[str, Any]] = {
    "sparse walks": {"mining_rows": 0},
    "dense": {"mining_rows": 100_000},
    "sparse walks, inverted lists": {"mining_rows": 0, "mining_exact_rows": 0},
    "in batches": {"mining_rows": 0, "mining_weighting": "softmax"},
}


def measure(name: str, folder: Path, seeds: int, variants: Sequence[str]) -> dict[str, Measured]:
    """Variant to what it reaches on the test rows of a corpus."""
    corpus = CORPORA[name]
    first, _, second = (corpus.modalities or "").partition(",")
    data = load(folder / corpus.path if corpus.path else name, modalities=(first, second) if second else None)
    found = {variant: Measured() for variant in variants}
    for seed in range(seeds):
        for variant, measured in found.items():
            out = RUNS / name / variant.replace(", ", "-").replace(" ", "-") / f"seed-{seed}"
            settings = {"seed": seed, "device": "cpu", **VARIANTS[variant]}
            run = train("hsc-mae", data, settings=settings, out=out, resume=True, evaluate=False)
            measured.add(run.evaluate(data, bootstrap=0))
            print(f"{name}, {variant}, seed {seed}: {measured.maps[-1]:.4f}", file=sys.stderr, flush=True)
    return found


def main() -> int:
    """Measure and write the section's tables."""
    parser = study_parser("Measure what sparse mining costs in quality.", CORPORA)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), help="these only")
    options = parser.parse_args()
    settings = (options.data, options.seeds, options.variants)
    found = {CORPORA[name].title: measure(name, *settings) for name in options.only}
    page = put_between(PAGE.read_text(encoding="utf-8"), score_tables(found, "mining"), MARKS)
    PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
