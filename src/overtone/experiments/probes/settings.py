"""The budget that all losses of a diagnosis share."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from overtone.core import Settings
from overtone.features.scaling import check_scaling

EPOCHS = 100
BATCH, LEAST_BATCH, LEAST_BATCHES = 512, 32, 8
LEARNING_RATE = 1e-4
_UPDATES = 9_800
"""What 100 epochs of 50,000 rows in batches of 512 are, the budget that the rate of 1e-4 was published for."""
_LEAST_UPDATES = 1_000
"""Updates below which a small corpus gets more than :data:`EPOCHS`."""


class HeadSettings(Settings):
    """The budget of every loss alike: a small head on frozen features."""

    renamed: ClassVar = {"looks": "evaluations"}

    embedding_dim: int = Field(128, ge=2)
    """Dimensions of the embedding."""
    hidden: int = Field(0, ge=0)
    """Units of a hidden layer between features and embedding; 0: the head is linear."""
    epochs: int | None = Field(None, ge=1)
    """Passes over the training rows; null: 100, on a small corpus as many as make 1,000 updates."""
    batch_size: int | None = Field(None, ge=2)
    """Rows of one batch, drawn without regard to classes; null: 512, but at most an eighth of the training rows."""
    learning_rate: float | None = Field(None, gt=0)
    """Learning rate of Adam, constant; null: 1e-4, with fewer updates than 9,800 more in proportion, up to 1e-3."""
    loss_learning_rate: float | None = Field(None, gt=0)
    """Rate of a loss's own parameters (class weights, centres); null: the head's."""
    weight_decay: float = Field(0.0, ge=0)
    """Decay of the head's weights (decoupled from the gradient)."""
    scaling: Annotated[str, AfterValidator(check_scaling)] = "zscore"
    """How features are scaled, in steps such as root+zscore, or auto; fitted on the training rows only."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Number format of the head's matrix products; losses compute in fp32."""
    evaluations: int = Field(20, ge=1)
    """How often, over the training, the embedding is measured, beside once before it."""
    sample: int = Field(2000, ge=16)
    """Rows at most of the test and of the training rows in a measurement; the last one takes all test rows."""
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
        epochs = self.epochs or max(EPOCHS, -(-_LEAST_UPDATES // in_epoch))
        farther = min(max(_UPDATES / (epochs * in_epoch), 1.0), 10.0)
        return self.changed(
            epochs=epochs, batch_size=batch, learning_rate=self.learning_rate or float(f"{LEARNING_RATE * farther:.2g}")
        )
