"""A run as a model of the Hugging Face hub: ``config.json``, ``model.safetensors`` and a card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, NamedTuple

from torch import Tensor

from overtone.core import InputError, about
from overtone.core.files import load_tensors, read_json, save_tensors, write_json, write_text
from overtone.core.outputs import check_file
from overtone.core.settings import rename
from overtone.core.version import __version__
from overtone.evaluation import Evaluation
from overtone.features import Scaler
from overtone.features.scaling import scalers_from, scalers_state
from overtone.methods.base import Method, methods
from overtone.training.history import TrainingRecord
from overtone.training.loading import assemble_method, check_description
from overtone.training.model_card import write_card
from overtone.training.settings import TrainingSettings

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
_LAYOUT = 1
"""Version of the layout."""
_METHOD, _SCALERS = "method.", "scalers."
"""Beginnings of the tensors' names."""


class HubModel(TrainingRecord):
    """Base of :class:`overtone.training.Run`: writes a run as a model of the hub, and uploads it.

    Attributes:
        method, scalers, settings: As of the run.
    """

    method: Method
    scalers: dict[str, Scaler]
    settings: dict[str, Any]

    def save_pretrained(self, folder: str | Path, *, licence: str | None = None, overwrite: bool = False) -> Path:
        """Write config.json, model.safetensors and a card (README.md), as models of the Hugging Face hub have them.

        What the run was trained on is named without the folder that it lay in.

        Args:
            folder: Made if it is not there.
            licence: Identifier such as ``"apache-2.0"``, for the card.
            overwrite: Replace these files if they are there.

        Returns:
            The folder.

        Raises:
            InputError: A file is there already, or the folder cannot be written.
        """
        place = Path(folder).expanduser()
        for name in (CONFIG, WEIGHTS, CARD):
            check_file(place / name, overwrite=overwrite)
        weights = {f"{_METHOD}{name}": tensor for name, tensor in self.method.weights_state().items()}
        weights |= {f"{_SCALERS}{name}": tensor for name, tensor in scalers_state(self.scalers).items()}
        info, method = _without_paths(self.info), self.method.name
        save_tensors(place / WEIGHTS, weights, {"format": "pt"})
        write_text(place / CARD, write_card(method, info, self.settings, self.evaluation, licence))
        config = {"library_name": "overtone", "overtone_version": __version__, "layout": _LAYOUT, "method": method}
        evaluation = None if self.evaluation is None else self.evaluation.to_dict()
        write_json(place / CONFIG, {**config, "settings": self.settings, "run": info, "evaluation": evaluation})
        return place

    def push_to_hub(
        self,
        name: str,
        *,
        private: bool = True,
        licence: str | None = None,
        token: str | None = None,
        message: str | None = None,
    ) -> str:
        """Upload to the Hugging Face hub what :meth:`save_pretrained` writes; needs ``overtone[hub]``.

        Args:
            name: ``OWNER/NAME``; made if it is not there.
            private: Whether a new one is private.
            licence: As for :meth:`save_pretrained`.
            token: Of the hub; by default the one that its own command has stored.
            message: Of the commit.

        Returns:
            Its address.

        Raises:
            InputError: The hub's library is not installed, or the hub refuses.
        """
        hub = _hub()
        with TemporaryDirectory() as temporary:
            self.save_pretrained(temporary, licence=licence)
            said = message or f"A run of {self.method.name}"
            try:
                hub.create_repo(name, private=private, exist_ok=True, token=token)
                hub.upload_folder(repo_id=name, folder_path=temporary, token=token, commit_message=said)
            except (OSError, ValueError, hub.errors.HfHubHTTPError) as error:
                reason = str(error).strip().split("\n")[0]
                raise InputError(
                    f"{name}: the hub refuses ({reason})", fix="check name, token and connection"
                ) from None
        return f"https://huggingface.co/{name}"


class Pretrained(NamedTuple):
    """What a model of the hub consists of, as of a run."""

    method: Method
    scalers: dict[str, Scaler]
    settings: dict[str, Any]
    info: dict[str, Any]
    evaluation: Evaluation | None


def read_pretrained(name: str | Path, revision: str | None, device: str) -> Pretrained:
    """Read a model from a folder, or from the hub where ``OWNER/NAME`` is named.

    Raises:
        InputError: There is no such folder or model, it is damaged, or the hub's library is not installed.
    """
    place = _find(name, revision)
    config, tensors = read_json(place / CONFIG), load_tensors(place / WEIGHTS)
    info, given = config.get("run"), config.get("settings")
    if config.get("library_name") != "overtone" or not isinstance(info, dict) or not isinstance(given, dict):
        raise InputError(f"{place / CONFIG}: not a model of Overtone", fix="make one with run.save_pretrained")
    described = check_description(info, place / CONFIG)
    if described.method not in methods:
        what = f"{place / CONFIG}: the method {described.method!r} is not registered"
        raise InputError(what, fix="name the file that registers it: overtone.import_plugin")
    renamed = rename(given, methods[described.method].settings_type, TrainingSettings, where=str(place / CONFIG))
    files = place / CONFIG, place / WEIGHTS
    method, settings = assemble_method(described, renamed, _part(tensors, _METHOD), *files, device)
    scalers = scalers_from(_part(tensors, _SCALERS), described.modalities, place / WEIGHTS)
    found = config.get("evaluation")
    with about(place / CONFIG):
        evaluation = Evaluation.from_dict(found) if isinstance(found, dict) else None
    return Pretrained(method, scalers, settings, info, evaluation)


def _find(name: str | Path, revision: str | None) -> Path:
    """The folder of a model: itself, or the copy that the hub's library keeps."""
    place = Path(name).expanduser()
    if place.is_dir():
        if not (place / CONFIG).is_file():
            raise InputError(f"{place}: holds no model (no {CONFIG})", fix="make one with run.save_pretrained")
        return place
    if str(name).count("/") != 1 or str(name).startswith((".", "/", "~")):
        raise InputError(f"{name}: no such folder", fix="check the path, or name a model of the hub: OWNER/NAME")
    hub = _hub()
    try:
        return Path(hub.snapshot_download(str(name), revision=revision, allow_patterns=[CONFIG, WEIGHTS, CARD]))
    except (OSError, ValueError, hub.errors.HfHubHTTPError) as error:
        reason = str(error).strip().split("\n")[0]
        raise InputError(f"{name}: neither a folder nor a model that can be fetched ({reason})") from None


def _hub() -> ModuleType:
    """The hub's library."""
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ImportError:
        raise InputError("huggingface_hub is not installed", fix="pip install 'overtone[hub]'") from None
    library: ModuleType = huggingface_hub
    return library


def _part(tensors: Mapping[str, Tensor], beginning: str) -> dict[str, Tensor]:
    """The tensors under a beginning, without it."""
    return {name.removeprefix(beginning): one for name, one in tensors.items() if name.startswith(beginning)}


def _without_paths(info: Mapping[str, Any]) -> dict[str, Any]:
    """What ``run.json`` holds, with the data's name in place of its path."""
    data = dict(info.get("data") or {})
    if "source" in data:
        path, data["source"] = str(data["source"]), PurePath(str(data["source"])).name
        data["notes"] = [str(note).replace(path, data["source"]) for note in data.get("notes") or ()]
    return {**info, "data": data}
