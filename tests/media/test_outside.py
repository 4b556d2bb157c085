"""Images and models of others: explicit formats, declared sizes, nothing outside of the folder, no foreign code."""

from __future__ import annotations

import gzip
import io
import json
import os
import struct
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from overtone.core import InputError
from overtone.media import extract, make_backbone
from overtone.media.decoding.images import FORMATS, decode
from overtone.media.decoding.kinds import BrokenMedium
from overtone.media.layouts import read_catalogue

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n(trap) (w) file\nshowpage\n%%EOF\n"


def test_other_formats_are_not_opened_whatever_they_are_called(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(EPS)
    for raw in (tmp_path / "a.png", EPS):
        with pytest.raises(BrokenMedium, match="not an image"):
            decode(raw)
    others = {"TGA", "ICO", "PCX", "ICNS"} - set(FORMATS)
    for name in others:
        stream = io.BytesIO()
        Image.new("RGB", (32, 32)).save(stream, name)
        with pytest.raises(BrokenMedium):
            decode(stream.getvalue())


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM"])
def test_the_formats_that_are_listed_are_opened(name: str) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (9, 7), (200, 10, 10)).save(stream, name)
    assert decode(stream.getvalue()).size == (9, 7)


def png(width: int, height: int) -> bytes:
    """A PNG of a few bytes that declares so many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("size", "said"), [((10_000, 10_000), "truncated"), ((13_000, 13_000), "more than"), ((60_000, 60_000), "limit")]
)
def test_an_image_is_refused_by_the_size_that_it_declares(size: tuple[int, int], said: str) -> None:
    with pytest.raises(BrokenMedium, match=said):
        decode(png(*size))


def test_a_pipe_among_images_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(BrokenMedium, match="not a file"):
        decode(tmp_path / "a.png")
    os.mkfifo(tmp_path / "train-0.parquet")
    with pytest.raises(InputError, match="is not a file"):
        read_catalogue(tmp_path, "hugging-face")


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd"])
def test_lists_name_images_of_their_own_folder_only(tmp_path: Path, name: str) -> None:
    hub, birds = tmp_path / "hub", tmp_path / "birds"
    hub.mkdir()
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    column = pa.array([{"bytes": None, "path": name}], kind)
    pq.write_table(pa.table({"image": column, "label": [0]}), hub / "train-0.parquet")
    with pytest.raises(InputError, match="names a file outside of its folder"):
        read_catalogue(hub).media["image"](0)
    (birds / "images").mkdir(parents=True)
    (birds / "images.txt").write_text(f"1 {name}\n")
    (birds / "image_class_labels.txt").write_text("1 1\n")
    (birds / "classes.txt").write_text("1 001.ant\n")
    with pytest.raises(InputError, match="names a file outside of its folder"):
        read_catalogue(birds, "cub")


def test_a_compressed_list_of_pixels_is_not_unpacked_without_an_end(tmp_path: Path) -> None:
    head = struct.pack(">4B3I", 0, 0, 8, 3, 100_000, 1000, 1000)
    for part in ("train", "t10k"):
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(head + bytes(1 << 20)))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">4BI", 0, 0, 8, 1, 0))
    with pytest.raises(InputError, match="declares 100,000,000,000 bytes"):
        read_catalogue(tmp_path)


def test_what_is_not_of_an_extraction_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    Image.new("RGB", (9, 7)).save(tmp_path / "images" / "a.png")
    Image.new("RGB", (9, 7), (9, 9, 9)).save(tmp_path / "images" / "b.png")
    mine = [tmp_path / "f.npz.parts" / "mine.txt", tmp_path / "g.npz.json"]
    for path in mine:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(InputError, match="holds other things; got mine.txt"):
            extract(tmp_path / "images", tmp_path / "f.npz", overwrite=overwrite)
    with pytest.raises(InputError, match=r"g.npz.json: is there already"):
        extract(tmp_path / "images", tmp_path / "g.npz")
    assert [path.read_text() for path in mine] == ["mine", "mine"]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    library = pytest.importorskip("transformers")
    library.logging.set_verbosity_error()
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    library.ViTModel(library.ViTConfig(**small, image_size=16, patch_size=8)).save_pretrained(tmp_path / "vit")
    processor = {"size": {"height": 16, "width": 16}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (tmp_path / "vit" / "preprocessor_config.json").write_text(json.dumps(processor))
    return tmp_path / "vit"


def test_code_beside_a_model_is_not_run(model: Path, tmp_path: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoConfig": "code.Mine", "AutoModel": "code.Model"}}
    (model / "config.json").write_text(json.dumps(config))
    (model / "code.py").write_text(f"open({str(tmp_path / 'trap')!r}, 'w')\n")
    with pytest.raises(InputError, match="cannot be loaded"):
        make_backbone(f"transformers:{model}")
    assert not (tmp_path / "trap").exists()


@pytest.mark.parametrize("name", ["pytorch_model.bin", "../other.safetensors"])
def test_weights_are_safetensors_also_behind_an_index(model: Path, name: str) -> None:
    weights = model / "model.safetensors"
    weights.rename(model / "pytorch_model.bin")
    with pytest.raises(InputError, match="cannot be loaded"):
        make_backbone(f"transformers:{model}")
    (model / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": {"a": name}}))
    with pytest.raises(InputError, match=r"names (weights that are not safetensors|a file outside)"):
        make_backbone(f"transformers:{model}")


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"size": 3, "image_mean": "x"}', '{"size": {"height": 99999, "width": 9}}']
)
def test_a_damaged_processor_is_named(model: Path, content: str) -> None:
    (model / "preprocessor_config.json").write_text(content)
    with pytest.raises(InputError, match="preprocessor_config.json"):
        make_backbone(f"transformers:{model}")
