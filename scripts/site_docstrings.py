"""Docstrings as Markdown: formulas and cross references in the form that the site understands."""

from __future__ import annotations

import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:func|class|meth|mod|data|attr|exc):`(~?)([\w.]+)`")
MATH = re.compile(r":math:`([^`]+)`")
EXAMPLE = re.compile(r"^( *)Example:$", flags=re.M)
"""The parser knows the plural alone as code."""
BLOCK = re.compile(r"^( *)\.\. math::[ ]*(.*)\n((?:\1 +.*\n|[ ]*\n(?=\1 ))*)", flags=re.M)


class Docstrings(griffe.Extension):
    """Rewrites the docstring of every object that the reference shows."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite one docstring."""
        if obj.docstring is not None:
            obj.docstring.value = to_markdown(obj.docstring.value)


def to_markdown(text: str) -> str:
    """A docstring's roles and formulas in Markdown.

    Example:
        >>> to_markdown("See :func:`~overtone.train`; :math:`x^2`.")
        'See `train`; $x^2$.'
    """
    text = EXAMPLE.sub(r"\1Examples:", BLOCK.sub(_block, f"{text}\n").removesuffix("\n"))
    text = MATH.sub(lambda found: f"${found[1]}$", text)
    return ROLE.sub(lambda found: f"`{found[2].rpartition('.')[2] if found[1] else found[2]}`", text)


def _block(found: re.Match[str]) -> str:
    indent, first, rest = found.groups()
    lines = [line.strip() for line in (first, *rest.splitlines()) if line.strip()]
    body = "\n".join(f"{indent}{line}" for line in lines)
    return f"\n{indent}$$\n{body}\n{indent}$$\n\n"
