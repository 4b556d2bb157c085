"""The quantities of a diagnosis: what each is called, how it is measured, and what high and low mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from overtone.core.documents import Document
from overtone.evaluation import find_metric


@dataclass(frozen=True)
class Quantity(Document):
    """What is known of a quantity.

    Attributes:
        name: In tables and at axes.
        unit: Of its numbers.
        means: How it is measured, as a formula in words.
        low, high: What a low and a high value say.
        best: Which end is the better one; None where that depends on the task.
        style: How tables write its numbers: with significant digits, with three places, or with one.
        sizes: Whether it passes through several orders of magnitude, which need a logarithmic axis.
    """

    name: str
    unit: str
    means: str
    low: str
    high: str
    best: Literal["high", "low"] | None = None
    style: Literal["significant", "places", "tenths"] = "significant"
    sizes: bool = False


SQUARED, DISTANCE, SHARE = "squared distance, 0 to 4", "distance, 0 to 2", "share, 0 to 1"

QUANTITIES: dict[str, Quantity] = {
    "recall@1": Quantity(
        "R@1", SHARE, "share of the test rows whose nearest other row shares a class with them",
        "the nearest row is often a wrong one", "the nearest row is nearly always a right one", "high", "places",
    ),
    "map": Quantity(
        "mAP", SHARE, "precision at the rank of each relevant row, averaged over these, then over the queries",
        "relevant rows are spread over the whole ranking", "relevant rows come first, all of them", "high", "places",
    ),
    "map@r": Quantity(
        "mAP@R", SHARE, "like mAP, but only the first R ranks count, R being the number of relevant rows",
        "wrong rows stand among the first R", "the first R ranks are right", "high", "places",
    ),
    "intra_variance": Quantity(
        "intra-class variance", SQUARED,
        "squared distance of a row to the mean of its class, averaged in each class, then over the classes",
        "classes are compact, but the differences within a class may be lost",
        "classes are diverse, or were never compacted", sizes=True,
    ),
    "train_intra_variance": Quantity(
        "intra-class variance of training rows", SQUARED, "the same, on rows that were trained on",
        "training classes are compact; if test classes are not, the head overfits",
        "training classes are diverse", sizes=True,
    ),
    "centroid_distance": Quantity(
        "centroid distance", DISTANCE, "distance between the means of two classes, averaged over all pairs of classes",
        "classes are close together", "classes are far apart; at √2 they are at right angles", None, "places",
    ),
    "between_variance": Quantity(
        "between-class variance", "squared distance, 0 to 1",
        "squared distance of a class mean to the mean of all class means, averaged over the classes",
        "class means hardly differ", "class means differ much", None, "places",
    ),
    "variance_ratio": Quantity(
        "variance ratio", "no unit", "intra-class variance divided by between-class variance",
        "classes are compact against the distance between them",
        "classes are as wide as the distance between them: they overlap",
        sizes=True,
    ),
    "smallest_gap": Quantity(
        "smallest gap", DISTANCE, "distance between the means of the two classes that lie closest",
        "at least two classes are hard to separate", "even the closest classes are separate", None, "places",
    ),
    "unevenness": Quantity(
        "unevenness", "no unit", "standard deviation of the centroid distances divided by their mean",
        "all classes are equally far from each other", "some classes are close to each other, others far apart",
    ),
    "effective_rank": Quantity(
        "effective rank", "dimensions",
        "exponential of the entropy of the covariance's eigenvalues, as shares of their sum",
        "the rows fill few directions; near 1 the space has collapsed", "the rows fill many directions evenly",
    ),
    "active_ratio": Quantity(
        "active ratio", SHARE, "share of the loss's terms that still have a gradient; each loss has its own terms",
        "the loss learns from few terms", "the loss learns from nearly all terms",
    ),
    "active_samples": Quantity(
        "active rows", SHARE, "share of the rows whose gradient is longer than a threshold, the same for all losses",
        "few rows still have a gradient", "nearly all rows still have a gradient",
    ),
    "gradient_norm": Quantity(
        "gradient norm", "loss per unit of embedding",
        "length of the gradient of the loss with respect to one embedding, averaged over the rows of a batch",
        "embeddings hardly change any more", "embeddings still change much", sizes=True,
    ),
    "parameter_gradient_norm": Quantity(
        "parameter gradient norm", "loss per unit of parameter",
        "length of the gradient over all parameters of the head",
        "small steps, before the optimiser scales them", "large steps, before the optimiser scales them", sizes=True,
    ),
    "easy_share": Quantity(
        "easy share", SHARE,
        "share of the gradient's length on easy rows: clearly nearest to a row of their own class",
        "the gradient is on hard rows", "the gradient is on rows that are already right",
    ),
    "loss": Quantity(
        "loss", "1 is the first epoch", "mean loss of an epoch divided by that of the first, since scales differ",
        "the loss fell far", "little was learnt, or the loss cannot fall far",
    ),
    "loss_decay_rate": Quantity(
        "loss-decay rate", "per update",
        "ln 2 divided by the number of updates in which the loss makes half of its decrease",
        "the loss falls slowly", "the loss falls fast",
    ),
    "updates_to_half": Quantity(
        "updates to half", "updates", "updates until the intra-class variance of the batches is half of what it was",
        "the loss compacts fast", "the loss compacts slowly; a dash: never", None, "tenths",
    ),
}  # fmt: skip
"""Quantities by their key, in reading order."""

RETRIEVAL = ("recall@1", "map", "map@r")
SPACE = ("intra_variance", "centroid_distance", "between_variance", "variance_ratio", "smallest_gap", "effective_rank")
GRADIENT = ("active_ratio", "gradient_norm", "easy_share", "loss_decay_rate", "updates_to_half")


def quantity(key: str) -> Quantity:
    """What is known of a quantity.

    Args:
        key: Its entry in a diagnosis.

    Returns:
        What it is called and how it is measured; of an unknown one its name and no more.

    Example:
        >>> quantity("map").name, quantity("my_own").name
        ('mAP', 'my own')
    """
    if key in QUANTITIES:
        return QUANTITIES[key]
    metric = find_metric(key)
    name, means = (key.replace("_", " "), "") if metric is None else (metric.title, metric.explanation)
    return Quantity(name, "", means, "", "")
