"""Image towers of transformers: tiny random models, against the library's own processing and outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from overtone.core import InputError
from overtone.core.files import load_tensors, save_tensors
from overtone.media import extract, make_backbone
from overtone.media.preprocessing import Preprocessing, from_config

VIT = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
VIT |= {"image_size": 32, "patch_size": 8}


@pytest.fixture(scope="module")
def library() -> Any:
    found = pytest.importorskip("transformers")
    found.logging.set_verbosity_error()
    return found


@pytest.fixture(scope="module")
def vit(library: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny ViT with random weights, its images squeezed to 32 × 32."""
    place = tmp_path_factory.mktemp("models") / "vit"
    torch.manual_seed(0)
    library.ViTModel(library.ViTConfig(**VIT)).save_pretrained(place)
    (place / "preprocessor_config.json").write_text(
        '{"do_resize": true, "size": {"height": 32, "width": 32}, "resample": 2, "image_mean": [0.5, 0.4, 0.3],'
        ' "image_std": [0.2, 0.3, 0.4]}'
    )
    return place


@pytest.fixture(scope="module")
def clip(library: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CLIP with random weights, its images cut to 32 × 32."""
    place = tmp_path_factory.mktemp("models") / "clip"
    torch.manual_seed(0)
    text = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    text |= {"vocab_size": 50, "max_position_embeddings": 8, "bos_token_id": 0, "eos_token_id": 1}
    library.CLIPModel(
        library.CLIPConfig(text_config=text, vision_config={**VIT, "projection_dim": 12}, projection_dim=12)
    ).save_pretrained(place)
    (place / "preprocessor_config.json").write_text(
        '{"do_resize": true, "size": {"shortest_edge": 32}, "resample": 3, "do_center_crop": true, "crop_size": 32,'
        ' "image_mean": [0.48, 0.46, 0.41], "image_std": [0.27, 0.26, 0.28]}'
    )
    return place


def photograph(width: int = 50, height: int = 41) -> Image.Image:
    return Image.fromarray(np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("size", [(50, 41), (33, 70), (20, 20)])
@pytest.mark.parametrize("kind", ["vit", "clip"])
def test_preprocessing_is_that_of_the_library(kind: str, size: tuple[int, int], request: pytest.FixtureRequest) -> None:
    from importlib import import_module

    name = {"vit": "ViTImageProcessorPil", "clip": "CLIPImageProcessorPil"}[kind]
    try:
        theirs = getattr(import_module(f"transformers.models.{kind}.image_processing_pil_{kind}"), name)
    except (ImportError, AttributeError):
        pytest.skip("this version of transformers has no processor that works without torchvision")
    place: Path = request.getfixturevalue(kind)
    wanted = theirs.from_pretrained(place)(photograph(*size), return_tensors="np")["pixel_values"][0]
    tower: Any = make_backbone(f"transformers:{place}")
    pixels = torch.from_numpy(tower.prepare(photograph(*size)).copy()).permute(2, 0, 1) * tower.side.fitting.scale
    ours = (pixels - tower.side.mean) / tower.side.std
    np.testing.assert_allclose(ours.numpy(), wanted, atol=1e-5)


def test_vit_gives_what_the_model_gives(library: Any, vit: Path) -> None:
    images = torch.randint(256, (3, 32, 32, 3), dtype=torch.uint8)
    pixels = (images.permute(0, 3, 1, 2) / 255 - torch.tensor([0.5, 0.4, 0.3]).view(3, 1, 1)) / torch.tensor(
        [0.2, 0.3, 0.4]
    ).view(3, 1, 1)
    with torch.no_grad():
        wanted = library.ViTModel.from_pretrained(vit).eval()(pixel_values=pixels)
    for output, values in {
        "auto": wanted.pooler_output,
        "pooled": wanted.pooler_output,
        "cls": wanted.last_hidden_state[:, 0],
        "mean": wanted.last_hidden_state.mean(dim=1),
    }.items():
        found = make_backbone(f"transformers:{vit}", {"output": output}).embed(images)
        torch.testing.assert_close(found, values, atol=1e-5, rtol=1e-4)


def test_clip_projects_into_the_shared_space(library: Any, clip: Path) -> None:
    tower: Any = make_backbone(f"transformers:{clip}")
    assert tower.side.output == "projected"
    images = torch.randint(256, (2, 32, 32, 3), dtype=torch.uint8)
    model = library.CLIPVisionModelWithProjection.from_pretrained(clip).eval()
    with torch.no_grad():
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in ((0.48, 0.46, 0.41), (0.27, 0.26, 0.28)))
        wanted = model(pixel_values=(images.permute(0, 3, 1, 2) / 255 - mean) / std).image_embeds
    torch.testing.assert_close(tower.embed(images), wanted, atol=1e-5, rtol=1e-4)
    assert make_backbone(f"transformers:{clip}", {"output": "pooled"}).embed(images).shape == (2, 16)


def test_random_weights_are_never_taken_for_trained_ones(library: Any, vit: Path, tmp_path: Path) -> None:
    """A checkpoint for classification has no pooler: the library would make up one, silently."""
    place = tmp_path / "classifier"
    library.ViTForImageClassification(library.ViTConfig(**VIT)).save_pretrained(place)
    (place / "preprocessor_config.json").write_text((vit / "preprocessor_config.json").read_text())
    tower: Any = make_backbone(f"transformers:{place}")
    assert tower.side.output == "cls"
    with pytest.raises(InputError, match=r"no trained weights for the output 'pooled'; valid: cls, mean"):
        make_backbone(f"transformers:{place}", {"output": "pooled"})
    kept = {key: tensor for key, tensor in load_tensors(place / "model.safetensors").items() if "layernorm" not in key}
    save_tensors(place / "model.safetensors", kept, {"format": "pt"})
    with pytest.raises(InputError, match="not stored and would be random"):
        make_backbone(f"transformers:{place}")


def test_models_that_are_none(library: Any, vit: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        make_backbone(f"transformers:{tmp_path / 'nowhere' / 'model'}")
    library.ViTModel(library.ViTConfig(**VIT)).save_pretrained(tmp_path / "bare")
    with pytest.raises(InputError, match=r"no preprocessor_config\.json"):
        make_backbone(f"transformers:{tmp_path / 'bare'}")
    config = library.BertConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, vocab_size=50
    )
    library.BertModel(config).save_pretrained(tmp_path / "bert")
    (tmp_path / "bert" / "preprocessor_config.json").write_text((vit / "preprocessor_config.json").read_text())
    with pytest.raises(InputError, match=r"not a model for image or frames; got BertModel"):
        make_backbone(f"transformers:{tmp_path / 'bert'}", modality="visual")


def test_weights_in_a_pickle_are_refused(library: Any, vit: Path, tmp_path: Path) -> None:
    place = tmp_path / "pickled"
    place.mkdir()
    for name in ("config.json", "preprocessor_config.json"):
        (place / name).write_text((vit / name).read_text())
    torch.save(load_tensors(vit / "model.safetensors"), place / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"cannot be loaded.*safetensors"):
        make_backbone(f"transformers:{place}")


def test_extract_with_a_tower(clip: Path, images: Path, tmp_path: Path) -> None:
    data = extract(images, tmp_path / "f.npz", backbone=f"transformers:{clip}", batch_size=3)
    assert data.modalities["image"].shape == (20, 12)


def test_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch, images: Path, tmp_path: Path) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InputError, match=r"pip install 'overtone\[media\]'"):
        make_backbone("transformers:owner/name")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(InputError, match=r"Pillow is needed.*pip install 'overtone\[media\]'"):
        extract(images, tmp_path / "f.npz")


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({"size": 20}, ((20, 20), None)),
        ({"size": 20, "do_center_crop": True}, (20, (20, 20))),
        (
            {"size": {"height": 8, "width": 9}, "do_center_crop": True, "crop_size": {"height": 4, "width": 5}},
            ((8, 9), (4, 5)),
        ),
        ({"do_resize": False, "do_center_crop": True, "crop_size": 7}, (None, (7, 7))),
    ],
)
def test_sizes_in_their_forms(said: dict[str, Any], wanted: tuple[Any, Any]) -> None:
    found = from_config({**said, "do_normalize": False}, "x")
    assert (found.resize, found.crop) == wanted


def test_sizes_that_cannot_be() -> None:
    with pytest.raises(InputError, match="several sizes"):
        from_config({"size": {"shortest_edge": 20}}, "x")
    with pytest.raises(InputError, match="unknown form"):
        from_config({"size": {"longest_edge": 20}}, "x")
    with pytest.raises(InputError, match="mean or deviation is missing"):
        from_config({"size": 20}, "x")
    assert from_config({"size": 4, "do_rescale": False, "do_normalize": False}, "x").scale == 1.0
    assert Preprocessing((4, 5))(photograph()).shape == (4, 5, 3)
