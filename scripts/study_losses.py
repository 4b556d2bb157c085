"""Measure the study of seven losses again (`make study-losses`): docs/studies/losses.md.

    python scripts/study_losses.py --data FOLDER [--only NAME ...] [--seeds N]

What was measured before is taken from runs/studies/losses where data, settings and versions are the same. Tables stand
between two marks of the page; the words around them are written by people and left alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from results import put_tables

from overtone.core.files import atomic_path
from overtone.evaluation import paired_seed_test
from overtone.report.words import number, plural

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "studies" / "losses.md"
RUNS = Path("runs") / "studies" / "losses"

DIVERSE, COMPACT = ("triplet", "scl"), ("contrastive", "infonce")
"""The two groups of losses that the paper's findings set against each other."""
CARRIED = 0.75
"""Share of a finding's contrasts that must lie significantly on one side for it to count as reproduced or reversed."""


@dataclass(frozen=True)
class Corpus:
    """A corpus of the study.

    Attributes:
        title: Its name in the page.
        source: What `overtone diagnose` is given: a built-in corpus or a file below the runs folder.
        options: Further words of the command.
        made: How the file is made from the data folder: words of `overtone`, or the name of a maker below.
    """

    title: str
    source: str
    options: tuple[str, ...] = ()
    made: tuple[str, ...] = ()


CIFAR = ("extract", "DATA/cifar10/cifar10_jpg.npz", "--out", f"{RUNS}/cifar10.npz")
CORPORA = {
    "digits": Corpus("scikit-learn's digits", "digits"),
    "cifar10": Corpus("CIFAR-10", f"{RUNS}/cifar10.npz", made=CIFAR),
    "cifar10-disjoint": Corpus(
        "CIFAR-10, five classes train and five others are judged",
        f"{RUNS}/cifar10.npz",
        ("--class-disjoint",),
        made=CIFAR,
    ),
    "spoken-digits": Corpus(
        "Spectrograms of spoken digits, a class for each digit and speaker, 30 train and 30 others are judged",
        f"{RUNS}/spoken-digits.npz",
        ("--class-disjoint",),
        made=("spoken_digits",),
    ),
    "toy-classes": Corpus("Toy classes", "toy-classes", ("--loss", "contrastive", "--loss", "triplet")),
}


SETTINGS = {
    "triplet.margin": (0.05, 0.2, 0.5, 1.0),
    "contrastive.neg_margin": (0.7, 1.0, 1.4),
    "infonce.temperature": (0.07, 0.2, 0.5),
    "scl.temperature": (0.05, 0.1, 0.3),
}
"""What the findings may hang on: settings that are tried on :data:`TRIED_ON`, the defaults among them."""
TRIED_ON = "digits"


def spoken_digits(data: Path, out: Path) -> None:
    """Log-mel pictures of 20 x 40 points; a class is a digit of a speaker: near to its digit and to its speaker."""
    with np.load(data / "digits_av" / "digits_av.npz", allow_pickle=False) as given:
        names = np.char.add(np.char.add(given["speaker"].astype(str), " says "), given["y"].astype(str))
        image = given["audio"].astype(np.float32).reshape(len(names), -1)
        with atomic_path(out) as path, path.open("wb") as file:
            np.savez(file, image=image, y=names, is_test=given["is_test"])


MAKERS = {"spoken_digits": spoken_digits}


def make(corpus: Corpus, data: Path) -> None:
    """Make a corpus's file if it is not there."""
    source = ROOT / corpus.source
    if not corpus.made or source.exists():
        return
    if corpus.made[0] in MAKERS:
        MAKERS[corpus.made[0]](data, source)
    else:
        run([word.replace("DATA", str(data)) for word in corpus.made])


def command(name: str, corpus: Corpus, seeds: int) -> list[str]:
    """The words of `overtone` that measure a corpus."""
    return ["diagnose", corpus.source, *corpus.options, "--seeds", str(seeds), "--out", f"{RUNS}/{name}"]


def run(words: Sequence[str]) -> None:
    """Call overtone."""
    print("$ overtone", *words, file=sys.stderr, flush=True)
    subprocess.run([sys.executable, "-m", "overtone", *words], cwd=ROOT, check=True)


