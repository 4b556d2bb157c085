"""Measure what `overtone build` makes of clips whose truth is known (`make study-build`): docs/studies/media.md.

    python scripts/study_build.py [--seeds N]

Clips are made by tests/synthetic_clips.py: a colour on the screen goes with a tone, in some clips with another colour's
tone. Finished builds are taken from runs/studies/build.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from pages import put_between, study_parser, table

from overtone import api
from overtone.report.words import number

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from synthetic_clips import COLOURS, TONES, write_clip  # noqa: E402

PAGE = ROOT / "docs" / "studies" / "media.md"
MARKS = "<!-- planted: begin -->", "<!-- planted: end -->"
RUNS = ROOT / "runs" / "studies" / "build"
SIZES = {"small": (160, 6), "large": (400, 20)}
"""Clips whose tone is their colour's, and clips with another one's."""
_WRONG = "wrong"


@dataclass(frozen=True)
class Measured:
    """What a build has reached.

    Attributes:
        recall: Direction to R@1 by class on the test split.
        wrong: Clips with another colour's tone.
        listed: Pairs that `find mismatched` lists.
        right: Those of them that are among the wrong ones.
    """

    recall: dict[str, float]
    wrong: int
    listed: int
    right: int


def write_clips(place: Path, size: str, seed: int) -> Path:
    """The clips of a seed, in a folder for each colour; a folder that is there is taken as it is."""
    if place.is_dir():
        return place
    names, (count, wrong) = list(COLOURS), SIZES[size]
    for at in range(count + wrong):
        name = names[at % 4]
        heard = name if at < count else names[(at + 1 + at // 4 % 3) % 4]
        stem = f"{at:03d}" if at < count else f"{_WRONG}{at:03d}"
        path = place / name / f"{stem}.mp4"
        write_clip(path, seconds=0.6, colour=COLOURS[name], hertz=TONES[heard], seed=1000 * seed + at)
    return place


def measure(size: str, seed: int) -> Measured:
    """Build, evaluate and look for mismatched pairs."""
    root = RUNS / size / f"seed-{seed}"
    clips = write_clips(root / "clips", size, seed)
    built = api.build(clips, root / "place", settings={"seed": seed, "device": "cpu"}, workers=1, resume=True)
    evaluation = api.evaluate(built.run, built.features, bootstrap=0)
    found = api.find("mismatched", built.run, built.features)
    ids = [one.clip.id for one in found.mismatches]
    recall = evaluation["recall@1"].directions
    right = sum(_WRONG in name for name in ids)
    print(f"{size}, seed {seed}: {recall}, {right} of {len(ids)} listed are wrong", file=sys.stderr, flush=True)
    return Measured(recall, SIZES[size][1], len(ids), right)


def tables(found: dict[str, list[Measured]]) -> str:
    """A row for each size and seed."""
    rows: list[Sequence[str]] = []
    for size, seeds in found.items():
        for seed, one in enumerate(seeds):
            ways = [number(value) for value in one.recall.values()]
            rows.append([f"{sum(SIZES[size])} clips", str(seed), *ways, f"{one.right} of {one.wrong}", str(one.listed)])
    head = ["", "seed", "R@1 by class, sound → picture", "picture → sound", "wrong pairs found", "pairs listed"]
    return f"{table(head, rows)}\n"


def main() -> int:
    """Measure and write the page's table."""
    parser = study_parser("Measure what a build makes of clips whose truth is known.", SIZES, stored=True)
    parser.set_defaults(seeds=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for size in options.only:
        for seed in range(options.seeds):
            measure(size, seed)
    last = f"seed-{options.seeds - 1}"
    done = [size for size in SIZES if (RUNS / size / last / "place" / "run" / "report.html").is_file()]
    found = {size: [measure(size, seed) for seed in range(options.seeds)] for size in done}
    PAGE.write_text(put_between(PAGE.read_text(encoding="utf-8"), tables(found), MARKS), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
