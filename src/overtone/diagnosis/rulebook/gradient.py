"""Rules about how a loss spent its gradient."""

from __future__ import annotations

from overtone.diagnosis.evidence import Evidence
from overtone.diagnosis.rule import Hit, rule

_FADED = 0.5
"""Share of the first active ratio below which the last one has come down: some losses begin with few active terms."""
_INDIFFERENT = 0.9
"""Gradient of an easy sample by that of the average one, above which a loss makes no difference between them."""


@rule("diverged", quantity="not_finite", threshold=0, gravity=1)
def diverged(evidence: Evidence, threshold: float) -> Hit | None:
    """The loss or its gradient was no number."""
    steps = evidence.figure("greediness", "not_finite")
    if steps is None or steps <= threshold:
        return None
    return Hit(
        steps,
        f"The loss or its gradient was not finite in {steps:.0f} steps.",
        "Lower the learning rate, raise the temperature, or clip the gradient; check the features for extreme rows.",
    )


@rule("saturated", quantity="active_ratio", threshold=0.05, gravity=2)
def saturated(evidence: Evidence, threshold: float) -> Hit | None:
    """Hardly any term of the loss pushes any more."""
    first, last = (evidence.figure("greediness", "active_ratio", end) for end in ("first", "last"))
    if first is None or last is None or last >= threshold or last > _FADED * first:
        return None
    return Hit(
        last,
        f"Only {100 * last:.1f} % of the loss's terms still push, after {100 * first:.1f} % in the beginning: most of "
        "every batch is idle.",
        "Mine harder ones (semi-hard, batch-hard), take a larger margin or batch, or stop here if retrieval is good.",
    )


@rule("easy-gradient", quantity="easy_share", threshold=0.5, gravity=3)
def easy_gradient(evidence: Evidence, threshold: float) -> Hit | None:
    """Most of the gradient goes to samples that are right already, as if they were like any other."""
    share, easy = (evidence.figure("greediness", key, "last") for key in ("easy_share", "easy_samples"))
    if share is None or not easy or share <= threshold or share / easy < _INDIFFERENT:
        return None
    return Hit(
        share,
        f"{100 * share:.0f} % of the gradient goes to samples whose nearest neighbour is right already, which are "
        f"{100 * easy:.0f} % of the samples: the loss does not turn to the hard ones.",
        "Take a loss or a mining that weighs hard samples (triplet with semi-hard, scl), or a lower temperature.",
    )


@rule("still-falling", quantity="late_fall", threshold=0.03, gravity=3)
def still_falling(evidence: Evidence, threshold: float) -> Hit | None:
    """The loss was still falling when training ended."""
    fall = evidence.figure("greediness", "late_fall")
    if fall is None or fall <= threshold:
        return None
    return Hit(
        fall,
        f"The loss was still falling: {100 * fall:.0f} % of its way down came in the last tenth of the training.",
        "Train longer, or with a higher learning rate, before judging this loss.",
    )
