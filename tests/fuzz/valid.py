"""Small inputs that every command takes: what the mutations start from."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.io
import scipy.sparse
from PIL import Image

from overtone.core.files import save_tensors

Arrays = dict[str, Any]
ROWS = 48

Words = list[str]
"""Words of a command."""
QUICK = ["--set", "epochs=1", "--set", "batch_size=16"]
"""A training that is over at once."""


def corpus() -> Arrays:
    """Two modalities that see three classes, with ids, labels and splits."""
    random = np.random.default_rng(0)
    y = np.arange(ROWS) % 3
    hidden = np.eye(3)[y] + 0.2 * random.standard_normal((ROWS, 3))
    return {
        "audio": (hidden @ random.standard_normal((3, 6))).astype(np.float32),
        "visual": (hidden @ random.standard_normal((3, 5))).astype(np.float32),
        "y": y,
        "ids": np.array([f"clip{row}" for row in range(ROWS)]),
        "split": np.array(["test" if row % 10 >= 6 else "train" for row in range(ROWS)]),
        "class_names": np.array(["dog", "cat", "owl"]),
    }


def table() -> Arrays:
    """Five variables, of which two depend on others."""
    values = np.random.default_rng(1).standard_normal((120, 5))
    values[:, 2] += values[:, 0]
    values[:, 4] -= values[:, 3]
    return {"data": values, "names": np.array(list("abcde"))}


def soft_labels() -> Arrays:
    """Softmax rows of two modalities and the annotated classes."""
    random = np.random.default_rng(2)
    parts = {name: random.dirichlet(np.ones(4), 80).astype(np.float32) for name in ("audio", "visual")}
    return {**parts, "y": random.integers(0, 4, 80), "class_names": np.array(list("wxyz"))}


def write_npz(arrays: Arrays, path: Path) -> None:
    np.savez(path, **arrays)


def write_compressed(arrays: Arrays, path: Path) -> None:
    np.savez_compressed(path, **arrays)


def write_hdf5(arrays: Arrays, path: Path) -> None:
    with h5py.File(path, "w") as file:
        for key, values in arrays.items():
            values = np.asarray(values)
            text = values.dtype.kind == "U"
            file.create_dataset(
                key, data=values.astype(object) if text else values, dtype=h5py.string_dtype() if text else None
            )


def write_chunked(arrays: Arrays, path: Path) -> None:
    with h5py.File(path, "w") as file:
        for key, values in arrays.items():
            values = np.asarray(values)
            if values.dtype.kind in "biuf" and values.ndim:
                file.create_dataset(key, data=values, chunks=True, compression="gzip")
            elif values.dtype.kind == "U":
                file.create_dataset(key, data=values.astype(object), dtype=h5py.string_dtype())


def write_mat(arrays: Arrays, path: Path) -> None:
    scipy.io.savemat(
        path, {key: values for key, values in arrays.items() if key.isidentifier()}, do_compression=len(arrays) % 2 == 0
    )


def write_parquet(arrays: Arrays, path: Path) -> None:
    rows = len(np.asarray(arrays["audio"])) if "audio" in arrays else ROWS
    columns = {
        key: pa.array(list(map(_plain, values)))
        for key, values in arrays.items()
        if np.ndim(values) and len(values) == rows
    }
    pq.write_table(pa.table(columns), path)


def write_csv(arrays: Arrays, path: Path) -> None:
    lines = [",".join(map(str, arrays["names"])), *(",".join(map(str, row)) for row in arrays["data"].tolist())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="backslashreplace")


def write_safetensors(arrays: Arrays, path: Path) -> None:
    import torch

    numbers = {
        key: torch.from_numpy(np.asarray(values))
        for key, values in arrays.items()
        if np.asarray(values).dtype.kind in "biuf"
    }
    texts = {
        key: json.dumps(np.asarray(values).tolist())
        for key, values in arrays.items()
        if np.asarray(values).dtype.kind == "U"
    }
    save_tensors(path, numbers, texts)


def write_sparse(arrays: Arrays, path: Path) -> None:
    parts: Arrays = {}
    for key, values in arrays.items():
        if np.ndim(values) == 2 and np.asarray(values).dtype.kind == "f":
            matrix = scipy.sparse.csr_matrix(np.nan_to_num(values))
            parts |= {
                f"{key}_data": matrix.data,
                f"{key}_indices": matrix.indices,
                f"{key}_indptr": matrix.indptr,
                f"{key}_shape": np.array(matrix.shape),
            }
        else:
            parts[key] = values
    np.savez(path, **parts)


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


WRITERS: dict[str, tuple[str, Callable[[Arrays, Path], None]]] = {
    "npz": (".npz", write_npz),
    "compressed npz": (".npz", write_compressed),
    "hdf5": (".h5", write_hdf5),
    "chunked hdf5": (".h5", write_chunked),
    "mat": (".mat", write_mat),
    "parquet": (".parquet", write_parquet),
    "safetensors": (".safetensors", write_safetensors),
    "sparse npz": (".npz", write_sparse),
}
"""Format to suffix and writer."""


def write_npy_folder(arrays: Arrays, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for key, values in arrays.items():
        np.save(folder / f"{key}.npy", values)


def write_images(folder: Path) -> None:
    """Six images in two classes, as PNG, JPEG and GIF."""
    random = np.random.default_rng(3)
    for number in range(6):
        path = folder / ("ant" if number % 2 else "bee") / f"{number}{('.png', '.jpg', '.gif')[number % 3]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (24, 20, 3), dtype=np.uint8)).save(path)


def write_idx(folder: Path) -> None:
    """Images as MNIST has them, the training part compressed."""
    random = np.random.default_rng(4)
    folder.mkdir(exist_ok=True)
    for part in ("train", "t10k"):
        pixels, labels = random.integers(0, 256, (8, 12, 12), dtype=np.uint8), np.arange(8, dtype=np.uint8) % 2
        contents = {
            f"{part}-images-idx3-ubyte": struct.pack(">4B3I", 0, 0, 8, 3, *pixels.shape) + pixels.tobytes(),
            f"{part}-labels-idx1-ubyte": struct.pack(">4BI", 0, 0, 8, 1, 8) + labels.tobytes(),
        }
        zipped = part == "train"
        for name, content in contents.items():
            (folder / (f"{name}.gz" if zipped else name)).write_bytes(gzip.compress(content) if zipped else content)


def write_cifar(folder: Path) -> None:
    """Records of CIFAR-10."""
    random = np.random.default_rng(5)
    folder.mkdir(exist_ok=True)
    for stem in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        records = random.integers(0, 256, (4, 3073), dtype=np.uint8)
        records[:, 0] = np.arange(4)
        (folder / f"{stem}.bin").write_bytes(records.tobytes())
    (folder / "batches.meta.txt").write_text("\n".join(f"class{number}" for number in range(10)))


def write_hub(folder: Path) -> None:
    """Images in Parquet, as a hub of data sets has them."""
    source = folder.with_name(folder.name + "-source")
    write_images(source)
    folder.mkdir(exist_ok=True)
    images = [{"bytes": path.read_bytes(), "path": path.name} for path in sorted(source.rglob("*.*"))]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    for split, part in (("train", images[:4]), ("test", images[4:])):
        columns = {"image": pa.array(part, kind), "label": pa.array([number % 2 for number in range(len(part))])}
        pq.write_table(pa.table(columns), folder / f"{split}-00000-of-00001.parquet")


def write_cub(folder: Path) -> None:
    """Lists of images and classes as the birds have them."""
    write_images(folder / "images")
    files = sorted(path.relative_to(folder / "images").as_posix() for path in (folder / "images").rglob("*.*"))
    lines = list(enumerate(files, 1))
    (folder / "images.txt").write_text("".join(f"{number} {name}\n" for number, name in lines))
    (folder / "image_class_labels.txt").write_text(
        "".join(f"{number} {1 + name.startswith('bee')}\n" for number, name in lines)
    )
    (folder / "classes.txt").write_text("1 001.ant\n2 002.bee\n")
    (folder / "train_test_split.txt").write_text("".join(f"{number} {number % 2}\n" for number, _ in lines))


IMAGES = {"folder": write_images, "idx": write_idx, "cifar": write_cifar, "hub": write_hub, "cub": write_cub}
"""Layout to what writes one."""
