"""Measure the study of losses again (`make study-losses`): docs/studies/losses.md.

    python scripts/study_losses.py --data FOLDER [--only NAME ...] [--seeds N]

What was measured before is taken from runs/studies/losses where data, settings and versions are the same. Tables stand
between two marks of the page; the words around them are written by people and left alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pages import put_between, study_parser, table
from results import MARKS

from overtone.core.files import atomic_path
from overtone.evaluation import paired_seed_test
from overtone.experiments import Diagnosis, ProbeResult, SpaceResult
from overtone.report.words import number

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
        short: Its name in the table of findings.
        source: What `overtone diagnose` is given: a built-in corpus or a file below the runs folder.
        options: Further words of the command.
        made: How the file is made from the data folder: words of `overtone`, or the name of a maker below.
    """

    title: str
    short: str
    source: str
    options: tuple[str, ...] = ()
    made: tuple[str, ...] = ()


CIFAR = ("extract", "DATA/cifar10/cifar10_jpg.npz", "--out", f"{RUNS}/cifar10.npz")
CORPORA = {
    "digits": Corpus("scikit-learn's digits", "digits", "digits"),
    "cifar10": Corpus("CIFAR-10", "CIFAR-10", f"{RUNS}/cifar10.npz", made=CIFAR),
    "cifar10-disjoint": Corpus(
        "CIFAR-10: five classes train, five others test",
        "CIFAR-10, new classes",
        f"{RUNS}/cifar10.npz",
        ("--class-disjoint",),
        made=CIFAR,
    ),
    "spoken-digits": Corpus(
        "Spoken digits: 30 classes train, 30 others test",
        "spoken digits, new classes",
        f"{RUNS}/spoken-digits.npz",
        ("--class-disjoint",),
        made=("spoken_digits",),
    ),
    "toy-classes": Corpus("Toy classes", "toy", "toy-classes", ("--loss", "contrastive", "--loss", "triplet")),
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
        "Triplet and SCL keep more within-class variance and larger centroid distances than Contrastive and InfoNCE",
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


def per_seed(result: ProbeResult, quantity: str) -> list[float]:
    """A loss's values of a quantity, one a seed; where an embedding never compacted by half, all updates it had."""
    never = result.curve("map").at[-1]
    return [float(never) if value is None else float(value) for value in result.measured(quantity).values]


def count(finding: Finding, losses: Mapping[str, ProbeResult]) -> tuple[int, int]:
    """How many contrasts of a finding are significant in its direction, and how many against it."""
    pro, con = 0, 0
    for a, b, quantity in finding.contrasts:
        low, high = paired_seed_test(per_seed(losses[a], quantity), per_seed(losses[b], quantity))["ci95"]
        pro += low > 0
        con += high < 0
    return pro, con


def mark(pro: int, con: int, total: int) -> str:
    """Whether a finding is reproduced, with the contrasts for and against it."""
    word = "reproduced" if pro >= CARRIED * total else "reversed" if con >= CARRIED * total else "not reproduced"
    return f"**{word}**, {pro} : {con} of {total}"


def tried(setting: str, value: float, seeds: int) -> list[str]:
    """The words of `overtone` that measure one loss with one setting changed."""
    loss = setting.partition(".")[0]
    out = f"{RUNS}/{TRIED_ON}-settings/{setting}-{value}"
    return ["diagnose", TRIED_ON, "--loss", loss, "--set", f"{setting}={value}", "--seeds", str(seeds), "--out", out]


def settings_section() -> str:
    """A table of the losses with other settings; empty if none was measured."""
    found = {}
    for setting, values in SETTINGS.items():
        for value in values:
            path = ROOT / RUNS / f"{TRIED_ON}-settings" / f"{setting}-{value}" / "diagnosis.json"
            if path.exists():
                found[f"{setting}={value}"] = Diagnosis.from_dict(json.loads(path.read_text(encoding="utf-8")))
    return settings_table({name: next(iter(one.losses.values())) for name, one in found.items()}) if found else ""


def settings_table(found: Mapping[str, ProbeResult]) -> str:
    """Settings by quantity, under the command of the first of them."""
    name, value = next(iter(found)).split("=")
    rows = [[f"`{name}`", *(cell(result, quantity) for quantity in MOVED.values())] for name, result in found.items()]
    words = " ".join(tried(name, float(value), len(next(iter(found.values())).measured("map").values)))
    title = f"### Other settings on {TRIED_ON}"
    return f"{title}\n\n```bash\novertone {words}  # and so on\n```\n\n{table(['setting', *MOVED], rows)}\n"


COLUMNS = {
    "intra-class variance": "intra_variance",
    "centroid distance": "centroid_distance",
    "active ratio": "mean_active_ratio",
    "gradient norm": "mean_gradient_norm",
    "updates to half": "updates_to_half",
    "R@1": "recall@1",
    "mAP": "map",
}
MOVED = {title: COLUMNS[title] for title in ("intra-class variance", "centroid distance", "R@1", "mAP")}
SPREAD = 0.05
"""Standard deviation, as a share of the mean, from which on a table shows it."""


def cell(space: SpaceResult, quantity: str) -> str:
    """A quantity: its mean, and what seeds differ by where that is much; how often an embedding never halved."""
    measured = space.measured(quantity)
    if measured.mean is None:
        return "never" if measured.values else ""
    spread = f" ± {number(measured.std)}" if (measured.std or 0.0) > SPREAD * abs(measured.mean) else ""
    some = measured.values.count(None)
    return number(measured.mean) + spread + (f" ({some} never)" if some else "")


def corpus_table(found: Diagnosis) -> str:
    """Losses, and the features before training, by quantity."""
    spaces: dict[str, SpaceResult] = {f"`{name}`": result for name, result in found.losses.items()}
    if found.features is not None:
        spaces["*features*"] = found.features
    rows = [[name, *(cell(space, quantity) for quantity in COLUMNS.values())] for name, space in spaces.items()]
    return table(["loss", *COLUMNS], rows)


def findings_table(counts: Mapping[str, Sequence[tuple[int, int]]]) -> str:
    """Findings by corpus: reproduced or not, and the contrasts for and against."""
    rows = [
        [f"{place}. {finding.says}", *(mark(*counts[name][place - 1], len(finding.contrasts)) for name in counts)]
        for place, finding in enumerate(FINDINGS, 1)
    ]
    return "### The findings\n\n" + table(["finding", *(CORPORA[name].short for name in counts)], rows) + "\n"


def corpus_section(name: str, found: Diagnosis) -> str:
    """A corpus in the page: its commands, its size, its table."""
    corpus = CORPORA[name]
    words = [f"overtone {' '.join(corpus.made)}"] if corpus.made and corpus.made[0] not in MAKERS else []
    words.append("overtone " + " ".join(command(name, corpus, len(found.seeds))))
    rows, classes = found.rows, found.classes
    about = (
        f"{rows['train']:,} training rows ({classes['train']} classes), {rows['test']:,} test rows "
        f"({classes['test']} classes), {found.settings['epochs']} epochs."
    )
    return f"### {corpus.title}\n\n```bash\n" + "\n".join(words) + f"\n```\n\n{about}\n\n{corpus_table(found)}\n"


def sections(found: Mapping[str, Diagnosis]) -> Iterator[str]:
    """The findings over the corpora with all losses, and a section for each of these."""
    whole = {name: one.losses for name, one in found.items() if set(one.losses) >= set(ALL)}
    yield findings_table({name: [count(finding, losses) for finding in FINDINGS] for name, losses in whole.items()})
    for name in whole:
        yield corpus_section(name, found[name])


def main() -> int:
    """Measure and write the page."""
    options = study_parser("Measure the study of losses again.", CORPORA, stored=True).parse_args()
    for name in options.only:
        make(CORPORA[name], options.data)
        run([*command(name, CORPORA[name], options.seeds), "--resume"])
    for setting, values in SETTINGS.items() if TRIED_ON in options.only else ():
        for value in values:
            run([*tried(setting, value, options.seeds), "--resume"])
    found = {
        name: Diagnosis.from_dict(json.loads(path.read_text(encoding="utf-8")))
        for name in CORPORA
        if (path := ROOT / RUNS / name / "diagnosis.json").exists()
    }
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else "# Losses on frozen features\n"
    PAGE.write_text(put_between(text, "\n".join([*sections(found), settings_section()]), MARKS), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
