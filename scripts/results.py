"""Measure the tables of docs/results.md again (`make results`), each with the command that stands above it.

    python scripts/results.py --data FOLDER [--only NAME ...] [--seeds N]

What was measured before is taken from runs/results where data, settings and versions are the same. The tables stand
between two marks in docs/results.md; the words around them are written by people and left alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pages import put_between, study_parser, table

from overtone.experiments import Comparison, PairedTest
from overtone.features import PairedFeatures, load
from overtone.report.words import number, signed

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "results.md"
MARKS = "<!-- tables: begin -->", "<!-- tables: end -->"
METHODS = ("hsc-mae", "cca", "csa", "dcca", "infonce", "fusemix", "structure", "cav-mae", "vicreg")
LABELLED = ("interactions", "triplet", "supervised-infonce", "tnn-c-cca", "cluster-cca", "cca")
CERTAIN = 0.001
"""p-values below this one are not written out."""


@dataclass(frozen=True)
class Corpus:
    """A corpus of the tables.

    Attributes:
        title: Its name in the page.
        path: Below the data folder; a built-in corpus has none.
        modalities: The two modalities where the file does not say which.
        methods: What is compared.
        more: What is trained beside them.
    """

    title: str
    path: str | None = None
    modalities: str | None = None
    methods: tuple[str, ...] = METHODS
    more: str = "--ablate"


CORPORA = {
    "split-digits": Corpus("Split digits"),
    "ccv": Corpus("CCV", "ccv/ccv.npz"),
    "digits_av": Corpus("Spoken and written digits", "digits_av/digits_av.npz"),
    "wikipedia": Corpus("Wikipedia", "wikipedia/wikipedia.npz"),
    "handwritten": Corpus("Handwritten", "handwritten/Handwritten.mat", "view1,view4"),
    "scene15": Corpus("Scene-15", "scene15/scene15.npz"),
    "cora": Corpus("Cora", "cora/cora.npz"),
    "reuters": Corpus("Reuters", "reuters/reuters.npz"),
    "ccv-labels": Corpus("CCV", "ccv/ccv.npz", None, LABELLED, "--controls"),
    "digits_av-labels": Corpus("Spoken and written digits", "digits_av/digits_av.npz", None, LABELLED, "--controls"),
}
SECTIONS = {"Without labels": METHODS, "With labels": LABELLED}


def read(name: str, folder: Path) -> PairedFeatures:
    """A corpus by its name, from the data folder."""
    corpus = CORPORA[name]
    first, _, second = (corpus.modalities or "").partition(",")
    return load(folder / corpus.path if corpus.path else name, modalities=(first, second) if second else None)


def command(name: str, corpus: Corpus, data: Path, seeds: int) -> list[str]:
    """The command line that measures a corpus."""
    source = str(data / corpus.path) if corpus.path else name
    out = f"runs/results/{name}"
    words = ["overtone", "compare", *corpus.methods, source, "--seeds", str(seeds), corpus.more, "--out", out]
    return [*words, *(("--modalities", corpus.modalities) if corpus.modalities else ())]


def section(title: str, found: Mapping[str, Comparison]) -> str:
    """Corpora with the same methods: their commands, mAP, recall, and how far the first method is ahead."""
    commands = [" ".join(command(name, CORPORA[name], Path("DATA"), len(one.seeds))) for name, one in found.items()]
    titles = [CORPORA[name].title for name in found]
    queries = [f"{title}, {one.queries:,} queries" for title, one in zip(titles, found.values())]
    names = list(dict.fromkeys(name for one in found.values() for name in (*one.methods, *one.ablation)))
    first = names[0]
    scores = [
        *([f"`{name}`", *(_score(one, name) for one in found.values())] for name in names),
        ["chance", *(number(one.chance) for one in found.values())],
    ]
    leads = [[f"`{name}`", *(_lead(one.test(first, name)) for one in found.values())] for name in names[1:]]
    tables = (
        "mAP ± standard deviation over the seeds (95 % interval over the queries); R@1:\n\n"
        f"{table(['method', *queries], scores)}\n\n"
        f"mAP of `{first}` minus that of the others (95 % interval; p < 0.001 unless given):\n\n"
        f"{table(['method', *titles], leads)}"
    )
    return f"#### {title}\n\n```bash\n" + "\n".join(commands) + f"\n```\n\n{tables}\n"


def _score(found: Comparison, name: str) -> str:
    score, recall = found.score(name), found.score(name, "recall@1") or found.score(name, "instance_recall@1")
    if score is None or score.ci95 is None or recall is None:
        return ""
    spread = "" if score.std is None else f" ± {number(score.std)}"
    low, high = score.ci95
    return f"{number(score.mean)}{spread} ({number(low)}–{number(high)}); {number(recall.mean)}"


def _lead(test: PairedTest | None) -> str:
    if test is None or test.ci95 is None:
        return ""
    chance = "" if test.p_value is None or test.p_value < CERTAIN else f"; p = {number(test.p_value)}"
    low, high = test.ci95
    return f"{signed(test.difference)} ({signed(low)} to {signed(high)}{chance})"


def main() -> int:
    """Measure and write the page."""
    options = study_parser("Measure the tables of docs/results.md again.", CORPORA).parse_args()
    for name in options.only:
        words = command(name, CORPORA[name], options.data, options.seeds)
        print("$", *words, file=sys.stderr, flush=True)
        program = [sys.executable, "-m", *words, "--resume"]
        if subprocess.run(program, cwd=ROOT).returncode:
            return 1
    paths = {name: ROOT / "runs" / "results" / name / "comparison.json" for name in CORPORA}
    found = {
        name: Comparison.from_dict(json.loads(path.read_text(encoding="utf-8")))
        for name, path in paths.items()
        if path.exists()
    }
    groups = {
        title: {name: one for name, one in found.items() if CORPORA[name].methods == methods}
        for title, methods in SECTIONS.items()
    }
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else "# Results\n"
    tables = "\n".join(section(title, group) for title, group in groups.items() if group)
    PAGE.write_text(put_between(text, tables, MARKS), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
