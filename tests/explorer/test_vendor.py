"""The front-end packages are those of the manifest: versions, licences, hashes; and the page names no other place."""

from __future__ import annotations

import hashlib
import json
import re

from overtone.explorer.app import STATIC

VENDOR = STATIC / "vendor"
FREE = {"MIT", "Apache-2.0", "BSD-3-Clause", "ISC"}


def test_files_are_those_of_the_manifest() -> None:
    entries = json.loads((VENDOR / "manifest.json").read_text(encoding="utf-8"))
    listed = {file: digest for entry in entries for file, digest in entry["files"].items()}
    there = {path.name for path in VENDOR.iterdir() if path.suffix in (".js", ".css")}
    assert set(listed) == there
    for file, digest in listed.items():
        assert hashlib.sha256((VENDOR / file).read_bytes()).hexdigest() == digest, file
    for entry in entries:
        assert entry["license"] in FREE
        assert entry["integrity"].startswith("sha512-")
        licence = VENDOR / "licenses" / f"{entry['name'].strip('@').replace('/', '-')}.txt"
        assert len(licence.read_text(encoding="utf-8")) > 500


def test_import_map_has_every_package() -> None:
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    (text,) = re.findall(r'<script type="importmap">(.*?)</script>', page, flags=re.S)
    places = json.loads(text)["imports"]
    for place in places.values():
        assert (STATIC.parent / place.lstrip("/")).is_file()
    for path in [*STATIC.rglob("*.js")]:
        for name in re.findall(r'^import .*?from "([^"]+)"', path.read_text(encoding="utf-8"), flags=re.M):
            known = (path.parent / name).is_file() if name.startswith(".") else name in places
            assert known, f"{path.name}: {name}"


def test_own_files_name_no_other_place() -> None:
    for path in [*STATIC.glob("*.*"), *(STATIC / "views").iterdir()]:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "://" not in text, path.name
        assert len(text.splitlines()) <= 300, path.name
