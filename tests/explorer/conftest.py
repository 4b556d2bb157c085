"""A small run with media, explored: the session that its page shows, and a client that needs no network."""

from __future__ import annotations

import struct
import wave
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page
from starlette.testclient import TestClient

import overtone
from overtone.explorer import Explorer, Session
from overtone.explorer.app import make_app
from overtone.explorer.guard import Access
from overtone.explorer.losses import read_losses
from overtone.training import Run

from .browsing import WIDE, class_graph

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


@pytest.fixture(scope="session")
def diagnosis(corpus: Path) -> Path:
    """A folder of a diagnosis of two losses, as ``overtone diagnose`` writes it."""
    from overtone.core.files import write_json

    wrong = {"rule": "crowded-classes", "figure": 0.2, "threshold": 0.33, "says": "Dog is near cat.", "advice": "Look."}

    def loss(score: float, variance: float) -> dict[str, Any]:
        seeds = {"recall@1": [score, score + 0.02], "intra_variance": [variance, variance]}
        epochs = {"epoch": [1, 2, 3], "updates": [4, 8, 12]}
        return {
            "over_seeds": {
                name: {"mean": float(np.mean(values)), "std": 0.01, "values": values} for name, values in seeds.items()
            },
            "per_class": {"dog": {"variance": variance, "rows": 6}, "cat": {"variance": variance / 2, "rows": 6}},
            "verdict": [wrong] if score < 0.8 else [],
            "series": {**epochs, "loss": [2.0, 1.0, 0.5]},
            "evaluations": {**epochs, "intra_variance": [0.9, 0.5, variance]},
        }

    document = {
        "corpus": "clips.npz",
        "modalities": ["audio", "visual"],
        "protocol": "across",
        "seeds": [0, 1],
        "rows": {"train": 56, "test": 24},
        "classes": {"train": 4, "test": 4},
        "losses": {"triplet": loss(0.7, 0.3), "contrastive": loss(0.9, 0.001)},
        "features": {"intra_variance": 0.8, "per_class": {}},
        "recommendation": {"sentences": ["For a right first neighbour: contrastive (R@1 0.910)."]},
    }
    write_json(corpus.parent / "losses/diagnosis.json", document)
    return corpus.parent / "losses"


@pytest.fixture
def client(session: Session) -> TestClient:
    """A browser on this machine."""
    return TestClient(make_app(session, Access(PORT)), base_url=f"http://localhost:{PORT}")


@pytest.fixture(scope="module")
def address(session: Session, diagnosis: Path) -> Iterator[str]:
    """A server of both runs; the first one has a class graph and a diagnosis of losses."""
    with pytest.MonkeyPatch.context() as patch, Explorer(session, port=0) as explorer:
        patch.setattr(session, "graph", lambda number: class_graph())
        patch.setattr(session, "losses", lambda number: None if number else read_losses(diagnosis))
        yield explorer.url


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A page whose errors and foreign requests fail the test."""
    context = browser.new_context(viewport=WIDE, accept_downloads=True)
    page, wrong = context.new_page(), []
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on(
        "response", lambda one: wrong.append(f"{one.status} {one.url}: {one.text()}") if one.status >= 400 else None
    )
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda one: None if one.url.startswith((address, "blob:", "data:")) else wrong.append(one.url))
    yield page
    context.close()
    own = [one for one in wrong if "GPU stall" not in one and "WebGL context was lost" not in one]
    assert own == []
