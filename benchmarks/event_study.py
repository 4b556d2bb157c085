"""How many unannotated events are expected, and how many there are: on clips of a simulator of another make.

    python benchmarks/event_study.py                     # all kinds of clips
    python benchmarks/event_study.py --kinds plain rare  # some

Features are not sums of what is in a clip, as those of `overtone simulate` are: every event is as loud as it happens to
be, and a layer of tanh mixes all of them. Kinds differ in one thing each.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from sklearn.metrics import average_precision_score

from overtone.features import PairedFeatures, from_arrays
from overtone.interactions import event_chances
from overtone.interactions.cross_fitting import cross_fit, select_labelled_splits

Array = np.ndarray[Any, Any]
SIZES, PRESENCE = (48, 80), 0.9
TESTED = 100  # rows that nobody looks at: a corpus has both splits


@dataclass(frozen=True)
class Kind:
    """What clips are like.

    Attributes:
        rows, classes, edges: How many there are; an edge joins any two nodes of two classes.
        rarity: Exponent s of class frequencies, 1 / rank^s.
        heavy: Whether noise has a t distribution of three degrees of freedom.
        alike: Cosine of what classes 2k and 2k + 1 look like.
        noise: Its standard deviation.
        background: Chance that a class is in a clip of itself.
        frequent: Number of classes of which it is a half.
        annotated: "one" of a clip's events, "half" of them or "all".
        faint: How loud unannotated events are against annotated ones.
    """

    rows: int = 3000
    classes: int = 20
    edges: int = 20
    rarity: float = 0.0
    heavy: bool = False
    alike: float = 0.0
    noise: float = 1.0
    background: float = 0.03
    frequent: int = 0
    annotated: str = "one"
    faint: float = 1.0


PLAIN = Kind()
KINDS = {
    "plain": PLAIN,
    "rare": replace(PLAIN, rarity=1.0),
    "heavy": replace(PLAIN, heavy=True),
    "alike": replace(PLAIN, alike=0.7),
    "noisy": replace(PLAIN, noise=2.5),
    "noisy-alike": replace(PLAIN, noise=2.5, alike=0.7, heavy=True),
    "faint": replace(PLAIN, faint=0.5),
    "half": replace(PLAIN, annotated="half"),
    "many": replace(PLAIN, classes=60, edges=200, background=0.02),
    "many-rare": replace(PLAIN, rows=6000, classes=80, edges=80, rarity=1.0),
    "frequent": replace(PLAIN, frequent=2),
    "no-edges": replace(PLAIN, edges=0),
    "all": replace(PLAIN, annotated="all"),
    "nothing": replace(PLAIN, edges=0, background=0.0),
    "nothing-noisy": replace(PLAIN, edges=0, background=0.0, noise=2.5, alike=0.7),
}


def draw(kind: Kind, seed: int) -> tuple[PairedFeatures, Array, torch.Tensor]:
    """Clips to train on, (N, C) whether each class is in them, and the (2C, 2C) edges."""
    random = np.random.default_rng(1000 + seed)
    rows, classes = kind.rows + TESTED, kind.classes
    frequencies = 1 / np.arange(1, classes + 1) ** kind.rarity
    background = np.where(np.arange(classes) < kind.frequent, 0.5, kind.background)
    main = random.choice(classes, rows, p=frequencies / frequencies.sum())
    shows = random.random((2, rows)) < PRESENCE
    shows[0] |= ~shows.any(0)
    events = (np.eye(classes, dtype=bool)[main] & shows[..., None]) | (
        (random.random((rows, classes)) < background) & (random.random((2, rows, classes)) < 0.75)
    )
    nodes = np.concatenate(list(events), 1)
    before, edges = nodes.copy(), torch.zeros(2 * classes, 2 * classes)
    while int((edges > 0).sum()) < kind.edges:
        source, target = random.integers(2 * classes, size=2)
        if source % classes != target % classes and not edges[source, target]:
            edges[source, target] = strength = float(np.clip(random.normal(0.5, 0.2), 0.1, 0.9))
            nodes[:, target] |= before[:, source] & (random.random(rows) < strength)
    events = np.stack([nodes[:, :classes], nodes[:, classes:]])
    there = events.any(0)
    kept = {"one": np.eye(classes, dtype=bool)[main], "half": random.random(there.shape) < 0.5, "all": there}
    labels = there & kept[kind.annotated]
    arrays = {"labels": labels.astype(np.uint8), "split": np.where(np.arange(rows) < kind.rows, "train", "test")}
    for name, part, size in zip(("audio", "visual"), events, SIZES):
        looks = random.normal(size=(classes, size))
        looks[1::2] = kind.alike * looks[:-1:2] + np.sqrt(1 - kind.alike**2) * looks[1::2]
        loud = random.gamma(4.0, 0.25, size=there.shape) * np.where(labels, 1.0, kind.faint)
        noise = random.standard_t(3, size=(rows, size)) / np.sqrt(3) if kind.heavy else random.normal(size=(rows, size))
        heard = (part * loud) @ looks + kind.noise * noise
        mixed = np.tanh(heard @ random.normal(size=(size, size)) / np.sqrt(size))
        arrays[name] = (mixed + 0.3 * heard).astype(np.float32)
    return from_arrays(arrays), there[: kind.rows], edges


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS), metavar="KIND")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"unannotated a clip {'true':>8}{'soft':>8}{'edges':>8}{'AP':>8}{'edges':>8}  chances of .9 with edges, right"
    )
    for name in options.kinds:
        data, there, edges = draw(KINDS[name], options.seed)
        soft = cross_fit(select_labelled_splits(data), folds=2, settings={"seed": options.seed}, workers=1)
        hidden = soft.annotated.numpy() == 0
        truth = there[hidden]
        found = [event_chances(soft.arrays, soft.labels, graph, kind=soft.kind) for graph in (None, edges)]
        chances = [one.clips.numpy()[hidden] for one in found]
        precisions = [average_precision_score(truth, part) if truth.any() else np.nan for part in chances]
        sure = chances[1] >= 0.9
        right = f"{sure.sum() / len(there):.2f} a clip, {truth[sure].mean() if sure.any() else np.nan:.2f}"
        counts = [truth.sum() / len(there), *(one.unannotated for one in found)]
        figures = "".join(f"{value:8.2f}" for value in (*counts, *precisions))
        print(f"{name:19}{figures}  {right}", flush=True)


if __name__ == "__main__":
    main()
