"""The contract of a method: one object with the model, its objectives and its teacher."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from overtone.core import Registry, Settings
from overtone.methods.event_gate import Gate
from overtone.networks.encoder import Gather, own_rows
from overtone.objectives.targets import as_targets


@dataclass(frozen=True)
class Batch:
    """One step's share of the training set, already on the device.

    Attributes:
        rows: (b,) int64, row numbers in the training set.
        features: The two modalities in order, (b, d) or (b, T, d) each.
        labels: (b,) int64 class codes, -1 for none, where a row has one class at most, else (b, C) targets in [0, 1];
            only for methods that declare ``supervised``, else None.
        present: Whether each row has either modality, (b,) bool each; None: all have both. Features of a modality that
            a row lacks are zeros, and mean nothing.
        pairs: Number of rows of the global batch that have both modalities; None: all.
        groups: (b,) int64 numbers of groups, whose rows are no negatives of each other; None: there are none.
        progress: Share of the training that lies behind this step, in [0, 1].
        gather: Concatenates a tensor over the processes of a distributed run, in rank order, with gradient;
            the identity in a single process. Statistics, neighbours and negatives are taken from gathered tensors.
        offset: Where this process's rows begin in a gathered tensor.
        global_size: Number of rows in a gathered tensor.
        generator: Source of all randomness of a step; in the same state on every process.
        classes: C, number of classes; 0 without labels.
    """

    rows: Tensor
    features: tuple[Tensor, Tensor]
    labels: Tensor | None = None
    progress: float = 0.0
    gather: Gather = own_rows
    offset: int = 0
    global_size: int = 0
    generator: torch.Generator | None = None
    present: tuple[Tensor, Tensor] | None = None
    pairs: int | None = None
    groups: Tensor | None = None
    classes: int = 0

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def total(self) -> int:
        """Rows of a gathered tensor."""
        return max(self.global_size, len(self))

    @property
    def targets(self) -> Tensor | None:
        """(b, C) targets in [0, 1], made of class codes on each call; None where there are no labels.

        Of all training rows and many classes they are large: ``labels`` has the same in less memory.
        """
        return None if self.labels is None else as_targets(self.labels, self.classes)

    def uniform(self, *shape: int) -> Tensor:
        """(b, \\*shape) uniform numbers in [0, 1): this process's rows of one draw for the global batch."""
        device = self.features[0].device
        everyone = torch.rand(self.total, *shape, generator=self.generator, device=device)
        return everyone[self.offset : self.offset + len(self)]

    def everyones_presence(self) -> tuple[Tensor, Tensor] | None:
        """``present`` of the global batch."""
        return None if self.present is None else (self.gather(self.present[0]), self.gather(self.present[1]))

    def paired(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Of gathered rows of either modality, those that have both, in order; without asking the device how many."""
        there = self.everyones_presence()
        if there is None:
            return first, second
        chosen = torch.argsort((there[0] & there[1]).int(), descending=True, stable=True)[: self.pairs]
        return first.index_select(0, chosen), second.index_select(0, chosen)

    def apart(self) -> Tensor | None:
        """(B, B) bool of the global batch, whether two rows are no negatives of each other; None without groups."""
        if self.groups is None:
            return None
        groups = self.gather(self.groups)
        return (groups[:, None] == groups[None, :]).fill_diagonal_(False)


class CorpusInfo(NamedTuple):
    """What a method knows of the training set before it is built.

    Attributes:
        shapes: Shape of one row per modality: ``(d,)`` or ``(T, d)``.
        rows: Number of training rows.
        pairs: Number of those that have both modalities; None: all.
        classes: Number of classes; 0 for methods without labels, which never learn it.
        wrong_share: Share of pairs whose halves surely lie in different neighbourhoods: the estimate less two standard
            errors; 0 where not looked at, or where the data has clips of one modality.
        memorised: How much better linear CCA finds the partners of rows it was fitted on; 1 where not looked at.
        cluster_size: Rows of a cluster that both modalities share; 0 where there are none for sure, or none were
            looked for.
    """

    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    rows: int
    classes: int = 0
    pairs: int | None = None
    wrong_share: float = 0.0
    memorised: float = 1.0
    cluster_size: int = 0


class InferredTargets(NamedTuple):
    """Event chances and class graph of the training rows, inferred before the first step.

    Attributes:
        soft_labels: Per modality in order, (N, C) chances that a class shows in it, of the training rows in order; each
            row by teachers that were not trained on it.
        graph: (2C, 2C) weights from class to class; node i < C is class i in the first modality, C + i in the second.
        events: (N, C) chances that a class is in the clip at all, 1 where it is annotated; None: the larger of the two.
        hidden: Expected number of unannotated events for each annotated one.
        gate: How much the events count, where that was chosen by trials.
        reference: The same method trained without any of this, where the settings ask for it.
    """

    soft_labels: tuple[Tensor, Tensor]
    graph: Tensor
    events: Tensor | None = None
    hidden: float = 1.0
    gate: Gate | None = None
    reference: Method | None = None


@dataclass(frozen=True)
class TrainingDefaults:
    """How the loop should drive a method unless the user says otherwise.

    Attributes:
        epochs: Passes over the training rows.
        batch_size: Rows of one global batch.
        learning_rate: Peak rate of the cosine schedule.
        weight_decay: Of the matrices; vectors and scalars are not decayed.
        select: How the epoch is chosen whose weights are kept; ``map`` is for supervised methods.
        validation_fraction: Share of the training rows held out where ``select`` needs some.
        extra: Any further fields of the training settings (``{"grad_clip": 5.0}``).
    """

    epochs: int = 100
    batch_size: int = 512
    learning_rate: float = 3e-4
    weight_decay: float = 1e-4
    select: Literal["last", "correlation", "reciprocal_rank", "map"] = "last"
    validation_fraction: float = 0.1
    extra: Mapping[str, Any] = field(default_factory=dict)


class Method(nn.Module, ABC):
    """Base of all methods.

    A method knows no loop, device, file or process group. The loop calls, in this order:
    :meth:`set_inferred_targets` if the method ``needs_inferred_targets``; :meth:`on_train_start` once;
    :meth:`on_epoch_start` before every epoch, then for every batch :meth:`step`, the optimiser, :meth:`on_step_end`;
    :meth:`prepare_embedding` before embeddings are needed (also at each validation); last, with the weights of the
    chosen epoch, :meth:`calibrate` if rows are held out. All state lives in parameters and buffers: a checkpoint is
    ``state_dict()``, a stored run :meth:`weights_state`.

    Args:
        settings: Of the type that ``settings_type`` names; gaps are filled by :meth:`resolve`.
        corpus: What it may know of the training set.
    """

    name: ClassVar[str]
    supervised: ClassVar[bool] = False
    """Whether the method is given labels."""
    iterative: ClassVar[bool] = True
    """False for a closed form: fitted in :meth:`on_train_start` and :meth:`prepare_embedding`, without steps."""
    uses_unpaired: ClassVar[bool] = False
    """Whether the method learns from clips of one modality, too, which ``Batch.present`` marks; else it sees none."""
    needs_inferred_targets: ClassVar[bool] = False
    """Whether :meth:`set_inferred_targets` is called, with soft labels of the training rows and their class graph."""
    transient: ClassVar[tuple[str, ...]] = ()
    """Buffers, and modules of buffers, that only training reads: checkpoints have them, stored weights do not."""
    works_on_parts: ClassVar[bool] = False
    """Whether the hooks that see the training set gather what they need of it, so that each of several processes may
    hold a part of it alone. Rows of parts have both modalities."""
    settings_type: ClassVar[type[Settings]]

    def __init_subclass__(cls, **more: object) -> None:
        """A class that sees the training set in its own way works on parts only where it says so itself."""
        super().__init_subclass__(**more)
        if vars(cls).keys() & {"on_train_start", "on_epoch_start", "prepare_embedding"}:
            cls.works_on_parts = vars(cls).get("works_on_parts", False)

    def __init__(self, settings: Settings, corpus: CorpusInfo) -> None:
        super().__init__()
        self.settings = self.resolve(settings, corpus)
        self.corpus = corpus

    @classmethod
    def resolve(cls, settings: Settings, corpus: CorpusInfo) -> Settings:
        """Settings with every "by corpus size" (None) replaced by its number; what a run records."""
        return settings

    @classmethod
    def training_defaults(cls, corpus: CorpusInfo) -> TrainingDefaults:
        """Epochs, batch size and rates that suit this method on a corpus of this size."""
        return TrainingDefaults()

    @classmethod
    def ablations(cls) -> dict[str, dict[str, Any]]:
        """Names of variants with one term off, each with the settings that switch it off (``{"no-dcca": {...}}``)."""
        return {}

    @classmethod
    def controls(cls, truth: Collection[str] = ()) -> dict[str, dict[str, Any]]:
        """Controls that a comparison can set beside this training, each with the settings in which it differs.

        ``truth`` names what the data knows beyond its annotation; a control may need some of it
        (``{"shuffled-graph": {"graph": "shuffled"}}``).
        """
        return {}

    def weights_state(self) -> dict[str, Tensor]:
        """``state_dict()`` without what is ``transient``: all that embedding needs."""
        return {name: value for name, value in self.state_dict().items() if name.split(".")[0] not in self.transient}

    def summary(self) -> Mapping[str, object]:
        """What ``run.json`` says of this method's training, beside its settings."""
        return {}

    @property
    def least_batch(self) -> int:
        """Rows that a global batch must have for a step to mean something; a smaller rest of an epoch is left out."""
        return 2

    @property
    def least_pairs(self) -> int:
        """Paired rows that a global batch needs, of a method that ``uses_unpaired`` rows, too."""
        return self.least_batch

    def set_inferred_targets(self, inferred: InferredTargets) -> None:
        """Receive what was inferred about the training rows, before :meth:`on_train_start`."""
        return None

    def on_train_start(self, train: Batch) -> None:
        """See the whole training set once, before the first step (statistics, closed forms, memory)."""
        return None

    def on_epoch_start(self, train: Batch) -> None:
        """See the whole training set before an epoch; ``train.progress`` tells how far the training is."""
        return None

    @abstractmethod
    def step(self, batch: Batch) -> dict[str, Tensor]:
        """Named scalar terms of one step, one of them ``loss``, which the loop minimises. No host synchronisation."""

    def on_step_end(self, progress: float) -> None:
        """After the optimiser's step: move the teacher."""
        return None

    def prepare_embedding(self, train: Batch) -> None:
        """See the whole training set once more: fit what is fitted on embeddings (canonical projection)."""
        return None

    def calibrate(self, held_out: Batch) -> None:
        """See the held-out rows once, at the very end: fit what must not be fitted on training rows (temperatures)."""
        return None

    @abstractmethod
    def embed(self, features: Tensor, modality: int) -> Tensor:
        """(n, d) or (n, T, d) rows of modality 0 or 1 to (n, e) unit-length embeddings, without gradient."""

    def embed_variants(self, features: Tensor, modality: int) -> dict[str, Tensor]:
        """Further embeddings to report beside :meth:`embed`, by name (``{"uncorrelated": ...}``)."""
        return {}

    def parameter_groups(self, learning_rate: float, weight_decay: float) -> list[dict[str, Any]]:
        """Groups for the optimiser; vectors and scalars are not decayed."""
        decayed = [p for p in self.parameters() if p.requires_grad and p.dim() > 1]
        others = [p for p in self.parameters() if p.requires_grad and p.dim() <= 1]
        groups = [
            {"params": decayed, "lr": learning_rate, "weight_decay": weight_decay},
            {"params": others, "lr": learning_rate, "weight_decay": 0.0},
        ]
        return [group for group in groups if group["params"]]


methods: Registry[type[Method]] = Registry("method", "overtone.methods")
"""All methods by the name the command line knows them by."""
