"""How a method is trained: the loop's settings, and how one flat mapping is shared out between method and loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from overtone.core import InputError, Settings, unknown_name
from overtone.core.settings import rename
from overtone.features.scaling import check_scaling
from overtone.methods.base import CorpusInfo, Method

_MOST_HELD_OUT = 20_000
"""Rows that are held out by default at most: ranking them takes time that grows with their square."""
Select = Literal["last", "correlation", "reciprocal_rank", "map"]


class TrainingSettings(Settings):
    """Settings of the loop; ``None`` means: the method's own default for a corpus of this size."""

    renamed: ClassVar = {"clip": "grad_clip"}
    renamed_values: ClassVar = {"select": {"partner_rank": "reciprocal_rank"}}

    epochs: int | None = Field(None, ge=1)
    """Passes over the training rows; null: the method's default."""
    batch_size: int | None = Field(None, ge=2)
    """Rows of one batch, over all processes together; null: the method's default, at most all rows."""
    learning_rate: float | None = Field(None, gt=0)
    """Peak learning rate; null: the method's default."""
    weight_decay: float | None = Field(None, ge=0)
    """Decay of the weight matrices (AdamW); null: the method's default."""
    learning_rate_warmup: float = Field(0.05, ge=0, lt=1)
    """Share of all steps in which the learning rate rises from 0 to its peak; a cosine leads back to 0."""
    grad_clip: float | None = Field(1.0, gt=0)
    """Largest norm of the gradient over all parameters; null switches clipping off."""
    seed: int = Field(0, ge=0)
    """Decides first weights, batches, masks, noise and which rows are held out."""
    unpaired: bool = True
    """Whether clips with one modality only take part, with methods that can use them."""
    scaling: Annotated[str, AfterValidator(check_scaling)] = "auto"
    """Steps such as root+zscore+svd100, two with a comma between for either modality; auto: chosen by neighbours."""
    pairs: Literal["auto", "keep"] = "auto"
    """auto: where many pairs look wrong, label-free training does without these; keep: all pairs stay."""
    select: Select | None = None
    """Which epoch is kept: last, or the best by held-out correlation, reciprocal_rank or (with labels) map."""
    validation_fraction: float | None = Field(None, ge=0, lt=1)
    """Share of the training rows held out if the data has no split "val"; null: only as much as select needs."""
    validate_every: int | None = Field(None, ge=1)
    """Epochs between validations; null: a twentieth of the epochs."""
    patience: int | None = Field(None, ge=1)
    """Stop after so many validations in a row without a better one; null: never early."""
    collapse_rank: float = Field(1.01, ge=0)
    """A run whose embeddings have an effective rank below this is stopped as collapsed; 0 lets it go on."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Number format of the matrix products in training; weights and embeddings are always fp32."""
    device: str = "auto"
    """cpu, cuda, cuda:1 and so on; auto takes a GPU if there is one."""
    checkpoint_seconds: float = Field(30.0, ge=0)
    """Least time between two checkpoints, in seconds; 0 writes one after every epoch."""
    memory_mb: int = Field(512, ge=16)
    """Memory, in MiB, that embedding and evaluating in blocks may take."""

    def with_defaults(self, method: type[Method], corpus: CorpusInfo) -> TrainingSettings:
        """The same settings with every None that the method has a default for replaced by it.

        Raises:
            InputError: ``select`` is ``map`` for a method that is given no labels, or asks for held-out rows while
                ``validation_fraction`` is 0.
        """
        defaults = method.training_defaults(corpus)
        named = {
            name: getattr(defaults, name)
            for name in ("epochs", "batch_size", "learning_rate", "weight_decay", "select")
            if getattr(self, name) is None
        }
        extra = {name: value for name, value in defaults.extra.items() if name not in self.model_fields_set}
        full = self.changed(**extra, **named)
        if full.select == "map" and not method.supervised:
            raise InputError(
                f"select=map needs labels, and {method.name} is trained without them",
                valid="last, correlation, reciprocal_rank",
            )
        if full.validation_fraction is None:
            share = min(defaults.validation_fraction, _MOST_HELD_OUT / max(1, corpus.rows))
            full = full.changed(validation_fraction=0.0 if full.select == "last" else share)
        if full.patience is not None and full.select == "last":
            raise InputError(
                "patience stops on validation, and select=last looks at none",
                fix="set select=correlation or select=reciprocal_rank as well",
            )
        return full.changed(validate_every=full.validate_every or max(1, round((full.epochs or 1) / 20)))


def split_settings(values: Mapping[str, Any] | None, method: type[Method]) -> tuple[dict[str, Any], TrainingSettings]:
    """Share one flat mapping out between a method's settings and the loop's.

    Args:
        values: Setting names to values; each belongs to the method or to :class:`TrainingSettings`.
        method: The method's class.

    Returns:
        The method's part, as given, and the loop's part, validated.

    Raises:
        InputError: A name is in neither (the closest of both is proposed), or a value does not fit.
    """
    values = rename(values, method.settings_type, TrainingSettings)
    own, loop = method.settings_type.model_fields, TrainingSettings.model_fields
    if both := sorted(own.keys() & loop.keys()):
        raise RuntimeError(f"method {method.name!r} and the loop both have settings called {both}")
    for name in values:
        if name not in own and name not in loop:
            raise unknown_name(f"setting of {method.name}", name, [*own, *loop])
    training = TrainingSettings.build({k: v for k, v in values.items() if k in loop}, where="training settings")
    return {k: v for k, v in values.items() if k in own}, training
