"""Pictures of the explorer for README and docs, from a finished run with a diagnosis: docs/images/explore-*.png.

    python scripts/figure_explore.py runs/stamps --media clips/ --clip clip-17
    python scripts/figure_explore.py runs/stamps --media clips/ --clip clip-17 --every pictures/

With --every, all views in light, dark and on a phone are written into a folder instead, to be looked at.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

import overtone

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
WIDE, PHONE = (1280, 760), (390, 844)
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
PLACES = {
    "map": "#/map",
    "clip": "#/map?clip={clip}",
    "gap": "#/map?map=overlaid&colour=modality",
    "clusters": "#/map?layout=tsne&colour=16+clusters",
    "agreement": "#/map?colour=agreement+of+neighbours",
    "like": "#/map?selected=0.1.1&like=0.1.1",
    "table": "#/table?sort=-similarity+of+the+pair",
    "lists": "#/lists?list=mismatched",
    "graph": "#/graph",
    "training": "#/training",
    "losses": "#/losses",
}


@dataclass(frozen=True)
class Picture:
    """A picture of a place: its name, the colours of the system, and the size of the window."""

    name: str
    place: str
    scheme: Literal["light", "dark"] = "light"
    size: tuple[int, int] = WIDE


def pictures(clip: str, every: bool) -> Iterator[Picture]:
    """Those of the docs, or every view in light, dark and on a phone."""
    places = {name: place.format(clip=clip) for name, place in PLACES.items()}
    if not every:
        yield Picture("clip", places["clip"])
        yield Picture("gap", places["gap"], "dark")
        yield Picture("clusters", places["clusters"])
        yield Picture("losses", places["losses"], "dark")
        yield Picture("phone", places["clip"], "light", PHONE)
        return
    for name, place in places.items():
        yield Picture(f"{name}-light", place)
        yield Picture(f"{name}-dark", place, "dark")
        yield Picture(f"{name}-phone", place, "light", PHONE)


def draw(browser: Browser, address: str, picture: Picture, file: Path) -> None:
    """Open a place and write what is seen, with few colours."""
    width, height = picture.size
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=picture.scheme)
    page.goto(address + picture.place)
    ready = '.plot[data-ready="true"]' if picture.place.startswith("#/map") else "main section"
    page.wait_for_selector(ready, timeout=120_000, state="attached")
    page.wait_for_timeout(2500)
    page.screenshot(path=file)
    Image.open(file).convert("RGB").quantize(256, Image.Quantize.FASTOCTREE).save(file, optimize=True)
    page.close()


def main() -> None:
    """Open each place and write its picture."""
    parser = argparse.ArgumentParser(description="Pictures of the explorer.")
    parser.add_argument("run")
    parser.add_argument("--media", action="append", default=[])
    parser.add_argument("--clip", required=True, help="the clip whose page is shown")
    parser.add_argument("--every", type=Path, help="write all views into this folder instead")
    options = parser.parse_args()
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    folder, start = options.every or IMAGES, "" if options.every else "explore-"
    folder.mkdir(parents=True, exist_ok=True)
    with (
        overtone.explore(options.run, media=options.media, port=0, no_browser=True) as explorer,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        for picture in pictures(options.clip, bool(options.every)):
            draw(browser, explorer.url, picture, folder / f"{start}{picture.name}.png")


if __name__ == "__main__":
    main()
