"""Pictures of the explorer for README and docs, from a finished run: docs/images/explore-*.png.

python scripts/figure_explore.py runs/first --media clips/ --clip clip-17
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import sync_playwright

import overtone

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]


def main() -> None:
    """Open each view and write its picture."""
    parser = argparse.ArgumentParser(description="Pictures of the explorer.")
    parser.add_argument("run")
    parser.add_argument("--media", action="append", default=[])
    parser.add_argument("--clip", required=True, help="the clip whose page is shown")
    parser.add_argument("--name", default="explore")
    options = parser.parse_args()
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    places = {"clip": f"#/map?clip={options.clip}", "gap": "#/map?map=overlaid&colour=modality"}
    with (
        overtone.explore(options.run, media=options.media, port=0, no_browser=True) as explorer,
        sync_playwright() as playwright,
    ):
        chromium = playwright.chromium.launch(executable_path=browser, args=FLAGS)
        for (name, place), scheme in zip(places.items(), SCHEMES):
            page = chromium.new_page(viewport={"width": 1280, "height": 760}, color_scheme=scheme)
            page.goto(explorer.url + place)
            page.wait_for_selector('.plot[data-ready="true"]')
            page.wait_for_timeout(1500)
            file = IMAGES / f"{options.name}-{name}.png"
            page.screenshot(path=file)
            Image.open(file).convert("RGB").quantize(256).save(file, optimize=True)
            page.close()


if __name__ == "__main__":
    main()
