"""Interactions: a student of labels and of event chances, or, as published, a metric loss and a pull along a graph."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from overtone.core import InputError, Settings
from overtone.methods.base import Batch, CorpusInfo, InferredTargets, TrainingDefaults, methods
from overtone.methods.event_gate import Gate
from overtone.methods.event_space import Padding, blend
from overtone.methods.interactions_settings import AUTO, UNINFORMED, InteractionsSettings
from overtone.methods.metric_learning import MetricLearning
from overtone.methods.two_tower import by_classes
from overtone.networks import Teacher
from overtone.objectives.classification import positive_unlabelled
from overtone.objectives.interaction import interaction, relatedness
from overtone.objectives.pairs import unit
from overtone.objectives.targets import as_targets, has_label

MARGIN = 0.5
"""Of the triplet under a pull, unless it is set: a pull shrinks the space, and a narrow margin gives way."""
COLUMNS = 128
"""Most columns of a head's part of the embedding."""
EVENTS = "events_"  # before a modality's name: the key of all its events, where they are known
_EVENTS = 2.0
"""Events a clip, on average, above which the event head weighs less: many events outshout labels on a shared trunk."""


@methods.register("interactions")
class Interactions(MetricLearning):
    r"""A student that learns labels and, beside them, the chances of events that nobody annotated.

    Two heads on one encoder a modality give logits of labels and of events, C each. Both are trained by cross-entropy
    of sigmoids: on the labels of labelled clips, and on the event chances of all, which weighs min(1, 2 / expected
    events a clip)². Sigmoids make them probabilities :math:`p^E` of events, and :math:`p^L` of labels where a clip may
    have several; where it has one, the softmax does, as chances given that exactly one is right. The cosine of
    embeddings across the modalities is

    .. math:: (1 - w)\, \frac{p^{L\top} p'^L}{s_L} + w\, \frac{p^{E\top} p'^E}{s_E},

    and w is chosen by trials so that annotated mAP suffers no harm (see
    :func:`~overtone.methods.event_gate.choose_weight`). A metric loss may stand in place of the label head.

    With ``student=lir`` it is the published form: a metric loss, and λ times a pull that brings clips of interacting
    classes together; its embedding is mixed with that of the metric loss alone by the same rule.

    Event chances and graph are inferred beforehand, handed to :meth:`set_inferred_targets`, and never change.

    Source:
        Learning Audio-Visual Embeddings with Inferred Latent Interaction Graphs (2026), for the pull; heads and the
        choice of w are our own.
    """

    name = "interactions"
    needs_inferred_targets: ClassVar[bool] = True
    settings: InteractionsSettings
    settings_type: ClassVar[type[Settings]] = InteractionsSettings
    soft_first: Tensor
    soft_second: Tensor
    events: Tensor
    edges: Tensor
    event_weight: Tensor
    one_label: Tensor

    def __init__(self, settings: Settings, corpus: CorpusInfo) -> None:
        self.classes = corpus.classes
        self.gate: Gate | None = None
        self.event_share = 1.0
        super().__init__(settings, corpus)
        s = self.settings
        if self.heads:
            self.label_part = Padding(corpus.classes, s.embedding_dim or COLUMNS) if self.label_head else nn.Identity()
            self.event_part = Padding(corpus.classes, COLUMNS)
        elif s.graph not in UNINFORMED:
            self.base = Teacher(self.encoders)
        self.register_buffer("event_weight", torch.tensor(float(s.event_weight or 0.0)))
        self.register_buffer("one_label", torch.tensor(False))
        # given anew whenever a run begins or goes on, so no checkpoint has to hold them
        for name in ("soft_first", "soft_second", "events", "edges"):
            self.register_buffer(name, torch.zeros(0), persistent=False)

    @property
    def heads(self) -> bool:
        """Whether there are heads, rather than a pull."""
        return self.settings.student == "heads"

    @property
    def label_head(self) -> bool:
        """Whether labels are learnt by a head, rather than by a metric loss."""
        return self.heads and self.settings.loss == AUTO

    @property
    def idle(self) -> bool:
        """Whether event chances are not learnt, as trials have found no use for them."""
        return self.gate is not None and self.gate.weight is None

    @property
    def outputs(self) -> int:
        """Columns of an encoder's output: a metric embedding or the label head, and the event head."""
        labels = self.classes if self.label_head else super().dim
        return self.classes + labels if self.heads else labels

    @property
    def dim(self) -> int:
        """Dimensions of the embedding."""
        s, own = self.settings, super().dim
        if self.heads:
            labels = min(self.classes, s.embedding_dim or COLUMNS) + 2 if self.label_head else own
            return labels + min(self.classes, COLUMNS) + 2
        return own if s.graph in UNINFORMED else 2 * own

    @classmethod
    def resolve(cls, settings: Settings, corpus: CorpusInfo) -> Settings:
        """As for any frame; a head has a column a class, and triplets under a pull have a wide margin."""
        given = cast(InteractionsSettings, settings)
        if given.student == "heads" and given.loss == AUTO and given.embedding_dim is None:
            given = given.changed(embedding_dim=max(2, min(corpus.classes, COLUMNS)))
        resolved = cast(InteractionsSettings, super().resolve(given, corpus))
        if resolved.student == "heads":
            if resolved.projection == "canonical":
                raise InputError("student=heads has no canonical projection", fix="leave projection out")
            return resolved
        if resolved.loss not in (AUTO, "triplet"):
            return resolved
        resolved = resolved.changed(loss="triplet")
        return resolved.changed(loss_settings={"margin": MARGIN, **resolved.loss_settings})

    @classmethod
    def training_defaults(cls, corpus: CorpusInfo) -> TrainingDefaults:
        """More classes take more steps."""
        return by_classes(corpus, 400)

    @classmethod
    def ablations(cls) -> dict[str, dict[str, Any]]:
        """The student without event chances, and the published form."""
        return {"no-graph": {"graph": "none"}, "lir": {"student": "lir"}}

    @classmethod
    def controls(cls, truth: Collection[str] = ()) -> dict[str, dict[str, Any]]:
        """No graph, soft labels alone, shuffled edges, pairs alone; where they are known, planted graph and events."""
        kinds = {"no-graph": "none", "soft-only": "soft", "shuffled-graph": "shuffled", "pairs-only": "pairs"}
        if "interactions" in truth:
            kinds["planted-graph"] = "planted"
        if sum(name.startswith(EVENTS) for name in truth) == 2:
            kinds["true-events"] = "events"
        return {name: {"graph": graph} for name, graph in kinds.items()}

    @property
    def judged_dim(self) -> int:
        """Columns of the metric embedding."""
        return super().dim

    def choose_loss(self) -> tuple[str, Mapping[str, Any]]:
        """What the settings name; where labels have a head, one without parameters that nobody calls."""
        return ("triplet", {}) if self.settings.loss == AUTO else super().choose_loss()

    def set_inferred_targets(self, inferred: InferredTargets) -> None:
        """Take event chances, graph, how much they count, and, for a pull, the student without them."""
        first, second = inferred.soft_labels
        events = torch.maximum(first, second) if inferred.events is None else inferred.events
        self.soft_first, self.soft_second, self.events, self.edges = (
            part.detach().to(self.edges.device, torch.float32) for part in (first, second, events, inferred.graph)
        )
        self.event_share = min(1.0, _EVENTS / max(1.0, float(events.sum(1).mean()))) ** 2
        self.gate = inferred.gate
        if self.gate is not None:
            self.event_weight.fill_(self.gate.weight or 0.0)
        if inferred.reference is not None and not self.heads:
            reference = cast(Interactions, inferred.reference).to(self.edges.device)
            self.base.module.load_state_dict(reference.teacher.module.state_dict())

    def on_train_start(self, train: Batch) -> None:
        """See that there are chances for the training rows."""
        super().on_train_start(train)
        self.one_label.fill_(self.single)
        if self.settings.graph not in UNINFORMED and len(self.soft_first) != len(train):
            raise RuntimeError("interactions has no soft labels of its rows: call set_inferred_targets() first")

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """The terms of the student that the settings name, and their sum."""
        return self._step_heads(batch) if self.heads else self._step_pull(batch)

    def _step_heads(self, batch: Batch) -> dict[str, Tensor]:
        """Label head (or metric loss), event head, and for the control of pairs a pull on pairs alone."""
        s, labels = self.settings, self.gather_labels(batch)
        views = [batch.gather(view) for view in self.encode(batch, batch.features)]
        (first, heard), (second, seen) = ((view[:, : -self.classes], view[:, -self.classes :]) for view in views)
        if self.label_head:
            known = has_label(labels).float()
            weights = known / known.mean().clamp_min(1e-6)
            terms = {"labels": sum_of_fits(first, second, as_targets(labels, self.classes), weights)}
        else:
            terms = {"metric": self.judge(first, second, labels)}
        if s.graph == "pairs":
            one, other = (unit(part.sigmoid() if self.label_head else part) for part in (first, second))
            terms["pull"] = s.weight * (one - other).square().sum(1).mean()
        elif s.graph not in UNINFORMED and not self.idle:
            terms["events"] = self.event_share * sum_of_fits(heard, seen, batch.gather(self.events[batch.rows]))
        return {"loss": torch.stack(list(terms.values())).sum(), **terms}

    def _step_pull(self, batch: Batch) -> dict[str, Tensor]:
        """The metric loss, the pull along the graph, and their weighted sum."""
        s = self.settings
        first, second = (batch.gather(z) for z in self.encode(batch, batch.features))
        labels = self.gather_labels(batch)
        acts = s.graph != "none" and batch.progress >= s.graph_start
        metric = self.judge(first, second, labels, self.negative_relief(batch) if acts else None)
        if s.graph == "none":
            return {"loss": metric}
        pull = self.pull(first, second, labels, batch) if acts else metric.new_zeros(())
        return {"loss": metric + s.strength_at(batch.progress) * pull, "metric": metric, "pull": pull}

    @torch.no_grad()
    def chances(self, features: Tensor, modality: int) -> tuple[Tensor, Tensor]:
        """The teacher's label part (probabilities, or a metric embedding of unit length) and event probabilities."""
        found = cast(nn.ModuleList, self.teacher.module)[modality](features).float()
        labels, events = found[:, : -self.classes], found[:, -self.classes :]
        if not self.label_head:
            return F.normalize(labels, dim=1), events.sigmoid()
        return labels.softmax(1) if self.one_label else labels.sigmoid(), events.sigmoid()

    def teach(self, features: Tensor, modality: int) -> Tensor:
        """Unit-length embeddings of whole features at the weight that was chosen, without gradient."""
        return self.at_weight(features, modality, self.event_weight)

    @torch.no_grad()
    def at_weight(self, features: Tensor, modality: int, weight: Tensor | float) -> Tensor:
        """Unit-length embeddings of whole features at any weight of the event chances, without gradient."""
        if self.heads:
            labels, events = self.chances(features, modality)
            base = self.label_part(labels, modality) if self.label_head else labels
            return blend(base, self.event_part(events, modality), weight)
        own = super().teach(features, modality)
        if self.settings.graph in UNINFORMED:
            return own
        before = cast(nn.ModuleList, self.base.module)[modality](features).float()
        return blend(F.normalize(before, dim=1), own, weight)

    def prepare_embedding(self, train: Batch) -> None:
        """Fit the paddings on the training rows; of a pull, the canonical projection."""
        if not self.heads:
            return super().prepare_embedding(train)
        first, second = (self.chances(part, side) for side, part in enumerate(train.paired(*train.features)))
        if self.label_head:
            cast(Padding, self.label_part).fit(first[0], second[0])
        self.event_part.fit(first[1], second[1])

    def embed_variants(self, features: Tensor, modality: int) -> dict[str, Tensor]:
        """Canonical coordinates of a pull; heads have coordinates with a meaning already."""
        return {} if self.heads else super().embed_variants(features, modality)

    def summary(self) -> Mapping[str, object]:
        """The choice of the weight."""
        return {} if self.gate is None else {"gate": self.gate.to_dict()}

    def negative_relief(self, batch: Batch) -> Tensor | None:
        """(B, B) of how far the metric loss spares a clip from being a negative of another; None where it does not."""
        relief = self.settings.negative_relief
        if self.settings.graph == "pairs" or not relief:
            return None
        return relief * relatedness(self.soft_labels(batch), self.edges, self.settings.threshold_at(batch.progress))

    def pull(self, first: Tensor, second: Tensor, labels: Tensor, batch: Batch) -> Tensor:
        """What brings a global batch's clips together beside the metric loss, a scalar: along edges, or of pairs."""
        if self.settings.graph == "pairs":
            return (unit(first) - unit(second)).square().sum(1).mean()
        soft, threshold = self.soft_labels(batch), self.settings.threshold_at(batch.progress)
        return interaction((first, second), labels, soft, self.edges, threshold).loss

    def soft_labels(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Soft labels of a global batch, of both modalities."""
        return batch.gather(self.soft_first[batch.rows]), batch.gather(self.soft_second[batch.rows])


def sum_of_fits(first: Tensor, second: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Cross-entropy of two heads' (n, C) logits against the same targets; (n,) weights of rows have a mean of 1."""
    one, other = (positive_unlabelled(logits, targets, weights=weights) for logits in (first, second))
    return one + other
