"""A trained run: embeds and evaluates, fresh from training or loaded from its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor
from typing_extensions import Unpack

from overtone.core import ProgressCallback, unknown_name
from overtone.core.files import save_tensors, write_json
from overtone.core.progress import Meter
from overtone.core.verbs import Page, find_verb
from overtone.evaluation import EvaluateOptions, Evaluation
from overtone.evaluation.arrays import ArrayLike
from overtone.features import Features, PairedFeatures, Scaler, place_clips
from overtone.features.label_reading import Place
from overtone.media.recipes import Recipe, check_recipes, recipes_from
from overtone.methods.base import Method
from overtone.training.embedding import Embedder, check_rows, check_shapes, embed_rows, scaled_rows, spread_rows
from overtone.training.folder import RunFolder, device_of
from overtone.training.judging import judge
from overtone.training.loading import read_run, whole_copy
from overtone.training.pretrained import HubModel, read_pretrained

T = TypeVar("T")
Embeddings = dict[str, Tensor]
"""Modality to (N, e) rows of unit length, on the CPU."""


@dataclass(repr=False)
class Run(HubModel):
    """A trained method with the scalers it was trained with.

    Attributes:
        method: The method, with the weights of the chosen epoch.
        scalers: Per modality.
        settings: Every setting with its final value, flat.
        info: What ``run.json`` holds: method, versions, data, splits, device, seconds, chosen epoch.
        folder: Where the run is stored, None if nowhere.
        test_embeddings: The embeddings that ``evaluation`` judged; None on a run that was read from its folder.
        stored: What a run that was read from its folder reads from there on first use: a damaged history is no obstacle
            to embedding.
    """

    method: Method
    scalers: dict[str, Scaler]
    settings: dict[str, Any]
    info: dict[str, Any]
    folder: Path | None = None
    test_embeddings: Embeddings | None = None
    stored: set[str] = field(default_factory=set, repr=False)

    @classmethod
    def load(cls, folder: str | Path, device: str = "cpu") -> Run:
        """Read a finished run.

        Args:
            folder: The run folder.
            device: Where to embed.

        Raises:
            InputError: The folder is no run, is not finished, or is damaged.
        """
        method, scalers, settings, info = read_run(RunFolder(folder), device)
        run = cls(method, scalers, settings, info, Path(folder), stored={"history", "evaluation"})
        for name, shape in zip(run.modalities, info["shapes"]):
            with whole_copy(folder, name):
                run.embed_one(name, torch.ones(1, *shape))
        return run

    def save(self) -> None:
        """Write what a finished run consists of into its folder, if it has one; ``run.json`` comes last."""
        if self.folder is None:
            return
        files = RunFolder(self.folder)
        files.write_history(self.history)
        save_tensors(files / "weights.safetensors", self.method.weights_state(), {"method": self.name})
        if self.evaluation is not None:
            write_json(files / "evaluation.json", self.evaluation.to_dict())
        files.write_info(self.info)
        (files / "checkpoint.safetensors").unlink(missing_ok=True)

    @classmethod
    def from_pretrained(cls, name: str | Path, *, revision: str | None = None, device: str = "cpu") -> Run:
        """Read what ``save_pretrained`` has written; a folder needs no network.

        Args:
            name: A folder, or ``OWNER/NAME`` on the hub, which needs ``overtone[hub]``.
            revision: Branch, tag or commit, on the hub.
            device: Where to embed.

        Raises:
            InputError: There is no such folder or model, it is damaged, or the hub's library is not installed.
        """
        found = read_pretrained(name, revision, device)
        run = cls(found.method, found.scalers, found.settings, found.info)
        run.evaluation = found.evaluation
        return run

    @property
    def name(self) -> str:
        """The method's name."""
        return self.method.name

    @property
    def modalities(self) -> tuple[str, str]:
        """The two modalities' names, in the order of training: the first encoder is the first one's."""
        first, second = self.info["modalities"]
        return first, second

    @property
    def recipes(self) -> dict[str, Recipe]:
        """Modality to how its features were made from media; none where that is not known."""
        return recipes_from(self.info.get("recipes"), f"{self.folder or 'this run'}, run.json")

    def embed(
        self, data: PairedFeatures, variant: str | None = None, progress: ProgressCallback | None = None
    ) -> Embeddings:
        """Embed all rows of both modalities; a row that lacks one has zeros there, as ``data.present`` says.

        Args:
            data: Features of the same modalities and dimensions as the run was trained on; labels are not looked at.
            variant: One of the method's further embeddings, None for its own.
            progress: Called while rows are embedded, if that takes more than two seconds.

        Raises:
            InputError: The data does not fit the run, or there is no such variant.
        """
        return self._chosen(self.apply(data, self._embedder(variant), progress), variant)

    def embed_one(
        self,
        modality: str,
        rows: ArrayLike | Features,
        variant: str | None = None,
        progress: ProgressCallback | None = None,
    ) -> Tensor:
        """Embed rows of one modality alone, without the other.

        Args:
            modality: Name of one of the run's two modalities.
            rows: (N, d) or (N, T, d) features of the shape that the run was trained on, unscaled; or
                :class:`~overtone.features.Features` that hold this modality.
            variant, progress: As for :meth:`embed`.

        Returns:
            (N, e) rows of unit length, on the CPU: those of :meth:`embed`; zeros where features lack the modality.

        Raises:
            InputError: The run has no such modality or variant, the shape is another one, or a number is not finite.
        """
        if modality not in self.modalities:
            raise unknown_name("modality of the run", modality, self.modalities)
        present, place = None, lambda row: f"{modality}, row {row}"
        if isinstance(rows, Features):
            if modality not in rows.modalities:
                raise unknown_name(f"modality of {rows.provenance.source}", modality, rows.names)
            place, present, rows = place_clips(rows, modality), rows.present.get(modality), rows.modalities[modality]
        rows = torch.as_tensor(rows, dtype=torch.float32)
        there = rows if present is None else rows[present]
        self.check_one(modality, there, place)
        meter = Meter(f"embedding {modality}", len(there), "row", progress)
        found = self._apply_one(modality, there, self._embedder(variant), place, meter)
        return spread_rows(self._chosen(found, variant), present)

    def variants(self, data: PairedFeatures) -> dict[str, Embeddings]:
        """All further embeddings that the method offers beside its own, by name.

        Raises:
            InputError: The data does not fit the run.
        """
        return self.apply(data, self.method.embed_variants)

    def evaluate(
        self, data: PairedFeatures, split: str | None = "test", **options: Unpack[EvaluateOptions]
    ) -> Evaluation:
        """Embed a split and evaluate the retrieval in both directions.

        Args:
            data: Features of the same modalities and dimensions as the run was trained on.
            split: Which rows; None, or data without any split: all.
            options: Passed on to :func:`overtone.evaluation.evaluate` (``bootstrap=0``); ``space`` is on by default.

        Raises:
            InputError: The data does not fit the run, or has no such split.
        """
        part = data.split(split) if split is not None and data.splits else data
        options.setdefault("memory_mb", self.settings["memory_mb"])
        options.setdefault("space", True)
        return judge(self.embed(part, None, options.get("progress")), part, **options)

    def test(self, data: PairedFeatures, progress: ProgressCallback | None = None) -> tuple[Evaluation, Embeddings]:
        """Embed the split ``test`` and evaluate it; keep and return ``evaluation`` and ``test_embeddings``.

        Args:
            data: With a split ``test``.
            progress: Called while rows are embedded and queries are ranked, if that takes more than two seconds.

        Raises:
            InputError: The data does not fit the run, or has no such split.
        """
        part = data.split("test")
        self.test_embeddings = self.embed(part, None, progress)
        memory_mb = self.settings["memory_mb"]
        self.evaluation = judge(
            self.test_embeddings, part, memory_mb=memory_mb, confusion=True, space=True, progress=progress
        )
        return self.evaluation, self.test_embeddings

    @property
    def decisions(self) -> dict[str, str]:
        """What the training decided by itself, in words.

        Keys are ``scaling of MODALITY``, ``wrong pairs``, ``clusters`` and ``unannotated events``. In a run of an older
        version some may be missing.
        """
        said = {}
        for name, scaling in self.info.get("scaling", {}).items():
            why = f" ({scaling['reason']})" if "reason" in scaling else ""  # none where it was set
            said[f"scaling of {name}"] = f"{scaling['steps']}{why}"
        for what, key in (("wrong pairs", "pairs"), ("clusters", "clusters"), ("unannotated events", "gate")):
            if key in self.info:
                said[what] = self.info[key]["said"]
        return said

    def explore(self, **options: object) -> Page:
        """Open the explorer on the clips of this run; in a notebook the result shows itself.

        Args:
            options: Passed on to :func:`overtone.explore` (``media="clips/"``, ``other=another_run``); no browser is
                opened unless ``no_browser=False``.

        Returns:
            The page, which is served until ``close()`` is called, or the process ends.

        Raises:
            InputError: The data of the run, its store or a folder cannot be used, or a package is missing.
        """
        page: Page = find_verb("explore")(self, **{"no_browser": True, **options})
        return page

    def apply(
        self, data: PairedFeatures, function: Embedder, progress: ProgressCallback | None = None
    ) -> dict[str, Embeddings]:
        """Apply a function of scaled rows to both modalities, in blocks.

        Args:
            data: Features of the same modalities and dimensions as the run was trained on.
            function: (n, …) scaled rows on the method's device and a modality's number to named (n, e) rows.
            progress: As for :meth:`embed`.

        Returns:
            Name to modality to (N, e) rows, on the CPU.

        Raises:
            InputError: The data does not fit the run.
        """
        self.check(data)
        found: dict[str, Embeddings] = {}
        meter = Meter("embedding", sum(int(data.has(name).sum()) for name in data.names), "row", progress)
        for name, rows in data.modalities.items():
            present = data.present.get(name)
            there = rows if present is None else rows[present]
            place = place_clips(data, name)
            for variant, embeddings in self._apply_one(name, there, function, place, meter).items():
                found.setdefault(variant, {})[name] = spread_rows(embeddings, present)
        return found

    @property
    def _called(self) -> str:
        """What messages call this run."""
        return f"the run of {self.name} ({self.folder or 'not stored'})"

    def _embedder(self, variant: str | None) -> Embedder:
        """The function that gives the method's own embeddings, as variant "", or all of its further ones."""
        return self.method.embed_variants if variant else lambda rows, side: {"": self.method.embed(rows, side)}

    def _chosen(self, found: Mapping[str, T], variant: str | None) -> T:
        """What belongs to a variant; None: the method's own."""
        if (variant or "") not in found:
            raise unknown_name(f"variant of {self.name}", variant or "", found)
        return found[variant or ""]

    def _apply_one(self, modality: str, rows: Tensor, function: Embedder, place: Place, meter: Meter) -> Embeddings:
        """Name to (N, e) rows of one modality; ``place`` says where a row is, for messages."""
        scaled = scaled_rows(function, self.scalers[modality], device_of(self.method), meter)
        side, memory_mb = self.modalities.index(modality), self.settings["memory_mb"]
        return embed_rows(scaled, rows, side, memory_mb, place)

    def check_one(self, modality: str, rows: Tensor, place: Place) -> None:
        """Whether rows of one modality fit the run; ``place`` says where a row is, for messages.

        Raises:
            InputError: They have another shape, there are none, or a number is not finite.
        """
        shape = tuple(self.info["shapes"][self.modalities.index(modality)])
        check_rows(rows, shape, f"{modality}: does not fit {self._called}", place)

    def check(self, data: PairedFeatures) -> None:
        """Whether data fits the run.

        Raises:
            InputError: Other modalities or other dimensions, or features that were made in another way from media.
        """
        wanted = dict(zip(self.modalities, (tuple(shape) for shape in self.info["shapes"])))
        check_shapes(data, wanted, self._called)
        check_recipes(data, self.recipes)
