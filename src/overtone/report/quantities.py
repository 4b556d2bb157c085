"""The quantities of a diagnosis: what each is called, how it is taken, and what high and low mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from overtone.report.words import metric_name, number, significant, tenths


@dataclass(frozen=True)
class Quantity:
    """One line of the glossary.

    Attributes:
        name: What tables and axes call it.
        unit: What it is counted in.
        means: How it is taken, as a formula in words.
        low: What a low value says.
        high: What a high value says.
        best: ``"high"`` or ``"low"`` where one end is the better one, None where it depends on the task.
        write: How tables write its numbers.
        sizes: Whether it passes through several sizes, which need a logarithmic axis.
    """

    name: str
    unit: str
    means: str
    low: str
    high: str
    best: str | None = None
    write: Callable[[Any], str] = significant
    sizes: bool = False


SQUARED, DISTANCE, SHARE = "squared distance, 0 to 4", "distance, 0 to 2", "share, 0 to 1"

QUANTITIES: dict[str, Quantity] = {
    "recall@1": Quantity(
        "R@1", SHARE, "share of the test rows whose nearest other row shares a class with them",
        "the nearest row is often a wrong one", "the nearest row is nearly always a right one", "high", number,
    ),
    "map": Quantity(
        "mAP", SHARE, "precision at the rank of each relevant row, averaged over these, then over the queries",
        "relevant rows are spread over the whole ranking", "relevant rows come first, all of them", "high", number,
    ),
    "map@r": Quantity(
        "mAP@R", SHARE, "like mAP, but only the first R ranks count, R being the number of relevant rows",
        "wrong rows stand among the first R", "the first R ranks are right", "high", number,
    ),
    "intra_variance": Quantity(
        "intra-class variance", SQUARED,
        "squared distance of a row to the mean of its class, averaged in each class, then over the classes",
        "classes are points: compact, but what tells their members apart may be lost",
        "classes keep their diversity, or were never pulled together", sizes=True,
    ),
    "train_intra_variance": Quantity(
        "intra-class variance of training rows", SQUARED, "the same, on rows that were trained on",
        "training classes are points; if test classes are not, this was learnt by heart",
        "training classes keep their diversity", sizes=True,
    ),
    "centroid_distance": Quantity(
        "centroid distance", DISTANCE, "distance between the means of two classes, averaged over all pairs of classes",
        "classes crowd together", "classes lie far apart; at √2, points at right angles", None, number,
    ),
    "between_variance": Quantity(
        "between-class variance", "squared distance, 0 to 1",
        "squared distance of a class mean to the mean of all class means, averaged over the classes",
        "class means hardly differ", "class means differ much", None, number,
    ),
    "variance_ratio": Quantity(
        "variance ratio", "no unit", "intra-class variance divided by between-class variance",
        "classes are small against the room between them", "classes are as wide as the room between them: they overlap",
        sizes=True,
    ),
    "smallest_gap": Quantity(
        "smallest gap", DISTANCE, "distance between the means of the two classes that lie closest",
        "at least two classes are hard to tell apart", "even the closest classes lie apart", None, number,
    ),
    "unevenness": Quantity(
        "unevenness", "no unit", "standard deviation of the centroid distances divided by their mean",
        "all classes are as far from each other", "some classes are near neighbours, others far apart",
    ),
    "effective_rank": Quantity(
        "effective rank", "dimensions",
        "exponential of the entropy of the covariance's eigenvalues, as shares of their sum",
        "the rows fill few directions; near 1 the space has collapsed", "the rows fill many directions evenly",
    ),
    "active_ratio": Quantity(
        "active ratio", SHARE, "share of the loss's terms that still push; each loss has its own terms",
        "the loss is nearly satisfied, and learns from few terms", "nearly everything still pushes",
    ),
    "active_samples": Quantity(
        "active rows", SHARE, "share of the rows whose gradient is longer than a threshold, the same for all losses",
        "few rows are still moved", "nearly every row is still moved",
    ),
    "gradient_norm": Quantity(
        "gradient norm", "loss per unit of embedding",
        "length of the gradient of the loss with respect to one embedding, averaged over the rows of a batch",
        "rows are hardly moved any more", "rows are still moved with force", sizes=True,
    ),
    "parameter_gradient_norm": Quantity(
        "parameter gradient norm", "loss per unit of parameter",
        "length of the gradient over all parameters of the head",
        "small steps, before the optimiser scales them", "large steps, before the optimiser scales them", sizes=True,
    ),
    "easy_share": Quantity(
        "easy share", SHARE,
        "share of the gradient's length on easy rows: nearest to a row of their own class, and that clearly",
        "the gradient goes to hard rows", "the gradient is spent on rows that are already right",
    ),
    "loss": Quantity(
        "loss", "1 is the first epoch", "mean loss of an epoch divided by that of the first, since scales differ",
        "most of the loss is gone", "little was learnt, or the loss cannot fall far",
    ),
    "loss_decay_rate": Quantity(
        "loss-decay rate", "per update",
        "logarithm of two, divided by the updates until the loss is half of its way down",
        "the loss falls slowly", "the loss falls fast",
    ),
    "updates_to_half": Quantity(
        "updates to half", "updates", "updates until the intra-class variance of the batches is half of what it was",
        "compacts at once", "compacts slowly; a dash: never", None, tenths,
    ),
}  # fmt: skip
"""Quantities by their key, in reading order."""

RETRIEVAL = ("recall@1", "map", "map@r")
SPACE = (
    "intra_variance",
    "centroid_distance",
    "between_variance",
    "variance_ratio",
    "smallest_gap",
    "effective_rank",
)
GRADIENT = ("active_ratio", "gradient_norm", "easy_share", "loss_decay_rate", "updates_to_half")


def quantity(key: str) -> Quantity:
    """What is known of a quantity; of an unknown one, its name and no more.

    Args:
        key: Its entry in a diagnosis.

    Example:
        >>> quantity("map").name, quantity("my_own").name
        ('mAP', 'my own')
    """
    return QUANTITIES.get(key) or Quantity(metric_name(key)[0], "", metric_name(key)[1], "", "")
