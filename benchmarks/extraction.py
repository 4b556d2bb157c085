"""What worker processes gain in an extraction, and whether its memory stays flat.

    python benchmarks/extraction.py [--clips 1000] [--seconds 10] [--workers 2]

Clips are made with PyAV: 64 × 48 pixels, 25 frames a second, H.264 and AAC; 40 different ones, copied. They are
extracted with several workers and with one, in one run: wall and processor seconds, resident memory, and whether
the files are the same to the last byte. On a machine that others use, wall seconds say little. The processor seconds of
the busiest worker and of the first process are then the better measure: with idle cores, that is how long it takes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from overtone.core.workers import Made
from overtone.media import extract
from overtone.media.units import Units
from synthetic_clips import COLOURS, TONES, write_clip

DIFFERENT = 40
MB = 1 << 20


def write_clips(folder: Path, clips: int, seconds: float) -> None:
    """So many clips of four classes."""
    names = list(COLOURS)
    for number in range(min(clips, DIFFERENT)):
        name = names[number % len(names)]
        path = folder / name / f"{number:04d}.mp4"
        look = {"colour": COLOURS[name], "hertz": TONES[name], "fps": 25, "video": "libx264"}
        write_clip(path, seconds=seconds, seed=number, **look)
        for copy in range(number + DIFFERENT, clips, DIFFERENT):
            shutil.copy(path, path.with_name(f"{copy:04d}.mp4"))


def resident() -> int:
    """Bytes of this process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def measure(source: Path, out: Path, workers: int) -> tuple[float, float]:
    """Wall seconds, and processor seconds of the longest chain of work."""
    embed = Units.embed
    with tempfile.TemporaryDirectory() as folder:

        def embed_and_note(self: Units, prepared: Made) -> Made:
            made = embed(self, prepared)
            with (Path(folder) / str(os.getpid())).open("a") as file:
                file.write(f"{time.process_time()} {resident()}\n")
            return made

        start, used = time.perf_counter(), time.process_time()
        with mock.patch.object(Units, "embed", embed_and_note):
            extract(source, out, workers=workers, overwrite=True)
        wall, own = time.perf_counter() - start, time.process_time() - used
        noted = defaultdict(list)
        for file in Path(folder).iterdir():
            noted[int(file.name)] = [tuple(map(float, line.split())) for line in file.read_text().splitlines()]
    others = [lines[-1][0] for process, lines in noted.items() if process != os.getpid()]
    chain = own + max(others, default=0.0)
    sizes = [[size / MB for _, size in lines] for lines in noted.values()]
    memory = "; ".join(f"{size[0]:.0f} MB after the first batch, {size[-1]:.0f} after the last" for size in sizes)
    print(f"{workers} workers: {wall:6.1f} s; processor seconds {own + sum(others):6.1f}, longest chain {chain:6.1f}")
    print(f"  resident: {memory}", flush=True)
    return wall, chain


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        source = Path(place) / "clips"
        write_clips(source, options.clips, options.seconds)
        extract(source, Path(place) / "first.npz", limit=8, workers=1)  # imports and first uses
        several = measure(source, Path(place) / "several.npz", options.workers)
        one = measure(source, Path(place) / "one.npz", 1)
        same = (Path(place) / "several.npz").read_bytes() == (Path(place) / "one.npz").read_bytes()
    bytes_ = "the same bytes" if same else "OTHER BYTES"
    print(f"ratio {one[0] / several[0]:.2f}; on idle cores {one[1] / several[1]:.2f}; {bytes_}")


if __name__ == "__main__":
    main()
