"""The rules of a verdict. To add one, write its function here, or in a file of your own that is imported.

A rule maps the evidence to a :class:`~overtone.diagnosis.RuleHit`: its number, what it means, what to try. It fires if
the number lies beyond its threshold; NaN, as of missing measurements, lies beyond none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from overtone.diagnosis.verdict import Evidence, RuleHit, rule

_FADED = 0.5
"""``saturated`` needs the last active ratio to be at most this share of the first: some losses start with few active
terms."""
_INDIFFERENT = 0.9
"""Gradient of an easy sample by that of the average one, above which a loss does not tell easy samples apart."""


_SHAPES = ("few-dimensions", "over-compaction", "no-compaction", "overfit", "uneven-spacing", "crowded-classes")
"""Rules on the shape of a space, which say nothing of one that has collapsed."""


@rule(
    "collapse",
    quantity="total_variance",
    below=0.1,
    severity=1,
    silences=(*_SHAPES, "wide-class", "saturated", "easy-gradient", "still-falling"),
)
def collapse(evidence: Evidence) -> RuleHit:
    """Within-class and between-class variance together are close to zero."""
    total = sum(evidence.figures("variance.intra_variance", "variance.between_variance"))
    return RuleHit(
        total,
        f"All rows point in nearly the same direction: their total variance is {total:.3f}; rows all over the sphere "
        "have 1.",
        "Start with easier triplets or pairs (all instead of the hardest), a lower learning rate or a smaller margin.",
    )


@rule("few-dimensions", quantity="share_of_dimensions", below=0.33, severity=2)
def few_dimensions(evidence: Evidence) -> RuleHit:
    """The rows fill far fewer dimensions than their classes need."""
    rank, classes, dimensions = evidence.figures("variance.effective_rank", "variance.classes", "variance.dimensions")
    needed = min(classes - 1, dimensions)
    return RuleHit(
        _ratio(rank, needed),
        f"The rows fill {rank:.1f} dimensions; {classes:.0f} classes could use {needed:.0f}. Some classes share "
        "directions.",
        "Try a loss with more negatives per anchor, a larger batch, or a higher temperature.",
    )


@rule("over-compaction", quantity="variance_ratio", below=0.03, severity=2)
def over_compaction(evidence: Evidence) -> RuleHit:
    """Hardly any difference within a class is left."""
    ratio, within = evidence.figures("variance.variance_ratio", "variance.intra_variance")
    return RuleHit(
        ratio,
        f"Classes have shrunk to points: the variance within them ({within:.4f}) is {100 * ratio:.1f} % of that "
        "between them. Members of a class can no longer be told apart.",
        "If finer differences matter, stop earlier, use a loss with a margin for positives, or pull positives less.",
    )


@rule("no-compaction", quantity="variance_ratio_to_features", at_least=0.9, severity=2)
def no_compaction(evidence: Evidence) -> RuleHit:
    """Classes are hardly more compact than in the features."""
    after, before = evidence.figures("variance.variance_ratio", "features_variance.variance_ratio")
    return RuleHit(
        _ratio(after, before),
        f"Training did not separate the classes: the variance within classes by that between them is {after:.2f}; in "
        f"the features it was {before:.2f}.",
        "Train longer or with a higher learning rate. If that does not help, the features do not separate the classes.",
    )


@rule("overfit", quantity="test_to_train_variance", above=2.0, severity=2)
def overfit(evidence: Evidence) -> RuleHit:
    """Classes of unseen rows are far wider than those of training rows."""
    test, train = evidence.figures("variance.intra_variance", "train_variance.intra_variance")
    figure = _ratio(test, train)
    return RuleHit(
        figure,
        f"The classes of unseen rows are {figure:.1f} times as wide as those of training rows ({test:.3f} and "
        f"{train:.3f}): the training rows were memorised.",
        "Train fewer epochs, add weight decay or augmentation, or use a smaller head.",
    )


@rule("worse-than-features", quantity="recall_difference", below=0.0, severity=1)
def worse_than_features(evidence: Evidence) -> RuleHit:
    """The first neighbour is right less often than in the features."""
    after, before = evidence.figures("recall", "features_recall")
    return RuleHit(
        after - before,
        f"The first neighbour is right in {100 * after:.1f} % of the cases; with the unchanged features it was right "
        f"in {100 * before:.1f} %.",
        "Use the features as they are, or train with a loss that keeps more variance within the classes.",
    )


@rule("uneven-spacing", quantity="unevenness", above=0.22, severity=3)
def uneven_spacing(evidence: Evidence) -> RuleHit:
    """Some classes are far apart and others close."""
    mean, std = evidence.figures("variance.centroid_distance.mean", "variance.centroid_distance.std")
    return RuleHit(
        _ratio(std, mean),
        f"The classes are spaced unevenly: the distance of two centroids is {mean:.2f} ± {std:.2f}.",
        "Try batches with as many rows of each class, or a loss with one margin between all classes.",
    )


@rule("crowded-classes", quantity="smallest_gap_to_mean", below=0.33, severity=3)
def crowded_classes(evidence: Evidence) -> RuleHit:
    """Two classes are far closer to each other than classes are on average."""
    mean, gap = evidence.figures("variance.centroid_distance.mean", "variance.smallest_gap")
    pair = (evidence.variance or {}).get("smallest_gap_classes")
    first, second = pair if isinstance(pair, (list, tuple)) and len(pair) == 2 else ("two", "others")
    return RuleHit(
        _ratio(gap, mean),
        f"The classes {first} and {second} nearly coincide: their centroids are {gap:.2f} apart; the average of all "
        f"pairs is {mean:.2f}.",
        "Look at both: are they one class under two names? If not, give batches more rows of both.",
    )


@rule("wide-class", quantity="class_variance_to_mean", above=2.0, severity=3)
def wide_class(evidence: Evidence) -> RuleHit | None:
    """One class is far wider than the others."""
    (mean,), classes = evidence.figures("variance.intra_variance"), (evidence.variance or {}).get("per_class")
    if not isinstance(classes, Mapping) or not classes:
        return None
    widths = {name: evidence.figure("variance", "per_class", name, "variance") or 0.0 for name in classes}
    widest = max(widths, key=lambda name: widths[name])
    figure = _ratio(widths[widest], mean)
    return RuleHit(
        figure,
        f"The class {widest} is {figure:.1f} times as wide as the average class.",
        "Check its rows for wrong labels, or for several kinds of things under one name.",
    )


@rule("diverged", quantity="not_finite", above=0, severity=1, silences=("saturated", "easy-gradient", "still-falling"))
def diverged(evidence: Evidence) -> RuleHit:
    """The loss or its gradient was NaN or infinite."""
    (steps,) = evidence.figures("greediness.not_finite")
    return RuleHit(
        steps,
        f"The loss or its gradient was not finite in {steps:.0f} steps.",
        "Lower the learning rate, raise the temperature, or clip the gradient; check the features for extreme rows.",
    )


@rule("saturated", quantity="active_ratio", below=0.05, severity=2)
def saturated(evidence: Evidence) -> RuleHit | None:
    """Hardly any term of the loss is still active, or of a loss that counts no terms, hardly any sample."""
    first, last = evidence.figures("greediness.active_ratio.first", "greediness.active_ratio.last")
    if last > _FADED * first:
        return None
    counted = "samples" if (evidence.greediness or {}).get("active_by") == "samples" else "loss's terms"
    return RuleHit(
        last,
        f"Only {100 * last:.1f} % of the {counted} are still active, after {100 * first:.1f} % in the beginning: "
        "most of every batch is idle.",
        "Mine harder ones (semi-hard, batch-hard), use a larger margin or batch, or stop here if retrieval is good.",
    )


@rule("easy-gradient", quantity="easy_share", above=0.5, severity=3)
def easy_gradient(evidence: Evidence) -> RuleHit | None:
    """Most of the gradient falls on easy samples, and they are not weighted less than others."""
    share, easy = evidence.figures("greediness.easy_share.last", "greediness.easy_samples.last")
    if not _ratio(share, easy) >= _INDIFFERENT:
        return None
    return RuleHit(
        share,
        f"{100 * share:.0f} % of the gradient falls on samples whose nearest neighbour is already right, which are "
        f"{100 * easy:.0f} % of the samples: the loss does not focus on hard ones.",
        "Use a loss or a mining that weighs hard samples (triplet with semi-hard, scl), or a lower temperature.",
    )


@rule("still-falling", quantity="late_fall", above=0.03, severity=3)
def still_falling(evidence: Evidence) -> RuleHit:
    """The loss was still falling when training ended."""
    (fall,) = evidence.figures("greediness.late_fall")
    return RuleHit(
        fall,
        f"The loss was still falling: {100 * fall:.0f} % of its total decrease happened in the last tenth of training.",
        "Train longer, or with a higher learning rate, before judging this loss.",
    )


def _ratio(part: float, whole: float) -> float:
    """NaN where there is nothing to divide by."""
    return part / whole if whole > 0 else math.nan
