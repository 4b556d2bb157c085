"""What a run trains on: the visible part of the data, held-out rows, fitted scalers, tensors on the device."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from overtone.core import InputError
from overtone.core.files import checksum
from overtone.core.scratch import is_large
from overtone.features import PairedFeatures, Scaler, hold_out, membership, only_pairs
from overtone.features.large import spread_rows, spread_sample, take_rows
from overtone.features.scaling_choice import ScalingChoice, fit_scalers
from overtone.features.splitting import group_numbers
from overtone.methods.base import CorpusInfo, Method
from overtone.training.clusters import ClusterCheck, check_clusters
from overtone.training.distribution import Group
from overtone.training.pairing import PairCheck, check_pairs
from overtone.training.rows import Rows
from overtone.training.settings import TrainingSettings

_CHECKED = 250_000
"""Training rows up to which pairs and clusters are looked at: that takes minutes there."""
_SAMPLE = 1024
"""Training rows whose embeddings are checked for collapse where none are held out."""


@dataclass(frozen=True)
class TrainingData:
    """The data of one run.

    Attributes:
        features: What the method may see, with the splits as used: unscaled, by name.
        corpus: What the method is built from.
        scalers: Per modality in order, fitted on the training rows.
        chosen: Why a scaling was chosen, of the modalities where it was.
        pairs: Which training pairs look wrong; None where labels are seen, for too few rows, too many, or parts.
        clusters: Whether the training pairs form small clusters; None where ``pairs`` is, for too few
            rows, or where rows are grouped.
        train: Training rows, or this process's part of them.
        held_out: Validation rows, None if there are none.
    """

    features: PairedFeatures
    corpus: CorpusInfo
    scalers: dict[str, Scaler]
    chosen: dict[str, ScalingChoice]
    pairs: PairCheck | None
    clusters: ClusterCheck | None
    train: Rows
    held_out: Rows | None

    def validation_rows(self) -> Rows:
        """The held-out rows, or else a sample of the training rows."""
        if self.held_out is not None:
            return self.held_out
        paired = self.train.paired
        first, second = (rows if paired is None else rows[paired] for rows in self.train.features)
        every = max(1, len(first) * self.train.parts.size // _SAMPLE)
        return Rows((first[::every], second[::every]), parts=self.train.parts)


def hide_labels(data: PairedFeatures, method: type[Method], unpaired: bool = True) -> PairedFeatures:
    """The data as a method may see it: without truth and media, and without labels unless the method is supervised.

    Clips of one modality are left out unless the method ``uses_unpaired`` ones and ``unpaired`` asks for them.

    Raises:
        InputError: The method needs labels and there are none, or there are no training rows, or none is paired.
    """
    if "train" not in data.splits:
        raise InputError("the data has no split 'train'", got=", ".join(data.splits) or "no splits")
    if data.present and not bool(data.paired[data.splits["train"]].any()):
        raise InputError("no training row has both modalities", fix="bring some pairs: nothing else joins the two")
    if not (method.uses_unpaired and unpaired):
        data = only_pairs(data, f"{method.name} learns from pairs")
    data = replace(data, truth={}, media={})
    if not method.supervised:
        return replace(data, labels=None, label_kind="none", class_names=())
    if data.labels is None:
        raise InputError(f"{method.name} learns from labels, and the data has none", fix="choose a label-free method")
    return data


def describe(data: PairedFeatures) -> CorpusInfo:
    """Shapes, training rows and classes of visible data before rows are held out: what a method's defaults go by."""
    train = data.splits["train"]
    return CorpusInfo(data.shapes, len(train), data.classes, _count_pairs(data, train))


def _count_pairs(data: PairedFeatures, rows: Tensor) -> int | None:
    """Number of rows that have both modalities; None: all."""
    return int(data.paired[rows].sum()) if data.present else None


