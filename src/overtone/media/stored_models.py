"""Models of the library transformers in a folder or on the hub: safetensors only, and never their own code."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from overtone.core import InputError
from overtone.core.files import read_json
from overtone.core.sources import check_inside, expand_home
from overtone.media.decoding.kinds import missing_package_error

_HARMLESS = ("pooler", "masked_spec_embed", "position_ids")
"""Parts of the names of weights that a model may lack: a pooler is not used then, the others never are."""


class ModelOutput(Protocol):
    """What a model gives, as far as it has it."""

    pooler_output: Tensor
    last_hidden_state: Tensor
    hidden_states: tuple[Tensor, ...]


class Part(Protocol):
    """A model, or the side of one, that is called."""

    def __call__(self, **inputs: object) -> ModelOutput: ...


class PretrainedModel(Part, Protocol):
    """A model of the library, as far as it has these."""

    config: Any
    main_input_name: str
    device: torch.device
    text_model: Part
    vision_model: Part
    audio_model: Part

    def get_encoder(self) -> Part:
        """The part that reads the input."""

    def state_dict(self) -> dict[str, Tensor]:
        """All weights by name."""


@dataclass(frozen=True)
class StoredModel:
    """A model by its name.

    Attributes:
        name: A folder, or a name on the hub.
        revision: Of a model on the hub: branch, tag or commit.
    """

    name: str
    revision: str = "main"

    def load(self, device: torch.device) -> tuple[PretrainedModel, set[str]]:
        """The model in evaluation mode, and the names of weights that were not stored.

        Code that lies beside a model is never run, and weights are safetensors, also those that an index names.

        Raises:
            InputError: It is not there, or its weights are not complete or no safetensors.
        """
        self._check_index()
        with self.opening() as library:
            model, loaded = library.AutoModel.from_pretrained(
                self.name,
                revision=self.revision,
                trust_remote_code=False,
                use_safetensors=True,
                output_loading_info=True,
            )
        lacking = set(loaded["missing_keys"])
        other = {name for name in lacking if not any(part in name for part in _HARMLESS)}
        if other:
            what = f"{self.name}: {len(other)} weights are not stored and would be random"
            raise InputError(what, got=min(other), fix="take a complete model")
        return model.to(device).eval().requires_grad_(False), lacking

    def companion(self, kind: str) -> Any:
        """What prepares the model's inputs: of the library's class ``AutoTokenizer`` or ``AutoFeatureExtractor``.

        Raises:
            InputError: It is not stored beside the model.
        """
        with self.opening() as library:
            return getattr(library, kind).from_pretrained(self.name, revision=self.revision, trust_remote_code=False)

    def file(self, name: str) -> Path | None:
        """One of the model's small files, if it has it."""
        with self.opening() as library:
            found = library.utils.cached_file(
                self.name, name, revision=self.revision, _raise_exceptions_for_missing_entries=False
            )
        return None if found is None else Path(found)

    @contextlib.contextmanager
    def opening(self) -> Iterator[Any]:
        """The library, quiet, with its errors as one sentence."""
        try:
            import transformers as library
        except ImportError:
            raise missing_package_error("transformers", "for this backbone") from None
        name = self.name
        like_path = "/" in name and (name.count("/") != 1 or name.startswith((".", "~", "/")))
        if like_path and not expand_home(name).is_dir():
            raise InputError(f"{name}: no such folder", fix="check the path, or name a model of the hub: OWNER/NAME")
        level = library.logging.get_verbosity()
        library.logging.set_verbosity(library.logging.ERROR)
        try:
            with contextlib.redirect_stderr(io.StringIO()):  # a bar of its own for weights that load in a moment
                yield library
        except InputError:
            raise
        except (OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError, ImportError) as error:
            reason = str(error).strip().split("\n")[0]
            fix = "name a folder with config.json and model.safetensors, or a model of the hub that can be reached"
            raise InputError(f"{name}: cannot be loaded ({reason})", fix=fix) from None
        finally:
            library.logging.set_verbosity(level)

    def _check_index(self) -> None:
        """Refuse an index of weights that names other files than safetensors beside it."""
        index = self.file("model.safetensors.index.json")
        if index is None:
            return
        named = read_json(index).get("weight_map")
        if not isinstance(named, dict) or not all(isinstance(name, str) for name in named.values()):
            raise InputError(
                f"{index}: no map from weights to files", fix="take the model's folder as it was published"
            )
        for name in sorted(set(named.values())):
            check_inside(name, index)
            if not name.endswith(".safetensors"):
                what = f"{index}: names weights that are not safetensors, and may be a pickle"
                raise InputError(what, got=repr(name), fix="convert the model with save_pretrained")
