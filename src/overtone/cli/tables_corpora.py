"""Results of several parts as people read them in a terminal: of corpora, and of groups of queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from overtone.cli.tables import arrows, table
from overtone.report.words import metric_name, number, span

if TYPE_CHECKING:
    from rich.console import RenderableType

    from overtone.evaluation import Evaluation
    from overtone.experiments import CorpusComparison


def corpora_table(result: CorpusComparison) -> list[RenderableType]:
    """A row per method: its score on each corpus, the mean and the mean rank; what the ranks say under it."""
    from overtone.report.corpora_words import ranks_in_words

    rows = []
    for method in result.methods:
        scores = [one.methods[method].value(result.metric) for one in result.corpora.values()]
        rank = "" if result.ranking is None else number(result.ranking.ranks[method], 2)
        rows.append((method, *map(number, scores), number(result.mean(method)), rank))
    title = f"{metric_name(result.metric)} on {len(result.corpora)} corpora"
    return [table(("method", *result.corpora, "mean", "mean\nrank"), rows, title), ranks_in_words(result)]


def groups_table(evaluation: Evaluation) -> list[RenderableType]:
    """A row per group of queries, by mAP, or without labels by true counterparts; nothing unless asked for."""
    grouping = evaluation.groups
    if grouping is None:
        return []
    key = next((key for key in ("map", "instance_recall@10", "instance_recall@1") if key in evaluation), "map")
    rows = []
    for name, group in grouping.groups.items():
        score = group.scores[key]
        cells = map(number, (*score.directions.values(), score.mean))
        rows.append((name, *cells, span(score.ci95), number(group.queries)))
    columns = (grouping.column, *arrows(evaluation.modalities), "mean", "95 %\ninterval", "queries")
    return [table(columns, rows, f"{metric_name(key)} by {grouping.column}, among all items")]