@dataclass(frozen=True)
class Finding:
    """One of the paper's findings, as contrasts that can be tested.

    Attributes:
        says: The finding.
        contrasts: Pairs of losses and the quantity in which the first should be larger.
    """

    says: str
    contrasts: tuple[tuple[str, str, str], ...]


def contrasts(larger: Sequence[str], smaller: Sequence[str], *quantities: str) -> tuple[tuple[str, str, str], ...]:
    """Every loss of one group against every other one of the other group."""
    return tuple((a, b, quantity) for quantity in quantities for a in larger for b in smaller if a != b)


ALL = ("contrastive", "triplet", "n-pair", "infonce", "arcface", "scl", "ccl")
FINDINGS = (
    Finding(
        "Triplet and SCL keep more within-class variance and wider margins between centroids "
        "than Contrastive and InfoNCE",
        contrasts(DIVERSE, COMPACT, "intra_variance", "centroid_distance"),
    ),
    Finding(
        "Contrastive and InfoNCE compact in fewer updates, with more terms active and smaller gradients, "
        "than Triplet and SCL",
        (
            *contrasts(DIVERSE, COMPACT, "updates_to_half", "mean_gradient_norm"),
            *contrasts(COMPACT, DIVERSE, "mean_active_ratio"),
        ),
    ),
    Finding(
        "N-pair has the largest centroid distances of all, and the most uneven ones (std / mean)",
        contrasts(("n-pair",), ALL, "centroid_distance", "unevenness"),
    ),
    Finding(
        "Triplet and SCL find the class better at rank one than Contrastive and InfoNCE",
        contrasts(DIVERSE, COMPACT, "recall@1"),
    ),
)


def per_seed(entry: Mapping[str, Any], quantity: str) -> list[float]:
    """A loss's values of a quantity, one a seed; where an embedding never compacted by half, all updates it had."""
    values = entry["over_seeds"][quantity]["values"]
    never = entry["looks"]["updates"][-1]
    return [float(never) if value is None else float(value) for value in values]


def mark(finding: Finding, losses: Mapping[str, Any]) -> tuple[str, int, int, list[str]]:
    """Whether a finding is reproduced here, how many contrasts are significantly for it and against it, and which."""
    pro, con, against = 0, 0, []
    for a, b, quantity in finding.contrasts:
        test = paired_seed_test(per_seed(losses[a], quantity), per_seed(losses[b], quantity))
        low, high = test["ci95"]
        pro += low > 0
        con += high < 0
        if high < 0:
            against.append(f"{quantity}: {a} < {b}")
    total = len(finding.contrasts)
    word = "reproduced" if pro >= CARRIED * total else "reversed" if con >= CARRIED * total else "not reproduced"
    return word, pro, con, against


def tried(setting: str, value: float, seeds: int) -> list[str]:
    """The words of `overtone` that measure one loss with one setting changed."""
    loss = setting.partition(".")[0]
    out = f"{RUNS}/{TRIED_ON}-settings/{setting}-{value}"
    return ["diagnose", TRIED_ON, "--loss", loss, "--set", f"{setting}={value}", "--seeds", str(seeds), "--out", out]


def settings_section() -> str:
    """A table of the losses with other settings; empty if none was measured."""
    rows, words = [], []
    for setting, values in SETTINGS.items():
        for value in values:
            path = ROOT / RUNS / f"{TRIED_ON}-settings" / f"{setting}-{value}" / "diagnosis.json"
            if path.exists():
                found = json.loads(path.read_text(encoding="utf-8"))
                ((_, entry),) = found["losses"].items()
                words = words or tried(setting, value, len(found["seeds"]))
                rows.append([f"`{setting}={value}`", *(cell(entry, quantity) for quantity in COLUMNS.values())])
    if not rows:
        return ""
    lines = (["setting", *COLUMNS], ["---"] + ["---:"] * len(COLUMNS), *rows)
    shown = "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
    command_line = "overtone " + " ".join(words)
    return f"### What hangs on the settings\n\n```bash\n{command_line}\n```\n\nand so on for each row.\n\n{shown}\n"


