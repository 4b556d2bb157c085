"""Tables for a paper: what a result says, before it is LaTeX, Markdown or CSV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from overtone.core.documents import Interval, finite
from overtone.evaluation import Evaluation, Grouping, Score, find_metric, metric_order
from overtone.evaluation.scores import ClassScore
from overtone.experiments import QUANTITIES, Comparison, CorpusComparison, Diagnosis, SeedScore
from overtone.experiments.scores import RANKED_BY
from overtone.report.comparison_words import is_significant, score_of
from overtone.report.evaluation_words import count_queries, reranking_in_words
from overtone.report.words import corpus_name, metric_name, number, p_value

_DIAGNOSED = (
    "map",
    "recall@1",
    "intra_variance",
    "between_variance",
    "variance_ratio",
    "effective_rank",
    "active_ratio",
)
"""Quantities of a loss, as far as they were measured."""
_FURTHER = {
    True: ("recall@1", "recall@5", "recall@10"),
    False: ("instance_recall@1", "instance_recall@5", "instance_recall@10", "median_rank"),
}
"""With labels and without: metrics beside the one that methods are ranked by."""
_LEVEL = "significantly worse than the best by a paired bootstrap over the queries (Holm-adjusted p < .05)"


@dataclass(frozen=True)
class PaperCell:
    """One number.

    Attributes:
        value: None where it is unknown.
        std: Standard deviation over the seeds.
        ci95: 95 % interval.
        best: Whether it is the best of its column.
        worse: Whether it is significantly worse than the best.
    """

    value: float | None
    std: float | None = None
    ci95: Interval | None = None
    best: bool = False
    worse: bool = False


@dataclass(frozen=True)
class PaperTable:
    """A table of numbers.

    Attributes:
        name: Tells tables of one file apart: ``"results"``, ``"classes"``.
        caption: What is shown, with corpus, seeds and numbers of queries.
        columns: Titles; the first is that of the rows' names.
        rows: Name and cells of each row; a cell for every title but the first.
    """

    name: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[PaperCell, ...]], ...]


def comparison_tables(comparison: Comparison) -> list[PaperTable]:
    """Every method with both directions, the metric it is ranked by, and further metrics; then mAP by class."""
    first, second = comparison.modalities
    name = metric_name(comparison.metric)
    known = {key for result in comparison.methods.values() for key in result.scores} - {comparison.metric}
    metrics = [key for key in _FURTHER[comparison.metric == "map"] if key in known]
    titles = ("method", f"{first} → {second}", f"{second} → {first}", name, *map(metric_name, metrics))
    rows: list[tuple[str, list[PaperCell]]] = []
    for method in comparison.ranked():
        score = score_of(comparison, method)
        mean = replace(_ranked_cell(comparison, method, comparison.metric), ci95=score.ci95)
        further = [_cell(score_of(comparison, method, key)) for key in metrics]
        rows.append((method, [*(PaperCell(score.directions.get(way)) for way in ("a2v", "v2a")), mean, *further]))
    better = [_better(comparison.metric)] * 3 + [_better(key) for key in metrics]
    marked = _mark_best(rows, better)
    if comparison.chance_map:
        chance = [PaperCell(finite(comparison.chance_map.get(way))) for way in ("a2v", "v2a", "mean")]
        marked.append(("chance", (*chance, *(PaperCell(None) for _ in metrics))))
    queries = "" if comparison.queries is None else f", {comparison.queries:,} test queries in each direction"
    caption = f"{corpus_name(comparison.corpus)}: {_spread(comparison.seeds)}{queries}."
    if any(cell.worse for _, cells in marked for cell in cells):
        caption += f" *: {_LEVEL}."
    found = [PaperTable("results", caption, titles, tuple(marked))]
    classes = list(dict.fromkeys(name for scores in comparison.per_class.values() for name in scores))
    if classes:
        methods = [method for method in comparison.ranked() if method in comparison.per_class]
        cells = [
            (one, [_cell(comparison.per_class[method].get(one, SeedScore({}, None))) for method in methods])
            for one in classes
        ]
        by_class = _mark_best(cells, ["row"] * len(methods))
        caption = f"{corpus_name(comparison.corpus)}: mAP by class, mean of both directions."
        found.append(PaperTable("classes", caption, ("class", *methods), tuple(by_class)))
    return found


def result_tables(result: Comparison | CorpusComparison) -> list[PaperTable]:
    """The tables of a comparison; of several corpora that of all of them first, then those of each."""
    if isinstance(result, Comparison):
        return comparison_tables(result)
    found = [corpora_table(result)]
    for name, one in result.corpora.items():
        found += [replace(table, name=f"{table.name}: {name}") for table in comparison_tables(one)]
    return found


def corpora_table(result: CorpusComparison) -> PaperTable:
    """A row per method: its score on each corpus, and its mean rank."""
    rows: list[tuple[str, list[PaperCell]]] = []
    for method in result.methods:
        cells = [_ranked_cell(one, method, result.metric) for one in result.corpora.values()]
        rank = None if result.ranking is None else result.ranking.ranks[method]
        rows.append((method, [*cells, PaperCell(result.mean(method)), PaperCell(rank)]))
    better = [_better(result.metric)] * (len(result.corpora) + 1) + ["low"]
    seeds = max((len(one.seeds) for one in result.corpora.values()), default=0)
    marked = _mark_best(rows, better)
    if result.metric == "map" and all(one.chance is not None for one in result.corpora.values()):
        chance = [PaperCell(finite(one.chance)) for one in result.corpora.values()]
        marked.append(("chance", (*chance, PaperCell(None), PaperCell(None))))
    spread = f"mean ± standard deviation over {seeds} seeds" if seeds > 1 else "one seed"
    caption = f"{metric_name(result.metric)} on {len(result.corpora)} corpora, mean of both directions: {spread}."
    if any(cell.worse for _, cells in marked for cell in cells):
        caption += f" *: {_LEVEL}."
    if result.ranking is not None:
        bound = number(result.ranking.critical_difference, 2)
        test = "" if result.ranking.p_value is None else f", Friedman's test {p_value(result.ranking.p_value)}"
        caption += f" Mean ranks {bound} or more apart differ significantly (Nemenyi, p < .05{test})."
    return PaperTable("corpora", caption, ("method", *result.corpora, "mean", "mean rank"), tuple(marked))


def _ranked_cell(comparison: Comparison, method: str, metric: str) -> PaperCell:
    """The score of a method, without its interval, and whether it is significantly worse than the best."""
    score, best = score_of(comparison, method, metric), comparison.best
    test = None if best is None or metric != comparison.metric else comparison.test(best, method)
    worse = test is not None and test.difference is not None and test.difference > 0 and is_significant(test)
    return PaperCell(score.mean, score.std, worse=worse)


def evaluation_tables(evaluation: Evaluation, source: str) -> list[PaperTable]:
    """Every metric in both directions with its interval; mAP by class and by group; the same after diffusion."""
    corpus, titles = corpus_name(source), _titles(evaluation)
    found = [_metrics_table("results", evaluation, f"{corpus}: ")]
    classes = [
        (name, (*_both(score), PaperCell(finite(score.mean)), PaperCell(score.queries)))
        for name, score in evaluation.per_class.items()
    ]
    if classes:
        found.append(PaperTable("classes", f"{corpus}: mAP by class.", ("class", *titles, "queries"), tuple(classes)))
    if evaluation.groups is not None:
        found.append(_groups_table(evaluation.groups, corpus, titles))
    walked = evaluation.diffusion
    if walked is not None:
        found.append(_metrics_table("diffusion", walked.evaluation, f"{corpus}, {reranking_in_words(walked)}: "))
    return found


def _titles(evaluation: Evaluation) -> tuple[str, ...]:
    first, second = evaluation.modalities
    return f"{first} → {second}", f"{second} → {first}", "mean"


def _metrics_table(name: str, evaluation: Evaluation, begins: str) -> PaperTable:
    """A row per metric."""
    rows = []
    for key in sorted(evaluation.scores, key=metric_order):
        score = evaluation[key]
        rows.append((metric_name(key), (*_both(score), PaperCell(finite(score.mean), None, score.ci95))))
    caption = f"{begins}{count_queries(evaluation)}; 95 % intervals over the queries."
    return PaperTable(name, caption, ("metric", *_titles(evaluation)), tuple(rows))


def _groups_table(grouping: Grouping, corpus: str, titles: Sequence[str]) -> PaperTable:
    """A row per group, by the first metric that groups are compared by."""
    key = next((key for key in RANKED_BY if all(key in one.scores for one in grouping.groups.values())), "map")
    rows = []
    for name, group in grouping.groups.items():
        score = group.scores.get(key, Score({}))
        rows.append((name, (*_both(score), PaperCell(finite(score.mean), None, score.ci95), PaperCell(group.queries))))
    caption = f"{corpus}: {metric_name(key)} of the queries of each {grouping.column}, among all items."
    return PaperTable("groups", caption, (grouping.column, *titles, "queries"), tuple(rows))


def diagnosis_tables(diagnosis: Diagnosis) -> list[PaperTable]:
    """Every loss with its retrieval, the shape of its space and how much of it is still active."""
    keys = [key for key in _DIAGNOSED if diagnosis.has(key)]
    rows: list[tuple[str, list[PaperCell]]] = []
    spaces = {**diagnosis.ranked(), **({} if diagnosis.features is None else {"features": diagnosis.features})}
    for name, space in spaces.items():
        found = [space.measured(key) for key in keys]
        rows.append((name, [PaperCell(one.mean, one.std, one.ci95) for one in found]))
    better = [QUANTITIES[key].best or "" for key in keys]
    caption = f"{corpus_name(diagnosis.corpus)}: {_spread(diagnosis.seeds)}."
    titles = ("loss", *(QUANTITIES[key].name for key in keys))
    return [PaperTable("results", caption, titles, tuple(_mark_best(rows, better)))]


def _better(key: str) -> str:
    metric = find_metric(key)
    return "high" if metric is None else metric.better or ""


def _cell(score: SeedScore) -> PaperCell:
    return PaperCell(score.mean, score.std, score.ci95)


def _both(score: Score | ClassScore) -> list[PaperCell]:
    """Both directions of a score."""
    return [PaperCell(finite(score.directions.get(way))) for way in ("a2v", "v2a")]


def _spread(seeds: Sequence[int]) -> str:
    """What the numbers are over."""
    one = "one seed, 95 % intervals over the queries in brackets"
    return f"mean ± standard deviation over {len(seeds)} seeds" if len(seeds) > 1 else one


def _mark_best(
    rows: Sequence[tuple[str, Sequence[PaperCell]]], better: Sequence[str]
) -> list[tuple[str, tuple[PaperCell, ...]]]:
    """The rows with the best cell marked: of each column (``"high"``, ``"low"`` or none) or of each row (``"row"``)."""
    columns = list(zip(*(cells for _, cells in rows)))
    tops = [_best(column, how) for column, how in zip(columns, better)]
    marked = []
    for name, cells in rows:
        own = _best(cells, "high") if "row" in better else None
        chosen = [own if how == "row" else top for how, top in zip(better, tops)]
        marked.append(
            (name, tuple(replace(cell, best=top is not None and cell.value == top) for cell, top in zip(cells, chosen)))
        )
    return marked


def _best(cells: Iterable[PaperCell], how: str) -> float | None:
    known = [cell.value for cell in cells if cell.value is not None]
    if how not in ("high", "low") or len(known) < 2:
        return None
    return max(known) if how == "high" else min(known)
