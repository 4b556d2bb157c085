"""The figures of docs/studies/find.md: what `find` and `label` find where it is known what is there.

    python scripts/study_find.py --seeds 5 --data DATA

Split digits, all 1,797 clips. In each seed other clips are copied, paired wrongly and labelled. With DATA, the folder
of the corpora, pairs of six corpora are exchanged, labels are also given on Handwritten and Scene-15, and what is found
in TikTok is looked at in a trained embedding. ``--only labels`` leaves the other tables out.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import average_precision_score

import overtone
from overtone.evaluation import counterpart_ranks
from overtone.features import PairedFeatures
from overtone.search import ScaledClips, find_duplicates, find_mismatched, find_outliers, label_clips
from overtone.training import Run

COPIES, WRONG = 0.01, 0.05
CORPORA = {
    "Scene-15": "scene15/scene15.npz",
    "Cora": "cora/cora.npz",
    "Spoken and written digits": "digits_av/digits_av.npz",
    "Wikipedia": "wikipedia/wikipedia.npz",
    "CCV": "ccv/ccv.npz",
    "TikTok": "tiktok/tiktok.npz",
}


def shuffled(data: PairedFeatures, seed: int, share: float = WRONG) -> tuple[PairedFeatures, np.ndarray]:
    """A share of the clips with the second halves of each other, and which."""
    rows = np.random.default_rng(seed).choice(len(data), round(share * len(data)), replace=False)
    order, wrong = np.arange(len(data)), np.zeros(len(data), dtype=bool)
    order[rows], wrong[rows] = np.roll(rows, 1), True
    first, second = data.names
    views = {first: data.modalities[first], second: data.modalities[second][order]}
    return replace(data, modalities=views, labels=None, label_kind="none", class_names=(), splits={}, truth={}), wrong


def copied(data: PairedFeatures, seed: int, noise: float) -> tuple[PairedFeatures, np.ndarray]:
    """A hundredth of the clips again at the end, with noise in each column, and which are twofold."""
    random = np.random.default_rng(seed + 100)
    rows = random.choice(len(data), round(COPIES * len(data)), replace=False)
    views = {}
    for name, values in data.modalities.items():
        more = random.standard_normal((len(rows), values.shape[1])).astype(np.float32)
        views[name] = torch.cat([values, values[rows] + noise * values.std(0) * torch.from_numpy(more)])
    twofold = np.zeros(len(data) + len(rows), dtype=bool)
    twofold[rows], twofold[len(data) :] = True, True
    return PairedFeatures(views, (*data.ids, *(f"copy-{row}" for row in range(len(rows))))), twofold


def duplicates(data: PairedFeatures, seeds: int) -> None:
    """Rows of the table of near-duplicates."""
    for noise in (0.0, 0.05, 0.1, 0.2):
        figures = []
        for seed in range(seeds):
            given, twofold = copied(shuffled(data, seed)[0], seed, noise)
            found = find_duplicates(ScaledClips.of(given))
            place = {name: row for row, name in enumerate(given.ids)}
            right = sum(twofold[place[clip.id]] for group in found.groups for clip in group.clips)
            precision = average_precision_score(twofold, -found.chances)
            figures.append((precision, twofold.sum(), right, found.found - right, found.expected))
        print(f"| {noise} |", " | ".join(f"{value:.3g}" for value in np.mean(figures, axis=0)), "|")


def mismatches(data: PairedFeatures, seeds: int) -> None:
    """Rows of the table of mismatched pairs: all seeds, and their mean."""
    figures = []
    for seed in range(seeds):
        given, wrong = shuffled(data, seed)
        found = find_mismatched(ScaledClips.of(given))
        place = {name: row for row, name in enumerate(given.ids)}
        listed = wrong[[place[one.clip.id] for one in found.mismatches]]
        precision = average_precision_score(wrong, -found.ranks)
        figures.append((precision, found.wrong_share, len(listed), (~listed).sum(), found.expected))
        print(f"| {seed} |", " | ".join(f"{value:.3g}" for value in figures[-1]), "|")
    print("| mean |", " | ".join(f"{value:.3g}" for value in np.mean(figures, axis=0)), "|")


def exchanged(folder: Path) -> None:
    """Rows of the table of other corpora, with their pairs as they are and with some exchanged."""
    for title, path in CORPORA.items():
        data = overtone.load(folder / path)
        for share in (0.0, 0.05, 0.2):
            given, wrong = shuffled(data, 0, share)
            found = find_mismatched(ScaledClips.of(given))
            place = {name: row for row, name in enumerate(given.ids)}
            right = int((~wrong[[place[one.clip.id] for one in found.mismatches]]).sum()) if found.mismatches else 0
            precision = f"{average_precision_score(wrong, -found.ranks):.3f}" if share else ""
            cells = [title if not share else "", f"{share:g}", "" if found.judged else "at most "]
            cells[2] += f"{found.wrong_share:.3f} ± {found.wrong_share_error:.3f}"
            listed = (f"{len(found.mismatches):,}", f"{right:,}" if share else "", f"{found.expected:,.0f}")
            print("|", " | ".join((*cells, f"{found.recognised:.2f}", precision, *listed)), "|")


def appearance(folder: Path) -> None:
    """What is found in TikTok, by numbers of a trained embedding, which `find` does not use."""
    data = overtone.load(folder / CORPORA["TikTok"])
    run = overtone.train("hsc-mae", data)
    units = {name: torch.nn.functional.normalize(rows, dim=1) for name, rows in run.embed(data).items()}
    place = {name: row for row, name in enumerate(data.ids)}
    clips = ScaledClips.of(data, run.scalers)
    groups = [[place[clip.id] for clip in group.clips[:2]] for group in find_duplicates(clips).groups]
    first, second = torch.tensor(groups).T
    others = torch.randperm(len(data), generator=torch.Generator().manual_seed(0))
    for name, rows in units.items():
        cosines = [float((rows[a] * rows[b]).sum(1).median()) for a, b in ((first, second), (others, others.roll(1)))]
        print(f"{name}: median cosine of duplicates {cosines[0]:.3f}, of random clips {cosines[1]:.3f}")
    found = find_mismatched(clips)
    lowest = found.ranks.argsort(stable=True)[: len(data) // 20].numpy()
    strange = [place[one.clip.id] for one in find_outliers(clips).outliers]
    test = data.splits["test"].numpy()
    ranks = counterpart_ranks(*units.values())
    among = counterpart_ranks(*(rows[test] for rows in units.values()))
    chosen = {"all clips": ranks, "lowest twentieth": ranks[lowest], "outliers": ranks[strange]}
    chosen |= {"test clips": among, "lowest twentieth of them": among[np.isin(test, lowest)]}
    for what, values in chosen.items():
        print(f"{what}: median counterpart rank {np.median(values):,.0f} ({len(values):,} clips)")


def labels(name: str, data: PairedFeatures, run: Run, seeds: int) -> None:
    """Rows of the table of labels of one corpus."""
    assert data.targets is not None
    truth = data.targets.argmax(1)
    first, second = run.embed(data).values()
    rows = torch.nn.functional.normalize(first + second, dim=1)
    clips = ScaledClips.of(data).clips
    for each in (3, 5, 10, 30):
        for error in (0.05, 0.1):
            figures = []
            for seed in range(seeds):
                random, numbers = np.random.default_rng(seed), torch.full_like(truth, -1)
                for number in range(data.classes):
                    members = (truth == number).nonzero().flatten().numpy()
                    numbers[random.choice(members, each, replace=False)] = number
                found = label_clips(clips, rows, numbers, data.class_names, error=error, neighbours=min(10, each))
                names = [data.class_names[number] for number in truth[numbers < 0].tolist()]
                wrong = [one.label != name for one, name in zip(found.labels, names) if one.label is not None]
                share = len(wrong) / len(names)
                figures.append((found.measured_coverage, share, found.measured_error or 0.0, np.mean(wrong or [0.0])))
            print(
                f"| {name} | {each} | {error} |", " | ".join(f"{value:.3f}" for value in np.mean(figures, axis=0)), "|"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--data", type=Path, help="folder of the corpora")
    parser.add_argument("--only", choices=["duplicates", "mismatches", "exchanged", "labels", "appearance"])
    options = parser.parse_args()
    corpora = {"Split digits": overtone.load("split-digits")}
    if options.only in (None, "duplicates"):
        duplicates(corpora["Split digits"], options.seeds)
    if options.only in (None, "mismatches"):
        mismatches(corpora["Split digits"], options.seeds)
    if options.only in (None, "exchanged") and options.data is not None:
        exchanged(options.data)
    if options.only in (None, "appearance") and options.data is not None:
        appearance(options.data)
    if options.only in (None, "labels"):
        if options.data is not None:
            handwritten = options.data / "handwritten" / "Handwritten.mat"
            corpora["Handwritten"] = overtone.load(handwritten, modalities=("view1", "view4"))
            corpora["Scene-15"] = overtone.load(options.data / "scene15" / "scene15.npz")
        for name, data in corpora.items():
            labels(name, data, overtone.train("hsc-mae", data), options.seeds)


if __name__ == "__main__":
    main()
