"""HSC-MAE: label-free embeddings held together by canonical geometry, mined neighbours, masked reconstruction."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor

from overtone.core import InputError, Settings
from overtone.methods.base import Batch, CorpusInfo, methods
from overtone.methods.hsc_mae_settings import HSCMAESettings, extra_noise, walk_range
from overtone.methods.mined_walks import MinedWalks
from overtone.methods.neighbourhoods import Mining
from overtone.methods.two_tower import CANONICAL_ROWS, MaskedTwoTower, check_batch
from overtone.networks import CanonicalProjection
from overtone.objectives.canonical import canonical_loss
from overtone.objectives.distillation import distillation
from overtone.objectives.soft_infonce import soft_infonce, soft_infonce_within, symmetric_soft_infonce
from overtone.objectives.targets import own_and_others
from overtone.objectives.weighting import LearnedWeights, weighted_sum

TERMS = ("canonical", "neighbours", "reconstruction", "distillation")


@methods.register("hsc-mae")
class HSCMAE(MaskedTwoTower):
    """Hierarchical semantic correlation with a masked autoencoder.

    The student sees masked features, the teacher whole ones; three terms:
    global, ``canonical_loss`` on whole features; local,
    ``symmetric_soft_infonce`` between masked embeddings towards the neighbours that the
    teacher finds; sample, ``masked_reconstruction``.

    Source:
        HSC-MAE, arXiv 2604.04229. Ours: the true counterpart as a certain positive, mining over the whole training set,
        both modalities' cosines side by side, and random walks for the weights.
    """

    name = "hsc-mae"
    uses_unpaired = True
    works_on_parts = True
    transient = ("affinity", "mined")
    settings: HSCMAESettings
    settings_type = HSCMAESettings
    affinity: Tensor
    surveyed: Tensor
    queue: Tensor

    def __init__(self, settings: Settings, corpus: CorpusInfo) -> None:
        super().__init__(settings, corpus)
        s = self.settings
        if corpus.pairs is not None and (s.queue or s.batch_norm or s.mining_view != "joint"):
            raise InputError(
                "hsc-mae: some training rows have one modality only, which queue, batch_norm and mining_view=mean "
                "cannot take",
                fix="leave these settings at their defaults",
            )
        given = (s.canonical_weight, s.neighbour_weight, s.reconstruction_weight, s.distillation_weight)
        self.weights = {name: weight for name, weight in zip(TERMS, given) if weight > 0}
        self.learned = LearnedWeights(self.weights) if s.learn_weights and self.weights else None
        self.look = CanonicalProjection((self.dim, self.dim))
        assert s.walk_edges is not None
        assert s.walk_restart is not None
        self.mining = Mining(
            s.mining_view,
            s.mining_features,
            s.mining_weighting,
            s.neighbours,
            s.walk_edges,
            s.walk_restart,
            s.teacher_temperature,
        )
        self.mines = s.neighbour_weight > 0 and s.own_weight < 1
        self.whole = self.mines and corpus.rows <= s.mining_rows
        walks = self.mines and not self.whole and s.mining_weighting == "walk" and not s.queue
        self.mined = MinedWalks(self.mining, s.mining_exact_rows) if walks else None
        rows = corpus.rows if self.whole else 0
        queued = s.queue if self.mines and not self.whole else 0
        self.register_buffer("affinity", torch.zeros(rows, rows, dtype=torch.float16))
        self.register_buffer("surveyed", torch.tensor(-1, dtype=torch.int64))
        self.register_buffer("queue", torch.zeros(2, queued, self.dim))

    @classmethod
    def resolve(cls, settings: Settings, corpus: CorpusInfo) -> Settings:
        """As everywhere; more noise where pairs would be learnt by heart, shorter walks where clusters are small."""
        resolved = cast(HSCMAESettings, super().resolve(settings, corpus))
        noise, walks = extra_noise(corpus), walk_range(corpus)
        return resolved.changed(
            dropout=resolved.dropout if resolved.dropout is not None else 0.35 + 0.15 * noise,
            mask_ratio=resolved.mask_ratio if resolved.mask_ratio is not None else 0.2 + 0.3 * noise,
            walk_edges=resolved.walk_edges or walks.edges,
            walk_restart=resolved.walk_restart or walks.restart,
        )

    @classmethod
    def ablations(cls) -> dict[str, dict[str, Any]]:
        """Each level off in turn, and what is ours in the local one."""
        return {
            "no-canonical": {"canonical_weight": 0.0},
            "no-neighbours": {"own_weight": 1.0},
            "no-reconstruction": {"reconstruction_weight": 0.0},
            "no-masking": {"mask_ratio": 0.0},
            "no-walks": {"mining_weighting": "softmax"},
        }

    def summary(self) -> Mapping[str, object]:
        """How a large training set was mined."""
        return {} if self.mined is None else {"mining": self.mined.summary()}

    @property
    def least_batch(self) -> int:
        """Rows enough for the batch's correlations."""
        return CANONICAL_ROWS * self.dim if "canonical" in self.weights else 2

    def parameter_groups(self, learning_rate: float, weight_decay: float) -> list[dict[str, Any]]:
        """As everywhere, with a rate of its own for learned weights."""
        groups = super().parameter_groups(learning_rate, weight_decay)
        if self.learned is None:
            return groups
        own = list(self.learned.parameters())
        for group in groups:
            group["params"] = [p for p in group["params"] if all(p is not q for q in own)]
        rate = {"params": own, "lr": self.settings.weights_learning_rate, "weight_decay": 0.0}
        return [*(group for group in groups if group["params"]), rate]

    def on_epoch_start(self, train: Batch) -> None:
        """Mine the training set, or fit the projection that batches are mined through; ``mining_refreshes`` times."""
        due = int(train.progress * self.settings.mining_refreshes)
        if not self.mines or due == int(self.surveyed):
            return
        self.surveyed.fill_(due)
        if self.mined is not None:
            self.mined.refresh(self._find_neighbours(train, self.mined), train.generator)
            return
        if self.whole:
            features = train.gather(train.features[0]), train.gather(train.features[1])
            embeddings = self.teach(features[0], 0), self.teach(features[1], 1)
            self.look.fit(*train.paired(*embeddings), self.settings.projection_ridge)
            self.affinity.copy_(self.mining.mine(embeddings, features, self.look, train.present))
            return
        rows = train.paired(*train.features)
        chosen = torch.randperm(len(rows[0]), generator=train.generator, device=rows[0].device)
        most = max(self.settings.mining_rows, 8 * self.dim)  # a sample is enough for the projection
        chosen = chosen[: math.ceil(most * len(train) / train.total)]
        first, second = (train.gather(self.teach(part.index_select(0, chosen), side)) for side, part in enumerate(rows))
        embeddings = first, second
        self.look.fit(*embeddings, self.settings.projection_ridge)
        if due == 0:
            for past, now in zip(self.queue, embeddings):
                past.copy_(now[torch.arange(len(past), device=now.device) % len(now)])

    def _find_neighbours(self, train: Batch, mined: MinedWalks) -> Tensor:
        """Neighbours by the teacher's embeddings, which need no memory any more when the neighbours are joined."""
        embeddings = self.teach_blocks(train.features[0], 0), self.teach_blocks(train.features[1], 1)
        everyones = train.gather(embeddings[0]), train.gather(embeddings[1])
        self.look.fit(*train.paired(*everyones), self.settings.projection_ridge)
        del everyones
        return mined.find(embeddings, train, self.look)

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """All terms of one step; ``loss`` is their weighted sum."""
        s = self.settings
        hidden, masks = self.mask(batch)
        terms: dict[str, Tensor] = {}
        if "canonical" in self.weights:
            check_batch(batch.pairs or batch.total, self.dim)
            student, (first, second) = self._encode_twice(batch, hidden)
            pairs = batch.paired(batch.gather(first), batch.gather(second))
            terms["canonical"] = canonical_loss(*pairs, s.canonical_ridge, s.canonical_power)
        else:
            student = self.encode(batch, hidden)
        if "neighbours" in self.weights:
            terms["neighbours"] = self._local(batch, (batch.gather(student[0]), batch.gather(student[1])))
        if "reconstruction" in self.weights:
            terms["reconstruction"] = self.reconstruction(batch, student, masks)
        if "distillation" in self.weights:
            first, second = (self._distil(batch, student, side) for side in (0, 1))
            terms["distillation"] = 0.5 * (first + second)
        return {"loss": self._sum(terms, batch.progress), **terms}

    def _encode_twice(
        self, batch: Batch, hidden: tuple[Tensor, Tensor]
    ) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """The student's embeddings of masked and of whole features, in one pass: fewer, larger matrix products."""
        both = [torch.cat(pair) for pair in zip(hidden, batch.features)]
        (a, whole_a), (b, whole_b) = (z.chunk(2) for z in self.encode(batch, (both[0], both[1])))
        return (a, b), (whole_a, whole_b)

    def _distil(self, batch: Batch, student: tuple[Tensor, Tensor], side: int) -> Tensor:
        """Distillation of one modality over the rows of the global batch that have it."""
        kind = self.settings.distillation
        learnt, taught = batch.gather(student[side]), batch.gather(self.teach(batch.features[side], side))
        if batch.present is None:
            return distillation(learnt, taught, kind)
        there = batch.gather(batch.present[side]).float()  # rows of zeros agree, so they only thin the mean out
        share = there.mean().clamp_min(1e-12)
        loss = distillation(learnt * there[:, None], taught * there[:, None], kind)
        return loss / (share if kind == "embedding" else share.square())

    def _sum(self, terms: dict[str, Tensor], progress: float) -> Tensor:
        if self.learned is None:
            return weighted_sum(terms, self.weights)
        if progress < self.settings.warmup and "reconstruction" in terms:
            return self.weights["reconstruction"] * terms["reconstruction"]
        total: Tensor = self.learned(terms)
        return total

    def _local(self, batch: Batch, student: tuple[Tensor, Tensor]) -> Tensor:
        """Soft InfoNCE of the global batch towards its neighbours, across and (``within_weight``) within modalities."""
        s = self.settings
        first, second = student
        others, memory = self._others(batch)
        if batch.present is not None or batch.groups is not None:
            return self._local_masked(batch, student, others)
        targets = own_and_others(others, s.own_weight)
        if memory is None:
            loss = symmetric_soft_infonce(first, second, targets, s.temperature, s.form)
        else:
            there = soft_infonce(first, torch.cat([second, memory[1]]), targets, s.temperature, s.form)
            back = soft_infonce(second, torch.cat([first, memory[0]]), targets, s.temperature, s.form)
            loss = 0.5 * (there + back)
        if s.within_weight > 0:
            inside = others[:, : len(first)]
            inside = inside / inside.sum(1, keepdim=True).clamp_min(1e-12)
            parts = [soft_infonce_within(z, inside, s.temperature, s.form) for z in student]
            loss = loss + 0.5 * s.within_weight * (parts[0] + parts[1])
        return loss

    def _local_masked(self, batch: Batch, student: tuple[Tensor, Tensor], others: Tensor) -> Tensor:
        """The same where rows lack a modality, or belong together: these are no anchors, positives or negatives."""
        s = self.settings
        apart = batch.apart()
        everyone = torch.ones_like(others[:, 0], dtype=torch.bool)
        there = batch.everyones_presence() or (everyone, everyone)

        def term(asking: int, asked: int) -> Tensor:
            excluded = ~(there[asking][:, None] & there[asked][None, :])
            excluded = excluded if apart is None else excluded | apart
            if asking != asked:
                targets = own_and_others(others, s.own_weight, excluded)
                return soft_infonce(student[asking], student[asked], targets, s.temperature, s.form, excluded)
            itself = torch.eye(len(others), dtype=torch.bool, device=others.device)
            targets = own_and_others(others, 0.0, excluded | itself)
            return soft_infonce_within(student[asking], targets, s.temperature, s.form, excluded)

        loss = 0.5 * (term(0, 1) + term(1, 0))
        if s.within_weight > 0:
            loss = loss + 0.5 * s.within_weight * (term(0, 0) + term(1, 1))
        return loss

    @torch.no_grad()
    def _others(self, batch: Batch) -> tuple[Tensor, tuple[Tensor, Tensor] | None]:
        """(B, B) weights of a global batch's neighbours; with a queue (B, B + Q), and the queue's embeddings."""
        rows = batch.gather(batch.rows)
        if not self.mines:
            return torch.zeros(len(rows), len(rows), device=rows.device), None
        if self.whole:
            return self.affinity.index_select(0, rows).index_select(1, rows).float(), None
        if self.mined is not None:
            return self.mined.among(rows), None
        features = batch.gather(batch.features[0]), batch.gather(batch.features[1])
        now = self.teach(features[0], 0), self.teach(features[1], 1)
        if not self.settings.queue:
            return self.mining.mine(now, features, self.look, batch.everyones_presence()), None
        past = self.queue.clone()
        known = torch.cat([now[0], past[0]]), torch.cat([now[1], past[1]])
        self.queue.copy_(torch.stack(known)[:, : past.shape[1]])
        return self.mining.mine_among(now, known, self.look), (past[0], past[1])
