"""Measure the tables of docs/results.md again (`make results`), each with the command that stands above it.

    python scripts/results.py --data FOLDER [--only NAME ...] [--seeds N]

What was measured before is taken from runs/results where data, settings and versions are the same. The tables stand
between two marks in docs/results.md; the words around them are written by people and left alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from overtone.report.words import difference_in_words, number, plural, span

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "results.md"
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
METHODS = ("hsc-mae", "cca", "dcca", "infonce", "cav-mae")
LABELLED = ("interactions", "triplet", "supervised-infonce", "tnn-c-cca", "cluster-cca", "cca")


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
    "ccv-labels": Corpus("CCV, with labels", "ccv/ccv.npz", None, LABELLED, "--controls"),
    "digits_av-labels": Corpus(
        "Spoken and written digits, with labels", "digits_av/digits_av.npz", None, LABELLED, "--controls"
    ),
}


def command(name: str, corpus: Corpus, data: Path, seeds: int) -> list[str]:
    """The command line that measures a corpus."""
    source = str(data / corpus.path) if corpus.path else name
    words = [
        "overtone",
        "compare",
        *corpus.methods,
        source,
        "--seeds",
        str(seeds),
        corpus.more,
        "--out",
        f"runs/results/{name}",
    ]
    return [*words, *(("--modalities", corpus.modalities) if corpus.modalities else ())]


def section(name: str, corpus: Corpus, found: Mapping[str, Any], words: list[str]) -> str:
    """A corpus in the page: its command, its table, what the paired tests say."""
    metric = found["metric"]
    methods = sorted(found["methods"].items(), key=lambda item: -item[1][metric]["mean"])
    rows = [row(method, entry, metric) for method, entry in [*methods, *found["ablation"].items()]]
    chance = found.get("chance_map")
    if chance:
        rows.append(
            [
                "chance",
                *(number(chance[way]) for way in ("mean",)),
                "",
                number(chance["a2v"]),
                number(chance["v2a"]),
                "",
            ]
        )
    first, second = found["modalities"]
    head = ["method", f"{metric} ± std", "95 % interval", f"{first} → {second}", f"{second} → {first}", "R@1"]
    table = "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ["---"] + ["---:"] * 5, *rows))
    tests = "\n".join(
        "- " + difference_in_words(test["a"], test["b"], test)
        for test in found["paired_tests"]
        if test["metric"] == metric
    )
    about = f"{plural(found['queries'], 'test query', 'test queries')} in each direction, {len(found['seeds'])} seeds."
    return f"### {corpus.title}\n\n```bash\n{' '.join(words)}\n```\n\n{about}\n\n{table}\n\n{tests}\n"


def row(method: str, entry: Mapping[str, Any], metric: str) -> list[str]:
    """A method's line of the table."""
    values = entry[metric]
    spread = f" ± {number(values['std'])}" if values.get("std") is not None else ""
    recall = entry.get("recall@1") or entry["instance_recall@1"]
    ways = [number(values["a2v"]), number(values["v2a"]), number(recall["mean"])]
    return [f"`{method}`", number(values["mean"]) + spread, span(values.get("ci95")), *ways]


def put_tables(text: str, tables: str) -> str:
    """The page with new tables between its marks; they are added at the end where the page has none."""
    if BEGIN not in text:
        text = text.rstrip("\n") + f"\n\n{BEGIN}\n{END}\n"
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    return f"{before}{BEGIN}\n\n{tables}\n{END}{after}"


def main() -> int:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description="Measure the tables of docs/results.md again.")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the corpora")
    parser.add_argument("--only", nargs="+", choices=CORPORA, default=list(CORPORA), help="these corpora only")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    for name in options.only:
        words = command(name, CORPORA[name], options.data, options.seeds)
        print("$", *words, file=sys.stderr, flush=True)
        program = [sys.executable, "-m", *words, "--resume"]
        if subprocess.run(program, cwd=ROOT).returncode:
            return 1
    sections = []
    for name, corpus in CORPORA.items():
        path = ROOT / "runs" / "results" / name / "comparison.json"
        if path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            sections.append(section(name, corpus, found, command(name, corpus, Path("DATA"), len(found["seeds"]))))
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else "# Results\n"
    PAGE.write_text(put_tables(text, "\n".join(sections)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
