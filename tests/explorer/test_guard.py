"""What the server refuses: foreign hosts and origins, wrong tokens, other paths, and bodies that are too large."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from overtone.explorer import Session
from overtone.explorer.app import make_app
from overtone.explorer.guard import LARGEST_BODY, Access

from .conftest import PORT


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:8765", "127.0.0.1:9999", "", "localhost:80"])
def test_foreign_hosts_are_refused(client: TestClient, host: str) -> None:
    assert client.get("/api/session", headers={"host": host}).status_code == 403
    assert client.get("/", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("host", [f"localhost:{PORT}", f"127.0.0.1:{PORT}", f"[::1]:{PORT}", f"LOCALHOST:{PORT}"])
def test_own_hosts_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/api/session", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1234"])
def test_foreign_origins_are_refused(client: TestClient, origin: str) -> None:
    answer = client.post("/api/export", json={"rows": [0]}, headers={"origin": origin})
    assert answer.status_code == 403
    own = client.post("/api/export", json={"rows": [0]}, headers={"origin": f"http://localhost:{PORT}"})
    assert own.status_code == 200
    assert client.get("/api/session", headers={"sec-fetch-site": "cross-site"}).status_code == 403


def test_page_loads_nothing_from_elsewhere(client: TestClient) -> None:
    answer = client.get("/")
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert "unsafe" not in policy["script-src"]
    assert "http://" not in answer.text.replace("http://www.w3.org", "")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/..%2f..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/static/....//app.py",
        "/static//etc/passwd",
        "/../../etc/passwd",
        "/static/%00",
        "/static/vendor",
    ],
)
def test_paths_out_of_the_page_are_not_there(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_media_come_from_declared_folders_only(client: TestClient, media: Path, session: Session) -> None:
    answer = client.get("/api/media", params={"id": "clip-3", "modality": "visual"})
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-security-policy"].startswith("sandbox")
    assert answer.content == (media / "clip-3.png").read_bytes()
    secret = client.get("/api/media", params={"id": "clip-0", "modality": "visual"})
    assert secret.status_code == 404
    assert "secret" not in secret.json()["error"].replace("clip-0", "")
    (known,) = [one for one in client.get("/api/clip", params={"id": "clip-0"}).json()["media"] if not one["found"]]
    assert known["name"] == "secret.txt"


@pytest.mark.parametrize("path", ["/etc/passwd", "../secret.txt", "a\0b.png", "x" * 5000, "link.txt", ".", "", "~/a"])
def test_no_path_leaves_a_declared_folder(media: Path, path: str) -> None:
    from overtone.explorer.media import MediaRoots

    link = media / "link.txt"
    if not link.is_symlink():
        link.symlink_to(media.parent / "secret.txt")
    assert MediaRoots((media,)).find(path) is None
    assert MediaRoots((media,)).find(str(media / "clip-1.png")) == (media / "clip-1.png").resolve()
    assert MediaRoots().find(str(media / "clip-1.png")) is None


def test_ranges_of_media(client: TestClient, media: Path) -> None:
    whole = (media / "clip-3.wav").read_bytes()
    asked = {"id": "clip-3", "modality": "audio"}
    part = client.get("/api/media", params=asked, headers={"range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole)}"
    assert client.get("/api/media", params=asked, headers={"range": "bytes=99999999-"}).status_code == 416


def test_bodies_are_bounded(client: TestClient) -> None:
    assert client.post("/api/rows", content=b" " * (LARGEST_BODY + 1)).status_code == 413

    def parts() -> Iterator[bytes]:  # without a length in the header
        for _ in range(LARGEST_BODY // 2**20 + 1):
            yield b" " * 2**20

    assert client.post("/api/rows", content=parts()).status_code == 413


def test_another_address_needs_the_token(session: Session) -> None:
    app = make_app(session, Access(PORT, "the-token"))
    stranger = TestClient(app, base_url="http://machine.example:8765", follow_redirects=False)
    assert stranger.get("/api/session").status_code == 401
    assert stranger.get("/", params={"token": "a guess"}).status_code == 401
    assert stranger.get("/api/session", headers={"cookie": "overtone-token=a-guess"}).status_code == 401
    assert stranger.get("/api/session", headers={b"cookie": b"overtone-token=\xe4\xff; ;;="}).status_code == 401
    entered = stranger.get("/", params={"token": "the-token"})
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    assert "httponly" in entered.headers["set-cookie"].lower()
    assert stranger.get("/api/session").status_code == 200
    foreign = stranger.post("/api/export", json={"rows": [0]}, headers={"origin": "http://evil.example"})
    assert foreign.status_code == 403


def huge_array() -> bytes:
    """A file of NumPy whose header promises more than any memory holds."""
    head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 8), }"
    head += b" " * (117 - len(head)) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + b"\0" * 64


def archive(**members: bytes) -> bytes:
    """A compressed archive of NumPy."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return written.getvalue()


def pickled() -> bytes:
    written = io.BytesIO()
    np.savez(written, audio=np.array([{"a": 1}], dtype=object))
    return written.getvalue()


UPLOADS = {
    "huge.npy": huge_array(),
    "huge.npz": archive(audio=huge_array()),
    "pickled.npz": pickled(),
    "truncated.npz": archive(audio=b"\x93NUMPY")[:40],
    "outside.npz": archive(**{"../../audio": b"\x93NUMPY"}),
    **{
        f"a.{kind}": b"\x00\xff\xfe" * 30 for kind in ("npy", "npz", "csv", "h5", "mat", "pt", "safetensors", "parquet")
    },
    **{
        f"b.{kind}": b"RIFF\xff\xff\xff\xffWAVEfmt "
        for kind in ("wav", "png", "mp4", "txt", "json", "zip", "tar", "jsonl")
    },
}


@pytest.mark.parametrize("name", UPLOADS)
def test_malformed_uploads_are_refused(client: TestClient, name: str) -> None:
    answer = client.post("/api/upload", params={"name": name}, content=UPLOADS[name])
    assert answer.status_code == 400
    assert answer.json()["error"].endswith((".", "?"))
    assert tempfile.gettempdir() not in answer.json()["error"]


def test_small_archives_of_much_are_refused(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overtone.explorer.session._MOST_UNPACKED", 2**20)
    bomb = archive(**{f"part{at}": b"\0" * 2**18 for at in range(9)})
    assert len(bomb) < 2**14
    answer = client.post("/api/upload", params={"name": "a.npz"}, content=bomb)
    assert answer.status_code == 400
    assert "unpacks to 2 MB" in answer.json()["error"]


def test_oversized_uploads_are_refused(client: TestClient) -> None:
    assert client.post("/api/upload", params={"name": "a.npz"}, content=b" " * (LARGEST_BODY + 1)).status_code == 413
    lied = client.post("/api/upload", params={"name": "a.npz"}, content=b"x", headers={"content-length": "9" * 30})
    assert lied.status_code == 413
