"""Set up the project's own virtual environment with pinned versions; needs only Python >= 3.10 and pip.

    python3 scripts/bootstrap.py            what `make demo` needs
    python3 scripts/bootstrap.py --dev      and what `make test` needs besides
    python3 scripts/bootstrap.py --torch gpu   whatever build of torch pip picks, CUDA packages included

Standard library only, because it runs before anything is installed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import venv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
LOCKS = ROOT / "requirements"
GPU_PACKAGES = re.compile(r"(nvidia|cuda|triton|pytorch-triton)(-|$)")
STAMPS = Path("/usr/share/tuxpaint/stamps")
SYSTEM_PACKAGES = {
    "tuxpaint-stamps-default": (STAMPS.is_dir, "tests of real media"),  # GPL-2: pictures with spoken and written names
    "chromium": (lambda: bool(shutil.which("chromium") or shutil.which("google-chrome")), "tests in a browser"),
}
"""Packages of Debian and Ubuntu to whether they are there, and what is skipped without them."""
REMEDY = (
    "install a CPU build of torch by hand as its installation page describes (with the environment's own pip) and run "
    "this again, or accept the CUDA packages with TORCH=gpu"
)


class SetupError(Exception):
    """The set-up cannot go on; the message is one sentence that says what to do."""


def gpu_packages(report: Mapping[str, Any]) -> list[str]:
    """Names of the GPU packages in the plan that ``pip install --dry-run --report`` wrote."""
    names = (str(item["metadata"]["name"]).lower().replace("_", "-") for item in report.get("install", []))
    return sorted(name for name in names if GPU_PACKAGES.match(name))


def torch_installer(report: Mapping[str, Any], wanted: str) -> str:
    """Who installs torch: ``"pip"`` where its plan is what was wanted, else ``"uv"``, which can pick the CPU build."""
    return "uv" if wanted == "cpu" and gpu_packages(report) else "pip"


def run(command: Sequence[str | Path], *, quiet: bool = False) -> bool:
    """Run a command, show what it says (unless quiet) and tell whether it succeeded."""
    shown = subprocess.DEVNULL if quiet else None
    asking = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    arguments = [str(part) for part in command]
    return subprocess.run(arguments, cwd=ROOT, stdout=shown, stderr=shown, env=asking).returncode == 0


def environment_python(environment: Path) -> Path:
    """The interpreter of an environment."""
    windows = environment / "Scripts" / "python.exe"
    return windows if sys.platform == "win32" else environment / "bin" / "python"


def make_environment(environment: Path = ENVIRONMENT) -> Path:
    """Create the environment if it is not there; also where Python came without ``ensurepip`` (Debian's)."""
    say(f"environment in {environment.name}/ with Python {sys.version.split()[0]}")
    python = environment_python(environment)
    if not (python.exists() and run([python, "-m", "pip", "--version"], quiet=True)):
        has_ensurepip = run([sys.executable, "-c", "import ensurepip"], quiet=True)
        venv.create(environment, with_pip=has_ensurepip, clear=environment.exists())
        if not has_ensurepip and not run([sys.executable, "-m", "pip", "--python", python, "install", "-q", "pip"]):
            raise SetupError(
                f"no pip could be put into {environment.name}: install your system's python3-venv package and run again"
            )
    pip(python, "install", "--upgrade", lock_line("pip"), why="pip itself could not be brought up to date")
    return python


def pip(python: Path, *arguments: str | Path, why: str, loud: bool = False) -> None:
    """Run pip in the environment."""
    asked = [python, "-m", "pip", "--disable-pip-version-check", *arguments, *([] if loud else ["-q"])]
    # what is installed is compiled when it is first imported, and most of it never is
    if not run([*asked, "--no-compile"] if arguments[0] == "install" else asked):
        raise SetupError(f"{why}: see pip's message above (is a package registry reachable?)")


def lock_line(package: str) -> str:
    """The pinned requirement of one of the packages that are installed on their own (``torch==...``)."""
    for line in (LOCKS / "bootstrap.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{package}=="):
            return line
    raise SetupError(f"requirements/bootstrap.txt has no line for {package}")


def installed_torch(python: Path) -> str | None:
    """Version of the torch in the environment, None without one."""
    question = "import importlib.metadata as m; print(m.version('torch'))"
    answer = subprocess.run([str(python), "-c", question], capture_output=True, text=True)
    return answer.stdout.strip() or None


def install_torch(python: Path, wanted: str, lock: Path, version: str | None = None) -> None:
    """Install torch, the pinned one unless another version is named.

    On a machine whose pip would bring gigabytes of CUDA, this is the CPU build unless asked.
    """
    requirement = f"torch=={version}" if version else lock_line("torch")
    present = installed_torch(python)
    if present and present.split("+")[0] == requirement.split("==")[1]:
        if wanted == "cpu" or not present.endswith("+cpu"):
            return
        pip(python, "uninstall", "-y", "torch", why="the CPU build of torch could not be removed")
    say(f"torch: asking pip what {requirement} would bring")
    report = install_plan(python, requirement, lock)
    if torch_installer(report, wanted) == "pip":
        say("torch: installing (about 200 MB for a CPU build)" if wanted == "cpu" else "torch: installing")
        pip(python, "install", requirement, "--constraint", lock, why="torch could not be installed", loud=True)
        return
    say(f"torch: pip would bring {len(gpu_packages(report))} GPU packages; taking the CPU build through uv instead")
    pip(python, "install", lock_line("uv"), why=f"uv could not be installed; {REMEDY}")
    by_uv = [python, "-m", "uv", "pip", "install", "--python", python, "--torch-backend=cpu", requirement]
    if not run([*by_uv, "--constraint", lock]):
        raise SetupError(f"the CPU build of torch could not be fetched: {REMEDY}")


def install_plan(python: Path, requirement: str, lock: Path) -> dict[str, Any]:
    """What pip would install for a requirement, without installing it."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "plan.json"
        asked = ["install", "--dry-run", "--report", report, requirement, "--constraint", lock]
        pip(python, *asked, why=f"pip finds no {requirement}")
        plan: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        return plan


def install_system_packages() -> None:
    """What some tests need of the system: installed where the user may; where not, they are skipped, which is said."""
    may = shutil.which("apt-get") is not None and getattr(os, "geteuid", lambda: 1)() == 0
    for name, (there, what) in SYSTEM_PACKAGES.items():
        if there():
            continue
        say(f"system package {name}, for {what}")
        install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", name]
        steps = ([install], [["apt-get", "update", "-q"], install])  # lists of packages may be old, or not there at all
        if not (may and any(all(run(step, quiet=True) for step in several) for several in steps)):
            say(f"{what} will be skipped: they need the system package {name}")


def say(sentence: str) -> None:
    """A line about what happens, at once even in a pipe and never on standard output."""
    print(f"[setup] {sentence}", file=sys.stderr, flush=True)


def attempt(setup: Callable[[], None]) -> int:
    """Set up, and say how it ended: the exit code."""
    try:
        setup()
    except SetupError as error:
        print(f"[setup] {error}.", file=sys.stderr)
        return 1
    say("done")
    return 0


def main() -> int:
    """Set everything up; 0 when done."""
    parser = argparse.ArgumentParser(description="Set up .venv with pinned versions.")
    parser.add_argument("--dev", action="store_true", help="also what the checks and tests need")
    parser.add_argument("--torch", choices=("cpu", "gpu"), default="cpu", help="the build of torch (default: cpu)")
    options = parser.parse_args()
    if sys.version_info < (3, 10):  # noqa: UP036 - the very thing this script must be able to say
        sys.exit(f"Overtone needs Python 3.10 or newer; this is {sys.version.split()[0]}.")
    lock = LOCKS / ("dev.txt" if options.dev else "core.txt")

    def setup() -> None:
        system = threading.Thread(target=install_system_packages)
        if options.dev:
            system.start()  # beside pip, which waits for nothing of it
        python = make_environment()
        install_torch(python, options.torch, lock)
        say(f"pinned packages of {lock.relative_to(ROOT)}")
        # the lock is complete, so there is nothing to resolve
        pip(python, "install", "--no-deps", "-r", lock, why="the pinned packages could not be installed")
        pip(python, "install", "--no-deps", "-e", ROOT, why="Overtone itself could not be installed")
        if options.dev:
            system.join()

    return attempt(setup)


if __name__ == "__main__":
    sys.exit(main())
