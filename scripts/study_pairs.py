"""Measure pairs of views that no default was chosen on (`make study-pairs`): a section of docs/results.md.

    python scripts/study_pairs.py --data FOLDER [--only NAME ...] [--seeds N]

Each pair is two views of a corpus, or two parts of one view, that the tables of the eight corpora do not have. Splits
are those of the corpora, where they have one. Results that are finished are taken from runs/studies/pairs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import cifar
import numpy as np
import torch
from pages import folder_name, put_between, study_parser, table
from results import METHODS

import overtone
from overtone.experiments import Comparison
from overtone.features import PairedFeatures, from_arrays, load, load_views
from overtone.features.arrays import Values
from overtone.media.backbones.hog_color import colour, hog
from overtone.report.words import number
from sklearn import datasets

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "results.md"
MARKS = "<!-- pairs: begin -->", "<!-- pairs: end -->"
RUNS = ROOT / "runs" / "studies" / "pairs"
OURS = "hsc-mae"
PICTURES = 4000
"""Pictures of CIFAR-10 that take part, a quarter of them to test on."""

Reader = Callable[[Path], PairedFeatures]
"""Reads a pair from the folder of corpora."""
Cut = Callable[[Values], tuple[Values, Values]]
"""Takes a view apart."""


def views(path: str, first: str, second: str) -> Reader:
    """Two views of a file."""
    return lambda folder: load(folder / path, modalities=(first, second))


def parts(path: str, view: str, cut: Cut, labels: str = "y") -> Reader:
    """Two parts of one view of a file."""

    def read(folder: Path) -> PairedFeatures:
        whole = load_views(folder / path, modalities=(view,), label_key=labels)
        assert whole.labels is not None
        tested = np.isin(np.arange(len(whole)), whole.splits["test"])
        return pair(cut(whole.modalities[view].numpy()), whole.labels.numpy(), tested)

    return read


def bundled(take: Callable[[], tuple[tuple[Values, Values], Values]]) -> Reader:
    """Two parts of a corpus that scikit-learn has."""
    return lambda folder: pair(*take())


def pair(sides: tuple[Values, Values], labels: Values, tested: Values | None = None) -> PairedFeatures:
    """Features; without test rows 30 % are drawn."""
    first, second = (side.reshape(len(side), -1) for side in sides)
    split = {} if tested is None else {"is_test": tested}
    return from_arrays({"first": first, "second": second, "y": labels, **split}, modalities=("first", "second"))


def halves(view: Values, axis: int = 1, shape: tuple[int, ...] | None = None) -> tuple[Values, Values]:
    """The first and the second half along an axis, of rows of a shape."""
    first, second = np.array_split(view if shape is None else view.reshape(-1, *shape), 2, axis=axis)
    return first, second


def random_halves(view: Values) -> tuple[Values, Values]:
    """Columns at random."""
    first, second = np.array_split(np.random.default_rng(3).permutation(view.shape[1]), 2)
    return view[:, first], view[:, second]


def digits(take: Callable[[Values], tuple[Values, Values]]) -> tuple[tuple[Values, Values], Values]:
    """Two views of the 8 × 8 pictures of digits."""
    found = datasets.load_digits()
    return take(found.images), found.target


def columns(name: str, first: Iterable[int], second: Iterable[int]) -> tuple[tuple[Values, Values], Values]:
    """Two sets of columns of a small table."""
    found = getattr(datasets, f"load_{name}")()
    return (found.data[:, list(first)], found.data[:, list(second)]), found.target


def pictures(take: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]) -> Reader:
    """Two descriptions of pictures of CIFAR-10, of their (n, 3, 32, 32) 8-bit pixels."""

    def read(folder: Path) -> PairedFeatures:
        tested, classes = cifar.splits(folder)
        rows = np.random.default_rng(1).permutation(np.flatnonzero(~tested))[:PICTURES]
        first, second = take(cifar.pictures(folder, rows))
        return pair((first.numpy(), second.numpy()), classes[rows], np.arange(len(rows)) >= 3 * PICTURES // 4)

    return read


def edges(pixels: torch.Tensor) -> torch.Tensor:
    """Histograms of gradients."""
    return hog(pixels.float(), cell=8)


def shades(pixels: torch.Tensor) -> torch.Tensor:
    """Mean colours."""
    return colour(pixels.float() / 255, grid=4)


def both(pixels: torch.Tensor) -> torch.Tensor:
    """Gradients and colours."""
    return torch.cat([edges(pixels), shades(pixels)], dim=1)


def coarse(pixels: torch.Tensor) -> torch.Tensor:
    """Grey values of every second row and column."""
    return pixels.float().mean(1)[:, ::2, ::2].flatten(1)


CCV, DIGITS, CORA = "ccv/ccv.npz", "digits_av/digits_av.npz", "cora/cora.npz"
MEL, STROKES = (20, 40), (28, 28)
UCI = ((0, 2), (0, 3), (0, 5), (1, 2), (1, 5), (2, 3), (2, 5), (3, 4), (4, 5))
PAIRS: dict[str, Reader] = {
    "CCV, audio and motion": views(CCV, "audio", "motion"),
    "CCV, visual and motion": views(CCV, "visual", "motion"),
    **{
        f"Handwritten, views {one} and {two}": views("handwritten/Handwritten.mat", f"view{one}", f"view{two}")
        for one, two in UCI
    },
    "Scene-15, halves of view 0": parts("scene15/scene15.npz", "view0", halves),
    "Scene-15, halves of view 1": parts("scene15/scene15.npz", "view1", halves),
    "Wikipedia, halves of the image's columns": parts("wikipedia/wikipedia.npz", "image", halves),
    "Cora, halves of the words": parts(CORA, "content", random_halves),
    "Cora, halves of the citations": parts(CORA, "citations", random_halves),
    "Reuters, halves of the English words": parts("reuters/reuters.npz", "english", random_halves),
    "Reuters, halves of the French words": parts("reuters/reuters.npz", "french", random_halves),
    "Spoken digits, first and second half": parts(DIGITS, "audio", partial(halves, shape=MEL)),
    "Spoken digits, low and high notes": parts(DIGITS, "audio", partial(halves, axis=2, shape=MEL)),
    "Spoken digits, first and second half, by speaker": parts(
        DIGITS, "audio", partial(halves, shape=MEL), labels="speaker"
    ),
    "MNIST, upper and lower half": parts(DIGITS, "visual", partial(halves, shape=STROKES)),
    "Digits, two corners": bundled(partial(digits, lambda images: (images[:, :4, :4], images[:, 4:, 4:]))),
    "Digits, even and odd rows": bundled(partial(digits, lambda images: (images[:, ::2], images[:, 1::2]))),
    "Digits, pixels and spectrum": bundled(partial(digits, lambda images: (images, np.abs(np.fft.rfft2(images))))),
    "Breast cancer, even and odd columns": bundled(partial(columns, "breast_cancer", range(0, 30, 2), range(1, 30, 2))),
    "Wine, columns 1 to 6 and 7 to 13": bundled(partial(columns, "wine", range(6), range(6, 13))),
    "CIFAR-10, gradients and colours": pictures(lambda pixels: (edges(pixels), shades(pixels))),
    "CIFAR-10, halves": pictures(lambda pixels: (both(pixels[..., :16]), both(pixels[..., 16:]))),
    "CIFAR-10, pixels and gradients": pictures(lambda pixels: (coarse(pixels), edges(pixels))),
}


def compare(name: str, folder: Path, seeds: int) -> Comparison:
    """All methods on one pair."""
    pair = PAIRS[name](folder)
    found = overtone.compare(list(METHODS), pair, seeds=seeds, out=RUNS / folder_name(name), resume=True)
    print(name, {method: round(result.value("map"), 3) for method, result in found.methods.items()}, file=sys.stderr)
    return found


def main() -> int:
    """Measure and write the section's table."""
    options = study_parser("Measure pairs that no default was chosen on.", PAIRS).parse_args()
    found = {name: compare(name, options.data, options.seeds) for name in options.only}
    rows, ratios = [], []
    for name, comparison in found.items():
        scores = {method: result.value("map") for method, result in comparison.methods.items()}
        ours = scores.pop(OURS)
        best = max(scores, key=lambda method: scores[method])
        ratios.append(ours / scores[best])
        rows.append([name, number(ours), f"{number(scores[best])} (`{best}`)", f"{ratios[-1]:.2f}"])
    ahead = sum(ratio > 1 for ratio in ratios)
    rows.append([f"mean; ahead on {ahead} of {len(ratios)}", "", "", f"{np.mean(ratios):.2f}"])
    text = table(["pair", f"`{OURS}`", "best baseline", "ratio"], rows)
    PAGE.write_text(put_between(PAGE.read_text(encoding="utf-8"), text + "\n", MARKS), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
