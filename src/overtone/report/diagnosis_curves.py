"""What happens during the training: to the space, to the gradient, to retrieval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from overtone.experiments import FROZEN, RETRIEVAL, Curve, Diagnosis, quantity
from overtone.report.diagnosis_figures import lines, styles_of
from overtone.report.markup import Child, el, table, texts
from overtone.report.page import Section, draw, section
from overtone.report.palette import named
from overtone.report.words import capital, significant

Kind = Literal["series", "evaluations"]

_OVER_SPACE = (
    "intra_variance",
    "train_intra_variance",
    "centroid_distance",
    "variance_ratio",
    "smallest_gap",
    "effective_rank",
)
_OVER_GRADIENT = ("active_ratio", "active_samples", "gradient_norm", "parameter_gradient_norm", "easy_share", "loss")
MOST_POINTS = 40
"""Points of a line; where there are more epochs, neighbours are averaged, or the dashes would drown in their noise."""


def space_over_time(diagnosis: Diagnosis) -> Section | None:
    """VARIANCE while the heads are trained, one figure a quantity, all losses in it."""
    figures = _figures(diagnosis, "evaluations", _OVER_SPACE)
    if not figures:
        return None
    frozen = "" if diagnosis.features is None else f" A dotted grey line is the value of the {FROZEN}."
    text = (
        "VARIANCE: how wide the classes are and how far apart they lie, on test rows, from before the first update to "
        f"the last.{frozen} {_most_compact(diagnosis)}Click a name in the key above to hide a loss in all figures."
    )
    return section(f"How does {_subject(diagnosis)} change the embedding space?", text, figures)


def gradient_over_time(diagnosis: Diagnosis) -> Section | None:
    """GREEDINESS over the epochs, and what counts as active for each loss."""
    figures = _figures(diagnosis, "series", _OVER_GRADIENT)
    if not figures:
        return None
    epochs = max(len(result.series.get("epoch") or ()) for result in diagnosis.losses.values())
    averaged = f" Of {epochs:,} epochs, neighbours are averaged into {MOST_POINTS} points."
    text = (
        "GREEDINESS: how many terms of a loss still have a gradient, how large it is, and on which rows. Each loss has "
        "its own terms, so compare how the active ratios change rather than their height. The table below says what is "
        f"counted.{averaged if epochs > MOST_POINTS else ''}"
    )
    styles = styles_of(diagnosis)
    meanings = [[named(name, styles), one.active_means] for name, one in diagnosis.ranked().items() if one.active_means]
    counted = table(["loss", *texts("what counts as active")], meanings) if meanings else None
    return section(f"Where does the gradient of {_subject(diagnosis)} go?", text, figures, counted)


def retrieval_over_time(diagnosis: Diagnosis) -> Section | None:
    """The retrieval metrics at each evaluation of the test rows."""
    figures = _figures(diagnosis, "evaluations", RETRIEVAL)
    if not figures:
        return None
    text = (
        "Retrieval on the test rows at the same updates. These rows were not trained on, and nothing was chosen by "
        "them: the numbers of this report are those of the last update."
    )
    return section("How does retrieval change during the training?", text, figures)


def _subject(diagnosis: Diagnosis) -> str:
    """What questions speak of: ``"each loss"``, or the name of the only one."""
    names = list(diagnosis.losses)
    return names[0] if len(names) == 1 else "each loss"


def _figures(diagnosis: Diagnosis, kind: Kind, keys: Sequence[str]) -> Child:
    """A figure per quantity that was recorded, with one set of buttons for all of them."""
    at, figures = _position(diagnosis, kind), []
    for key in keys:
        curves = {name: _curve(diagnosis, name, kind, at, key) for name in diagnosis.ranked()}
        if any(curve.at for curve in curves.values()):
            figures.append(_figure(diagnosis, curves, at, key))
    columns = "grid" if len(figures) == 3 else "pair"
    return el("div", el("div", figures, class_=columns), class_="together") if figures else None


def _figure(diagnosis: Diagnosis, curves: dict[str, Curve], at: str, key: str) -> Child:
    about = quantity(key)
    figure = lines(
        curves,
        styles_of(diagnosis),
        places=at,
        sizes=about.sizes,
        reference=None if diagnosis.features is None else diagnosis.features.measured(key).mean,
        alt=f"{about.name} of {len(curves)} losses over the training",
    )
    unit = el("span", f" ({about.unit})", class_="muted") if about.unit else None
    return draw(figure, [capital(about.name), unit])


def _position(diagnosis: Diagnosis, kind: Kind) -> str:
    """Updates where they are known, for losses compact in updates; else epochs."""
    records = [one.series if kind == "series" else one.evaluations for one in diagnosis.losses.values()]
    return "updates" if records and all("updates" in record for record in records) else "epoch"


def _curve(diagnosis: Diagnosis, name: str, kind: Kind, at: str, key: str) -> Curve:
    """A curve as it is drawn: the loss as a share of its first value, since the scales of losses differ."""
    curve = diagnosis.curve(name, key, kind=kind, at=at)
    return (curve.relative() if key == "loss" else curve).thinned(MOST_POINTS)


def _most_compact(diagnosis: Diagnosis) -> str:
    """Which loss compacts the most, in words."""
    at = _position(diagnosis, "evaluations")
    curves = {name: diagnosis.curve(name, "intra_variance", at=at).values for name in diagnosis.ranked()}
    curves = {name: values for name, values in curves.items() if len(values) > 1}
    if not curves:
        return ""
    name = min(curves, key=lambda one: curves[one][-1])
    first, last = significant(curves[name][0]), significant(curves[name][-1])
    most = " the most" if len(curves) > 1 else ""
    return f"{name} compacts{most}: its intra-class variance goes from {first} to {last}. "
