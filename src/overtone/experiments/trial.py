"""One method with one seed inside a comparison: trained, judged on the test split, and kept so it need not be again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from overtone.core import ProgressCallback
from overtone.experiments.stored import Stored, store, stored
from overtone.features import PairedFeatures
from overtone.interactions import InteractionTrainer
from overtone.training.run import judge

OWN = "own"
"""The name of a method's own embeddings beside its variants."""

Directions = dict[str, Tensor]
"""``a2v`` and ``v2a`` to one value per query."""


@dataclass(frozen=True)
class Trial:
    """What a comparison keeps of one training.

    Attributes:
        summaries: ``own`` and the method's variants to their evaluation as a dictionary.
        per_query: The same names to metric to direction to one value per test query.
        settings: Every setting with its final value.
        seconds: Training time.
    """

    summaries: dict[str, dict[str, Any]]
    per_query: dict[str, dict[str, Directions]]
    settings: dict[str, Any]
    seconds: float

    @classmethod
    def make(
        cls,
        method: str,
        data: PairedFeatures,
        settings: Mapping[str, Any],
        progress: ProgressCallback | None,
        label: str,
    ) -> Trial:
        """Train on the train split and judge on the test split.

        Args:
            method: A registered name.
            data: Features with splits ``train`` and ``test``.
            settings: Flat, the seed among them.
            progress: Called after every epoch.
            label: What progress calls the training.
        """
        run = InteractionTrainer().train(
            method, data, settings=settings, progress=progress, label=label, evaluate=False
        )
        test = data.split("test")
        options = {"memory_mb": run.settings["memory_mb"], "bootstrap": 0}
        found = {
            name: judge(embeddings, test, options)
            for name, embeddings in {OWN: run.embed(test), **run.variants(test)}.items()
        }
        return cls(
            {name: evaluation.to_dict() for name, evaluation in found.items()},
            {name: evaluation.per_query for name, evaluation in found.items()},
            run.settings,
            run.info["seconds"],
        )

    def save(self, path: Path, identity: Mapping[str, Any]) -> None:
        """Write the trial as one safetensors file, numbers in its header.

        Args:
            path: The file.
            identity: What the trial depends on: settings, data, versions.
        """
        tensors = {
            f"{name}/{metric}/{direction}": values
            for name, columns in self.per_query.items()
            for metric, directions in columns.items()
            for direction, values in directions.items()
        }
        numbers = {"summaries": self.summaries, "settings": self.settings, "seconds": self.seconds}
        store(path, Stored(tensors, numbers), identity)

    @classmethod
    def load(cls, path: Path, identity: Mapping[str, Any]) -> Trial | None:
        """Read a trial back; None if there is none, or none of this identity.

        Raises:
            InputError: The file is damaged.
        """
        found = stored(path, identity)
        if found is None:
            return None
        per_query: dict[str, dict[str, Directions]] = {}
        for key, values in found.tensors.items():
            name, metric, direction = key.split("/")
            per_query.setdefault(name, {}).setdefault(metric, {})[direction] = values
        return cls(per_query=per_query, **found.numbers)
