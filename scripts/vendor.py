"""Fetch the explorer's front-end packages from the npm registry (`make vendor`; needs npm): pinned, hashed, licensed.

Writes into src/overtone/explorer/static/vendor/ what the page loads, the licences, and manifest.json with
versions, licences, the registry's integrity of each package and the SHA-256 of each file, which a test checks.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "src" / "overtone" / "explorer" / "static" / "vendor"


@dataclass(frozen=True)
class Package:
    """A package: its pinned version, and file in the page's folder to file in the package."""

    name: str
    version: str
    files: dict[str, str]


PACKAGES = (
    Package("preact", "11.2.0", {"preact.js": "dist/preact.mjs", "preact-hooks.js": "hooks/dist/hooks.mjs"}),
    Package("htm", "3.1.1", {"htm.js": "dist/htm.mjs"}),
    Package("@preact/signals-core", "1.14.5", {"signals-core.js": "dist/signals-core.mjs"}),
    Package("@preact/signals", "2.11.4", {"signals.js": "dist/signals.mjs"}),
    Package("cytoscape", "3.35.0", {"cytoscape.js": "dist/cytoscape.esm.min.mjs"}),
    Package("uplot", "1.6.32", {"uplot.js": "dist/uPlot.esm.js", "uplot.css": "dist/uPlot.min.css"}),
    Package("wavesurfer.js", "8.0.1", {"wavesurfer.js": "dist/wavesurfer.esm.js"}),
)


def main() -> None:
    """Replace the folder with what the registry has of the pinned versions."""
    with tempfile.TemporaryDirectory() as name:
        made = Path(name) / "vendor"
        (made / "licenses").mkdir(parents=True)
        entries = [fetch(package, made) for package in PACKAGES]
        (made / "manifest.json").write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")
        shutil.rmtree(FOLDER, ignore_errors=True)
        shutil.copytree(made, FOLDER)
    for entry in entries:
        print(f"{entry['name']} {entry['version']} ({entry['license']}): {', '.join(entry['files'])}")


def fetch(package: Package, folder: Path) -> dict[str, object]:
    """Put a package's files and licence into a folder; its entry of the manifest."""
    command = ["npm", "pack", f"{package.name}@{package.version}", "--json", "--silent"]
    with tempfile.TemporaryDirectory() as name:
        said = json.loads(subprocess.run(command, cwd=name, check=True, text=True, capture_output=True).stdout)
        (one,) = said if isinstance(said, list) else said.values()
        archive = next(Path(name).glob("*.tgz"))
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if integrity != one["integrity"]:
            raise SystemExit(f"{package.name}: the archive is not what the registry says")
        with tarfile.open(archive) as tar:
            content = {file: read(tar, inner) for file, inner in package.files.items()}
            licence = read(tar, "LICENSE")
            described = json.loads(read(tar, "package.json"))
    for file, body in content.items():
        (folder / file).write_bytes(body)
    (folder / "licenses" / f"{package.name.strip('@').replace('/', '-')}.txt").write_bytes(licence)
    return {
        "name": package.name,
        "version": package.version,
        "license": described["license"],
        "integrity": integrity,
        "files": {file: hashlib.sha256(body).hexdigest() for file, body in content.items()},
    }


def read(tar: tarfile.TarFile, name: str) -> bytes:
    """A file of a package; without the reference to a map of its source, which is not there."""
    file = tar.extractfile(f"package/{name}")
    assert file is not None, name
    return b"".join(line for line in file.read().splitlines(keepends=True) if not line.startswith(b"//# sourceMap"))


if __name__ == "__main__":
    main()
