"""The command line: commands made from the signatures of the api; heavy imports wait until a command runs."""

from __future__ import annotations

import os
import signal

__all__ = ["main"]


def main() -> None:
    """Run the command line; the process ends with 0 (done), 2 (the input is wrong), 130 (interrupted), 143 (terminated)
    or 1."""
    # Threads that spin long while they wait make small networks 20 times slower as soon as another program wants a
    # core; threads that do not spin at all make them 2.5 times slower on an idle machine. Some microseconds are right
    # for both. GNU's OpenMP runtime reads this when torch is imported, which no command has done yet.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    from overtone.cli.app import app
    from overtone.cli.output import raise_terminated

    signal.signal(signal.SIGTERM, raise_terminated)
    app(prog_name="overtone")
