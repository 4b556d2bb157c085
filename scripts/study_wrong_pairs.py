"""Measure what wrong training pairs cost HSC-MAE (`make study-wrong-pairs`): a section of docs/results.md.

    python scripts/study_wrong_pairs.py --data FOLDER [--only NAME ...] [--seeds N]

The counterparts of a share of the training pairs, drawn anew for each seed, are exchanged among each other. A run keeps
all pairs, or takes those apart that look wrong, whether its rule would or not. Runs that are finished are taken from
runs/studies/wrong-pairs.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from unittest import mock

import torch
from pages import put_between, study_parser, table
from results import CORPORA, read
from sklearn.metrics import average_precision_score
from torch import Tensor

from overtone.features import PairedFeatures
from overtone.report.words import DASH, number, percent
from overtone.training import pairing, train
from overtone.training.run import Run

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "results.md"
MARKS = "<!-- wrong pairs: begin -->", "<!-- wrong pairs: end -->"
RUNS = ROOT / "runs" / "studies" / "wrong-pairs"
TITLES = {
    name: CORPORA[name].title
    for name in ("split-digits", "handwritten", "digits_av", "scene15", "reuters", "cora", "wikipedia", "ccv")
}
SHARES = 0.0, 0.2, 0.4, 0.6
LEAST_STAYING = 0.1
"""Share of pairs that must stay for a run that takes the others apart."""


@dataclass
class Found:
    """What was found with one share of wrong pairs on one corpus, a value for each seed.

    Attributes:
        kept: mAP of the runs that keep all pairs.
        apart: mAP of those that take pairs apart; empty where no pair is exchanged, or hardly one would stay.
        chosen: Whether the rule takes pairs apart.
        estimated: Share of wrong pairs as estimated.
        precision: Average precision of the chance of being wrong, over the pairs that are.
    """

    kept: list[float] = field(default_factory=list)
    apart: list[float] = field(default_factory=list)
    chosen: list[bool] = field(default_factory=list)
    estimated: list[float] = field(default_factory=list)
    precision: list[float] = field(default_factory=list)


def exchange(data: PairedFeatures, share: float, seed: int) -> tuple[PairedFeatures, Tensor]:
    """The same corpus with wrong pairs, and which of its training pairs are wrong.

    Each of the rows drawn gets the counterpart of the next one, so that none keeps its own.
    """
    rows = data.splits["train"]
    drawn = torch.randperm(len(rows), generator=torch.Generator().manual_seed(2000 + seed))[: round(share * len(rows))]
    name = data.names[1]
    moved = data.modalities[name].clone()
    moved[rows[drawn]] = data.modalities[name][rows[drawn.roll(1)]]
    wrong = torch.zeros(len(rows), dtype=torch.bool).index_fill_(0, drawn, True)
    return replace(data, modalities={**data.modalities, name: moved}), wrong


def measure(name: str, folder: Path, seeds: int) -> dict[float, Found]:
    """Share of wrong pairs to what was found."""
    data = read(name, folder)
    found = {share: Found() for share in SHARES}
    for seed in range(seeds):
        for share, one in found.items():
            weak, wrong = exchange(data, share, seed)
            runs, settings = RUNS / f"{name}-{share:g}", {"seed": seed, "device": "cpu"}
            kept = {**settings, "pairs": "keep"}
            run = train("hsc-mae", weak, settings=kept, out=runs / f"kept-{seed}", resume=True)
            one.kept.append(run.evaluation["map"].mean)
            staying = look(run, weak, wrong, one)
            if share and staying > LEAST_STAYING:
                with mock.patch.multiple(pairing, _LEAST_SHARE=0.0, _recognises=lambda found: True):
                    run = train("hsc-mae", weak, settings=settings, out=runs / f"apart-{seed}", resume=True)
                one.apart.append(run.evaluation["map"].mean)
            print(f"{name}, {share:.0%} wrong, seed {seed}: {one}", file=sys.stderr, flush=True)
    return found


def look(run: Run, data: PairedFeatures, wrong: Tensor, found: Found) -> float:
    """Add what the check of pairs says of all training pairs, as a run without held-out rows sees them.

    Returns:
        Share of the pairs that do not look wrong.
    """
    first, second = (run.scalers[name](rows[data.splits["train"]]) for name, rows in data.modalities.items())
    check = pairing.check_pairs(first, second, tuple(str(row) for row in range(len(first))))
    assert check is not None
    found.chosen.append(check.left_out)
    found.estimated.append(check.agreement.wrong_share)
    if wrong.any():
        found.precision.append(float(average_precision_score(wrong.numpy(), check.agreement.chances.numpy())))
    return float((~check.wrong).double().mean())


def tables(found: Mapping[str, Mapping[float, Found]]) -> str:
    """mAP by share, what the rule does in bold; then how well wrong pairs are found."""
    scores, finding = [], []
    for share in SHARES:
        ones = [of[share] for of in found.values()]
        head = percent(share) if share else "none"
        scores.append([f"{head}, kept", *(bold(one.kept, not most(one.chosen)) for one in ones)])
        if share:
            scores.append([f"{head}, taken apart", *(bold(one.apart, most(one.chosen)) for one in ones)])
        cells = [f"{number(fmean(one.estimated), 2)}{precision(one)}" for one in ones]
        finding.append([head, *cells])
    return (
        f"{table(['wrong pairs', *found], scores)}\n\n"
        "Share of wrong pairs as estimated; average precision of finding them:\n\n"
        f"{table(['wrong pairs', *found], finding)}\n"
    )


def most(chosen: list[bool]) -> bool:
    """Whether the rule takes pairs apart with most seeds."""
    return 2 * sum(chosen) > len(chosen)


def bold(maps: list[float], marked: bool) -> str:
    """A mean, in bold where marked; a dash for none."""
    if not maps:
        return DASH
    return f"**{number(fmean(maps))}**" if marked else number(fmean(maps))


def precision(found: Found) -> str:
    """The average precision, where there is something to find."""
    return f"; {number(fmean(found.precision), 2)}" if found.precision else ""


def main() -> int:
    """Measure and write the section's tables."""
    options = study_parser("Measure what wrong training pairs cost HSC-MAE.", TITLES).parse_args()
    torch.set_num_threads(1)
    found = {TITLES[name]: measure(name, options.data, options.seeds) for name in options.only}
    PAGE.write_text(put_between(PAGE.read_text(encoding="utf-8"), tables(found), MARKS), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
