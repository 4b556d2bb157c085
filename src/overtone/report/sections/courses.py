"""What happens over the training: to the space, to the gradient, to retrieval."""

from __future__ import annotations

from collections.abc import Sequence

from overtone.report.diagnosed import FROZEN, Course, Diagnosed
from overtone.report.key import named
from overtone.report.lines import lines
from overtone.report.markup import Child, el, markup
from overtone.report.page import Section, draw, paragraphs
from overtone.report.quantities import RETRIEVAL, quantity
from overtone.report.tables import Column, table
from overtone.report.words import capital, significant

OVER_SPACE = (
    "intra_variance",
    "train_intra_variance",
    "centroid_distance",
    "variance_ratio",
    "smallest_gap",
    "effective_rank",
)
OVER_GRADIENT = ("active_ratio", "active_samples", "gradient_norm", "parameter_gradient_norm", "easy_share", "loss")
MOST_POINTS = 40
"""Points of a line; where there are more epochs, neighbours are averaged, or the dashes would drown in their noise."""
BUTTONS = "Click a name in the key above to take a loss out of all figures."


def space_over_time(diagnosed: Diagnosed) -> Section | None:
    """VARIANCE while the heads are trained, one figure a quantity, all losses in it."""
    figures = _figures(diagnosed, "looks", OVER_SPACE)
    if not figures:
        return None
    frozen = f" The dotted grey line, where it is near, is the {FROZEN}." if FROZEN in diagnosed.references else ""
    text = (
        "VARIANCE: how wide the classes are and how far apart they lie, on test rows, from before the first update to "
        f"the last.{frozen} {_fastest(diagnosed)}{BUTTONS}"
    )
    return Section(f"What does {diagnosed.subject} do to the space?", markup(paragraphs(text), figures))


def gradient_over_time(diagnosed: Diagnosed) -> Section | None:
    """GREEDINESS over the epochs, and what counts as active for each loss."""
    figures = _figures(diagnosed, "series", OVER_GRADIENT)
    if not figures:
        return None
    text = (
        "GREEDINESS: how much of a loss still pushes, how hard, and on which rows. Each loss has its own terms, so "
        "compare the course of active ratios rather than their height; the table below says what is counted."
        f"{_averaged(diagnosed)}"
    )
    meanings = [
        [named(name, diagnosed.styles), entry["active_means"]]
        for name, entry in diagnosed.losses.items()
        if entry.get("active_means")
    ]
    columns = [Column("loss", "name"), Column("what counts as active", "text")]
    counted = table(columns, meanings) if meanings else None
    return Section(f"How does {diagnosed.subject} spend its gradient?", markup(paragraphs(text), figures, counted))


def retrieval_over_time(diagnosed: Diagnosed) -> Section | None:
    """The retrieval metrics at each look at the test rows."""
    figures = _figures(diagnosed, "looks", RETRIEVAL)
    if not figures:
        return None
    text = (
        "Retrieval at the same looks. These rows took no part in the training, and nothing was chosen by them: the "
        "numbers of this report are those of the last update."
    )
    return Section("How does retrieval grow?", markup(paragraphs(text), figures))


def _figures(diagnosed: Diagnosed, kind: str, keys: Sequence[str]) -> Child:
    """A figure per quantity that was recorded, with one set of buttons for all of them."""
    at = _places(diagnosed, kind)
    figures = []
    for key in keys:
        courses = {name: _course(diagnosed, name, kind, at, key) for name in diagnosed.losses}
        if any(course.at for course in courses.values()):
            figures.append(_figure(diagnosed, courses, at, key))
    columns = "grid" if len(figures) == 3 else "pair"
    return el("div", el("div", figures, class_=columns), class_="together") if figures else None


def _figure(diagnosed: Diagnosed, courses: dict[str, Course], at: str, key: str) -> Child:
    about = quantity(key)
    figure = lines(
        courses,
        diagnosed.styles,
        places={"updates": "updates", "epoch": "epoch"}[at],
        sizes=about.sizes,
        reference=diagnosed.measured(FROZEN, key).mean,
        alt=f"{about.name} of {len(courses)} losses over the training",
    )
    unit = el("span", f" ({about.unit})", class_="muted") if about.unit else None
    return draw(figure, [capital(about.name), unit])


def _places(diagnosed: Diagnosed, kind: str) -> str:
    """Updates where they are known, for losses compact in updates; else epochs."""
    records = [entry.get(kind) or {} for entry in diagnosed.losses.values()]
    return "updates" if records and all("updates" in record for record in records) else "epoch"


def _course(diagnosed: Diagnosed, name: str, kind: str, at: str, key: str) -> Course:
    """A course as it is drawn: the loss as a share of its first value, since the scales of losses differ."""
    course = diagnosed.course(name, kind, at, key)
    if key == "loss" and course.values and course.values[0] > 0:
        course = Course(course.at, tuple(value / course.values[0] for value in course.values))
    return course.thinned(MOST_POINTS)


def _averaged(diagnosed: Diagnosed) -> str:
    """That lines are means over several epochs, if they are."""
    epochs = max(len((entry.get("series") or {}).get("epoch") or ()) for entry in diagnosed.losses.values())
    return f" Of {epochs:,} epochs, neighbours are averaged into {MOST_POINTS} points." if epochs > MOST_POINTS else ""


def _fastest(diagnosed: Diagnosed) -> str:
    """Which loss compacts the most, in words."""
    key = "intra_variance"
    courses = {name: diagnosed.course(name, "looks", _places(diagnosed, "looks"), key) for name in diagnosed.losses}
    ends = {name: course.values for name, course in courses.items() if len(course.values) > 1}
    if not ends:
        return ""
    name = min(ends, key=lambda one: ends[one][-1])
    first, last = significant(ends[name][0]), significant(ends[name][-1])
    most = " the most" if len(ends) > 1 else ""
    return f"{name} compacts{most}: its intra-class variance goes from {first} to {last}. "
