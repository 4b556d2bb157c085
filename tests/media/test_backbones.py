"""Backbones: the descriptor against scikit-image, the small network, towers against the library's own processing."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from torch import Tensor

from overtone.core import InputError
from overtone.core.files import load_tensors, save_tensors
from overtone.media import backbone_of, backbones, catalogue_of, extract
from overtone.media.backbones.hog_color import colour, hog
from overtone.media.backbones.small_net import SmallNetBackbone
from overtone.media.loading import Loader
from overtone.media.preprocessing import Preprocessing, from_config
from overtone.media.progress import silent

from . import conftest as make

IMAGES = arrays.arrays(np.uint8, st.tuples(st.integers(16, 40), st.integers(16, 40), st.just(3)))


def planes(image: np.ndarray[Any, Any]) -> Tensor:
    return torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float()


@given(IMAGES, st.sampled_from([(8, 9), (5, 6), (4, 3)]))
def test_hog_is_that_of_scikit_image(image: np.ndarray[Any, Any], sizes: tuple[int, int]) -> None:
    reference = pytest.importorskip("skimage.feature")
    cell, orientations = sizes
    # In double precision: at a border between two bins a rounding decides, and the reference's is that of float64.
    ours = hog(planes(image).double(), cell, orientations)[0]
    theirs = reference.hog(
        image.astype(np.float64),
        orientations=orientations,
        pixels_per_cell=(cell, cell),
        cells_per_block=(2, 2),
        channel_axis=-1,
    )
    np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-9)


def test_hog_of_an_edge() -> None:
    """A vertical edge has a horizontal gradient: the first bin, in all cells, and four equal cells of norm 1."""
    image = torch.zeros(1, 3, 16, 16)
    image[..., 4:] = 100
    image[..., 12:] = 0
    found = hog(image, 8, 9).view(4, 9)
    torch.testing.assert_close(found[:, 0], torch.full((4,), 0.5))
    assert found[:, 1:].abs().max() == 0


def test_flat_images_have_no_gradients_and_no_nan() -> None:
    assert hog(torch.full((2, 3, 32, 32), 77.0)).abs().max() == 0
    assert colour(torch.zeros(1, 3, 8, 8)).isfinite().all()


def colour_by_loops(image: Tensor, grid: int, hues: int) -> list[float]:
    """The colours of a (3, side, side) image as the docs describe them, pixel by pixel with the standard library."""
    import colorsys

    step = image.shape[1] // grid
    values = []
    for down in range(grid):
        for across in range(grid):
            cell = image[:, down * step : (down + 1) * step, across * step : (across + 1) * step].flatten(1).T.tolist()
            votes = [0.0] * hues
            for pixel in cell:
                turn = colorsys.rgb_to_hsv(*pixel)[0]
                votes[int(turn * hues) % hues] += (max(pixel) - min(pixel)) / len(cell)
            channels = np.array([((r + g + b) / 3, r - g, (r + g) / 2 - b) for r, g, b in cell])
            values += [math.sqrt(vote) for vote in votes] + [*channels.mean(axis=0)] + [*channels.std(axis=0)]
    return values


def test_colours_are_those_of_the_standard_library() -> None:
    """Pure hues, where the hexagon of colorsys and the circle of the descriptor agree on the bin."""
    generator = torch.Generator().manual_seed(0)
    pure = torch.tensor([(1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 1, 1), (0, 0, 1), (1, 0, 1), (1, 1, 1)]).float()
    choice = torch.randint(7, (8, 8), generator=generator)
    strength = 0.25 + 0.75 * torch.rand(8, 8, 1, generator=generator)
    image = (pure[choice] * strength).permute(2, 0, 1)
    for grid, hues in ((1, 5), (2, 7), (4, 11)):  # no border between two bins at a sixth of a turn
        np.testing.assert_allclose(
            colour(image[None], grid, hues)[0].numpy(), colour_by_loops(image, grid, hues), atol=2e-4
        )


@pytest.mark.parametrize("settings", [{}, {"side": 32, "cell": 8, "orientations": 6, "grid": 2, "hues": 4}])
def test_hog_color_has_the_documented_size(settings: dict[str, int]) -> None:
    tower = backbone_of("hog-color", settings)
    side, cell, bins, grid, hues = tower.settings.model_dump().values()
    images = torch.randint(256, (3, side, side, 3), dtype=torch.uint8)
    found = tower.embed(images)
    assert found.shape == (3, (side // cell - 1) ** 2 * 4 * bins + grid**2 * (hues + 6))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found[1:2], tower.embed(images[1:2]))


def test_hog_color_of_grey_images_has_gradients_and_no_hue() -> None:
    tower = backbone_of("hog-color")
    grey = Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 30), dtype=np.uint8)).convert("RGB")
    found = tower.embed(torch.from_numpy(tower.prepare(grey).copy())[None])[0]
    cells = found[324:].view(16, 14)
    assert cells[:, :8].abs().max() == 0
    assert found[:324].max() > 0


def test_hog_color_too_small() -> None:
    with pytest.raises(InputError, match=r"no two cells.*side 16, cell 16"):
        backbone_of("hog-color", {"side": 16})


@pytest.mark.parametrize(
    ("spec", "settings", "said"),
    [
        ("hog-colour", {}, "did you mean 'hog-color'"),
        ("hog-color:x", {}, r"takes nothing there; valid: .*transformers:MODEL"),
        ("hog-color", {"sides": 3}, "did you mean 'side'"),
        ("transformers", {}, "which model"),
        ("transformers:", {}, "takes nothing there"),
        ("small-net:nowhere.safetensors", {}, "no such file"),
    ],
)
def test_backbones_that_are_none(spec: str, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        backbone_of(spec, settings)


def test_device_that_is_not_there() -> None:
    with pytest.raises(InputError, match="device 'cuda:77' cannot be used"):
        backbone_of("hog-color", device="cuda:77")


def test_every_setting_is_described() -> None:
    for name, kind in backbones.items():
        assert kind.name == name
        assert [row[0] for row in kind.settings_type.table() if not row[3].strip()] == []


SMALL = {"side": 16, "width": 4, "epochs": 12, "batch_size": 8, "lr": 0.05}


def learnt(source: Path, settings: dict[str, Any], *, labels: bool = True) -> SmallNetBackbone:
    tower = backbone_of("small-net", settings, seed=1)
    assert isinstance(tower, SmallNetBackbone)
    found = catalogue_of(source)
    assert found.labels is not None
    rows = torch.arange(len(found))
    tower.fit(Loader(found, tower.prepare), rows, torch.from_numpy(found.labels) if labels else None, silent)
    return tower


def test_small_net_learns_the_classes(tmp_path: Path) -> None:
    """Images of one class come to lie together: nearest neighbours, the image itself left out, are of the class."""
    source = make.cifar10(tmp_path / "c", per_file=8)
    tower = learnt(source, SMALL)
    found = catalogue_of(source)
    (batch,) = Loader(found, tower.prepare).batches(range(len(found)), 100)
    features = torch.nn.functional.normalize(tower.embed(batch.images))
    assert features.shape == (48, 16)
    nearest = (features @ features.T).fill_diagonal_(-1).argmax(dim=1)
    assert (found.labels == np.asarray(found.labels)[nearest]).mean() > 0.9


def test_small_net_is_the_same_for_a_seed_and_for_stored_weights(tmp_path: Path) -> None:
    source = make.cifar10(tmp_path / "c")
    one, two = (learnt(source, {**SMALL, "epochs": 2}) for _ in range(2))
    images = torch.randint(256, (3, 16, 16, 3), dtype=torch.uint8)
    assert torch.equal(one.embed(images), two.embed(images))
    save_tensors(tmp_path / "w.safetensors", one.weights())
    again = backbone_of(f"small-net:{tmp_path / 'w.safetensors'}")
    assert isinstance(again, SmallNetBackbone)
    assert again.ready
    assert again.prepare(Image.new("RGB", (40, 30))).shape == (16, 16, 3)
    assert torch.equal(one.embed(images), again.embed(images))


@pytest.mark.parametrize("with_labels", [True, False])
def test_small_net_without_labels_learns_rotations(tmp_path: Path, with_labels: bool) -> None:
    """Images that are not used without labels leave the network untouched by them."""
    tower = learnt(make.cifar10(tmp_path / "c"), {**SMALL, "epochs": 1, "labels": False}, labels=with_labels)
    assert tower.net is not None
    assert tower.net.head.out_features == 4
    assert tower.embed(torch.zeros(1, 16, 16, 3, dtype=torch.uint8)).isfinite().all()


def test_small_net_wants_something_to_tell_apart(tmp_path: Path) -> None:
    for seed in range(4):
        make.write(tmp_path / "f" / "ant" / f"{seed}.png", 0, seed)
    with pytest.raises(InputError, match=r"of one class.*labels=false"):
        learnt(tmp_path / "f", SMALL)
    save_tensors(tmp_path / "other.safetensors", {"x": torch.zeros(1)})
    with pytest.raises(InputError, match="not those of a small-net"):
        backbone_of(f"small-net:{tmp_path / 'other.safetensors'}")


def test_quarter_turns_are_told_right() -> None:
    from overtone.media.backbones.small_net import _task

    images = torch.arange(16 * 16, dtype=torch.uint8).view(1, 16, 16, 1).expand(40, 16, 16, 3)
    images = torch.where(torch.arange(16)[:, None, None] < 8, images, torch.zeros_like(images))  # dark below
    turned, turns = _task(images, None, torch.Generator().manual_seed(0))
    halves = {0: turned[:, 8:], 2: turned[:, :8], 1: turned[:, :, 8:], 3: turned[:, :, :8]}
    for row, turn in enumerate(turns.tolist()):
        assert halves[turn][row].float().mean() < 40
    assert set(turns.tolist()) == {0, 1, 2, 3}


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
    tower: Any = backbone_of(f"transformers:{place}")
    pixels = torch.from_numpy(tower.prepare(photograph(*size)).copy()).permute(2, 0, 1) * tower.preprocessing.scale
    ours = (pixels - tower.mean[0]) / tower.std[0]
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
        found = backbone_of(f"transformers:{vit}", {"output": output}).embed(images)
        torch.testing.assert_close(found, values, atol=1e-5, rtol=1e-4)


def test_clip_projects_into_the_shared_space(library: Any, clip: Path) -> None:
    tower: Any = backbone_of(f"transformers:{clip}")
    assert tower.output == "projected"
    images = torch.randint(256, (2, 32, 32, 3), dtype=torch.uint8)
    model = library.CLIPVisionModelWithProjection.from_pretrained(clip).eval()
    with torch.no_grad():
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in ((0.48, 0.46, 0.41), (0.27, 0.26, 0.28)))
        wanted = model(pixel_values=(images.permute(0, 3, 1, 2) / 255 - mean) / std).image_embeds
    torch.testing.assert_close(tower.embed(images), wanted, atol=1e-5, rtol=1e-4)
    assert backbone_of(f"transformers:{clip}", {"output": "pooled"}).embed(images).shape == (2, 16)


def test_random_weights_are_never_taken_for_trained_ones(library: Any, vit: Path, tmp_path: Path) -> None:
    """A checkpoint for classification has no pooler: the library would make up one, silently."""
    place = tmp_path / "classifier"
    library.ViTForImageClassification(library.ViTConfig(**VIT)).save_pretrained(place)
    (place / "preprocessor_config.json").write_text((vit / "preprocessor_config.json").read_text())
    tower: Any = backbone_of(f"transformers:{place}")
    assert tower.output == "cls"
    with pytest.raises(InputError, match=r"no trained weights for the output 'pooled'; valid: cls, mean"):
        backbone_of(f"transformers:{place}", {"output": "pooled"})
    kept = {key: tensor for key, tensor in load_tensors(place / "model.safetensors").items() if "layernorm" not in key}
    save_tensors(place / "model.safetensors", kept, {"format": "pt"})
    with pytest.raises(InputError, match="not stored and would be random"):
        backbone_of(f"transformers:{place}")


def test_models_that_are_none(library: Any, vit: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        backbone_of(f"transformers:{tmp_path / 'nowhere' / 'model'}")
    library.ViTModel(library.ViTConfig(**VIT)).save_pretrained(tmp_path / "bare")
    with pytest.raises(InputError, match=r"no preprocessor_config\.json"):
        backbone_of(f"transformers:{tmp_path / 'bare'}")
    config = library.BertConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, vocab_size=50
    )
    library.BertModel(config).save_pretrained(tmp_path / "bert")
    (tmp_path / "bert" / "preprocessor_config.json").write_text((vit / "preprocessor_config.json").read_text())
    with pytest.raises(InputError, match=r"not a model for images; got BertModel"):
        backbone_of(f"transformers:{tmp_path / 'bert'}")


def test_weights_in_a_pickle_are_refused(library: Any, vit: Path, tmp_path: Path) -> None:
    place = tmp_path / "pickled"
    place.mkdir()
    for name in ("config.json", "preprocessor_config.json"):
        (place / name).write_text((vit / name).read_text())
    torch.save(load_tensors(vit / "model.safetensors"), place / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"no image model can be loaded.*safetensors"):
        backbone_of(f"transformers:{place}")


def test_extract_with_a_tower(clip: Path, images: Path, tmp_path: Path) -> None:
    data = extract(images, tmp_path / "f.npz", backbone=f"transformers:{clip}", batch_size=3)
    assert data.modalities["image"].shape == (20, 12)


def test_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch, images: Path, tmp_path: Path) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InputError, match=r"pip install 'overtone\[media\]'"):
        backbone_of("transformers:owner/name")
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
    with pytest.raises(InputError, match="not by which mean"):
        from_config({"size": 20}, "x")
    assert from_config({"size": 4, "do_rescale": False, "do_normalize": False}, "x").scale == 1.0
    assert Preprocessing((4, 5))(photograph()).shape == (4, 5, 3)
