"""Set up .venv-lowest: of every direct dependency the lowest version that pyproject.toml allows (`make test-lowest`).

    python3 scripts/lowest.py                         with the torch of requirements/bootstrap.txt
    python3 scripts/lowest.py --torch-version 2.4.0   with another, where there is a build of it for this machine

Only versions with a wheel for this Python count, so nothing is compiled. Standard library only, as bootstrap.py.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from bootstrap import (
    GPU_PACKAGES,
    ROOT,
    SetupError,
    attempt,
    install_system_packages,
    install_torch,
    lock_line,
    make_environment,
    pip,
    run,
    say,
)

ENVIRONMENT = ROOT / ".venv-lowest"
CHOSEN = ENVIRONMENT / "lowest.txt"


def without_torch(compiled: str) -> str:
    """The lines of a resolution that are installed after torch: neither torch itself nor what its GPU builds bring."""
    names = [(line, line.split("==")[0]) for line in compiled.splitlines()]
    return "".join(f"{line}\n" for line, name in names if name != "torch" and not GPU_PACKAGES.match(name))


def choose(python: Path, torch: str) -> None:
    """Write to ``CHOSEN`` the lowest direct versions that fit together and with this torch."""
    pin = ENVIRONMENT / "torch.txt"
    pin.write_text(f"torch=={torch}\n", encoding="utf-8")
    asked = ["pip", "compile", "pyproject.toml", "--extra", "dev", "--resolution", "lowest-direct", "--python", python]
    asked += ["--only-binary", ":all:", "--constraint", pin, "--no-annotate", "--no-header", "-q"]
    command = [str(part) for part in (python, "-m", "uv", *asked)]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if answer.returncode:
        raise SetupError(f"no lowest versions fit together with torch {torch}:\n{answer.stderr.strip()}")
    CHOSEN.write_text(without_torch(answer.stdout), encoding="utf-8")


def main() -> int:
    """Set everything up; 0 when done."""
    pinned = lock_line("torch").split("==")[1]
    parser = argparse.ArgumentParser(description="Set up .venv-lowest with the lowest versions that are allowed.")
    parser.add_argument("--torch", choices=("cpu", "gpu"), default="cpu", help="the build of torch (default: cpu)")
    parser.add_argument("--torch-version", default=pinned, help="the version of torch (default: %(default)s)")
    options = parser.parse_args()

    def setup() -> None:
        python = make_environment(ENVIRONMENT)
        pip(python, "install", lock_line("uv"), why="uv could not be installed")
        choose(python, options.torch_version)
        install_torch(python, options.torch, CHOSEN, options.torch_version)
        say(f"lowest versions of {CHOSEN.relative_to(ROOT)}")
        if not run([python, "-m", "uv", "pip", "install", "--python", python, "--no-deps", "-r", CHOSEN]):
            raise SetupError("the lowest versions could not be installed: see uv's message above")
        pip(python, "install", "--no-deps", "-e", ROOT, why="Overtone itself could not be installed")
        install_system_packages()

    return attempt(setup)


if __name__ == "__main__":
    sys.exit(main())
