"""The command line: one thin file per command; everything heavy is imported when a command runs, not before."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command line; the process ends with 0 (done), 2 (the input is wrong), 130 (interrupted) or 1."""
    from overtone.cli.app import app

    app(prog_name="overtone")
