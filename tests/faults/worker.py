"""Starts commands that are killed: everything is imported once, then each command runs in a child of its own."""

from __future__ import annotations

import os
import sys


def serve() -> None:
    """For every line of words, separated by tabs, start the program; print the child's number, then how it ended."""
    import importlib
    import pkgutil

    import torch

    import overtone
    from overtone.cli.app import app

    torch.set_num_threads(1)
    for module in pkgutil.walk_packages(overtone.__path__, "overtone."):
        if not module.name.endswith("__main__") and "milvus" not in module.name:
            importlib.import_module(module.name)
    say("ready")
    for line in sys.stdin:
        child = os.fork()
        if not child:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            try:
                app(line.rstrip("\n").split("\t"), prog_name="overtone")
            except SystemExit as end:
                os._exit(end.code if isinstance(end.code, int) else 1)
            os._exit(0)
        say(child)
        _, status = os.waitpid(child, 0)
        say("ended", os.waitstatus_to_exitcode(status))


def say(*words: object) -> None:
    """A line that the test reads at once."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    serve()
