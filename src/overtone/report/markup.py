"""HTML that cannot be injected into: text is escaped unless it was made here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from pathlib import PurePath
from urllib.parse import quote

VOID = frozenset({"br", "hr", "meta", "line", "circle", "rect", "path"})
"""Elements that have no end tag in this report (the shapes are written self-closing, as SVG wants them)."""


class Markup(str):
    """A piece of finished HTML; every other string is text, and is escaped when it is put into an element."""

    __slots__ = ()


Child = str | int | float | None | Iterable["Child"]
"""What an element may hold: markup, text, numbers, nothing, or any nesting of these."""


def markup(*children: Child) -> Markup:
    """Join children into one piece of HTML, escaping whatever is not markup.

    Example:
        >>> markup("a < b ", el("b", "c & d"))
        'a &lt; b <b>c &amp; d</b>'
    """
    return Markup("".join(_render(child) for child in children))


def el(tag: str, *children: Child, **attributes: str | int | float | bool | None) -> Markup:
    """One element. A trailing or inner underscore in an attribute's name is dropped or becomes a hyphen.

    Args:
        tag: Name of the element.
        *children: Its content; text is escaped.
        **attributes: Its attributes; None and False leave one out, True writes it without a value.

    Returns:
        The element as markup.

    Example:
        >>> el("td", "<script>", class_="number", data_row=3)
        '<td class="number" data-row="3">&lt;script&gt;</td>'
    """
    written = "".join(_attribute(name, value) for name, value in attributes.items())
    if tag in VOID:
        return Markup(f"<{tag}{written}/>")
    return Markup(f"<{tag}{written}>{markup(*children)}</{tag}>")


def link_to_media(path: str, text: Child) -> Markup:
    """A link to a media file on this machine; an address with a scheme stays text, so that the report opens nothing.

    Args:
        path: Where the media file lies, as the corpus gives it.
        text: What the link says.

    Example:
        >>> link_to_media("clips/a b.wav", "clip"), link_to_media("javascript:alert(1)", "clip")
        ('<a href="clips/a%20b.wav">clip</a>', '<span title="javascript:alert(1)">clip</span>')
    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|//|\\\\", path):
        return el("span", text, title=path)
    place = PurePath(path)
    address = place.as_uri() if place.is_absolute() else quote(path)
    return el("a", text, href=address)


def _attribute(name: str, value: str | int | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    written = name.rstrip("_").replace("_", "-")
    return f" {written}" if value is True else f' {written}="{escape(str(value))}"'


def _render(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, (str, int, float)):
        return escape(str(child))
    return "".join(_render(item) for item in child)
