"""What event chances cost: seconds and memory, against bare passes over the scores in the same run.

    python benchmarks/event_chances.py                   # 30,000 clips of 309 classes: 618 nodes (a minute)
    python benchmarks/event_chances.py --rows 5000 --classes 50 --edges 100

Clips hold a few events, of which one is annotated; scores are drawn, so nothing is trained. A bare pass takes the
exponential of all scores of both modalities: the least that a round of expectation and maximisation reads and computes.
"""

from __future__ import annotations

import argparse
import time

import torch
from memory import highest, resident

from overtone.interactions import event_chances

PASSES = 30
"""Most rounds of expectation and maximisation."""


def draw(rows: int, classes: int, random: torch.Generator) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """(rows, classes) soft labels of both modalities, and labels: the loudest event of a clip."""
    there = torch.rand(rows, classes, generator=random) < 4.0 / classes
    own = torch.randint(classes, (rows,), generator=random)
    there[torch.arange(rows), own] = True
    logits = [torch.randn(rows, classes, generator=random) + 5.0 * there - 4.0 for _ in range(2)]
    labels = torch.zeros(rows, classes)
    labels[torch.arange(rows), own] = 1.0
    return {"audio": logits[0].sigmoid(), "visual": logits[1].sigmoid()}, labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=30_000)
    parser.add_argument("--classes", type=int, default=309)
    parser.add_argument("--edges", type=int, default=1000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    random = torch.Generator().manual_seed(0)
    scores, labels = draw(options.rows, options.classes, random)
    graph = torch.zeros((2 * options.classes) ** 2)
    graph[torch.randperm(len(graph), generator=random)[: options.edges]] = 1.0
    graph = graph.view(2 * options.classes, -1).fill_diagonal_(0.0)

    start = time.process_time()
    for _ in range(PASSES):
        for part in scores.values():
            part.exp()
    bare = time.process_time() - start
    with highest(resident) as most:
        start = time.process_time()
        found = event_chances(scores, labels, graph)
        used = time.process_time() - start
    print(f"{options.rows:,} clips, {options.classes} classes, {options.edges:,} edges, one thread")
    print(f"{found.unannotated:.2f} unannotated events a clip expected")
    print(f"processor seconds {used:.1f}, {used / bare:.0f} times {PASSES} bare passes; {most['own']:.1f} GB at most")


if __name__ == "__main__":
    main()
