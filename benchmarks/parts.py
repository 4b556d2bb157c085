"""What each of several processes holds of features larger than memory.

    python benchmarks/parts.py     # 100,000 rows of 128 and 512 columns, supervised-infonce, by 1 and 2 processes
    python benchmarks/parts.py --rows 200000 --large-mb 64 --method hsc-mae

Writes the features as one HDF5 file of float32, which is mapped, and trains on it. For each process: its processor
seconds, the most memory of its own (anonymous), and the most bytes that it had in the folder for temporary files.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from large import write
from memory import highest, resident


def work(file: Path, options: argparse.Namespace) -> None:
    """Train as one of the processes, and print what it took."""
    import overtone
    from overtone.core import scratch
    from overtone.training import train

    def measure() -> dict[str, float]:
        return {"own": resident()["own"], "scratch": sum(dict(scratch._SCRATCH).values()) / 1e9}

    settings = {"width": 128, "depth": 1, "epochs": 1, "batch_size": 2048, "scaling": "zscore", "learning_rate": 1e-3}
    with highest(measure) as most:
        run = train(options.method, overtone.load(file), settings=settings, evaluate=False)
    parts, rank = run.info["parts"], os.environ.get("RANK", "0")
    said = (
        f"process {rank}: a part of {parts}, {time.process_time():6.1f} processor s, {most['own']:5.2f} GB of its own"
    )
    print(f"{said}, {most['scratch']:5.2f} GB in TMPDIR; {run.info.get('mining', '')}", flush=True)


def main() -> None:
    """Write, then train by each number of processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--columns", type=int, nargs=2, default=[128, 512])
    parser.add_argument("--method", default="supervised-infonce")
    parser.add_argument("--large-mb", type=int, default=32)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.file:
        work(options.file, options)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, options.rows, tuple(options.columns))
        import overtone

        overtone.save(overtone.load(folder), folder / "all.h5")
        for count in options.processes:
            command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count), __file__]
            asked = ["--file", str(folder / "all.h5"), "--method", options.method]
            environment = {**os.environ, "OVERTONE_LARGE_MB": str(options.large_mb)}
            subprocess.run([sys.executable, *command, *asked], check=True, env=environment)


if __name__ == "__main__":
    main()
