"""What one training of a head leaves behind, and its file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open
from torch import Tensor

from overtone.core.files import json_text, load_tensors, save_tensors

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
        header = {name: getattr(self, name) for name in ("final", "looks", "epochs", "settings", "seconds")}
        about = {"overtone": json_text(header), "identity": json_text(identity)}
        save_tensors(path, {**tensors, "shown": self.shown}, about)

    @classmethod
    def load(cls, path: Path, identity: Mapping[str, Any]) -> HeadTrial | None:
        """Read a trial back; None if there is none, or none of this identity.

        Raises:
            InputError: The file is damaged.
        """
        if not path.exists():
            return None
        tensors = load_tensors(path)
        with safe_open(str(path), "pt") as file:
            header = file.metadata() or {}
        if header.get("identity") != json_text(identity):
            return None
        ways = {key.partition("/")[2]: value for key, value in tensors.items() if key.startswith("average_precision/")}
        sides = sorted(key for key in tensors if key.startswith("embeddings/"))
        return cls(
            average_precision=ways,
            embeddings=tuple(tensors[side] for side in sides),
            shown=tensors["shown"],
            **json.loads(header["overtone"]),
        )
