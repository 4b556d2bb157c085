"""The page around the sections: one file that needs nothing outside itself."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from plotly.offline import get_plotlyjs

from overtone.core.files import json_text
from overtone.report.figures import Figure
from overtone.report.markup import Child, Markup, el, markup
from overtone.report.theme import SCRIPT, STYLE

F = TypeVar("F")

POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
"""What the browser may load: nothing but what the file itself holds, whatever a corpus has put into its names."""


@dataclass(frozen=True)
class Section:
    """One question of the reader, and its answer."""

    question: str
    body: Markup


def answered(makers: Sequence[Callable[[F], Section | None]], facts: F) -> list[Section]:
    """The sections that have something to say about these facts, in the order of their makers."""
    return [section for section in (maker(facts) for maker in makers) if section is not None]


def page(*, title: str, kind: str, head: Markup, sections: Sequence[Section], foot: Child, key: Child = None) -> str:
    """A whole HTML document.

    Args:
        title: Heading of the page, a user's words.
        kind: What sort of report this is.
        head: What stands above the questions: summary, figures to remember, warnings.
        sections: Questions and answers, top to bottom.
        foot: The last line.
        key: What the colours of all figures mean; it stays in sight.

    Returns:
        HTML that opens from a file, without a network.
    """
    contents = el("nav", [el("a", one.question, href=f"#q{at}") for at, one in enumerate(sections, 1)])
    answers = [el("section", el("h2", one.question), one.body, id=f"q{at}") for at, one in enumerate(sections, 1)]
    body = el(
        "main",
        el("header", el("p", f"Overtone · {kind}", class_="kicker"), el("h1", title), head),
        contents,
        key,
        answers,
        el("footer", el("p", foot, class_="small muted"), style="padding-top:36px"),
    )
    top = markup(
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", http_equiv="Content-Security-Policy", content=POLICY),
        el("meta", name="generator", content="overtone"),
        el("title", f"{title} · Overtone"),
        Markup(f"<style>{STYLE}</style>"),
    )
    noscript = el("noscript", el("main", el("p", "The figures need JavaScript; the tables do without.")))
    scripts = Markup(f'<script type="text/plain" id="library">{packed_library()}</script><script>{SCRIPT}</script>')
    return f'<!doctype html>\n<html lang="en"><head>{top}</head><body>{noscript}{body}{scripts}</body></html>\n'


@lru_cache(maxsize=1)
def packed_library() -> str:
    """plotly.js, gzipped and in base64: 2 MB a report where the plain text takes 5; the page's script unpacks it."""
    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), 9, mtime=0)).decode()


def draw(figure: Figure, caption: Child = None) -> Markup:
    """A figure with its data beside it as JSON, in which ``<`` is written so that no script can end early."""
    content = {
        "data": figure.data,
        "layout": figure.layout,
        "height": figure.height,
        "views": figure.views,
        "pairs": figure.pairs,
    }
    data = json_text(content).replace("<", "\\u003c")
    return el(
        "figure",
        el("div", class_="plot", role="img", aria_label=figure.alt, style=f"min-height:{figure.height}px"),
        Markup(f'<script type="application/json">{data}</script>'),
        None if caption is None else el("figcaption", caption),
    )


def paragraphs(*texts: Child) -> Markup:
    """Each text a paragraph; empty ones are left out."""
    return markup([el("p", text) for text in texts if text])


def tile(value: str, what: Child, detail: Child = None) -> Markup:
    """One number to remember, and what it is."""
    return el("div", el("span", what), el("b", value), None if detail is None else el("span", detail), class_="tile")


def notes(findings: Iterable[Child], *, warn: str, calm: str) -> Markup:
    """A box with what looks wrong, or the sentence that nothing does."""
    items = [el("li", finding) for finding in findings]
    if not items:
        return el("div", el("p", calm), class_="notes", role="note")
    return el("div", el("p", el("b", warn)), el("ul", items), class_="notes warn", role="note")


def fact_list(facts: Iterable[tuple[str, Child]]) -> Markup:
    """Names and values, one a line; a value of None is left out."""
    return el("dl", [(el("dt", name), el("dd", value)) for name, value in facts if value is not None], class_="facts")
