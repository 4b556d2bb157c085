"""One budget for all losses, and each loss's own settings: how one flat mapping is shared out between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from overtone.core import InputError, Settings, unknown_name
from overtone.objectives import loss_choices, loss_kind, metric_losses

EPOCHS = 100
BATCH, LEAST_BATCH, LEAST_BATCHES = 512, 32, 8
LEARNING_RATE = 1e-4
UPDATES = 9_800
"""What 100 epochs of 50,000 rows in batches of 512 are, the budget that the rate of 1e-4 was published for."""
LEAST_UPDATES = 1_000
"""Updates below which a small corpus gets more than :data:`EPOCHS`."""


class HeadSettings(Settings):
    """The budget that every loss is given alike; a small head on features that stay as they are."""

    embedding_dim: int = Field(128, ge=2)
    """Dimensions of the embedding."""
    hidden: int = Field(0, ge=0)
    """Units of a hidden layer between features and embedding; 0: the head is linear."""
    epochs: int | None = Field(None, ge=1)
    """Passes over the training rows; None: 100, on a small corpus as many as make 1,000 updates."""
    batch_size: int | None = Field(None, ge=2)
    """Rows of one batch, drawn without regard to classes; None: 512, but at most an eighth of the training rows."""
    learning_rate: float | None = Field(None, gt=0)
    """Learning rate of Adam, constant; None: 1e-4, with fewer updates than 9,800 more in proportion, up to 1e-3."""
    loss_learning_rate: float | None = Field(None, gt=0)
    """Rate of a loss's own parameters (class weights, centres); None: the head's."""
    weight_decay: float = Field(0.0, ge=0)
    """Decay of the head's weights (decoupled from the gradient)."""
    scaling: Literal["none", "zscore", "minmax", "pca"] = "zscore"
    """How features are scaled; fitted on the training rows only."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Number format of the head's matrix products; losses compute in fp32."""
    looks: int = Field(20, ge=1)
    """How often, over the training, the embedding is measured, beside once before it."""
    sample: int = Field(2000, ge=16)
    """Rows at most that a look takes from the test and from the training rows; the last one takes all test rows."""
    watch_every: int = Field(10, ge=1)
    """Steps between two of the dearer measurements in a batch (variance, easy samples)."""
    active_threshold: float = Field(1e-2, gt=0, lt=1)
    """Gradient coefficient from which on an anchor of a softmax loss counts as active."""
    device: str = "auto"
    """cpu, cuda, cuda:1 and so on; auto takes a GPU if there is one."""
    memory_mb: int = Field(512, ge=16)
    """Memory, in MiB, that embedding and evaluating in blocks may take."""

    def completed(self, rows: int) -> HeadSettings:
        """The same with epochs, batch and rate as numbers.

        On a small corpus 100 epochs in batches of 512 are so few updates that a rate of 1e-4 leaves the head where it
        began, and what is measured then is the beginning. So an epoch has at least eight batches, there are at least
        1,000 updates, and rate times updates stays the same.
        """
        batch = min(self.batch_size or max(min(BATCH, rows // LEAST_BATCHES), LEAST_BATCH), rows)
        in_epoch = max(1, round(rows / batch))
        epochs = self.epochs or max(EPOCHS, -(-LEAST_UPDATES // in_epoch))
        farther = min(max(UPDATES / (epochs * in_epoch), 1.0), 10.0)
        return self.changed(
            epochs=epochs, batch_size=batch, learning_rate=self.learning_rate or float(f"{LEARNING_RATE * farther:.2g}")
        )


def split_head_settings(
    values: Mapping[str, Any] | None, losses: Sequence[str]
) -> tuple[HeadSettings, dict[str, dict[str, Any]]]:
    """Share one mapping out between the budget and the losses.

    Args:
        values: Setting names to values. A name is one of :class:`HeadSettings`, or of one or more losses, which all
            get it; ``"triplet.margin"``, or a loss's name to a mapping, is for that loss alone.
        losses: Names of the losses that are compared.

    Returns:
        The budget, validated, and per loss what was given for it.

    Raises:
        InputError: There is no such loss, no such setting, or a value of the budget does not fit.
    """
    kinds = {name: loss_kind(name) for name in losses}
    budget: dict[str, Any] = {}
    own: dict[str, dict[str, Any]] = {name: {} for name in kinds}
    for_one: dict[str, dict[str, Any]] = {name: {} for name in kinds}
    for key, value in (values or {}).items():
        loss, dot, setting = key.partition(".")
        if loss in metric_losses() and loss not in kinds:
            raise InputError(f"setting {key!r} is for a loss that is not compared", valid=", ".join(kinds))
        if loss in kinds and dot:
            for_one[loss][setting] = value
        elif loss in kinds and isinstance(value, Mapping):
            for_one[loss].update(value)
        elif key in HeadSettings.model_fields:
            budget[key] = value
        else:
            takers = [name for name, kind in kinds.items() if key in loss_choices(kind)]
            if not takers:
                known = {
                    *HeadSettings.model_fields,
                    *kinds,
                    *(name for kind in kinds.values() for name in loss_choices(kind)),
                }
                raise unknown_name(f"setting of {', '.join(kinds)}", key, known)
            for name in takers:
                own[name][key] = value
    for name, kind in kinds.items():
        own[name] |= for_one[name]
        for setting in own[name]:
            if setting not in loss_choices(kind):
                raise unknown_name(f"setting of {name}", setting, loss_choices(kind))
        if "active_threshold" in kind.settings_type.model_fields and "active_threshold" in budget:
            own[name].setdefault("active_threshold", budget["active_threshold"])
    return HeadSettings.build(budget, where="settings of the budget"), own
