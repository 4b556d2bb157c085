"""``python -m fuzz --inputs 10000``: many cases; prints seeds, counts and what was wrong."""

from __future__ import annotations

import argparse
import sys

from fuzz.cases import KINDS
from fuzz.runner import run


def main() -> int:
    """Run the cases that are asked for; 1 if one did not end as it should."""
    parser = argparse.ArgumentParser(prog="fuzz")
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="the first of consecutive seeds")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, help="only cases of these kinds")
    parser.add_argument("--jobs", type=int, default=2, help="cases at a time")
    asked = parser.parse_args()
    seeds = range(asked.seed, asked.seed + asked.inputs)
    summary = run(seeds, asked.jobs, report=500, kinds=asked.kinds)
    sys.stdout.write(f"{summary}\n")
    return 1 if summary.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
