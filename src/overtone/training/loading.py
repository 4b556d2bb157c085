"""A finished run is read from its folder, whose files may have been changed by hand or copied by halves."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import pydantic
from torch import Tensor

from overtone.core import InputError, about
from overtone.core.devices import find_device
from overtone.core.files import load_tensors
from overtone.features import Scaler
from overtone.methods.base import CorpusInfo, Method, methods
from overtone.training.folder import RunFolder, restore_method
from overtone.training.resuming import is_newer
from overtone.training.settings import TrainingSettings, split_settings

log = logging.getLogger("overtone")

_Size = Annotated[int, pydantic.Field(ge=1, le=1 << 24, strict=True)]
_Shape = Annotated[tuple[_Size, ...], pydantic.Field(min_length=1, max_length=2)]


class _Part(pydantic.BaseModel):
    """Entries that are not listed are left as they are."""

    model_config = pydantic.ConfigDict(extra="ignore", allow_inf_nan=False)


class CorpusEntry(_Part):
    """The training set, as :class:`overtone.methods.base.CorpusInfo`."""

    shapes: tuple[_Shape, _Shape]
    rows: Annotated[int, pydantic.Field(ge=1, strict=True)]
    pairs: Annotated[int, pydantic.Field(ge=0, strict=True)] | None = None
    classes: Annotated[int, pydantic.Field(ge=0, le=1 << 24, strict=True)] = 0
    wrong_share: float = 0.0
    memorised: float = 1.0


class RunDescription(_Part):
    """What is needed to embed with a run."""

    method: str
    modalities: tuple[str, str]
    shapes: tuple[_Shape, _Shape]
    corpus: CorpusEntry
    versions: dict[str, Any] = {}


def check_description(info: Mapping[str, Any], path: Path) -> RunDescription:
    """What ``run.json`` says, typed.

    Args:
        info: What the file holds.
        path: The file, for messages.

    Raises:
        InputError: An entry is missing or of another kind.
    """
    try:
        return RunDescription.model_validate(dict(info))
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        got = None if first["type"] == "missing" else repr(first["input"])
        what = f"{path}: does not describe a run, entry {where!r}: {first['msg'].lower()}"
        raise InputError(what, got=got, fix="take a whole copy of the run, or train it again") from None


@contextmanager
def whole_copy(folder: str | Path, modality: str) -> Iterator[None]:
    """Around an embedding: weights, scalers and settings that do not fit each other are an InputError."""
    try:
        with suppress(InputError):  # of this one row, which is no clip
            yield
    except (RuntimeError, IndexError, KeyError, TypeError, AttributeError) as error:
        reason = str(error).split("\n")[0]
        what = f"{folder}: weights, scalers and settings do not fit each other, in {modality} ({reason})"
        raise InputError(what, fix="take a whole copy of the run, or train it again") from None


def read_run(folder: RunFolder, device: str) -> tuple[Method, dict[str, Scaler], dict[str, Any], dict[str, Any]]:
    """The method with its weights, the scalers, all settings, and what ``run.json`` holds.

    Raises:
        InputError: The folder is no run, is not finished, or is damaged.
    """
    info = folder.info()
    if info.get("state") != "finished":
        what = f"{folder.path}: the run is not finished ({info.get('state')})"
        raise InputError(what, fix="continue it with --resume")
    described = check_description(info, folder / "run.json")
    if described.method not in methods:
        what = f"{folder.path}: the run's method {described.method!r} is not registered"
        raise InputError(what, fix="name its file with --import")
    if is_newer(described.versions.get("overtone")):
        log.warning("%s: made by a newer Overtone (%s)", folder.path, described.versions["overtone"])
    stored = folder.settings(methods[described.method].settings_type, TrainingSettings)
    scalers = folder.scalers(described.modalities)
    files = folder / "settings.yaml", folder / "weights.safetensors"
    method, everything = assemble_method(described, stored, load_tensors(files[1]), *files, device)
    return method, scalers, everything, info


def assemble_method(
    described: RunDescription,
    settings: Mapping[str, Any],
    weights: Mapping[str, Tensor],
    settings_file: Path,
    weights_file: Path,
    device: str,
) -> tuple[Method, dict[str, Any]]:
    """The method with its weights, and all settings.

    Args:
        described: What is needed to build it.
        settings: Flat, the method's and the training's.
        weights: Parameters and buffers by name.
        settings_file, weights_file: Where these are from, for messages.
        device: Where to embed.

    Raises:
        InputError: A setting cannot be used, or the weights are of another model.
    """
    kind = methods[described.method]
    own, training = split_settings(settings, kind)
    built = kind.settings_type.build(own, where=str(settings_file))
    with about(weights_file):
        method = kind(built, CorpusInfo(**described.corpus.model_dump()))
        restore_method(method, weights)
    method.to(find_device(device)).eval()
    return method, {**method.settings.model_dump(mode="json"), **training.model_dump(mode="json")}
