"""A small run with media, explored: the session that its page shows, and a client that needs no network."""

from __future__ import annotations

import struct
import wave
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

import overtone
from overtone.explorer import Session
from overtone.explorer.app import make_app
from overtone.explorer.guard import Access
from overtone.training import Run

CLIPS = 80
PORT = 8765


def write_picture(path: Path, shade: int) -> None:
    """A grey PNG of 8 by 8 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixels = zlib.compress(b"".join(b"\0" + bytes([shade] * 8) for _ in range(8)))
    header = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b""))


def write_sound(path: Path, pitch: float) -> None:
    """A tone of half a second."""
    samples = (8000 * np.sin(np.arange(4000) * pitch)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(samples.tobytes())


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a picture and a sound for each clip, beside a file that nobody may read."""
    folder = tmp_path_factory.mktemp("corpus") / "media"
    folder.mkdir()
    (folder.parent / "secret.txt").write_text("secret")
    for row in range(CLIPS):
        write_picture(folder / f"clip-{row}.png", row * 3)
        write_sound(folder / f"clip-{row}.wav", 0.1 + row / 100)
    return folder


@pytest.fixture(scope="session")
def corpus(media: Path) -> Path:
    """Features of four classes with media and metadata; the halves of two clips are exchanged, one clip is a copy."""
    random = np.random.default_rng(0)
    y = np.arange(CLIPS) % 4
    hidden = np.eye(4)[y] + 0.3 * random.standard_normal((CLIPS, 4))
    views = {name: hidden @ random.standard_normal((4, size)) for name, size in (("audio", 8), ("visual", 6))}
    views["visual"][[3, 4]] = views["visual"][[4, 3]]
    for rows in views.values():
        rows[79] = rows[78]
    path = media.parent / "clips.npz"
    np.savez(
        path,
        **views,
        y=np.array(["dog", "cat", "rain", "bell"])[y],
        ids=np.array([f"clip-{row}" for row in range(CLIPS)]),
        is_test=np.arange(CLIPS) % 10 >= 7,
        media_audio=np.array([f"clip-{row}.wav" for row in range(CLIPS)]),
        media_visual=np.array([f"clip-{row}.png" if row else "../secret.txt" for row in range(CLIPS)]),
    )
    lines = [f"clip-{row},{row / 10},{'=1+1' if row == 5 else f'note {row}'}" for row in range(CLIPS)]
    (media.parent / "more.csv").write_text("\n".join(["id,duration,note", *lines]) + "\n")
    return path


@pytest.fixture(scope="session")
def run(corpus: Path) -> Run:
    """A run whose store has all clips and their metadata."""
    folder = corpus.parent / "first"
    trained = overtone.train("cca", corpus, out=folder)
    overtone.index(trained, corpus, metadata=corpus.parent / "more.csv")
    return Run.load(folder)


@pytest.fixture(scope="session")
def other(corpus: Path) -> Run:
    """A second run on the same clips."""
    folder = corpus.parent / "second"
    overtone.train("infonce", corpus, out=folder, settings={"epochs": 3})
    overtone.index(folder, corpus)
    return Run.load(folder)


@pytest.fixture(scope="session")
def session(run: Run, other: Run, corpus: Path, media: Path) -> Iterator[Session]:
    """Both runs, with media and features."""
    from overtone.explorer import open_session
    from overtone.search import open_store

    assert run.folder is not None
    assert other.folder is not None
    with open_store(run.folder) as first, open_store(other.folder) as second:
        yield open_session(
            [(run, first), (other, second)],
            media=[media],
            read_data=lambda: overtone.load(corpus, seed=0),
            ask_file=lambda store, embedder, path, k: overtone.search_store(store, query=path, run=embedder, k=k),
        )


@pytest.fixture
def client(session: Session) -> TestClient:
    """A browser on this machine."""
    return TestClient(make_app(session, Access(PORT)), base_url=f"http://localhost:{PORT}")
