"""Write requirements/core.txt and dev.txt: every version pinned, for every supported Python (`make lock`).

torch and what its GPU builds bring are left out: scripts/bootstrap.py chooses the build for the machine.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from bootstrap import GPU_PACKAGES, LOCKS, ROOT, lock_line


def compiled(*options: str) -> str:
    """What uv resolves from pyproject.toml for Python 3.10 and newer on every platform."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraint:
        constraint.write(lock_line("torch") + "\n")
        constraint.flush()
        command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "--universal", *options]
        command += [
            "--python-version",
            "3.10",
            "--no-annotate",
            "--no-header",
            "--upgrade",
            "-q",
            "-c",
            constraint.name,
        ]
        return subprocess.run(command, cwd=ROOT, check=True, text=True, capture_output=True).stdout


def main() -> None:
    """Write both lock files."""
    for name, options in (("core", ()), ("dev", ("--extra", "dev"))):
        lines = [
            line
            for line in compiled(*options).splitlines()
            if not line.startswith("torch==") and not GPU_PACKAGES.match(line.split("==")[0])
        ]
        path: Path = LOCKS / f"{name}.txt"
        path.write_text(
            "# Written by `make lock`; torch is in bootstrap.txt.\n" + "\n".join(lines) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
