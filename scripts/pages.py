"""What the scripts that measure pages share: their options, tables in Markdown, and the place of tables in a page."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path


def study_parser(description: str, corpora: Iterable[str], stored: bool = False) -> argparse.ArgumentParser:
    """Options of a script that measures some corpora with several seeds.

    Args:
        description: What it measures.
        corpora: Names of its corpora.
        stored: Whether ``--only`` without a name writes the page from what was measured before.
    """
    parser = argparse.ArgumentParser(description=description)
    names, few = list(corpora), "these corpora only" + "; none: write the page" * stored
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the corpora")
    parser.add_argument("--only", nargs="*" if stored else "+", choices=names, default=names, help=few)
    parser.add_argument("--seeds", type=int, default=5)
    return parser


def folder_name(title: str) -> str:
    """A name for the folder of what has a title."""
    return "".join(letter if letter.isalnum() else "-" for letter in title)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown: names on the left, numbers on the right."""
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, *rows)]
    return "\n".join([lines[0], "|---" + "|---:" * (len(head) - 1) + "|", *lines[1:]])


def put_between(text: str, new: str, marks: tuple[str, str]) -> str:
    """The page with new tables between its marks; both are added at the end where the page has none."""
    begin, end = marks
    if begin not in text:
        text = text.rstrip("\n") + f"\n\n{begin}\n{end}\n"
    before, after = text.split(begin)[0], text.split(end)[1]
    return f"{before}{begin}\n\n{new}\n{end}{after}"
