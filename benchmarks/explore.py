"""How fast the explorer is: its start, the first picture, pointing at a clip, and many clients at once.

    python benchmarks/explore.py --clips 100000

Fills the store of a small run with so many clips, and opens the page in the system's Chromium with software rendering.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

import overtone
from overtone.explorer import Explorer

WIDTH, BLOCK = 64, 100_000
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
HOVER = """async (moves) => {
    const box = document.querySelector(".plot");
    const { left, top, width, height } = box.getBoundingClientRect();
    const { hovered } = await import("/static/state.js");
    const times = [];
    for (let at = 0; at < moves; at++) {
        const clientX = left + width * (0.3 + 0.4 * ((at * 0.618) % 1));
        const clientY = top + height * (0.3 + 0.4 * ((at * 0.414) % 1));
        const begun = performance.now();
        box.dispatchEvent(new PointerEvent("pointermove", { clientX, clientY, pointerId: 1 }));
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
        times.push(performance.now() - begun);
    }
    times.sort((a, b) => a - b);
    return [times[Math.floor(moves / 2)], times[Math.floor(moves * 0.95)], hovered.value];
}"""


def make_run(clips: int, folder: Path) -> Path:
    """A run of CCA on 2,000 clips, whose store holds many more: embeddings of 20 classes in 64 dimensions."""
    random = np.random.default_rng(0)
    centres = random.standard_normal((2, 20, WIDTH), dtype=np.float32)
    y = random.integers(0, 20, clips)

    def views(rows: np.ndarray) -> dict[str, np.ndarray]:
        noise = random.standard_normal((2, len(rows), WIDTH), dtype=np.float32)
        return {name: centres[side, y[rows]] + noise[side] for side, name in enumerate(("audio", "visual"))}

    some = np.arange(2000)
    np.savez(folder / "clips.npz", **views(some), y=y[some])
    overtone.train("cca", folder / "clips.npz", out=folder / "run")
    with overtone.open_store(folder / "run" / "store", create=True) as store:
        for start in range(0, clips, BLOCK):
            rows = np.arange(start, min(start + BLOCK, clips))
            metadata = {"label": [f"class {one:02d}" for one in y[rows]], "duration": (rows % 600 / 10).tolist()}
            store.add([f"clip-{row:07d}" for row in rows], views(rows), metadata)
    return folder / "run"


def compute_columns(explorer: Explorer) -> None:
    """Time the columns that are computed when somebody asks."""
    columns = explorer.session.spaces[0].columns
    for name in ("20 clusters", "agreement of neighbours"):
        begun = time.perf_counter()
        columns.compute(name)
        print(f"{name}: {time.perf_counter() - begun:.2f} s")


def ask_page(url: str) -> None:
    """Time the page in a browser."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=browser, args=FLAGS).new_page()
        for what in ("first picture", "first picture, again"):
            begun = time.perf_counter()
            page.goto(url)
            page.wait_for_selector('.plot[data-ready="true"]')
            page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            print(f"{what}: {time.perf_counter() - begun:.2f} s")
        median, late, _ = page.evaluate(HOVER, 200)
        print(f"pointing at a clip: median {median:.1f} ms, 95th percentile {late:.1f} ms")


def ask_often(url: str, clients: int, seconds: float) -> None:
    """Ask with many clients at once."""
    paths = ("api/session", "api/neighbours?id=clip-0000007&k=12", "api/places", "api/where?where=duration+%3C+3", "")
    end, times, wrong = time.monotonic() + seconds, list[float](), list[str]()

    def client() -> None:
        while time.monotonic() < end:
            for path in paths:
                begun = time.perf_counter()
                try:
                    urllib.request.urlopen(url + path, timeout=60).read()
                except OSError as error:
                    wrong.append(str(error))
                times.append(time.perf_counter() - begun)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    late = sorted(times)[int(len(times) * 0.95)]
    print(f"{clients} clients, {seconds:.0f} s: {len(times):,} answers, {len(wrong)} errors, 95 % within {late:.2f} s")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Time the explorer.")
    parser.add_argument("--clips", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = make_run(options.clips, Path(folder))
        for what in ("start, with the maps to be computed", "start, with the maps kept"):
            begun = time.perf_counter()
            explorer = overtone.explore(run, port=0, no_browser=True)
            print(f"{what}: {time.perf_counter() - begun:.2f} s")
            if what.endswith("kept"):
                compute_columns(explorer)
                ask_page(explorer.url)
                if options.seconds:
                    ask_often(explorer.url, options.clients, options.seconds)
            explorer.close()


if __name__ == "__main__":
    main()