COLUMNS = {
    "intra-class variance": "intra_variance",
    "centroid distance": "centroid_distance",
    "unevenness": "unevenness",
    "smallest gap": "smallest_gap",
    "effective rank": "effective_rank",
    "active ratio": "mean_active_ratio",
    "gradient norm": "mean_gradient_norm",
    "updates to half": "updates_to_half",
    "R@1": "recall@1",
    "mAP": "map",
}


def table(found: Mapping[str, Any]) -> str:
    """Losses by quantity, mean ± std over the seeds."""
    head = ["loss", *COLUMNS]
    rows = [[f"`{name}`", *(cell(entry, q) for q in COLUMNS.values())] for name, entry in found["losses"].items()]
    if "intra_variance" in found["features"]:
        rows.append(["*features*", *(features_cell(found["features"], q) for q in COLUMNS.values())])
    lines = (head, ["---"] + ["---:"] * len(COLUMNS), *rows)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def cell(entry: Mapping[str, Any], quantity: str) -> str:
    """A quantity of a loss; ``never`` for the seeds with which an embedding did not compact by half."""
    over = entry["over_seeds"][quantity]
    if over["mean"] is None:
        return "never"
    some = sum(value is None for value in over["values"])
    spread = "" if over["std"] is None else f" ± {number(over['std'])}"
    return number(over["mean"]) + spread + (f" ({some} never)" if some else "")


def features_cell(features: Mapping[str, Any], quantity: str) -> str:
    """The same quantity of the features before any training."""
    value = features.get(quantity)
    if quantity == "unevenness":
        value = features["centroid_distance"]["std"] / features["centroid_distance"]["mean"]
    if isinstance(value, Mapping):
        value = value["mean"]
    return "" if value is None else number(value)


def sections(found: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The findings over the corpora with all losses, then a section for each corpus."""
    names = [name for name, entry in found.items() if set(entry["losses"]) >= set(ALL)]
    lines = [
        [
            "finding",
            *(
                CORPORA[name].title.split(",")[0] + (" (new classes)" if found[name]["class_disjoint"] else "")
                for name in names
            ),
        ],
        ["---"] * (1 + len(names)),
    ]
    notes = []
    for place, finding in enumerate(FINDINGS, 1):
        cells = []
        for name in names:
            word, pro, con, against = mark(finding, found[name]["losses"])
            cells.append(f"**{word}** ({pro} for, {con} against, of {len(finding.contrasts)})")
            if against:
                notes.append(f"- Finding {place} on {name}, significantly against it: {'; '.join(against)}.")
        lines.append([f"{place}. {finding.says}", *cells])
    yield (
        "### The four findings\n\n"
        + "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
        + "\n\n"
        + "\n".join(notes)
        + "\n"
    )
    for name, entry in found.items():
        corpus = CORPORA[name]
        words = [*([f"overtone {' '.join(corpus.made)}"] if corpus.made and corpus.made[0] not in MAKERS else [])]
        words.append("overtone " + " ".join(command(name, corpus, len(entry["seeds"]))))
        about = (
            f"{plural(entry['rows']['train'], 'training row')} of "
            f"{plural(entry['classes']['train'], 'class', 'classes')}, "
            f"{plural(entry['rows']['test'], 'test row')} of {plural(entry['classes']['test'], 'class', 'classes')}, "
            f"{plural(len(entry['seeds']), 'seed')}, {plural(entry['settings']['epochs'], 'epoch')}."
        )
        yield f"### {corpus.title}\n\n```bash\n" + "\n".join(words) + f"\n```\n\n{about}\n\n{table(entry)}\n"


def main() -> int:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description="Measure the study of seven losses again.")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the corpora")
    parser.add_argument(
        "--only", nargs="*", choices=CORPORA, default=list(CORPORA), help="these corpora only; none: write the page"
    )
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    for name in options.only:
        make(CORPORA[name], options.data)
        run([*command(name, CORPORA[name], options.seeds), "--resume"])
    for setting, values in SETTINGS.items() if TRIED_ON in options.only else ():
        for value in values:
            run([*tried(setting, value, options.seeds), "--resume"])
    found = {
        name: json.loads(path.read_text(encoding="utf-8"))
        for name in CORPORA
        if (path := ROOT / RUNS / name / "diagnosis.json").exists()
    }
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else "# Seven losses on frozen features\n"
    PAGE.write_text(put_tables(text, "\n".join([*sections(found), settings_section()])), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
