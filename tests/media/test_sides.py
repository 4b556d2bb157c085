"""Sounds, texts and videos in models of transformers: tiny random ones, against what the library itself gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from overtone.core import InputError
from overtone.media import make_backbone
from overtone.media.decoding import Frames, Sound
from overtone.media.parts import embed_parts, prepare_parts
from overtone.media.recipes import make_recipe

from .tiny_models import MODELS, tokenizer

library: Any = pytest.importorskip("transformers")


def noise(seconds: float, rate: int = 16_000) -> Sound:
    samples = np.random.default_rng(round(100 * seconds)).normal(size=round(seconds * rate))
    return Sound((0.1 * samples).astype(np.float32), rate)


def row(backbone: Any, medium: Any) -> torch.Tensor:
    return embed_parts(backbone, [prepare_parts(backbone, medium)])[0]


SOUNDS = ("wav2vec2", "hubert", "ast", "whisper", "clap", "clap-fusion")


@pytest.mark.parametrize("name", SOUNDS)
def test_sounds_of_any_length_and_rate_become_rows(stored: Callable[[str], str], name: str) -> None:
    backbone: Any = make_backbone(stored(name), {"window": 2.0}, modality="audio")
    assert backbone.takes == "sound"
    assert backbone.window == pytest.approx({"ast": 1.28}.get(name, 2.0))
    for sound in (noise(0.3), noise(backbone.window), noise(5.0), noise(1.0, rate=44_100)):
        found = row(backbone, sound)
        assert found.shape == (12 if name.startswith("clap") else 16,)
        assert found.isfinite().all()


@pytest.mark.parametrize("name", SOUNDS)
def test_a_whole_window_gives_what_the_model_gives(stored: Callable[[str], str], name: str) -> None:
    spec = stored(name)
    backbone: Any = make_backbone(spec, {"window": 2.0}, modality="audio")
    sound = noise(backbone.window)
    place = spec.partition(":")[2]
    inputs = library.AutoFeatureExtractor.from_pretrained(place)(
        sound.samples, sampling_rate=16_000, return_tensors="pt"
    )
    model = library.AutoModel.from_pretrained(place).eval()
    with torch.no_grad():
        if name.startswith("clap"):
            found = model.get_audio_features(**inputs | {"is_longer": torch.zeros(1, 1, dtype=torch.bool)})
            wanted = found if isinstance(found, torch.Tensor) else found.pooler_output
        elif name == "ast":
            wanted = model(**inputs).pooler_output
        elif name == "whisper":
            wanted = model.get_encoder()(**inputs).last_hidden_state.mean(dim=1)
        else:
            wanted = model(inputs["input_values"]).last_hidden_state.mean(dim=1)
    torch.testing.assert_close(row(backbone, sound), wanted[0], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("name", ["wav2vec2", "whisper"])
def test_silence_that_fills_a_window_up_is_not_in_the_mean(stored: Callable[[str], str], name: str) -> None:
    backbone: Any = make_backbone(stored(name), {"window": 2.0}, modality="audio")
    batch = torch.from_numpy(backbone.prepare(noise(0.5)))[None]
    assert batch[0, 0] == 0.25
    other = batch.clone()
    other[0, 0] = 1.0
    assert not torch.allclose(backbone.embed(batch), backbone.embed(other), atol=1e-3)


@pytest.mark.parametrize("name", ["clip", "siglip", "bert", "clap", "xclip"])
def test_texts_are_rows_whatever_stands_beside_them(stored: Callable[[str], str], name: str) -> None:
    backbone: Any = make_backbone(stored(name), modality="text")
    assert backbone.takes == "text"
    media = [prepare_parts(backbone, text) for text in ("an owl", "an owl sings in the big green tree of a town", "")]
    assert media[0].shape == (1, 2, 10)
    rows = embed_parts(backbone, media)
    assert rows.isfinite().all()
    torch.testing.assert_close(embed_parts(backbone, media[:1])[0], rows[0], atol=1e-5, rtol=1e-4)


def test_text_and_image_of_one_model_share_their_space(stored: Callable[[str], str]) -> None:
    spec = stored("clip")
    place = spec.partition(":")[2]
    inputs = tokenizer()("an owl", padding="max_length", max_length=10, return_tensors="pt")
    with torch.no_grad():
        model = library.CLIPTextModelWithProjection.from_pretrained(place).eval()
        wanted = model(inputs["input_ids"], inputs["attention_mask"]).text_embeds[0]
    text = make_backbone(spec, modality="text")
    torch.testing.assert_close(row(text, "an owl"), wanted, atol=1e-5, rtol=1e-4)
    image = make_backbone(spec, modality="visual")
    assert (image.takes, make_recipe(image).checksum) == ("image", make_recipe(text).checksum)


def test_the_mean_of_a_text_leaves_out_what_fills_it_up(stored: Callable[[str], str]) -> None:
    spec = stored("bert")
    inputs = tokenizer()("an owl sings", return_tensors="pt")
    with torch.no_grad():
        model = library.BertModel.from_pretrained(spec.partition(":")[2]).eval()
        wanted = model(inputs["input_ids"], inputs["attention_mask"]).last_hidden_state.mean(dim=1)[0]
    torch.testing.assert_close(row(make_backbone(spec, modality="text"), "an owl sings"), wanted, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "modality", "medium"),
    [("bert", "text", "an owl"), ("wav2vec2", "audio", noise(1.0)), ("whisper", "audio", noise(1.0))],
)
def test_a_layer_is_taken(stored: Callable[[str], str], name: str, modality: str, medium: Any) -> None:
    def layer(number: int | None) -> torch.Tensor:
        settings = {"layer": number, "output": "mean", "window": 2.0}
        return row(make_backbone(stored(name), settings, modality=modality), medium)

    torch.testing.assert_close(layer(1), layer(-1))
    assert not torch.allclose(layer(0), layer(1), atol=1e-3)
    with pytest.raises(InputError, match=r"has no such layer; got 7; valid: 0 to 1, or from -2 on"):
        layer(7)


def test_a_layer_has_no_projection(stored: Callable[[str], str]) -> None:
    assert row(make_backbone(stored("clip"), {"layer": -2}, modality="text"), "an owl").shape == (16,)
    with pytest.raises(InputError, match="'projected' of a layer; valid: mean"):
        make_backbone(stored("clip"), {"layer": -2, "output": "projected"}, modality="text")


@pytest.mark.parametrize("name", ["videomae", "xclip"])
def test_videos_become_rows(stored: Callable[[str], str], name: str) -> None:
    backbone: Any = make_backbone(stored(name), modality="visual")
    assert backbone.takes == "frames"
    pixels = np.random.default_rng(0).integers(0, 256, (9, 40, 50, 3), dtype=np.uint8)
    assert prepare_parts(backbone, Frames(pixels, np.arange(9.0))).shape == (1, 4, 32, 32, 3)
    found = row(backbone, Frames(pixels, np.arange(9.0)))
    assert found.shape == (16,)
    assert not torch.allclose(found, row(backbone, Frames(pixels[::-1], np.arange(9.0))), atol=1e-4)
    assert row(backbone, Frames(pixels[:1], np.zeros(1))).isfinite().all()


@pytest.mark.parametrize("name", ["wav2vec2", "clap", "bert", "videomae"])
def test_a_recipe_opens_the_same_model_and_knows_another(
    stored: Callable[[str], str], name: str, tmp_path: Path
) -> None:
    import shutil

    spec = stored(name)
    backbone = make_backbone(spec)
    recipe = make_recipe(backbone)
    assert recipe.open().takes == backbone.takes
    shutil.copytree(spec.partition(":")[2], tmp_path / "moved")
    assert recipe.open(spec=f"transformers:{tmp_path / 'moved'}").takes == backbone.takes
    torch.manual_seed(1)
    MODELS[name]()[0].save_pretrained(tmp_path / "moved")
    with pytest.raises(InputError, match="another checksum"):
        recipe.open(spec=f"transformers:{tmp_path / 'moved'}")


@pytest.mark.parametrize(
    ("name", "modality", "got"),
    [("bert", "audio", "BertModel"), ("wav2vec2", "text", "Wav2Vec2Model"), ("clip", "audio", "CLIPModel")],
)
def test_a_model_of_another_kind_is_refused(stored: Callable[[str], str], name: str, modality: str, got: str) -> None:
    with pytest.raises(InputError, match=f"not a model for (sound|text); got {got}"):
        make_backbone(stored(name), modality=modality)


def test_models_without_what_prepares_their_input_are_refused(tmp_path: Path) -> None:
    MODELS["bert"]()[0].save_pretrained(tmp_path / "bare")
    with pytest.raises(InputError, match="bare: no tokenizer is stored beside the model"):
        make_backbone(f"transformers:{tmp_path / 'bare'}", modality="text")
    MODELS["wav2vec2"]()[0].save_pretrained(tmp_path / "waves")
    with pytest.raises(InputError, match="waves: cannot be loaded"):
        make_backbone(f"transformers:{tmp_path / 'waves'}", modality="audio")
