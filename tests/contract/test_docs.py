"""The docs say what is so: their commands parse, their links lead somewhere, nothing points into one machine."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer

from overtone.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", flags=re.M | re.S)
SHELLS = ("bash", "sh", "console", "shell")
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:work|home|root|Users|tmp/bash_jobs|opt)/\w+")


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def commands(text: str) -> list[str]:
    """Every ``overtone`` command line in the shell blocks of a page, continuation lines joined."""
    lines = [
        line.strip().removeprefix("$ ")
        for language, block in BLOCK.findall(text)
        if language in SHELLS
        for line in block.replace("\\\n", " ").splitlines()
    ]
    return [line for line in lines if line.startswith("overtone ")]


def mentions(text: str) -> list[str]:
    """Every ``overtone`` command in inline code, which need not be whole."""
    found = re.findall(r"`(overtone [^`\n]+)`", BLOCK.sub("", text))
    return [line for line in found if "..." not in line and "…" not in line]


def check_command(line: str, *, whole: bool = True) -> None:
    """Parse a command line as the program would, without running it; fails on an unknown command or option.

    Unless it must be ``whole``, arguments may be missing.
    """
    words = shlex.split(line, comments=True)
    cut = next((at for at, word in enumerate(words) if word in ("|", ">", "2>", "&&", ";")), len(words))
    group = typer.main.get_command(app)
    _, *rest = words[:cut]
    if not rest or rest[0].startswith("-"):
        assert set(rest) <= {"--help", "-h", "--version"}, line
        return
    command = group.commands.get(rest[0])
    assert command is not None, f"no command {rest[0]!r}: {line}"
    if {"--help", "-h"} & set(rest):
        return
    try:
        command.make_context(rest[0], rest[1:])
    except Exception as error:
        if whole or type(error).__name__ not in ("MissingParameter", "NoArgsIsHelpError"):
            raise


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_in_the_docs_parse(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for line, whole in [(line, True) for line in commands(text)] + [(line, False) for line in mentions(text)]:
        try:
            check_command(line, whole=whole)
        except Exception as error:
            pytest.fail(f"{named(page)}: `{line}` does not parse: {error}")


def test_checker_finds_commands_and_refuses_wrong_ones() -> None:
    text = "Run `overtone methods cca` or\n```bash\n$ overtone train cca DATA \\\n  --out RUN  # a comment\n```\n"
    assert commands(text) == ["overtone train cca DATA    --out RUN  # a comment"]
    assert mentions(text) == ["overtone methods cca"]
    for line in commands(text) + mentions(text):
        check_command(line)
    check_command("overtone train cca", whole=False)
    with pytest.raises(Exception, match=r"[Nn]o such option"):
        check_command("overtone train cca --uot RUN", whole=False)
    for wrong in ("overtone trian", "overtone train cca DATA --uot RUN", "overtone train cca --out RUN"):
        with pytest.raises((AssertionError, Exception), match=r"no command|[Nn]o such option|[Mm]issing"):
            check_command(wrong)


def python_blocks(page: Path) -> str:
    """The Python of a page as one program: its blocks build on each other."""
    text = page.read_text(encoding="utf-8")
    return "\n".join(block for language, block in BLOCK.findall(text) if language == "python")


@pytest.mark.parametrize("page", [page for page in PAGES if python_blocks(page)], ids=named)
def test_python_in_the_docs_compiles(page: Path) -> None:
    compile(python_blocks(page), named(page), "exec")


QUICK = ("README.md", *(f"docs/{name}.md" for name in ("evaluation", "find")))
"""Pages whose Python is run by default; that of the others takes minutes."""


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=named(page), marks=() if named(page) in QUICK else pytest.mark.slow)
        for page in PAGES
        if python_blocks(page)
    ],
)
def test_python_in_the_docs_runs(page: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    y = np.arange(300) % 5
    hidden = np.eye(5)[y] + 0.3 * random.standard_normal((300, 5))
    views = {name: hidden @ random.standard_normal((5, width)) for name, width in (("audio", 24), ("visual", 32))}
    np.savez(tmp_path / "clips.npz", **views, y=y)
    ran = subprocess.run([sys.executable, "-c", python_blocks(page)], cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_to_files_that_are_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", BLOCK.sub("", page.read_text(encoding="utf-8")))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


def test_index_links_every_page() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")} - {"index.md"}
    assert sorted(page for page in pages if f"({page})" not in index) == []


def tracked_text() -> list[Path]:
    """Files of the project that people read."""
    kinds = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".sh", ".ipynb"}
    folders = ("src", "docs", "scripts", "benchmarks", "examples", "requirements", ".ci")
    found = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in kinds]
    return [*found, *ROOT.glob("*.md"), ROOT / "Makefile", ROOT / "pyproject.toml", ROOT / ".ci" / "run"]


def test_nothing_points_into_one_machine() -> None:
    found = {
        str(path.relative_to(ROOT)): MACHINE_PATHS.findall(path.read_text(encoding="utf-8"))
        for path in tracked_text()
        if "egg-info" not in str(path)
    }
    assert {path: paths for path, paths in found.items() if paths} == {}


def test_machine_paths_are_recognised() -> None:
    assert MACHINE_PATHS.search("see /home/somebody/file") is not None
    assert MACHINE_PATHS.search("see docs/home/main or https://x.org/home/y") is None
