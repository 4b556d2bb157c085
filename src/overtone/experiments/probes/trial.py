"""What one training of a head leaves behind, and its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from overtone.experiments.stored import Stored, store, stored

Series = dict[str, list[Any]]


@dataclass(frozen=True)
class HeadTrial:
    """One loss with one seed.

    Attributes:
        final: Every quantity of the finished head, on all test rows, and the summary of what was watched.
        looks: Quantities over the training, one value a look.
        epochs: What was watched, one mean an epoch.
        settings: The loss's settings with their values.
        seconds: Time it took.
        average_precision: Direction to one value per test row.
        embeddings: Per view, unit rows of a sample of the test rows.
        shown: Which test rows that sample is.
    """

    final: dict[str, Any]
    looks: Series
    epochs: Series
    settings: dict[str, Any]
    seconds: float
    average_precision: dict[str, Tensor]
    embeddings: tuple[Tensor, ...]
    shown: Tensor

    def save(self, path: Path, identity: Mapping[str, Any]) -> None:
        """Write the trial as one safetensors file, numbers in its header.

        Args:
            path: The file.
            identity: What the trial depends on: settings, data, versions.
        """
        tensors = {f"average_precision/{way}": values for way, values in self.average_precision.items()}
        tensors |= {f"embeddings/{side}": view for side, view in enumerate(self.embeddings)}
        numbers = {name: getattr(self, name) for name in ("final", "looks", "epochs", "settings", "seconds")}
        store(path, Stored({**tensors, "shown": self.shown}, numbers), identity)

    @classmethod
    def load(cls, path: Path, identity: Mapping[str, Any]) -> HeadTrial | None:
        """Read a trial back; None if there is none, or none of this identity.

        Raises:
            InputError: The file is damaged.
        """
        found = stored(path, identity)
        if found is None:
            return None
        parts: dict[str, dict[str, Tensor]] = {}
        for key, tensor in found.tensors.items():
            kind, _, name = key.partition("/")
            parts.setdefault(kind, {})[name] = tensor
        return cls(
            average_precision=parts["average_precision"],
            embeddings=tuple(view for _, view in sorted(parts["embeddings"].items())),
            shown=found.tensors["shown"],
            **found.numbers,
        )
