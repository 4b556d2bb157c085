"""The rules of a verdict. To add one, write its function here, or in a file of your own that is imported.

A rule takes the evidence and its threshold. It returns a :class:`~overtone.diagnosis.RuleHit`, or None if it does not
fire or its measurements are missing.
"""

from __future__ import annotations

from collections.abc import Mapping

from overtone.diagnosis.verdict import Evidence, RuleHit, rule

_FADED = 0.5
"""``saturated`` needs the last active ratio to be at most this share of the first: some losses start with few active
terms."""
_INDIFFERENT = 0.9
"""Gradient of an easy sample by that of the average one, above which a loss does not tell easy samples apart."""


@rule("collapse", quantity="total_variance", threshold=0.1, severity=1)
def collapse(evidence: Evidence, threshold: float) -> RuleHit | None:
    """Within-class and between-class variance together are close to zero."""
    within, between = (evidence.figure("variance", f"{side}_variance") for side in ("intra", "between"))
    if within is None or between is None or within + between >= threshold:
        return None
    total = within + between
    return RuleHit(
        total,
        f"All rows point in nearly the same direction: their total variance is {total:.3f}; rows all over the sphere "
        "have 1.",
        "Start with easier triplets or pairs (all instead of the hardest), a lower learning rate or a smaller margin.",
    )


@rule("few-dimensions", quantity="share_of_dimensions", threshold=0.33, severity=2)
def few_dimensions(evidence: Evidence, threshold: float) -> RuleHit | None:
    """The rows fill far fewer dimensions than their classes need."""
    rank = evidence.figure("variance", "effective_rank")
    classes, dimensions = (evidence.figure("variance", key) for key in ("classes", "dimensions"))
    if rank is None or classes is None or dimensions is None:
        return None
    needed = min(classes - 1, dimensions)
    if rank >= threshold * needed:
        return None
    return RuleHit(
        rank / needed,
        f"The rows fill {rank:.1f} dimensions; {classes:.0f} classes could use {needed:.0f}. Some classes share "
        "directions.",
        "Try a loss with more negatives per anchor, a larger batch, or a higher temperature.",
    )


@rule("over-compaction", quantity="variance_ratio", threshold=0.03, severity=2)
def over_compaction(evidence: Evidence, threshold: float) -> RuleHit | None:
    """Hardly any difference within a class is left."""
    ratio, within = (evidence.figure("variance", key) for key in ("variance_ratio", "intra_variance"))
    if ratio is None or within is None or ratio >= threshold:
        return None
    return RuleHit(
        ratio,
        f"Classes have shrunk to points: the variance within them ({within:.4f}) is {100 * ratio:.1f} % of that "
        "between them. Members of a class can no longer be told apart.",
        "If finer differences matter, stop earlier, use a loss with a margin for positives, or pull positives less.",
    )


@rule("no-compaction", quantity="variance_ratio_to_features", threshold=0.9, severity=2)
def no_compaction(evidence: Evidence, threshold: float) -> RuleHit | None:
    """Classes are hardly more compact than in the features."""
    after, before = (evidence.figure(part, "variance_ratio") for part in ("variance", "features_variance"))
    if after is None or before is None or before <= 0 or after / before < threshold:
        return None
    return RuleHit(
        after / before,
        f"Training did not separate the classes: the variance within classes by that between them is {after:.2f}; in "
        f"the features it was {before:.2f}.",
        "Train longer or with a higher learning rate. If that does not help, the features do not separate the classes.",
    )


@rule("overfit", quantity="test_to_train_variance", threshold=2.0, severity=2)
def overfit(evidence: Evidence, threshold: float) -> RuleHit | None:
    """Classes of unseen rows are far wider than those of training rows."""
    test, train = (evidence.figure(part, "intra_variance") for part in ("variance", "train_variance"))
    if test is None or train is None or train <= 0 or test / train <= threshold:
        return None
    return RuleHit(
        test / train,
        f"The classes of unseen rows are {test / train:.1f} times as wide as those of training rows ({test:.3f} and "
        f"{train:.3f}): the training rows were memorised.",
        "Train fewer epochs, add weight decay or augmentation, or use a smaller head.",
    )


@rule("worse-than-features", quantity="recall_difference", threshold=0.0, severity=1)
def worse_than_features(evidence: Evidence, threshold: float) -> RuleHit | None:
    """The first neighbour is right less often than in the features."""
    after, before = evidence.figure("recall"), evidence.figure("features_recall")
    if after is None or before is None or after - before >= threshold:
        return None
    return RuleHit(
        after - before,
        f"The first neighbour is right in {100 * after:.1f} % of the cases; with the unchanged features it was right "
        f"in {100 * before:.1f} %.",
        "Use the features as they are, or train with a loss that keeps more variance within the classes.",
    )


