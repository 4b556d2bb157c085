"""One figure: shown by a notebook, saved as a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from overtone.core import InputError
from overtone.core.files import write_text
from overtone.core.outputs import check_file
from overtone.core.printable import printable, suffix_of
from overtone.plots.svg import Canvas, clean

_SHOWN = 80
"""Letters of what a figure shows that its one line has."""
_HTML = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{alt}</title></head><body>{svg}</body></html>
"""


@dataclass(frozen=True, repr=False)
class Plot:
    """A figure as SVG. A notebook shows it, :meth:`save` writes it.

    Attributes:
        svg: The document.
        alt: What it shows, in words.
    """

    svg: str
    alt: str

    @classmethod
    def of(cls, canvas: Canvas, alt: str) -> Plot:
        """The figure on a canvas."""
        return cls(canvas.document(alt), alt)

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the figure into a file.

        Args:
            path: File to write, ``.svg`` or ``.html`` by its suffix.
            overwrite: Replace the file that is there.

        Raises:
            InputError: Another suffix, a file is there already, or it cannot be written.
        """
        file = Path(path).expanduser()
        if file.suffix.lower() not in (".svg", ".html"):
            fix = "save an SVG; Inkscape, rsvg-convert and browsers turn it into PDF or PNG"
            raise InputError(f"{file}: unknown kind of figure", got=suffix_of(file), valid=".svg, .html", fix=fix)
        check_file(file, overwrite=overwrite)
        svg = file.suffix.lower() == ".svg"
        write_text(file, self.svg if svg else _HTML.format(alt=clean(self.alt), svg=self.svg))

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        text = printable(self.alt, lines=False)
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        return f"Plot({shown}; .save('figure.svg') writes it)"