def prepare(
    data: PairedFeatures,
    settings: TrainingSettings,
    device: torch.device,
    uses_unpaired: bool = False,
    group: Group | None = None,
) -> TrainingData:
    """Hold rows out, fit the scalers on the remaining training rows, scale, and move everything to the device once.

    Pairs that look wrong (:func:`~overtone.training.pairing.check_pairs`) are taken apart into two rows of one modality
    each, or left out where the method learns from pairs alone.

    Of large features without missing halves, several processes take a part of the training rows each, equally long, so
    that the last few rows may be left out. Held-out rows, and those that scalers are fitted on, are the same on all.

    Args:
        data: Visible data.
        settings: With defaults.
        device: Where to train.
        uses_unpaired: Whether the method learns from rows of one modality, too.
        group: Processes that may take a part each; None: this one takes all rows.

    Raises:
        InputError: The epoch is to be chosen on held-out rows and there are none.
    """
    if settings.validation_fraction:
        data = hold_out(data, settings.validation_fraction, settings.seed)
    held_out = data.splits.get("val", torch.zeros(0, dtype=torch.int64))
    held_out = held_out[data.paired[held_out]]
    if settings.select != "last" and len(held_out) < 2:
        raise InputError(
            f"select={settings.select} needs at least 2 held-out rows with both modalities",
            got=len(held_out),
            fix="set validation_fraction=0.1, or select=last",
        )
    train = data.splits["train"]
    paired_rows = train[data.paired[train]]
    there = {name: spread_sample(rows, train[data.has(name)[train]]) for name, rows in data.modalities.items()}
    compared = spread_rows(paired_rows, *data.modalities.values())
    all_alike = not data.present and len(compared) == len(train)
    both = None if all_alike else {name: rows[compared] for name, rows in data.modalities.items()}
    scalers, chosen = fit_scalers(settings.scaling, there, both)
    groups = torch.from_numpy(group_numbers(data.groups)) if data.groups else None

    def scaled(name: str, split: Tensor) -> Tensor:
        def change(part: Tensor, numbers: Tensor) -> Tensor:
            part = scalers[name](part)
            if not data.present:
                return part
            return torch.where(data.has(name)[numbers].view(-1, *[1] * (part.dim() - 1)), part, 0.0)

        return take_rows(data.modalities[name], split, change)

    def rows_of(split: Tensor) -> Rows:
        parts = [scaled(name, split) for name in data.names]
        masks = [data.has(name)[split] for name in data.names] if data.present else None
        return Rows(
            (parts[0].to(device), parts[1].to(device)),
            None if data.labels is None else data.labels[split].to(device),
            None if masks is None else (masks[0].to(device), masks[1].to(device)),
            None if groups is None else groups[split].to(device),
            data.classes,
        )

    large = any(is_large((len(train), *rows.shape[1:])) for rows in data.modalities.values())
    parts = group if group is not None and large and not data.present else Group()
    size = len(train) // parts.size
    rows = replace(rows_of(train[parts.rank * size : (parts.rank + 1) * size]), parts=parts)
    check, clusters = None, None
    if data.labels is None and len(train) <= _CHECKED and parts.size == 1:
        paired = torch.arange(len(rows)) if rows.paired is None else rows.paired.cpu()
        ids = tuple(data.ids[row] for row in train[paired].tolist())
        sides = [part[paired.to(device)] for part in rows.features]
        check = check_pairs(sides[0], sides[1], ids, keep=settings.pairs == "keep")
        if check is not None and check.left_out:
            rows = rows.taken_apart(paired[check.wrong].to(device), halves=uses_unpaired and settings.unpaired)
            sides = [part[~check.wrong.to(device)] for part in sides]
        if not data.groups:  # rows of a group are a cluster by design, and no class
            clusters = check_clusters(sides[0], sides[1])
    shapes = tuple(rows.features[0].shape[1:]), tuple(rows.features[1].shape[1:])
    pairs = None if rows.paired is None else len(rows.paired)
    corpus = CorpusInfo(shapes, rows.total, data.classes, pairs)
    if check is not None:
        wrong = 0.0 if data.present else check.wrong_share  # most rows are not learnt as pairs
        corpus = corpus._replace(wrong_share=wrong, memorised=check.memorised)
    if clusters is not None:
        corpus = corpus._replace(cluster_size=clusters.size)
    held = rows_of(held_out) if len(held_out) > 1 else None
    return TrainingData(data, corpus, scalers, chosen, check, clusters, rows, held)


def foresee(data: PairedFeatures) -> dict[str, str]:
    """What label-free training would decide.

    Args:
        data: With a split ``train``.

    Returns:
        ``scaling of MODALITY``, ``wrong pairs`` and ``clusters``, each in words.
    """
    visible = replace(data, labels=None, label_kind="none", class_names=(), truth={}, media={})
    found = prepare(visible, TrainingSettings.build({"select": "last"}), torch.device("cpu"))
    said = {f"scaling of {name}": f"{choice.spec} ({choice.reason})" for name, choice in found.chosen.items()}
    for what, check in (("wrong pairs", found.pairs), ("clusters", found.clusters)):
        if check is not None:
            said[what] = check.sentence()
    return said


def fingerprint(data: PairedFeatures) -> str:
    """SHA-256 of what training depends on in visible data: features, labels if seen, train and validation rows."""
    parts = [*data.modalities.values(), *([] if data.label_identity is None else [data.label_identity])]
    parts += [data.splits[name] for name in ("train", "val") if name in data.splits]
    return checksum(*parts, *membership(data))
