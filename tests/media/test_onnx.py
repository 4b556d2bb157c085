"""``onnx:FILE``: tiny networks built here, whose features are known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from overtone.core import InputError
from overtone.media import make_backbone
from overtone.media.decoding import Sound
from overtone.media.parts import embed_parts, prepare_parts
from overtone.media.recipes import make_recipe
from overtone.media.spectrograms import MelScale, log_mel

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
Shape = Sequence[int | str | None]


def network(
    path: Path,
    shape: Shape,
    axes: Sequence[int] = (),
    *,
    dtype: str = "FLOAT",
    metadata: dict[str, str] | None = None,
    weights: float = 2.0,
    external: bool = False,
) -> str:
    """A network that doubles its input, takes the mean over axes, and gives both: ``means``, ``doubled``."""
    helper, kind = onnx.helper, getattr(onnx.TensorProto, dtype)
    scale = onnx.numpy_helper.from_array(np.full(4 if external else 1, weights, np.float32)[:1], "scale")
    nodes = [
        helper.make_node("Cast", ["x"], ["floats"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Mul", ["floats", "scale"], ["doubled"]),
    ]
    initial = [scale]
    if axes:
        initial.append(onnx.numpy_helper.from_array(np.array(axes, np.int64), "axes"))
        nodes.append(helper.make_node("ReduceMean", ["doubled", "axes"], ["means"], keepdims=0))
    outputs = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in (["means"] if axes else [])
    ]
    outputs.append(helper.make_tensor_value_info("doubled", onnx.TensorProto.FLOAT, None))
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", kind, shape)], outputs, initial)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    if metadata:
        helper.set_model_props(model, metadata)
    options = {"save_as_external_data": True, "location": "w.bin", "size_threshold": 0} if external else {}
    onnx.save(model, str(path), **options)
    return f"onnx:{path}"


def photograph(width: int = 50, height: int = 40) -> Image.Image:
    return Image.fromarray(np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8))


def row(backbone: Any, medium: Any) -> np.ndarray[Any, Any]:
    return embed_parts(backbone, [prepare_parts(backbone, medium)])[0].numpy()


@pytest.mark.parametrize("shape", [("n", 3, 32, 32), ("n", 32, 32, 3), (1, 3, 32, 32), ("n", 3, None, None)])
def test_images_are_cut_scaled_and_normalised(tmp_path: Path, shape: Shape) -> None:
    last = shape[3] == 3
    axes = (1, 2) if last else (2, 3)
    backbone: Any = make_backbone(network(tmp_path / "a.onnx", shape, axes), {"side": 32}, modality="visual")
    image = photograph().resize((40, 32), 3).crop((4, 0, 36, 32))
    pixels = np.asarray(image, np.float32) / 255
    wanted = 2 * ((pixels - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)).mean(axis=(0, 1))
    np.testing.assert_allclose(row(backbone, photograph()), wanted, atol=1e-4)
    batch = torch.from_numpy(np.stack([backbone.prepare(photograph())] * 3))
    np.testing.assert_allclose(backbone.embed(batch), np.tile(wanted, (3, 1)), atol=1e-4)


def test_whole_images_and_8_bit_values(tmp_path: Path) -> None:
    spec = network(tmp_path / "a.onnx", ("n", 3, 16, 16), (2, 3), dtype="UINT8")
    wanted = 2 * np.asarray(photograph().resize((16, 16), 3), np.float32).mean(axis=(0, 1))
    np.testing.assert_allclose(row(make_backbone(spec, {"crop": False}), photograph()), wanted, rtol=1e-5)


def test_waveforms_of_a_fixed_length_are_windows(tmp_path: Path) -> None:
    backbone = make_backbone(network(tmp_path / "a.onnx", ("n", 8000)), modality="audio")
    assert (backbone.takes, backbone.window) == ("sound", 0.5)
    sound = Sound(np.random.default_rng(0).normal(size=16_000).astype(np.float32), 16_000)
    np.testing.assert_allclose(row(backbone, sound), sound.samples.reshape(2, 8000).mean(axis=0) * 2, atol=1e-5)
    short = row(backbone, Sound(np.ones(100, np.float32), 16_000))
    assert short[:100].tolist() == [2.0] * 100
    assert not short[100:].any()


def test_one_waveform_at_a_time_gives_frames_whose_mean_is_taken(tmp_path: Path) -> None:
    """As YAMNet is exported: (samples) to (frames, d)."""
    helper = onnx.helper
    shape = onnx.numpy_helper.from_array(np.array([-1, 100], np.int64), "shape")
    graph = helper.make_graph(
        [helper.make_node("Reshape", ["x", "shape"], ["frames"])],
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None])],
        [helper.make_tensor_value_info("frames", onnx.TensorProto.FLOAT, [None, 100])],
        [shape],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), tmp_path / "a.onnx")
    backbone = make_backbone(f"onnx:{tmp_path / 'a.onnx'}", {"window": 0.5}, modality="audio")
    sound = Sound(np.random.default_rng(0).normal(size=8000).astype(np.float32), 16_000)
    np.testing.assert_allclose(row(backbone, sound), sound.samples.reshape(80, 100).mean(axis=0), atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "bands_first"), [(("n", 1, 96, 64), False), (("n", 96, 64), False), (("n", 64, 96), True)]
)
def test_log_mel_spectrograms(tmp_path: Path, shape: Shape, bands_first: bool) -> None:
    axes = (1, 2) if len(shape) == 4 else ((2,) if bands_first else (1,))
    backbone = make_backbone(network(tmp_path / "a.onnx", shape, axes), {"power": 2.0}, modality="audio")
    samples = np.random.default_rng(0).normal(size=15_600).astype(np.float32)
    wanted = 2 * log_mel(samples, MelScale(power=2.0))[:96].mean(axis=0)
    np.testing.assert_allclose(row(backbone, Sound(samples, 16_000)), wanted, atol=1e-4)


def test_metadata_of_the_file_say_what_is_not_given(tmp_path: Path) -> None:
    metadata = {"overtone.mean": "[0, 0, 0]", "overtone.std": "[1, 1, 1]", "overtone.output": "doubled", "author": "x"}
    spec = network(tmp_path / "a.onnx", ("n", 3, 8, 8), (2, 3), metadata=metadata)
    backbone: Any = make_backbone(spec, {"output": "means"})
    assert backbone.settings.mean == (0.0, 0.0, 0.0)
    assert backbone.output == "means"
    assert make_recipe(backbone).settings["std"] == [1.0, 1.0, 1.0]
    with pytest.raises(InputError, match=r"setting in the metadata of .*a\.onnx 'sides'.*did you mean 'side'"):
        make_backbone(network(tmp_path / "a.onnx", ("n", 3, 8, 8), metadata={"overtone.sides": "3"}))


def test_outputs_of_several_axes_become_rows(tmp_path: Path) -> None:
    images = torch.randint(256, (2, 8, 8, 3), dtype=torch.uint8)
    maps = make_backbone(network(tmp_path / "a.onnx", ("n", 3, 8, 8))).embed(images)
    assert maps.shape == (2, 3)  # (n, 3, 8, 8): the mean over places
    patches = make_backbone(network(tmp_path / "b.onnx", ("n", 64, 4)), modality="audio")
    assert patches.embed(torch.zeros(2, 64, 4)).shape == (2, 4)  # (n, T, d): the mean over time


@pytest.mark.parametrize("external", [False, True])
def test_recipes_know_other_weights(tmp_path: Path, external: bool) -> None:
    (tmp_path / "moved").mkdir()
    recipe = make_recipe(make_backbone(network(tmp_path / "a.onnx", ("n", 3, 8, 8), external=external)))
    same = network(tmp_path / "moved" / "b.onnx", ("n", 3, 8, 8), external=external)
    assert recipe.open(spec=same).takes == "image"
    other = network(tmp_path / "a.onnx", ("n", 3, 8, 8), weights=3.0, external=external)
    with pytest.raises(InputError, match=r"another checksum\); got \w{12}; valid: \w{12};"):
        recipe.open(spec=other)
    (tmp_path / "a.onnx").unlink()
    with pytest.raises(InputError, match="cannot be opened.*no such file.*if it lies elsewhere now.*--backbone"):
        recipe.open()


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"no network at all")
    for spec, said in (
        ("onnx", "which file"),
        (f"onnx:{tmp_path / 'none.onnx'}", "no such file"),
        (f"onnx:{tmp_path / 'a.onnx'}", "not a network in the ONNX format"),
    ):
        with pytest.raises(InputError, match=said):
            make_backbone(spec)
    for shape, dtype, settings, modality, said in (
        (("n", 3, 8, 8), "FLOAT", {}, "audio", r"input 'x' of shape \(any, 3, 8, 8\) is not for sound"),
        (("n", 96, 64), "FLOAT", {}, "visual", "is not for image or frames"),
        (("n", 96, 64), "FLOAT", {"input": "image"}, None, r"is not for image or sound \(as image\)"),
        (("n", 5), "INT64", {}, "audio", r"of a type that media.*tensor\(int64\)"),
        (("n", 100), "UINT8", {}, "audio", "sounds as whole numbers"),
        (("n", 3, 8, 9), "FLOAT", {}, None, "not square"),
        (("n", None, None), "FLOAT", {}, "audio", "number of mel bands is open"),
        (("n", 3, 8, 8), "FLOAT", {"output": "no"}, None, "no output 'no'; valid: doubled"),
    ):
        spec = network(tmp_path / "b.onnx", shape, dtype=dtype)
        with pytest.raises(InputError, match=said):
            make_backbone(spec, settings, modality=modality)


def test_weights_outside_of_the_folder_are_refused(tmp_path: Path) -> None:
    network(tmp_path / "a.onnx", ("n", 3, 8, 8), external=True)
    content = (tmp_path / "a.onnx").read_bytes()
    assert b"w.bin" in content
    (tmp_path / "a.onnx").write_bytes(content.replace(b"w.bin", b"../ab"))
    with pytest.raises(InputError, match=r"a\.onnx"):
        make_backbone(f"onnx:{tmp_path / 'a.onnx'}")


def test_missing_extra_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    spec = network(tmp_path / "a.onnx", ("n", 3, 8, 8))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"pip install 'overtone\[onnx\]'"):
        make_backbone(spec)


def test_a_fork_opens_the_network_again(tmp_path: Path) -> None:
    import multiprocessing

    backbone: Any = make_backbone(network(tmp_path / "a.onnx", ("n", 3, 8, 8), (2, 3)))
    batch = torch.zeros(2, 8, 8, 3, dtype=torch.uint8)
    wanted = backbone.embed(batch).tolist()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=lambda: queue.put(backbone.embed(batch).tolist()))
    process.start()
    assert queue.get(timeout=60) == wanted
    process.join()
