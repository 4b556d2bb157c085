"""MTEB: a run as an encoder of that benchmark, and its two ways to judge retrieval on anyone's clips."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch.nn import functional as F

from overtone.core import InputError
from overtone.core.extras import import_extra
from overtone.core.files import checksum
from overtone.training import Run

if TYPE_CHECKING:
    from PIL.Image import Image

    from overtone.media.backbones import Backbone
    from overtone.media.decoding import Medium
    from overtone.media.recipes import Recipe

Batch: TypeAlias = Mapping[str, Sequence[object]]
"""Kind of input (``"audio"``, ``"video"``, ``"image"`` or ``"text"``) to items; other keys are passed over."""
Embeddings: TypeAlias = NDArray[np.float32]
Describe: TypeAlias = Callable[[Sequence[Any]], ArrayLike]
"""Items of a batch to (n, d) features, as the run was trained on."""
Protocol = Literal["own-pair", "class"]

_TAKES: dict[str, tuple[str, ...]] = {
    "audio": ("sound",),
    "video": ("frames", "image"),
    "image": ("image", "frames"),
    "text": ("text",),
}
"""Kind of input to the kinds of media that a tower for it takes, see :class:`overtone.media.recipes.Recipe`."""
_DEPTH = 10
"""Ranks that count."""


class RunEncoder:
    """An encoder of MTEB, made of a run; the tower is chosen by what a batch holds.

    Media are described by the run's recipes, as those were that it was trained on. A batch with several kinds of input
    that the run has towers for gets the mean of their embeddings, of unit length again.

    Args:
        run: A run, or its folder.
        device: Where backbones and the run compute.
        describe: Kind of input to what describes it, for runs on features that :func:`overtone.extract` did not make;
            which modality that is stands in ``towers``.
        towers: Kind of input to the run's modality, where recipes do not say.

    Raises:
        InputError: The run cannot be used, or there is no tower for any kind of input.
    """

    def __init__(
        self,
        run: Run | str | Path,
        *,
        device: str = "cpu",
        describe: Mapping[str, Describe] | None = None,
        towers: Mapping[str, str] | None = None,
    ) -> None:
        self.run = run if isinstance(run, Run) else Run.load(run, device)
        self.device = device
        self.describe = dict(describe or {})
        self.towers = {**_find_towers(self.run.recipes), **(towers or {})}
        self._backbones: dict[tuple[str, str], Backbone] = {}
        for kind, modality in self.towers.items():
            if kind not in _TAKES or modality not in self.run.modalities:
                valid = f"{', '.join(_TAKES)} to {' or '.join(self.run.modalities)}"
                raise InputError("towers: no such kind of input or modality", got=f"{kind}: {modality}", valid=valid)
        if not self.towers:
            what = f"the run of {self.run.name} does not know how media become its features"
            raise InputError(what, fix="train it on features of overtone extract, or pass describe= and towers=")

    def encode(self, inputs: Iterable[Batch], **about: object) -> Embeddings:
        """Embed batches of media.

        Args:
            inputs: Batches; MTEB passes a ``DataLoader``.
            **about: Task, split, subset and prompt type, which change nothing.

        Returns:
            (N, e) rows of unit length.

        Raises:
            InputError: A batch holds no kind of input that the run has a tower for, or an item cannot be read.
        """
        found = [self._embed(batch) for batch in inputs]
        if not found:
            raise InputError("there is nothing to encode")
        return torch.cat(found).numpy()

    def similarity(self, embeddings1: ArrayLike, embeddings2: ArrayLike) -> torch.Tensor:
        """(N, M) cosines."""
        return _unit(embeddings1) @ _unit(embeddings2).mT

    def similarity_pairwise(self, embeddings1: ArrayLike, embeddings2: ArrayLike) -> torch.Tensor:
        """(N,) cosines of corresponding rows."""
        return (_unit(embeddings1) * _unit(embeddings2)).sum(dim=-1)

    @property
    def mteb_model_meta(self) -> object:
        """What MTEB wants to know of a model.

        Raises:
            InputError: MTEB is not installed.
        """
        unknown = (
            *("loader", "release_date", "languages", "memory_usage_mb", "max_tokens", "license", "open_weights"),
            *("public_training_code", "public_training_data"),
        )
        return import_extra("mteb.models", "mteb").ModelMeta(
            **dict.fromkeys(unknown),
            name=f"overtone/{self.run.name}",
            revision=self._revision(),
            n_parameters=sum(weight.numel() for weight in self.run.method.parameters()),
            embed_dim=None,
            framework=["PyTorch"],
            similarity_fn_name="cosine",
            use_instructions=False,
            training_datasets=set(),
            modalities=sorted(self.towers),
        )

    def _revision(self) -> str:
        """A checksum of weights and scaling: MTEB stores scores by it, and takes equal ones for the same model."""
        weights = [weight.detach().cpu() for _, weight in sorted(self.run.method.state_dict().items())]
        return checksum(*weights, np.frombuffer(repr(self.run.info.get("scaling")).encode(), np.uint8))[:12]

    def _embed(self, batch: Batch) -> torch.Tensor:
        """(n, e) rows of one batch."""
        held = [kind for kind in _TAKES if kind in batch and kind in self.towers]
        if "video" in held and "image" in held:  # one tower, and a video shows more
            held.remove("image")
        if not held:
            got = ", ".join(map(str, batch)) or "nothing"
            what = "a batch holds nothing that the run has a tower for"
            raise InputError(what, got=got, valid=", ".join(self.towers))
        parts = [self.run.embed_one(self.towers[kind], self._describe(kind, batch[kind])) for kind in held]
        return parts[0] if len(parts) == 1 else F.normalize(torch.stack(parts).mean(dim=0), dim=1)

    def _describe(self, kind: str, items: Sequence[object]) -> torch.Tensor:
        """(n, d) features of the items of one kind."""
        if kind in self.describe:
            return torch.as_tensor(np.asarray(self.describe[kind](items)), dtype=torch.float32)
        from overtone.media.parts import embed_parts, prepare_parts

        modality = self.towers[kind]
        recipe = self.run.recipes.get(modality)
        if recipe is None:
            what = f"{modality}: not known how {kind} becomes its features"
            raise InputError(what, fix=f"pass describe={{{kind!r}: ...}}")
        key = (modality, recipe.takes)
        if key not in self._backbones:
            self._backbones[key] = recipe.open(self.device)
        media = [_READERS[kind](item, recipe) for item in items]
        prepared = [prepare_parts(self._backbones[key], medium, steps=recipe.steps) for medium in media]
        rows = embed_parts(self._backbones[key], prepared, sequence=recipe.steps is not None)
        shape = self.run.info["shapes"][self.run.modalities.index(modality)]
        return rows.mean(dim=1) if rows.dim() == 3 and len(shape) == 1 else rows


def judge_retrieval(
    encoder: RunEncoder,
    clips: Batch,
    protocol: Protocol,
    *,
    query: str = "audio",
    document: str = "video",
    batch_size: int = 32,
) -> dict[str, float]:
    r"""Judge retrieval as MTEB's tasks do: ``own-pair`` as VGGSoundAV, ``class`` as GreatestHits.

    .. math:: \mathrm{ndcg@10} = \frac{\sum_{r \le 10} g_r / \log_2(1 + r)}{\sum_{r \le \min(10, R)} 1 / \log_2(1 + r)}

    for a query with R relevant documents, g_r = 1 where the document of rank r is one.

    Args:
        encoder: Embeds the clips.
        clips: Kind of input to items, and for ``class`` the key ``"label"``; as many of each.
        protocol: Relevant is the query's own counterpart, or every document of its class, the own one included.
        query, document: Kinds of input.
        batch_size: Clips that are encoded at a time.

    Returns:
        Means over the queries: ``ndcg_at_10``, ``mrr_at_10``, ``hit_rate_at_1`` and ``hit_rate_at_10``.

    Raises:
        InputError: There is no such protocol, an input or the labels are missing, or their numbers differ.
    """
    if protocol not in get_args(Protocol):
        raise InputError("no such protocol", got=repr(protocol), valid=", ".join(get_args(Protocol)))
    needed = (query, document, *(("label",) if protocol == "class" else ()))
    counts = {kind: len(clips[kind]) for kind in needed if kind in clips}
    if len(counts) < len(set(needed)) or len(set(counts.values())) != 1 or not all(counts.values()):
        raise InputError(f"clips: as many of {', '.join(needed)} are needed", got=counts)
    size = counts[query]

    def embed(kind: str) -> Embeddings:
        starts = range(0, size, batch_size)
        return encoder.encode({kind: clips[kind][start : start + batch_size]} for start in starts)

    relevant = np.eye(size, dtype=bool)
    if protocol == "class":
        labels = np.asarray(clips["label"])
        relevant = labels[:, None] == labels[None, :]
    scores = encoder.similarity(embed(query), embed(document)).numpy()
    return _judge(scores, relevant)


def _judge(scores: NDArray[np.float32], relevant: NDArray[np.bool_]) -> dict[str, float]:
    """Means of the metrics over (Q, N) scores and flags; every query has a relevant document."""
    order = np.argsort(-scores, axis=1, kind="stable")
    gains = np.take_along_axis(relevant, order, axis=1)[:, :_DEPTH].astype(float)
    discounts = 1 / np.log2(2 + np.arange(gains.shape[1]))
    ideal = np.cumsum(discounts)[np.minimum(relevant.sum(axis=1), len(discounts)) - 1]
    first = np.where(gains.any(axis=1), 1 / (1 + gains.argmax(axis=1)), 0.0)
    return {
        "ndcg_at_10": float(((gains * discounts).sum(axis=1) / ideal).mean()),
        "mrr_at_10": float(first.mean()),
        "hit_rate_at_1": float(gains[:, 0].mean()),
        "hit_rate_at_10": float(gains.any(axis=1).mean()),
    }


def _find_towers(recipes: Mapping[str, Recipe]) -> dict[str, str]:
    """Kind of input to the modality whose recipe takes it."""
    found = {}
    for kind, kinds in _TAKES.items():
        fits = [name for takes in kinds for name, recipe in recipes.items() if recipe.takes == takes]
        if fits:
            found[kind] = fits[0]
    return found


def _read_sound(item: Any, _: Recipe) -> Medium:
    """A sound of ``{"array", "sampling_rate"}``, or of a decoder that gives all samples."""
    from overtone.media.decoding import Sound

    if hasattr(item, "get_all_samples"):
        decoded = item.get_all_samples()
        item = {"array": decoded.data, "sampling_rate": decoded.sample_rate}
    try:
        samples, rate = np.asarray(item["array"], np.float32), int(item["sampling_rate"])
    except (TypeError, KeyError, ValueError):
        raise InputError("audio: not an array with a sampling_rate", got=type(item).__name__) from None
    if samples.ndim == 2:  # channels first, as decoders have them
        samples = samples.mean(axis=0 if samples.shape[0] < samples.shape[1] else 1)
    if samples.ndim != 1 or not samples.size or rate < 1 or not np.isfinite(samples).all():
        raise InputError("audio: not a sound", got=f"shape {samples.shape}, {rate} samples a second")
    return Sound(samples, rate)


def _read_video(item: object, recipe: Recipe) -> Medium:
    """Frames of (T, 3, height, width) or (T, height, width, 3) pixels, as many as the recipe takes."""
    from overtone.media.decoding import Frames

    pixels = np.asarray(item[:] if hasattr(item, "__getitem__") and not isinstance(item, (dict, list)) else item)
    if pixels.ndim == 4 and pixels.shape[1] == 3 and pixels.shape[3] != 3:
        pixels = pixels.transpose(0, 2, 3, 1)
    if pixels.ndim != 4 or pixels.shape[3] != 3 or not pixels.size:
        raise InputError("video: not (frames, 3, height, width) pixels", got=f"shape {pixels.shape}")
    if pixels.dtype.kind == "f":
        pixels = np.clip(pixels * (255 if pixels.max() <= 1 else 1), 0, 255)
    count = int(recipe.sampling.get("frames") or len(pixels))
    chosen = ((np.arange(count) + 0.5) * len(pixels) / count).astype(int)
    return Frames(np.ascontiguousarray(pixels[chosen].astype(np.uint8)), chosen.astype(float))


def _read_image(item: Image, _: Recipe) -> Medium:
    if not hasattr(item, "convert"):
        raise InputError("image: not an image of Pillow", got=type(item).__name__)
    return item.convert("RGB")


def _read_text(item: object, _: Recipe) -> Medium:
    return str(item)


_READERS: dict[str, Callable[[Any, Recipe], Medium]] = {
    "audio": _read_sound,
    "video": _read_video,
    "image": _read_image,
    "text": _read_text,
}


def _unit(rows: ArrayLike) -> torch.Tensor:
    return F.normalize(torch.as_tensor(np.asarray(rows), dtype=torch.float32), dim=-1)
