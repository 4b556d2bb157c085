"""`overtone search --query FILE`: images, sounds, videos and words as queries of a store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import overtone
from overtone.core import InputError
from overtone.core.files import read_json, write_json
from overtone.features import save_arrays
from overtone.media import make_backbone
from overtone.media.decoding import decode_medium
from overtone.media.parts import embed_parts, prepare_parts
from overtone.media.recipes import make_recipe

from .conftest import Cli

KINDS = {"red": ((220, 20, 20), 300), "green": ((20, 200, 30), 800), "blue": ((20, 30, 220), 2000)}


def write_media(root: Path, kind: str, number: int) -> Path:
    """A picture in the colour of a kind, a sound of its pitch, and its name as a text; the stem of the three."""
    import soundfile

    random = np.random.default_rng([number, *kind.encode()])
    colour, hertz = KINDS[kind]
    pixels = (np.array(colour) + random.integers(-20, 20, (32, 32, 3))).clip(0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(root / f"{kind}-{number}.png")
    at = np.arange(8000) / 16_000
    wave = 0.4 * np.sin(2 * np.pi * hertz * random.uniform(0.95, 1.05) * at) + 0.01 * random.normal(size=8000)
    soundfile.write(root / f"{kind}-{number}.wav", wave.astype(np.float32), 16_000)
    (root / f"{kind}-{number}.txt").write_text(f"{kind} thing {number}", encoding="utf-8")
    return root / f"{kind}-{number}"


def extract_pairs(stems: list[Path], out: Path, backbones: dict[str, str]) -> Path:
    """Features of two modalities with their record."""
    suffixes = {"visual": "png", "audio": "wav", "text": "txt"}
    rows: dict[str, Any] = {}
    recipes: dict[str, Any] = {}
    for modality, name in backbones.items():
        backbone = make_backbone(name, modality=modality)
        media = [decode_medium(stem.with_suffix(f".{suffixes[modality]}"), backbone.takes) for stem in stems]
        rows[modality] = embed_parts(backbone, [prepare_parts(backbone, medium) for medium in media]).numpy()
        recipes[modality] = make_recipe(backbone, width=rows[modality].shape[1]).to_dict()
    ids, kinds = [stem.name for stem in stems], [stem.name.partition("-")[0] for stem in stems]
    save_arrays({**rows, "ids": np.array(ids), "y": np.array(kinds)}, out)
    write_json(out.with_name(f"{out.name}.json"), {"recipes": recipes})
    return out


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Media, a run and a store of images and sounds, and one of sounds and texts."""
    pytest.importorskip("soundfile")
    root = tmp_path_factory.mktemp("media")
    stems = [write_media(root, kind, number) for kind in KINDS for number in range(24)]
    for run, backbones in (
        ("seen", {"visual": "hog-color", "audio": "log-mel"}),
        ("said", {"audio": "log-mel", "text": "char-ngrams"}),
    ):
        data = extract_pairs(stems, root / f"{run}.npz", backbones)
        names = tuple(backbones)
        overtone.train("cca", data, out=root / run, modalities=names)
        overtone.api.index(root / run, data, modalities=names)
    return root


def found(result: Any) -> list[list[str]]:
    return [[hit.id for hit in one.hits] for one in result.queries]


def test_recipes_go_from_the_features_to_the_run_and_to_the_store(media: Path) -> None:
    stored = read_json(media / "seen.npz.json")["recipes"]
    assert read_json(media / "seen" / "run.json")["recipes"] == stored
    with overtone.open_store(media / "seen") as store:
        assert '"log-mel"' in store.info().attributes["recipes"]


@pytest.mark.parametrize(("suffix", "way"), [("wav", ("audio", "visual")), ("png", ("visual", "audio"))])
def test_a_file_finds_its_kind_in_the_other_modality(media: Path, suffix: str, way: tuple[str, str]) -> None:
    new = [write_media(media, kind, 50) for kind in KINDS]
    result = overtone.api.search_store(media / "seen", query=[f"{stem}.{suffix}" for stem in new], k=3)
    assert (result.from_modality, result.to_modality) == ((way[0],), (way[1],))
    for stem, hits in zip(new, found(result)):
        assert {hit.partition("-")[0] for hit in hits} == {stem.name.partition("-")[0]}


