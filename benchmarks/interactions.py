"""What event chances add to a step of the student: the same step with and without them, taking turns.

python benchmarks/interactions.py                       # the event head: C = 56, batch 512, AVE's widths
python benchmarks/interactions.py --loss auto           # beside the label head in place of triplets
python benchmarks/interactions.py --student lir         # the pull along 400 edges
python benchmarks/interactions.py --shapes 128 1024 --width 1024 --depth 3   # the network of large corpora
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from overtone.methods.base import Batch, CorpusInfo, InferredTargets, Method, methods

LEARNING_RATE = 0.0
"""All is computed and nothing moves: both students stay at one place, and no block is unlike another."""


def student(graph: str, options: argparse.Namespace) -> tuple[Method, Batch]:
    """A student that was told soft labels and a graph, and a batch; equal for equal options but for the graph."""
    random = torch.Generator().manual_seed(0)
    rows, classes = options.batch, options.classes
    torch.manual_seed(0)
    kind = methods["interactions"]
    settings = {
        "graph": graph,
        "student": options.student,
        "loss": options.loss,
        "width": options.width,
        "depth": options.depth,
        "graph_start": 0.0,
    }
    settings["negative_relief"] = options.negative_relief
    first, second = options.shapes
    method = kind(kind.settings_type.build(settings), CorpusInfo(((first,), (second,)), rows, classes))
    labels = torch.randint(classes, (rows,), generator=random)
    targets = torch.nn.functional.one_hot(labels, classes).float()
    noisy = [torch.rand(rows, classes, generator=random).pow(8) for _ in range(2)]
    soft = [(0.7 * targets + 0.3 * part).clamp(0.0, 1.0) for part in noisy]
    method.set_inferred_targets(InferredTargets((soft[0], soft[1]), edges_of(options, random)))
    features = [torch.randn(rows, width, generator=random) for width in options.shapes]
    batch = Batch(torch.arange(rows), (features[0], features[1]), labels, 0.9, global_size=rows, generator=random)
    method.on_train_start(batch)
    return method.train(), batch


def edges_of(options: argparse.Namespace, random: torch.Generator) -> torch.Tensor:
    """A graph of so many edges at random places, between the modalities or anywhere."""
    nodes = 2 * options.classes
    number = torch.arange(nodes)
    across = (number[:, None] < options.classes) != (number < options.classes)
    places = torch.where((across | (options.places == "anywhere")).flatten())[0]
    edges = torch.zeros(nodes**2)
    edges[places[torch.randperm(len(places), generator=random)[: options.edges]]] = 1.0
    return edges.view(nodes, nodes)


def stepper(method: Method, batch: Batch) -> Callable[[], None]:
    """All that the loop does in a step."""
    optimizer = torch.optim.AdamW(method.parameter_groups(LEARNING_RATE, 1e-4), fused=True)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]

    def step() -> None:
        method.step(batch)["loss"].backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0, foreach=True)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        method.on_step_end(0.9)

    return step


def seconds(step: Callable[[], None], steps: int) -> float:
    """Processor seconds of a block of steps."""
    start = time.process_time()
    for _ in range(steps):
        step()
    return (time.process_time() - start) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--student", choices=["heads", "lir"], default="heads")
    parser.add_argument("--classes", type=int, default=56)
    parser.add_argument("--edges", type=int, default=400)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--shapes", type=int, nargs=2, default=[128, 512])
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--depth", type=int, default=2)
    parser.add_argument("--loss", default="triplet")
    parser.add_argument("--places", choices=["across", "anywhere"], default="anywhere", help="where edges may lie")
    parser.add_argument("--negative-relief", type=float, default=1.0, help="0 for the pull alone")
    parser.add_argument("--blocks", type=int, default=15, help="blocks of each kind, which take turns")
    parser.add_argument("--steps", type=int, default=10, help="steps of a block")
    options = parser.parse_args()
    without, with_graph = (stepper(*student(graph, options)) for graph in ("none", "inferred"))
    seconds(without, 3)
    seconds(with_graph, 3)
    pairs = [(seconds(without, options.steps), seconds(with_graph, options.steps)) for _ in range(options.blocks)]
    ratios = sorted(other / one for one, other in pairs)
    low, high = ratios[len(ratios) // 10], ratios[-1 - len(ratios) // 10]
    one, other = (statistics.median(column) for column in zip(*pairs))
    pull = f", {options.edges} edges {options.places}, negative relief {options.negative_relief:g}"
    print(
        f"student={options.student}, loss={options.loss}, {options.classes} classes, batch {options.batch}"
        f"{pull * (options.student == 'lir')}"
    )
    print(f"processor ms of a step: {1e3 * one:.2f} without event chances, {1e3 * other:.2f} with them")
    print(
        f"with / without: {statistics.median(ratios):.3f}, median of {len(ratios)} pairs; "
        f"80 % of them in {low:.3f} to {high:.3f}"
    )


if __name__ == "__main__":
    main()
