"""Files of the ONNX format: opened, described, run and told apart by a checksum."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
import torch

from overtone.core import InputError, Settings, about
from overtone.core.settings import parse_assignments
from overtone.core.sources import check_inside, expand_home

if TYPE_CHECKING:
    import onnxruntime

S = TypeVar("S", bound=Settings)

_KEY = "overtone."
"""Beginning of the metadata that say how media become the input."""
_LOCATION = re.compile(rb"\x0a\x08location\x12(.)", re.DOTALL)
"""An entry of the format that names a file of weights; the length of the name follows."""
_TYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
}
_TYPES |= {"tensor(uint8)": np.uint8}


@dataclass(frozen=True)
class Slot:
    """An input or an output.

    Attributes:
        name: As the file calls it.
        shape: Sizes of its axes; 0 where the file leaves one open.
        dtype: Type of its values.
    """

    name: str
    shape: tuple[int, ...]
    dtype: type[np.generic]

    @property
    def shown(self) -> str:
        """The shape for messages."""
        return f"({', '.join(str(size) if size else 'any' for size in self.shape)})"


class OnnxFile:
    """A network in a file.

    Args:
        file: The file.
        device: Where it runs.

    Raises:
        InputError: It is no such file, onnxruntime is not installed or cannot use the device, or the network has
            several inputs, or one of another type.
    """

    def __init__(self, file: str, device: torch.device) -> None:
        self.path = expand_home(file)
        if not self.path.is_file():
            raise InputError(f"{file}: no such file", fix="check the path: onnx:FILE")
        self.device = device
        self._opened: tuple[int, onnxruntime.InferenceSession] | None = None
        self.outside = self._external_files()
        session = self._open(threads=1)  # to look at: the workers that are forked later open their own
        self.outputs = tuple(one.name for one in session.get_outputs())
        self.metadata: dict[str, str] = dict(session.get_modelmeta().custom_metadata_map)
        inputs = session.get_inputs()
        if len(inputs) != 1:
            got = ", ".join(one.name for one in inputs)
            raise InputError(f"{file}: takes several inputs", got=got, valid="one", fix="export one side of it alone")
        if inputs[0].type not in _TYPES:
            what = f"{file}: takes values of a type that media are not turned into"
            raise InputError(what, got=inputs[0].type, valid=", ".join(_TYPES))
        self.input = _slot(inputs[0])

    def session(self) -> onnxruntime.InferenceSession:
        """The network, opened at the first use in each process: its threads do not survive a fork."""
        if self._opened is None or self._opened[0] != os.getpid():
            self._opened = (os.getpid(), self._open(torch.get_num_threads()))
        return self._opened[1]

    def completed(self, settings: S) -> S:
        """The settings, with those of the file's metadata that were not given."""
        texts = [f"{key.removeprefix(_KEY)}={text}" for key, text in self.metadata.items() if key.startswith(_KEY)]
        with about(f"the metadata of {self.path}"):
            values = parse_assignments(texts)
        given = {name: getattr(settings, name) for name in settings.model_fields_set}
        return type(settings).build({**values, **given}, where=f"the metadata of {self.path}")

    def find_output(self, name: str) -> str:
        """The output of a name, the first one if it is empty; InputError if there is none."""
        if name and name not in self.outputs:
            raise InputError(f"{self.path}: no output {name!r}", valid=", ".join(self.outputs))
        return name or self.outputs[0]

    def run(self, values: np.ndarray[Any, Any], output: str) -> np.ndarray[Any, Any]:
        """(n, ...) values of the input's type to (n, d) float32; of all other axes the mean is taken.

        Raises:
            InputError: The network fails on them.
        """
        alone = len(self.input.shape) < values.ndim  # an input without an axis of media
        size = 1 if alone or self.input.shape[0] == 1 else len(values)
        found = [
            self._run_one(values[start] if alone else values[start : start + size], output, alone)
            for start in range(0, len(values), size)
        ]
        return np.concatenate(found)

    def _run_one(self, values: np.ndarray[Any, Any], output: str, alone: bool) -> np.ndarray[Any, Any]:
        try:
            (found,) = self.session().run([output], {self.input.name: values})
        except Exception as error:  # the runtime has exceptions of its own, and raises RuntimeError beside them
            reason = str(error).split("\n")[0]
            raise InputError(f"{self.path}: fails on an input of shape {values.shape} ({reason})") from None
        rows: np.ndarray[Any, Any] = np.asarray(found, np.float32)
        if alone:
            rows = rows.reshape(-1, rows.shape[-1]).mean(axis=0, keepdims=True)
        elif rows.ndim == 3:  # tokens or time, then features
            rows = rows.mean(axis=1)
        elif rows.ndim == 4:  # (n, d, height, width): a map of places
            rows = rows.mean(axis=(2, 3))
        else:
            rows = rows.reshape(len(values), -1)
        return rows

    def checksum(self) -> str:
        """SHA-256 of the file and of the files of weights that it names."""
        digest = hashlib.sha256()
        for path in (self.path, *self.outside):
            with path.open("rb") as stream:
                for block in iter(lambda: stream.read(1 << 20), b""):
                    digest.update(block)
        return digest.hexdigest()

    def _external_files(self) -> list[Path]:
        """The files of weights beside it; InputError where one lies outside of its folder or is missing."""
        content = self.path.read_bytes()
        ends = ((match.end(), match.group(1)[0]) for match in _LOCATION.finditer(content))
        names = sorted({content[end : end + length].decode("utf-8", "replace") for end, length in ends})
        for name in names:
            check_inside(name, self.path)
            if not (self.path.parent / name).is_file():
                raise InputError(f"{self.path}: its weights are missing", got=name, fix="copy all files of the network")
        return [self.path.parent / name for name in names]

    def _open(self, threads: int) -> onnxruntime.InferenceSession:
        try:
            import onnxruntime
        except ImportError:
            fix = "install it: pip install 'overtone[onnx]'"
            raise InputError("onnxruntime is needed for this backbone and is not installed", fix=fix) from None
        provider = "CPUExecutionProvider" if self.device.type == "cpu" else "CUDAExecutionProvider"
        there = onnxruntime.get_available_providers()
        if provider not in there:
            fix = "take --device cpu, or install onnxruntime-gpu"
            raise InputError("onnxruntime has no support for this device here", got=str(self.device), fix=fix)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3  # errors
        chosen: Any = [(provider, {"device_id": self.device.index or 0})] if self.device.type != "cpu" else [provider]
        try:
            return onnxruntime.InferenceSession(str(self.path), options, providers=chosen)
        except Exception as error:  # see _run_one
            reason = str(error).split("\n")[0]
            raise InputError(f"{self.path}: not a network in the ONNX format ({reason})") from None


class _Argument(Protocol):
    """An input or an output as the library describes it."""

    name: str
    shape: list[int | str | None]
    type: str


def _slot(found: _Argument) -> Slot:
    sizes = tuple(size if isinstance(size, int) and size > 0 else 0 for size in found.shape)
    return Slot(found.name, sizes, _TYPES[found.type])
