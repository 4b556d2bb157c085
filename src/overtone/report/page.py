"""The page around the sections: one file that needs nothing outside itself."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple, TypeVar

from plotly.offline import get_plotlyjs

from overtone.core.files import json_text
from overtone.report.figures import Figure
from overtone.report.markup import Child, Markup, el, markup, table, texts
from overtone.report.words import duration, listed, plural

T = TypeVar("T")

_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
"""What the browser may load: only what the file itself holds, whatever a corpus has put into its names."""
FEW_QUERIES = 100
"""Test rows below which a report warns that its intervals are wide."""
_FOOT = "Made by Overtone. This file is complete: it loads nothing."


Headed = dict[str | None, Mapping[str, object]]
"""Settings under their headings; None for no heading."""


class Section(NamedTuple):
    """One question of the reader, and its answer."""

    question: str
    body: Markup


def section(question: str, *parts: Child) -> Section:
    """A question and the parts of its answer, see :func:`blocks`."""
    return Section(question, blocks(*parts))


def answer(makers: Sequence[Callable[[T], Section | None]], subject: T) -> list[Section]:
    """The sections that have something to say about a result, in the order of their functions."""
    return [section for section in (maker(subject) for maker in makers) if section is not None]


def page(*, title: str, kind: str, head: Markup, sections: Sequence[Section], key: Child = None) -> str:
    """A whole HTML document, which opens from a file, without a network.

    Args:
        title: Heading of the page, a user's words.
        kind: What sort of report this is.
        head: What stands above the questions, see :func:`summary`.
        sections: Questions and answers, top to bottom.
        key: What the colours of all figures mean; it stays in sight.
    """
    contents = el("nav", [el("a", one.question, href=f"#q{at}") for at, one in enumerate(sections, 1)])
    answers = [el("section", el("h2", one.question), one.body, id=f"q{at}") for at, one in enumerate(sections, 1)]
    body = el(
        "main",
        el("header", el("p", f"Overtone · {kind}", class_="kicker"), el("h1", title), head),
        contents,
        key,
        answers,
        el("footer", el("p", _FOOT, class_="small muted")),
    )
    top = markup(
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        el("meta", name="generator", content="overtone"),
        el("title", f"{title} · Overtone"),
        Markup(f"<style>{asset('page.css')}</style>"),
    )
    noscript = el("noscript", el("main", el("p", "The figures need JavaScript. The tables do not.")))
    library = Markup(f'<script type="text/plain" id="library">{packed_library()}</script>')
    script = Markup(f"<script>{asset('page.js')}</script>")
    return f'<!doctype html>\n<html lang="en"><head>{top}</head><body>{noscript}{body}{library}{script}</body></html>\n'


@lru_cache
def asset(name: str) -> str:
    """A style sheet or script that is shipped beside the code."""
    return files("overtone.report").joinpath("assets", name).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def packed_library() -> str:
    """plotly.js, gzipped and in base64: 2 MB a report instead of 5; the page's script unpacks it."""
    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), 9, mtime=0)).decode()


def draw(figure: Figure, caption: Child = None) -> Markup:
    """A figure with its data beside it as JSON, in which ``<`` is written so that no script can end early."""
    content = {key: getattr(figure, key) for key in ("data", "layout", "height", "views", "pairs", "amount")}
    data = json_text(content).replace("<", "\\u003c")
    return el(
        "figure",
        el("div", class_="plot", role="img", aria_label=figure.alt, style=f"min-height:{figure.height}px"),
        Markup(f'<script type="application/json">{data}</script>'),
        None if caption is None else el("figcaption", caption),
    )


def blocks(*parts: Child) -> Markup:
    """Parts below each other: a text becomes a paragraph, an empty one is left out."""
    return markup(
        [el("p", part) if isinstance(part, str) and not isinstance(part, Markup) else part for part in parts if part]
    )


def summary(lead: str, tiles: Child, findings: Sequence[str], *, calm: str, drawing: Child = None) -> Markup:
    """What stands above the questions.

    Args:
        lead: The result in plain words.
        tiles: The numbers to remember, see :func:`tile`.
        findings: What may be wrong, in sentences.
        calm: The sentence that stands there instead where nothing may be wrong.
        drawing: The result at a glance, below the lead.
    """
    said: Child = el("p", calm)
    if findings:
        said = [el("p", el("b", f"{plural(len(findings), 'thing')} to keep in mind")), bullets(findings)]
    box = el("div", said, class_="notes warn" if findings else "notes", role="note")
    return markup(el("p", lead, class_="lead"), drawing, el("div", tiles, class_="tiles") if tiles else None, box)


def bullets(sentences: Iterable[str]) -> Markup:
    """A list of sentences."""
    return el("ul", [el("li", sentence) for sentence in sentences])


def tile(value: str, what: Child, detail: Child = None) -> Markup:
    """One number to remember, and what it is."""
    return el("div", el("span", what), el("b", value), None if detail is None else el("span", detail), class_="tile")


def provenance(
    facts: Mapping[str, object],
    *,
    notes: Sequence[str] | None = (),
    warnings: Sequence[str] = (),
    settings: Headed | None = None,
) -> Section:
    """The last section of every report: what is needed to make the result again.

    Args:
        facts: Names and values, one a line: data, versions, checksum, seconds, device; an empty one is left out.
        notes: What the reader of the data decided; None where no data was read.
        warnings: What it warned of.
        settings: They are folded away.
    """
    known = {name: _written(name, value) for name, value in facts.items()}
    listing = [(el("dt", name), el("dd", value)) for name, value in known.items() if value]
    remarks: list[Child] = []
    for title, sentences in (("Decided while reading the data", notes), ("Warned of while reading the data", warnings)):
        if sentences:
            remarks += [el("h3", title), bullets(sentences)]
    if not remarks and notes is not None:
        remarks.append(el("p", "Reading the data gave no warning."))
    for heading, values in (settings or {}).items():
        remarks.append(None if heading is None else el("h3", heading))
        if values:
            rows = [[el("code", name), el("code", _plain(value))] for name, value in values.items()]
            remarks.append(folded(f"All {len(rows)} settings", table(["setting", *texts("value")], rows)))
    return section("How was this made?", el("dl", listing, class_="facts"), remarks)


def folded(title: str, *parts: Child) -> Markup:
    """Parts that open when their title is clicked."""
    return el("details", el("summary", title), blocks(*parts))


def _plain(value: object) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _written(name: str, value: object) -> Child:
    """A recorded value in words; empty where there is nothing."""
    if value in (None, "", {}, [], ()):
        return ""
    if name.endswith("seconds") and isinstance(value, (int, float)):
        return duration(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return listed([_plain(item) for item in value])
    return el("code", str(value)) if name == "checksum" else _plain(value)