def test_a_clip_of_the_store_is_found_by_its_own_file(media: Path) -> None:
    """Described and embedded again, it is the vector that is stored, up to 1e-5."""
    for suffix, modality in (("wav", "audio"), ("png", "visual")):
        result = overtone.api.search_store(media / "seen", query=media / f"blue-3.{suffix}", to_modality=modality, k=1)
        (hit,) = result.queries[0].hits
        assert hit.id == "blue-3"
        assert hit.score == pytest.approx(1.0, abs=1e-5)


def test_words_and_texts_are_queries(media: Path) -> None:
    result = overtone.api.search_store(media / "said", text=["a red thing", "blue"], k=5)
    assert result.from_modality == ("text",)
    assert [one.query for one in result.queries] == ["a red thing", "blue"]
    for kind, hits in zip(("red", "blue"), found(result)):
        assert sum(hit.startswith(kind) for hit in hits) >= 3
    by_file = overtone.api.search_store(media / "said", query=media / "red-1.txt", to_modality="text", k=1)
    assert found(by_file) == [["red-1"]]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"text": "a dog"}, "a dog: there are no features of such media.*valid: image (visual), sound (audio)"),
        ({"query": "red-1.png", "from_modality": "audio"}, "red-1.png: there are no features.*valid: sound (audio)"),
        ({"query": ["red-1.png", "red-2"]}, "media cannot be searched by together with .*; got red-2"),
        ({"query": "red-1.png", "row": "3"}, "--row is for queries from a feature file; got red-1.png"),
        ({"query": ["red-1.png", "red-1.png"]}, "a medium is named twice"),
        ({"query": ["red-1.png", "red-1.wav"]}, "several modalities: red-1.png has visual and red-1.wav has none"),
        ({"query": "red-1.png", "from_modality": "text"}, "unknown modality of the query 'text'; valid: audio, visual"),
        ({"query": "red-1.png", "backbone": "onnx:x"}, "made by that backbone; got onnx; valid: hog-color, log-mel"),
        ({"query": "red-9999.png"}, "no item 'red-9999.png', and no file of that name"),
        ({"query": "broken.wav"}, "broken.wav: there is nothing to search by (audio: cannot be decoded"),
        ({"query": "silent.wav"}, "silent.wav: there is nothing to search by (audio: silent"),
        ({}, "a search needs a query"),
    ],
)
def test_queries_that_cannot_be(
    media: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], said: str
) -> None:
    import re

    import soundfile

    monkeypatch.chdir(media)
    (media / "broken.wav").write_bytes(b"RIFF but no sound")
    soundfile.write(media / "silent.wav", np.zeros(800, np.float32), 16_000)
    parts = [re.escape(part) for part in said.split(".*")]
    with pytest.raises(InputError, match=".*".join(parts)):
        overtone.api.search_store("seen", **options)


def test_features_of_another_recipe_are_refused(media: Path, tmp_path: Path) -> None:
    """As queries, as further items and for evaluation; without a record nothing is known and nothing refused."""
    stems = [media / f"red-{number}" for number in range(6)]
    other = extract_pairs(stems, tmp_path / "other.npz", {"visual": "hog-color", "audio": "log-mel"})
    record = read_json(tmp_path / "other.npz.json")
    record["recipes"]["visual"]["settings"]["hues"] = 9
    write_json(tmp_path / "other.npz.json", record)
    said = r"other\.npz, visual: makes other features.*another settings, hues\); got 9; valid: 8"
    calls: list[Callable[[], object]] = [
        lambda: overtone.api.search_store(media / "seen", query=other),
        lambda: overtone.api.index(media / "seen", other, upsert=True),
        lambda: overtone.api.evaluate(media / "seen", other),
    ]
    for call in calls:
        with pytest.raises(InputError, match=said):
            call()
    (tmp_path / "other.npz.json").unlink()
    assert len(overtone.api.search_store(media / "seen", query=other).queries) == 6


def test_command_line(media: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(media)
    called = cli("search", "seen", "--query", "green-2.wav", "-k", "2")
    assert called.code == 0
    assert "Nearest to green-2.wav, audio → visual:" in called.out
    called = cli("search", "said", "--text", "green", "--json")
    assert [one["query"] for one in called.document["queries"]] == ["green"]
    called = cli("search", "seen", "--text", "green")
    assert (called.code, called.out) == (2, "")
    assert called.err.startswith("overtone: green: there are no features of such media here")
