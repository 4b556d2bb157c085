"""Rules about how the rows of an embedding lie."""

from __future__ import annotations

from collections.abc import Mapping

from overtone.diagnosis.evidence import Evidence
from overtone.diagnosis.rule import Hit, rule


@rule("collapse", quantity="total_variance", threshold=0.1, gravity=1)
def collapse(evidence: Evidence, threshold: float) -> Hit | None:
    """Within- and between-class variance together are next to nothing."""
    within, between = (evidence.figure("variance", f"{side}_variance") for side in ("intra", "between"))
    if within is None or between is None or within + between >= threshold:
        return None
    total = within + between
    return Hit(
        total,
        f"All rows point the same way: their variance is {total:.3f} in all, of 1 for rows spread over the sphere.",
        "Start with easier triplets or pairs (all instead of the hardest), a lower learning rate or a smaller margin.",
    )


@rule("few-dimensions", quantity="share_of_dimensions", threshold=0.33, gravity=2)
def few_dimensions(evidence: Evidence, threshold: float) -> Hit | None:
    """The rows fill far fewer dimensions than their classes need."""
    rank = evidence.figure("variance", "effective_rank")
    classes, dimensions = (evidence.figure("variance", key) for key in ("classes", "dimensions"))
    if rank is None or classes is None or dimensions is None:
        return None
    needed = min(classes - 1, dimensions)
    if rank >= threshold * needed:
        return None
    return Hit(
        rank / needed,
        f"The rows fill {rank:.1f} dimensions, where {classes:.0f} classes could use {needed:.0f}: some classes share "
        "directions.",
        "Try a loss with more negatives per anchor, a larger batch, or a higher temperature.",
    )


@rule("over-compaction", quantity="variance_ratio", threshold=0.03, gravity=2)
def over_compaction(evidence: Evidence, threshold: float) -> Hit | None:
    """Next to nothing is left of the differences within a class."""
    ratio, within = (evidence.figure("variance", key) for key in ("variance_ratio", "intra_variance"))
    if ratio is None or within is None or ratio >= threshold:
        return None
    return Hit(
        ratio,
        f"Classes have shrunk to points: their variance ({within:.4f}) is {100 * ratio:.1f} % of that between them, so "
        "what tells the members of a class apart is gone.",
        "If finer differences matter, stop earlier, use a margin that lets positives be (triplet, scl), or pull less.",
    )


@rule("no-compaction", quantity="variance_ratio_to_features", threshold=0.9, gravity=2)
def no_compaction(evidence: Evidence, threshold: float) -> Hit | None:
    """Classes are hardly more compact than in the features."""
    after, before = (evidence.figure(part, "variance_ratio") for part in ("variance", "features_variance"))
    if after is None or before is None or before <= 0 or after / before < threshold:
        return None
    return Hit(
        after / before,
        f"Training did not separate the classes: variance within by variance between is {after:.2f}, and was "
        f"{before:.2f} in the features.",
        "Train longer or with a higher learning rate; if that changes nothing, the features do not tell the classes.",
    )


@rule("overfit", quantity="test_to_train_variance", threshold=2.0, gravity=2)
def overfit(evidence: Evidence, threshold: float) -> Hit | None:
    """Rows that were not learnt from lie far looser than those that were."""
    test, train = (evidence.figure(part, "intra_variance") for part in ("variance", "train_variance"))
    if test is None or train is None or train <= 0 or test / train <= threshold:
        return None
    return Hit(
        test / train,
        f"The classes of unseen rows are {test / train:.1f} times as wide as those of training rows ({test:.3f} and "
        f"{train:.3f}): the training rows were learnt by heart.",
        "Train fewer epochs, add weight decay or augmentation, or use a smaller head.",
    )


@rule("worse-than-features", quantity="recall_difference", threshold=0.0, gravity=1)
def worse_than_features(evidence: Evidence, threshold: float) -> Hit | None:
    """The first neighbour is right less often than in the features."""
    after, before = evidence.figure("recall"), evidence.figure("features_recall")
    if after is None or before is None or after - before >= threshold:
        return None
    return Hit(
        after - before,
        f"The first neighbour is right in {100 * after:.1f} % of the cases, and was in {100 * before:.1f} % with the "
        "features as they came.",
        "Use the features as they are, or train with a loss that keeps more variance within the classes.",
    )


@rule("uneven-spacing", quantity="unevenness", threshold=0.22, gravity=3)
def uneven_spacing(evidence: Evidence, threshold: float) -> Hit | None:
    """Some classes are far apart and others close."""
    mean, std = (evidence.figure("variance", "centroid_distance", key) for key in ("mean", "std"))
    if not mean or std is None or std / mean <= threshold:
        return None
    return Hit(
        std / mean,
        f"The classes are spaced unevenly: the distance of two centroids is {mean:.2f} ± {std:.2f}.",
        "Try batches with as many rows of each class, or another loss that asks for one margin between all classes.",
    )


@rule("crowded-classes", quantity="smallest_gap_to_mean", threshold=0.33, gravity=3)
def crowded_classes(evidence: Evidence, threshold: float) -> Hit | None:
    """Two classes lie far closer to each other than classes do on average."""
    mean, gap = evidence.figure("variance", "centroid_distance", "mean"), evidence.figure("variance", "smallest_gap")
    if not mean or gap is None or gap / mean >= threshold:
        return None
    assert evidence.variance is not None
    pair = evidence.variance.get("smallest_gap_classes") or ("two", "others")
    return Hit(
        gap / mean,
        f"The classes {pair[0]} and {pair[1]} nearly coincide: their centroids are {gap:.2f} apart, two classes on "
        f"average {mean:.2f}.",
        "Look at both: are they one class under two names? If not, give batches more rows of both.",
    )


@rule("wide-class", quantity="class_variance_to_mean", threshold=2.0, gravity=3)
def wide_class(evidence: Evidence, threshold: float) -> Hit | None:
    """One class is far wider than the others."""
    mean, classes = evidence.figure("variance", "intra_variance"), (evidence.variance or {}).get("per_class")
    if not mean or not isinstance(classes, Mapping) or not classes:
        return None
    widest = max(classes, key=lambda name: classes[name]["variance"] or 0.0)
    figure = (classes[widest]["variance"] or 0.0) / mean
    if figure <= threshold:
        return None
    return Hit(
        figure,
        f"The class {widest} is {figure:.1f} times as wide as the average class.",
        "Look at its rows for wrong labels, or for several kinds of things under one name.",
    )
