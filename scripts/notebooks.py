"""Write the notebooks of docs/notebooks from the scripts beside them, and run them (`make notebooks`).

    python scripts/notebooks.py [NAME ...]

A line ``# %%`` begins a cell of code, ``# %% [markdown]`` one of text.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "notebooks"
TEXT = " [markdown]"


def cells(text: str) -> list[tuple[str, str]]:
    """Kind (``"code"`` or ``"markdown"``) and source of each cell of a script.

    Example:
        >>> cells("# %% [markdown]\\n# # Title\\n\\n# %%\\nx = 1\\n")
        [('markdown', '# Title'), ('code', 'x = 1')]
    """
    found = []
    for part in text.split("# %%")[1:]:
        head, _, body = part.partition("\n")
        lines = body.strip("\n").splitlines()
        if head == TEXT:
            found.append(("markdown", "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines)))
        else:
            found.append(("code", "\n".join(lines)))
    return found


def make(path: Path) -> Any:
    """A notebook without outputs."""
    from nbformat import v4

    kinds = {"markdown": v4.new_markdown_cell, "code": v4.new_code_cell}
    made = [kinds[kind](source) for kind, source in cells(path.read_text(encoding="utf-8"))]
    for number, cell in enumerate(made):
        cell["id"] = f"cell-{number}"  # random ones would change with every run
    return v4.new_notebook(cells=made, metadata={"language_info": {"name": "python"}})


def main() -> int:
    """Make, run and write the notebooks."""
    import nbformat
    from nbclient import NotebookClient

    os.environ.setdefault("OMP_NUM_THREADS", "1")
    names = sys.argv[1:] or sorted(path.stem for path in FOLDER.glob("*.py"))
    for name in names:
        notebook = make(FOLDER / f"{name}.py")
        with tempfile.TemporaryDirectory() as folder:
            NotebookClient(
                notebook, timeout=600, resources={"metadata": {"path": folder}}, record_timing=False
            ).execute()
        nbformat.write(notebook, FOLDER / f"{name}.ipynb")
        print(f"{name}: {(FOLDER / f'{name}.ipynb').stat().st_size / 1000:.0f} KB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
