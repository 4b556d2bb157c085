"""A diagnosis as people read it in a terminal: one table, then the verdict in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import RenderableType

from overtone.cli.tables import table
from overtone.report.words import number, plural

if TYPE_CHECKING:
    from overtone.experiments import Diagnosis, SpaceResult

COLUMNS = {
    "within-class\nvariance": "intra_variance",
    "centroid\ndistance": "centroid_distance",
    "smallest\ngap": "smallest_gap",
    "effective\nrank": "effective_rank",
    "active\nratio": "active_ratio",
    "gradient\nnorm": "gradient_norm",
    "R@1": "recall@1",
    "mAP@R": "map@r",
    "mAP": "map",
}
"""Headings to quantities."""
_WITH_SPREAD = frozenset({"intra_variance", "recall@1", "map"})
"""Quantities that show ± one standard deviation over the seeds."""


def diagnosis_tables(diagnosis: Diagnosis) -> list[RenderableType]:
    """The table of losses, the verdict on each, and which to take for what."""
    rows = [[name, *(_cell(result, key) for key in COLUMNS.values())] for name, result in diagnosis.losses.items()]
    if diagnosis.features is not None:
        rows.append(["(features)", *(_cell(diagnosis.features, key) for key in COLUMNS.values())])
    across = diagnosis.protocol == "across"
    judged = "across " + " and ".join(diagnosis.modalities) if across else "one view"
    classes = plural(diagnosis.classes["test"], "class", "classes")
    title = f"{plural(diagnosis.rows['test'], 'test row')} of {classes}, {judged}"
    if diagnosis.seeds:
        title += f"; mean of {plural(len(diagnosis.seeds), 'seed')} ± standard deviation, last epoch"
    shown: list[RenderableType] = [table(("loss", *COLUMNS), rows, title)] if rows else []
    spaces: dict[str, SpaceResult] = dict(diagnosis.losses)
    if diagnosis.features is not None:
        spaces["features"] = diagnosis.features
    for name, space in spaces.items():
        shown += [f"{name}: {finding.says} {finding.advice}" for finding in space.verdict or ()]
    sentences = diagnosis.recommendation.sentences
    return [*shown, *(["", *sentences] if sentences else ())]


def _cell(space: SpaceResult, key: str) -> str:
    measured = space.measured(key)
    value = number(measured.mean)
    return value if measured.std is None or key not in _WITH_SPREAD else f"{value} ± {number(measured.std)}"
