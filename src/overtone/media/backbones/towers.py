"""``transformers``: image towers (ViT, CLIP, DINO, ...) of the library of that name, from a folder or from the hub."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from overtone.core import InputError, Settings
from overtone.core.files import read_json
from overtone.core.sources import check_inside
from overtone.media.backbones import Backbone, Takes, backbones
from overtone.media.decoding.images import Image, Pixels
from overtone.media.decoding.kinds import missing_package_error
from overtone.media.preprocessing import Preprocessing, read_preprocessing


class TowerSettings(Settings):
    """Which model, and which of its outputs."""

    model: str = ""
    """A folder with a stored model, or its name on the hub (openai/clip-vit-base-patch32)."""
    revision: str = "main"
    """Of a model on the hub: branch, tag or commit."""
    output: Literal["auto", "projected", "pooled", "cls", "mean"] = "auto"
    """What becomes the features: the projection into the space shared with text, the pooled output, the class token, or
    the mean over all tokens of the last layer; auto takes the first of these that the model has trained weights for."""


@backbones.register("transformers")
class Tower(Backbone):
    """A stored image model, or the image side of a stored image-text model; weights are safetensors, never pickles."""

    name: ClassVar[str] = "transformers"
    settings_type: ClassVar[type[Settings]] = TowerSettings
    argument: ClassVar[str] = "model"
    settings: TowerSettings

    def __init__(
        self,
        settings: TowerSettings,
        *,
        device: torch.device,
        seed: int = 0,
        wanted: tuple[Takes, ...] | None = None,
    ) -> None:
        super().__init__(settings, device=device, seed=seed, wanted=wanted)
        if not settings.model:
            fix = "name a folder or a model of the hub: transformers:PATH_OR_NAME"
            raise InputError("backbone transformers: which model?", fix=fix)
        self.image_input: Preprocessing = read_preprocessing(self._file, settings.model)
        self.model, lacking = self._load()
        self.output = self._choose_output(lacking)
        self.mean, self.std = (
            torch.tensor(values, device=self.device).view(1, 3, 1, 1)
            for values in (self.image_input.mean, self.image_input.std)
        )

    def prepare(self, medium: Image) -> Pixels:
        """Resized and cropped as the model's own settings say."""
        return self.image_input(medium)

    def embed(self, batch: Tensor) -> Tensor:
        """(n, height, width, 3) 8-bit pixels to (n, d) features."""
        pixels = batch.to(self.device).permute(0, 3, 1, 2).float() * self.image_input.scale
        pixels = (pixels - self.mean) / self.std
        with torch.inference_mode():
            if self.output == "projected":
                found = self.model.get_image_features(pixel_values=pixels)
                features = found if isinstance(found, Tensor) else found.pooler_output
            else:
                image_model = self.model.vision_model if hasattr(self.model, "get_image_features") else self.model
                features = self._take(image_model(pixel_values=pixels))
            return features.flatten(1).float()

    def _take(self, outputs: Any) -> Tensor:
        """(n, d), or (n, d, 1, 1), of what the model gives."""
        if self.output == "pooled":
            pooled: Tensor = outputs.pooler_output
            return pooled
        last: Tensor = outputs.last_hidden_state
        if last.dim() != 3:  # a map of (channels, height, width): convolutional models have no tokens
            return last.mean(dim=(2, 3))
        return last[:, 0] if self.output == "cls" else last.mean(dim=1)

    def _choose_output(self, lacking: set[str]) -> str:
        """The output to take; ``lacking`` are the names of weights that were not stored."""
        model, wanted = self.model, self.settings.output
        projects = hasattr(model, "get_image_features")
        if not projects and model.main_input_name != "pixel_values":
            raise InputError(f"{self.settings.model}: not a model for images", got=type(model).__name__)
        other = {name for name in lacking if "pooler" not in name}
        if other:
            what = f"{self.settings.model}: {len(other)} weights are not stored and would be random"
            raise InputError(what, got=min(other), fix="take a complete model")
        # image sides of image-text models pool without weights of their own for it
        pooler = getattr(model, "pooler", None) is not None or hasattr(model, "post_layernorm")
        pools = projects or (pooler and not lacking)
        valid = [*(["projected"] if projects else []), *(["pooled"] if pools else []), "cls", "mean"]
        if wanted not in ("auto", *valid):
            what = f"{self.settings.model}: has no trained weights for the output {wanted!r}"
            raise InputError(what, valid=", ".join(valid))
        return valid[0] if wanted == "auto" else wanted

    def _load(self) -> tuple[Any, set[str]]:
        """The model in evaluation mode, and the names of weights that were not stored.

        Code that lies beside a model is never run, and weights are safetensors, also those that an index names.
        """
        self._check_index()
        with self._opening() as library:
            model, loaded = library.AutoModel.from_pretrained(
                self.settings.model,
                revision=self.settings.revision,
                trust_remote_code=False,
                use_safetensors=True,
                output_loading_info=True,
            )
        return model.to(self.device).eval().requires_grad_(False), set(loaded["missing_keys"])

    def _check_index(self) -> None:
        """Refuse an index of weights that names other files than safetensors beside it."""
        index = self._file("model.safetensors.index.json")
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

    def _file(self, name: str) -> Path | None:
        """One of the model's small files, if it has it."""
        with self._opening() as library:
            found = library.utils.cached_file(
                self.settings.model, name, revision=self.settings.revision, _raise_exceptions_for_missing_entries=False
            )
        return None if found is None else Path(found)

    @contextlib.contextmanager
    def _opening(self) -> Iterator[Any]:
        """The library, quiet, with its errors as one sentence."""
        try:
            import transformers as library
        except ImportError:
            raise missing_package_error("transformers", "for this backbone") from None
        name = self.settings.model
        like_path = "/" in name and (name.count("/") != 1 or name.startswith((".", "~", "/")))
        if like_path and not Path(name).expanduser().is_dir():
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
            raise InputError(f"{name}: no image model can be loaded ({reason})", fix=fix) from None
        finally:
            library.logging.set_verbosity(level)
