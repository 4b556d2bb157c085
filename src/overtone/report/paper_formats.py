"""Tables for a paper as files: LaTeX with booktabs, Markdown, or CSV with a line for every number."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from overtone.core import InputError
from overtone.core.files import write_text
from overtone.core.printable import format_csv, printable
from overtone.report.paper import PaperCell, PaperTable
from overtone.report.words import DASH, number

_SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_SPECIAL |= {char: f"\\{char}" for char in "&%$#_{}"}
_SPECIAL |= {
    "|": r"\textbar{}",
    "→": r"$\rightarrow$",
    "±": r"$\pm$",
    "−": "$-$",
    "≥": r"$\ge$",
    "≤": r"$\le$",
    "<": "$<$",
    ">": "$>$",
}
_SPECIAL |= {"λ": r"$\lambda$", "Λ": r"$\Lambda$"}  # Unicode spells it lamda
_SPECIAL |= {char: rf"$\{unicodedata.name(char).split()[-1].lower()}$" for char in "αβγδεζηθκμνξπρστφχψω"}
_SPECIAL |= {char: rf"$\{unicodedata.name(char).split()[-1].title()}$" for char in "ΓΔΘΞΠΣΦΨΩ"}
_PREAMBLE = r"\usepackage{booktabs,graphicx}"
_FIT = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
"""What makes a table that is wider than the text as narrow as that."""
_HEAD = ("table", "row", "column", "value", "std", "ci95_low", "ci95_high", "best", "significantly_worse")


def write_latex(tables: Iterable[PaperTable]) -> str:
    r"""LaTeX tables; the preamble needs ``\usepackage{booktabs,graphicx}``. The best of a column is bold."""
    return "\n\n".join([f"% preamble: {_PREAMBLE}", *map(_latex_table, tables)]) + "\n"


def write_markdown(tables: Iterable[PaperTable]) -> str:
    """Markdown tables with their captions above them."""
    return "\n\n".join(map(_markdown_table, tables)) + "\n"


def write_csv(tables: Iterable[PaperTable]) -> str:
    """A line for every number, with its standard deviation and interval in columns of their own."""
    lines: list[Sequence[object]] = [_HEAD]
    for table in tables:
        for name, cells in table.rows:
            for title, cell in zip(table.columns[1:], cells):
                low, high = cell.ci95 or (None, None)
                values = ["" if value is None else repr(float(value)) for value in (cell.value, cell.std, low, high)]
                lines.append([table.name, name, title, *values, int(cell.best), int(cell.worse)])
    return format_csv(lines)


FORMATS: dict[str, Callable[[Iterable[PaperTable]], str]] = {
    ".tex": write_latex,
    ".md": write_markdown,
    ".csv": write_csv,
}
"""Suffix to what writes such a file."""


def check_table_file(path: Path) -> None:
    """Refuse a suffix that no format has."""
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"{path}: unknown kind of table", got=path.suffix or "no suffix", valid=", ".join(FORMATS))


def save_tables(tables: Sequence[PaperTable], path: Path) -> None:
    """Write tables in the format that the file's suffix names."""
    write_text(path, FORMATS[path.suffix.lower()](tables))


def _latex_table(table: PaperTable) -> str:
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{_latex(table.caption)}}}",
        _FIT,
        rf"\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}",
        r"\toprule",
        " & ".join(map(_latex, table.columns)) + r" \\",
        r"\midrule",
    ]
    for name, cells in table.rows:
        first = _latex(name)
        first = f"{{}}{first}" if first[:1] in ("[", "*") else first  # the end of a row takes these for options
        lines.append(" & ".join([first, *map(_latex_cell, cells)]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}}", r"\end{table}"])


def _latex_cell(cell: PaperCell) -> str:
    if cell.value is None:
        return "--"
    value = rf"\textbf{{{_latex(number(cell.value))}}}" if cell.best else _latex(number(cell.value))
    spread = "" if cell.std is None else rf" $\pm$ {_latex(number(cell.std))}"
    interval = "" if cell.std is not None or cell.ci95 is None else f" [{', '.join(map(number, cell.ci95))}]"
    return value + spread + interval + (r"\rlap{$^*$}" if cell.worse else "")


def _latex(text: str) -> str:
    """Text with what LaTeX takes for a command made harmless."""
    return "".join(_SPECIAL.get(char, char) for char in printable(text))


def _markdown_table(table: PaperTable) -> str:
    head = " | ".join(map(_markdown, table.columns))
    rule = "|".join(["---", *["---:"] * (len(table.columns) - 1)])
    lines = [_markdown(table.caption), "", f"| {head} |", f"|{rule}|"]
    lines += [f"| {' | '.join([_markdown(name), *map(_markdown_cell, cells)])} |" for name, cells in table.rows]
    return "\n".join(lines)


def _markdown_cell(cell: PaperCell) -> str:
    if cell.value is None:
        return DASH
    value = f"**{number(cell.value)}**" if cell.best else number(cell.value)
    spread = "" if cell.std is None else f" ± {number(cell.std)}"
    interval = "" if cell.std is not None or cell.ci95 is None else f" ({' to '.join(map(number, cell.ci95))})"
    return value + spread + interval + ("\\*" if cell.worse else "")


def _markdown(text: str) -> str:
    """Text with what Markdown takes for a mark made harmless."""
    return "".join(f"\\{char}" if char in "\\|*_`<[" else char for char in printable(text))
