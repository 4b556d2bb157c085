"""The command line: one thin file per command; everything heavy is imported when a command runs, not before."""

from __future__ import annotations

import os

__all__ = ["main"]


def main() -> None:
    """Run the command line; the process ends with 0 (done), 2 (the input is wrong), 130 (interrupted) or 1."""
    # Threads that spin while they wait make small networks 20 times slower as soon as another program wants a core.
    # The OpenMP runtime reads this when torch is imported, which no command has done yet.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from overtone.cli.app import app

    app(prog_name="overtone")
