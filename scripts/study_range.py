"""Measure what shorter walks are worth where classes are many and small (`make study-range`): docs/results.md.

    python scripts/study_range.py --data FOLDER [--only NAME ...] [--seeds N]

HSC-MAE is trained with its defaults, which look for small clusters, and with the walks of corpora without any. Corpora
are mixtures of normal distributions seen through two random networks, and a few rows of each class of real ones. Each
seed draws its own corpus. Runs that are finished are taken from runs/studies/range.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import torch
from pages import folder_name, put_between, study_parser, table

from overtone.features import PairedFeatures, from_arrays, load
from overtone.features.arrays import Values
from overtone.report.words import number, signed
from overtone.training import Run, train

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "results.md"
MARKS = "<!-- range: begin -->", "<!-- range: end -->"
RUNS = ROOT / "runs" / "studies" / "range"
USUAL: dict[str, Any] = {"walk_edges": 10, "walk_restart": 0.03}
"""The walks of corpora without small clusters."""


@dataclass(frozen=True)
class Mixture:
    """Classes with a latent centre each, seen by two modalities.

    Attributes:
        classes: Number of classes.
        members: Training rows of a class; half as many test rows.
        shared: Spread of a class that both modalities see; the centres have spread 1.
        own: Spread of a class that each modality sees on its own.
        noise: Noise of the features, as a share of their spread.
        dimensions: Of the latent space.
        kinds: Groups that the centres stand in; 0: none.
        coarse: Whether the label is the group.
    """

    classes: int
    members: int
    shared: float = 0.5
    own: float = 0.6
    noise: float = 0.3
    dimensions: int = 12
    kinds: int = 0
    coarse: bool = False

    def draw(self, folder: Path, seed: int) -> PairedFeatures:
        """Two views of 64 columns, by the seed; nothing is read from the folder."""
        rng = np.random.default_rng(1000 + seed)
        centres = rng.normal(size=(self.classes, self.dimensions))
        label = np.arange(self.classes)
        if self.kinds:
            label = label % self.kinds
            centres = 0.75 * rng.normal(size=(self.kinds, self.dimensions))[label] + 0.66 * centres
        tested = max(3, self.members // 2)
        train_rows, test_rows = (np.repeat(np.arange(self.classes), rows) for rows in (self.members, tested))
        cluster = np.concatenate([train_rows, test_rows])
        latent = centres[cluster] + self.shared * rng.normal(size=(len(cluster), self.dimensions))
        views = {name: self._see(latent, rng) for name in ("first", "second")}
        split = np.array(["train"] * len(train_rows) + ["test"] * len(test_rows))
        return from_arrays({**views, "y": label[cluster] if self.coarse else cluster, "split": split})

    def _see(self, latent: Values, rng: np.random.Generator) -> Values:
        hidden = latent + self.own * rng.normal(size=latent.shape)
        inward = rng.normal(size=(self.dimensions, 64)) / self.dimensions**0.5
        seen = np.tanh(hidden @ inward + 0.3 * rng.normal(size=64)) @ rng.normal(size=(64, 64)) / 8
        noisy: Values = seen + self.noise * seen.std() * rng.normal(size=seen.shape)
        return noisy


@dataclass(frozen=True)
class FewRows:
    """Some training rows of each class of a real corpus (None: all), and all its test rows."""

    members: int | None
    path: str
    modalities: tuple[str, str] | None = None

    def draw(self, folder: Path, seed: int) -> PairedFeatures:
        """A subset by the seed."""
        data = load(folder / self.path if "/" in self.path else self.path, modalities=self.modalities)
        generator = torch.Generator().manual_seed(1000 + seed)
        rows = data.splits["train"]
        rows = rows[torch.randperm(len(rows), generator=generator)]
        assert data.labels is not None
        label = data.labels[rows]
        kept = [rows[label == one][: self.members] for one in range(data.classes)]
        return data.subset(torch.cat([*kept, data.splits["test"]]))


CORPORA: dict[str, Mixture | FewRows] = {
    "100 × 11, nested": Mixture(100, 11, shared=0.4, dimensions=16, kinds=20),
    "100 × 11": Mixture(100, 11),
    "100 × 11, noisy": Mixture(100, 11, shared=0.6, own=1.0, noise=0.5),
    "200 × 6": Mixture(200, 6, shared=0.4, own=0.5, dimensions=16),
    "50 × 20": Mixture(50, 20, own=0.8, noise=0.4),
    "40 × 30": Mixture(40, 30, shared=0.4, dimensions=16),
    "21 × 70, noisy": Mixture(21, 70, shared=0.7, own=1.0, noise=0.5, dimensions=8),
    "100 × 11 in 20 classes": Mixture(100, 11, shared=0.4, dimensions=16, kinds=20, coarse=True),
    "Handwritten, 12 a class": FewRows(12, "handwritten/Handwritten.mat", ("view1", "view4")),
    "Split digits, 12 a class": FewRows(12, "split-digits"),
    "Spoken and written digits": FewRows(None, "digits_av/digits_av.npz"),
}


@dataclass
class Measured:
    """Test mAP with the usual and with the default walks, and the size of clusters found, for each seed."""

    usual: list[float] = field(default_factory=list)
    default: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)


def measure(name: str, folder: Path, seeds: int) -> Measured:
    """What the walks reach on one corpus."""
    corpus, found = CORPORA[name], Measured()
    for seed in range(seeds):
        data = corpus.draw(folder, seed)
        default = run(name, data, seed, "default", {})
        same = all(default.settings[key] == value for key, value in USUAL.items())
        usual = default if same else run(name, data, seed, "usual", USUAL)
        found.default.append(score(default))
        found.usual.append(score(usual))
        found.sizes.append(int(default.info["clusters"]["size"]))
        print(name, seed, found.sizes[-1], found.usual[-1], found.default[-1], file=sys.stderr, flush=True)
    return found


def run(name: str, data: PairedFeatures, seed: int, variant: str, settings: dict[str, Any]) -> Run:
    """A run with these settings, or the stored one."""
    folder = RUNS / folder_name(name) / variant / f"seed-{seed}"
    return train("hsc-mae", data, settings={**settings, "seed": seed, "device": "cpu"}, out=folder, resume=True)


def score(found: Run) -> float:
    """Test mAP, both directions averaged."""
    assert found.evaluation is not None
    return found.evaluation["map"].mean


def row(name: str, found: Measured) -> list[str]:
    """Sizes found, both scores, and their mean difference with its standard deviation over the seeds."""
    apart = [default - usual for default, usual in zip(found.default, found.usual)]
    spread = f" ± {number(stdev(apart))}" if len(apart) > 1 else ""
    scores = [number(fmean(one)) for one in (found.usual, found.default)]
    return [name, ", ".join(map(str, found.sizes)), *scores, f"{signed(fmean(apart))}{spread}"]


def main() -> int:
    """Measure and write the section's table."""
    options = study_parser("Measure what shorter walks are worth in small clusters.", CORPORA).parse_args()
    torch.set_num_threads(1)
    rows = [row(name, measure(name, options.data, options.seeds)) for name in options.only]
    head = ["classes × training rows", "sizes found", "usual walks", "default", "difference"]
    PAGE.write_text(put_between(PAGE.read_text(encoding="utf-8"), table(head, rows) + "\n", MARKS), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
