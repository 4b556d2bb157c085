"""Measure what media without any trained network give on a real corpus (`make study-media`): docs/studies/media.md.

    python scripts/study_media.py [--stamps FOLDER] [--network FILE.onnx] [--only NAME ...] [--seeds N]

The corpus is Debian's package tuxpaint-stamps-default: pictures for children, the spoken name of each in several
languages, and its written one. Features are extracted with the default backbones, which need no weights, and for one
corpus with an exported network (scripts/export_lite0.py). Finished extractions and runs are taken from
runs/studies/media; of corpora that were not measured there the page keeps its rows.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev

import torch
from pages import put_between, study_parser, table

from overtone.evaluation import Evaluation
from overtone.features import PairedFeatures, load, require_pairs
from overtone.media import extract
from overtone.report.words import number
from overtone.training import train

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "studies" / "media.md"
MARKS = "<!-- media: begin -->", "<!-- media: end -->"
RUNS = ROOT / "runs" / "studies" / "media"
STAMPS = Path("/usr/share/tuxpaint/stamps")
PACKAGE = "tuxpaint-stamps-default"
METHODS = ("hsc-mae", "cca")
RECALLS = (1, 10)


@dataclass(frozen=True)
class Corpus:
    """Two of the three media of the stamps, in one language."""

    title: str
    language: str
    modalities: tuple[str, str]
    trained: bool = False
    """Whether an exported network describes the pictures."""


CORPORA = {
    "picture-french": Corpus("picture, French speech", "fr", ("visual", "audio")),
    "picture-spanish": Corpus("picture, Spanish speech", "es", ("visual", "audio")),
    "picture-russian": Corpus("picture, Russian speech", "ru", ("visual", "audio")),
    "french-words": Corpus("French speech, its words", "fr", ("audio", "text")),
    "picture-words": Corpus("picture, French words", "fr", ("visual", "text")),
    "network-french": Corpus("picture by a trained network, French speech", "fr", ("visual", "audio"), trained=True),
}


@dataclass
class Measured:
    """A method on one corpus: its evaluations, one for each seed."""

    evaluations: list[Evaluation] = field(default_factory=list)

    def show(self, metric: str) -> str:
        """Mean over the directions and seeds, with the standard deviation over the seeds."""
        values = [one[metric].mean for one in self.evaluations]
        return number(fmean(values)) + (f" ± {number(stdev(values))}" if len(values) > 1 else "")


def link_stamps(stamps: Path, place: Path, language: str) -> Path:
    """A folder of media as a user has it: a folder a class, files of one name for what belongs together.

    Pictures and sounds are links. A stamp is taken if it has a picture (.png), a spoken and a written name.

    Args:
        stamps: The folder of the package.
        place: Where to put the folder; one that is there is taken as it is.
        language: Of the names, as the package writes it (``"fr"``).

    Returns:
        The folder.
    """
    if place.is_dir():
        return place
    for picture in sorted(stamps.rglob("*.png")):
        speech = picture.with_name(f"{picture.stem}_desc_{language}.ogg")
        words = read_words(picture.with_suffix(".txt"), language)
        if not speech.is_file() or not words:
            continue
        kind, *rest = picture.relative_to(stamps).with_suffix("").parts
        stem = place / kind / "-".join(rest)
        stem.parent.mkdir(parents=True, exist_ok=True)
        stem.with_name(f"{stem.name}.png").symlink_to(picture)
        stem.with_name(f"{stem.name}.ogg").symlink_to(speech)
        stem.with_name(f"{stem.name}.txt").write_text(words, encoding="utf-8")
    return place


def read_words(path: Path, language: str) -> str:
    """The written name of a stamp; empty where there is none in that language."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    found = re.search(rf"^{language}\.utf8=(.+)$", text, flags=re.MULTILINE)
    return found.group(1).strip() if found else ""


def prepare(name: str, stamps: Path, network: Path | None) -> PairedFeatures:
    """The features of a corpus, extracted once."""
    corpus, out = CORPORA[name], RUNS / f"{name}.npz"
    folder = link_stamps(stamps, RUNS / "stamps" / corpus.language, corpus.language)
    backbone = {"visual": f"onnx:{network}"} if corpus.trained else None
    if not out.is_file():
        extract(folder, out, backbone=backbone, modalities=corpus.modalities, workers=1, only_pairs=True, resume=True)
    return require_pairs(load(out, modalities=corpus.modalities))


def measure(name: str, stamps: Path, network: Path | None, seeds: int) -> dict[str, Measured]:
    """Method to what it reaches on the test rows."""
    data = prepare(name, stamps, network)
    found: dict[str, Measured] = {}
    for method in METHODS:
        for seed in range(seeds):
            out = RUNS / name / method / f"seed-{seed}"
            run = train(method, data, settings={"seed": seed, "device": "cpu"}, out=out, resume=True)
            assert run.evaluation is not None
            found.setdefault(method, Measured()).evaluations.append(run.evaluation)
            print(f"{name}, {method}, seed {seed}: {run.evaluation['map'].mean:.4f}", file=sys.stderr, flush=True)
    return found


def tables(found: dict[str, dict[str, Measured]], page: str = "") -> str:
    """A row for each corpus and method; of corpora that are not among those found, the page's own rows."""
    rows: list[Sequence[str]] = []
    for name, corpus in CORPORA.items():
        if name not in found:
            rows += [
                line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith(f"| {corpus.title} |")
            ]
            continue
        methods = found[name]
        clips = next(iter(methods.values())).evaluations[0].queries
        for method, one in methods.items():
            recalls = [f"{one.show(f'instance_recall@{k}')} ({number(k / clips)})" for k in RECALLS]
            chance = number(one.evaluations[0]["chance_map"].mean)
            rows.append([corpus.title, f"`{method}`", f"{one.show('map')} ({chance})", *recalls, f"{clips:,}"])
    head = ["", "method", "mAP by folder", *(f"R@{k} of the counterpart" for k in RECALLS), "queries"]
    return f"{table(head, rows)}\n"


def main() -> int:
    """Measure and write the page's table."""
    parser = study_parser("Measure what media without any trained network give on a real corpus.", CORPORA, stored=True)
    parser.add_argument("--stamps", type=Path, default=STAMPS, help=f"the folder of {PACKAGE}")
    parser.add_argument("--network", type=Path, help="an image network in the ONNX format, for the last corpus")
    parser.set_defaults(seeds=3)
    options = parser.parse_args()
    if not options.stamps.is_dir():
        print(f"{options.stamps}: not there; install it: apt-get install {PACKAGE}", file=sys.stderr)
        return 2
    torch.set_num_threads(1)
    for name in options.only:
        if options.network or not CORPORA[name].trained:
            measure(name, options.stamps, options.network, options.seeds)
    done = [name for name in CORPORA if all((RUNS / name / method / "seed-0").is_dir() for method in METHODS)]
    found = {name: measure(name, options.stamps, options.network, options.seeds) for name in done}
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(put_between(page, tables(found, page), MARKS), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
