"""The losses side by side: every quantity with its spread over the seeds and its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from overtone.report.diagnosed import FROZEN, Diagnosed, Measured
from overtone.report.key import named
from overtone.report.markup import Child, Markup, el, markup
from overtone.report.page import Section, paragraphs
from overtone.report.quantities import GRADIENT, RETRIEVAL, SPACE, Quantity, quantity
from overtone.report.tables import Column, table
from overtone.report.words import duration, p_value, significant

TABLES = {"What is found": RETRIEVAL, "What the space looks like": SPACE, "How the gradient is spent": GRADIENT}


def losses(diagnosed: Diagnosed) -> Section | None:
    """All quantities at the end of the training, the losses by mAP, the frozen features below them."""
    if not diagnosed.entries:
        return None
    tables = [_table(diagnosed, title, keys) for title, keys in TABLES.items()]
    question = "What came out?" if len(diagnosed.losses) < 2 else "How do the losses compare?"
    return Section(question, markup(paragraphs(_how(diagnosed)), tables, _tests(diagnosed)))


def _table(diagnosed: Diagnosed, title: str, keys: Sequence[str]) -> Child:
    shown = [key for key in keys if diagnosed.has(key)]
    if not shown:
        return None
    timed = keys is RETRIEVAL and bool(diagnosed.losses)
    champions = {key: diagnosed.champion(key) for key in shown}
    columns = [Column("loss", "name"), *(Column(quantity(key).name) for key in shown)]
    columns += [Column("time")] if timed else []
    rows = [
        [
            named(name, diagnosed.styles),
            *(cell(diagnosed.measured(name, key), quantity(key), champions[key] == name) for key in shown),
            *([duration(entry.get("seconds"))] if timed else []),
        ]
        for name, entry in diagnosed.entries.items()
        if name in diagnosed.losses or any(diagnosed.measured(name, key).mean is not None for key in shown)
    ]
    return [el("h3", title), table(columns, rows)]


def cell(one: Measured, about: Quantity, best: bool = False) -> Markup:
    """A mean with its standard deviation, and the interval below it; bold if it is the best beyond doubt."""
    written = about.write(one.mean)
    if one.mean is not None and one.std is not None:
        written += f" ± {_as_fine(one.std, written)}"
    interval = f"{about.write(one.ci95[0])} to {about.write(one.ci95[1])}" if one.ci95 else None
    return markup(el("b", written) if best else written, el("span", interval, class_="interval") if interval else None)


def _as_fine(std: float, mean: str) -> str:
    """A standard deviation with as many places as its mean is written with.

    Example:
        >>> _as_fine(0.01234, "0.512"), _as_fine(12.6, "1,204")
        ('0.012', '13')
    """
    if "×" in mean:
        return significant(std, 2)
    return f"{std:,.{len(mean.partition('.')[2])}f}"


def _how(diagnosed: Diagnosed) -> str:
    if not diagnosed.losses:
        return "Taken on the test rows, each scaled to length one."
    many = len(diagnosed.seeds) > 1
    several = len(diagnosed.losses) > 1
    sentences = [
        "Taken on the test rows at the end of the training; the gradient over the last epoch.",
        f"Behind ± is the standard deviation over {len(diagnosed.seeds)} seeds, below the 95 % interval of the mean."
        if many
        else "With one seed there is no telling how much the seed matters.",
        "Bold is what is best beyond doubt: the interval of its lead over every other loss leaves out zero."
        if many and several
        else "",
        "Which space is best depends on the task, so nothing is marked there." if several else "",
        f"Below the losses stand the {FROZEN} as they came, each row scaled to length one."
        if diagnosed.features
        else "",
        "Each of their views has a space of its own, so nothing can be found across them."
        if len(diagnosed.references) > 1
        else "",
    ]
    return " ".join(filter(None, sentences))


def _tests(diagnosed: Diagnosed) -> Child:
    """All paired tests, folded away, with a word on how many of them chance alone would make."""
    found = diagnosed.diagnosis.get("paired_tests") or []
    if not found:
        return None
    columns = [Column("quantity", "name"), Column("first", "text"), Column("second", "text"), Column("difference")]
    columns += [Column("95 % interval"), Column("p")]
    rows = [
        [quantity(key).name, str(one.get("a")), str(one.get("b")), *_difference(one), p_value(one.get("p_value"))]
        for one in found
        if (key := str(one.get("quantity", "map")))
    ]
    text = (
        "First minus second, trained with the same seeds. Of a hundred tests of losses that do not differ, about five "
        "have an interval that leaves out zero."
    )
    title = f"All {len(rows)} paired tests" if len(rows) > 1 else "The paired test"
    return el("details", el("summary", title), paragraphs(text), table(columns, rows))


def _difference(test: Mapping[str, Any]) -> tuple[str, str]:
    """A difference and its interval, with their signs."""
    sign = [significant(value) for value in (test.get("difference"), *(test.get("ci95") or (None, None)))]
    return sign[0], " to ".join(sign[1:])