@rule("uneven-spacing", quantity="unevenness", threshold=0.22, severity=3)
def uneven_spacing(evidence: Evidence, threshold: float) -> RuleHit | None:
    """Some classes are far apart and others close."""
    mean, std = (evidence.figure("variance", "centroid_distance", key) for key in ("mean", "std"))
    if not mean or std is None or std / mean <= threshold:
        return None
    return RuleHit(
        std / mean,
        f"The classes are spaced unevenly: the distance of two centroids is {mean:.2f} ± {std:.2f}.",
        "Try batches with as many rows of each class, or a loss with one margin between all classes.",
    )


@rule("crowded-classes", quantity="smallest_gap_to_mean", threshold=0.33, severity=3)
def crowded_classes(evidence: Evidence, threshold: float) -> RuleHit | None:
    """Two classes are far closer to each other than classes are on average."""
    mean, gap = evidence.figure("variance", "centroid_distance", "mean"), evidence.figure("variance", "smallest_gap")
    if not mean or gap is None or gap / mean >= threshold:
        return None
    pair = (evidence.variance or {}).get("smallest_gap_classes")
    first, second = pair if isinstance(pair, (list, tuple)) and len(pair) == 2 else ("two", "others")
    return RuleHit(
        gap / mean,
        f"The classes {first} and {second} nearly coincide: their centroids are {gap:.2f} apart; the average of all "
        f"pairs is {mean:.2f}.",
        "Look at both: are they one class under two names? If not, give batches more rows of both.",
    )


@rule("wide-class", quantity="class_variance_to_mean", threshold=2.0, severity=3)
def wide_class(evidence: Evidence, threshold: float) -> RuleHit | None:
    """One class is far wider than the others."""
    mean, classes = evidence.figure("variance", "intra_variance"), (evidence.variance or {}).get("per_class")
    if not mean or not isinstance(classes, Mapping) or not classes:
        return None
    widths = {name: evidence.figure("variance", "per_class", name, "variance") or 0.0 for name in classes}
    widest = max(widths, key=lambda name: widths[name])
    figure = widths[widest] / mean
    if figure <= threshold:
        return None
    return RuleHit(
        figure,
        f"The class {widest} is {figure:.1f} times as wide as the average class.",
        "Check its rows for wrong labels, or for several kinds of things under one name.",
    )


@rule("diverged", quantity="not_finite", threshold=0, severity=1)
def diverged(evidence: Evidence, threshold: float) -> RuleHit | None:
    """The loss or its gradient was NaN or infinite."""
    steps = evidence.figure("greediness", "not_finite")
    if steps is None or steps <= threshold:
        return None
    return RuleHit(
        steps,
        f"The loss or its gradient was not finite in {steps:.0f} steps.",
        "Lower the learning rate, raise the temperature, or clip the gradient; check the features for extreme rows.",
    )


@rule("saturated", quantity="active_ratio", threshold=0.05, severity=2)
def saturated(evidence: Evidence, threshold: float) -> RuleHit | None:
    """Hardly any term of the loss is still active."""
    first, last = (evidence.figure("greediness", "active_ratio", end) for end in ("first", "last"))
    if first is None or last is None or last >= threshold or last > _FADED * first:
        return None
    return RuleHit(
        last,
        f"Only {100 * last:.1f} % of the loss's terms are still active, after {100 * first:.1f} % in the beginning: "
        "most of every batch is idle.",
        "Mine harder ones (semi-hard, batch-hard), use a larger margin or batch, or stop here if retrieval is good.",
    )


@rule("easy-gradient", quantity="easy_share", threshold=0.5, severity=3)
def easy_gradient(evidence: Evidence, threshold: float) -> RuleHit | None:
    """Most of the gradient falls on easy samples, and they are not weighted less than others."""
    share, easy = (evidence.figure("greediness", key, "last") for key in ("easy_share", "easy_samples"))
    if share is None or not easy or share <= threshold or share / easy < _INDIFFERENT:
        return None
    return RuleHit(
        share,
        f"{100 * share:.0f} % of the gradient falls on samples whose nearest neighbour is already right, which are "
        f"{100 * easy:.0f} % of the samples: the loss does not focus on hard ones.",
        "Use a loss or a mining that weighs hard samples (triplet with semi-hard, scl), or a lower temperature.",
    )


@rule("still-falling", quantity="late_fall", threshold=0.03, severity=3)
def still_falling(evidence: Evidence, threshold: float) -> RuleHit | None:
    """The loss was still falling when training ended."""
    fall = evidence.figure("greediness", "late_fall")
    if fall is None or fall <= threshold:
        return None
    return RuleHit(
        fall,
        f"The loss was still falling: {100 * fall:.0f} % of its total decrease happened in the last tenth of training.",
        "Train longer, or with a higher learning rate, before judging this loss.",
    )
