"""Output that changes while a notebook's cell runs."""

from __future__ import annotations

import sys
from typing import Any


def in_notebook() -> bool:
    """Whether this is the kernel of a notebook; a terminal, IPython's too, is none."""
    module = sys.modules.get("IPython")
    shell = None if module is None else module.get_ipython()
    return shell is not None and bool(shell.has_trait("kernel"))


class LiveOutput:
    """A place in the output of a notebook's cell, which is written again and again."""

    def __init__(self) -> None:
        self._handle: Any = None

    def update(self, html: str) -> None:
        """Show this in place of what is there."""
        from IPython.display import HTML, display

        if self._handle is None:
            self._handle = display(HTML(html), display_id=True)
        else:
            self._handle.update(HTML(html))
