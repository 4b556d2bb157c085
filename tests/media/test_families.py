"""Each family of models: what it takes, its outputs, any layer, pooled or as a sequence with a row for each second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from overtone.core import InputError
from overtone.media import make_backbone
from overtone.media.decoding import Frames, Sound
from overtone.media.parts import embed_parts, prepare_parts

WINDOW = {"window": 2.0}
FAMILIES: dict[tuple[str, str], dict[str, int]] = {
    ("clip", "visual"): {"projected": 12, "pooled": 16, "cls": 16, "mean": 16},
    ("clip", "text"): {"projected": 12, "pooled": 16, "mean": 16},
    ("siglip", "visual"): {"projected": 16, "pooled": 16, "cls": 16, "mean": 16},
    ("siglip", "text"): {"projected": 16, "pooled": 16, "mean": 16},
    ("vit", "visual"): {"pooled": 16, "cls": 16, "mean": 16},
    ("dinov2", "visual"): {"cls": 16, "mean": 16},
    ("resnet", "visual"): {"pooled": 16, "mean": 16},
    ("videomae", "visual"): {"mean": 16},
    ("xclip", "visual"): {"projected": 16},
    ("xclip", "text"): {"projected": 16, "pooled": 16, "mean": 16},
    ("clap", "audio"): {"projected": 12, "pooled": 32, "mean": 32},
    ("clap", "text"): {"projected": 12, "pooled": 16, "mean": 16},
    ("ast", "audio"): {"pooled": 16, "mean": 16},
    ("wav2vec2", "audio"): {"mean": 16},
    ("hubert", "audio"): {"mean": 16},
    ("whisper", "audio"): {"mean": 16},
    ("bert", "text"): {"mean": 16, "cls": 16, "pooled": 16},
}
"""Model and modality to its outputs, the usual one first, each with its number of features."""


def medium_of(modality: str, number: int = 0) -> Any:
    """Three seconds of noise, three frames, or words."""
    random = np.random.default_rng(number)
    if modality == "audio":
        return Sound((0.1 * random.normal(size=48_000)).astype(np.float32), 16_000)
    if modality == "text":
        return ("an owl sings", "a big green tree")[number]
    return Frames(random.integers(0, 256, (12, 40, 50, 3), dtype=np.uint8), np.arange(12) / 4)


@pytest.mark.parametrize(("name", "modality"), FAMILIES)
def test_outputs(stored: Callable[[str], str], name: str, modality: str) -> None:
    outputs = FAMILIES[name, modality]
    media = [medium_of(modality, number) for number in range(2)]
    for output, width in {"auto": next(iter(outputs.values())), **outputs}.items():
        backbone: Any = make_backbone(stored(name), {"output": output, **WINDOW}, modality=modality)
        assert backbone.side.output == (next(iter(outputs)) if output == "auto" else output)
        rows = embed_parts(backbone, [prepare_parts(backbone, medium) for medium in media])
        assert rows.shape == (2, width)
        assert rows.isfinite().all()
        assert not torch.allclose(rows[0], rows[1], atol=1e-4)
    others = {"projected", "pooled", "cls", "mean"} - outputs.keys()
    for output in others - {"cls"}:
        with pytest.raises(InputError, match=f"no trained weights for the output '{output}'"):
            make_backbone(stored(name), {"output": output}, modality=modality)


@pytest.mark.parametrize(("name", "modality"), [key for key in FAMILIES if key != ("xclip", "visual")])
def test_any_layer(stored: Callable[[str], str], name: str, modality: str) -> None:
    def row(number: int) -> torch.Tensor:
        backbone = make_backbone(stored(name), {"layer": number, "output": "mean", **WINDOW}, modality=modality)
        return embed_parts(backbone, [prepare_parts(backbone, medium_of(modality))])[0]

    assert not (row(-1).shape == row(0).shape and torch.allclose(row(0), row(-1), atol=1e-4))
    with pytest.raises(InputError, match="has no such layer; got 9"):
        row(9)


@pytest.mark.parametrize(("name", "modality"), [key for key in FAMILIES if key[1] != "text"])
def test_a_row_for_each_second(stored: Callable[[str], str], name: str, modality: str) -> None:
    """A step of a sequence is what its second gives alone; of a model of images it is the frame of that second."""
    backbone: Any = make_backbone(stored(name), WINDOW, modality=modality)
    whole = medium_of(modality)
    if isinstance(whole, Sound):
        parts: list[Any] = [Sound(whole.samples[16_000 * at : 16_000 * (at + 1)], 16_000) for at in range(3)]
    elif backbone.takes == "frames":
        parts = [Frames(whole.pixels[4 * at : 4 * (at + 1)], whole.times[4 * at : 4 * (at + 1)]) for at in range(3)]
    else:
        whole = Frames(whole.pixels[1::4], whole.times[1::4])
        parts = [Image.fromarray(pixels) for pixels in whole.pixels]
    rows = embed_parts(backbone, [prepare_parts(backbone, whole, steps=3)] * 2, sequence=True)
    assert rows.shape[:2] == (2, 3)
    for at, part in enumerate(parts):
        alone = embed_parts(backbone, [prepare_parts(backbone, part)])[0]
        torch.testing.assert_close(rows[0, at], alone, atol=1e-4, rtol=1e-3)
    if modality == "visual":  # a picture beside videos is there all the time
        still = prepare_parts(backbone, Image.fromarray(whole.pixels[0]), steps=3)
        rows = embed_parts(backbone, [still], sequence=True)
        torch.testing.assert_close(rows[0, 0], rows[0, 2])
