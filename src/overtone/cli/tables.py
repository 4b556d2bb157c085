"""Results as people read them in a terminal: aligned tables with intervals, and a plain sentence under them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from overtone.core.printable import printable
from overtone.report.words import DASH, duration, metric_name, number, percent, plural, span

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from overtone.evaluation import Evaluation
    from overtone.experiments import Comparison, Diagnosis, MethodResult, SpaceResult
    from overtone.features import Inspection
    from overtone.graphs import Graph

_INTERVAL = "95 %\ninterval"
_ENTRIES = 10  # of a mapping that are shown at most
_EDGES = 40  # of a graph that are shown at most
_DIAGNOSED = {
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
"""Headings to quantities of a diagnosis."""
_WITH_SPREAD = frozenset({"intra_variance", "recall@1", "map"})  # which show ± one standard deviation over the seeds


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    title: str | None = None,
    *,
    names: int = 1,
    numbers: bool = True,
    styles: Mapping[int, str] | None = None,
    links: Mapping[tuple[int, int], str] | None = None,
) -> Table:
    """A table, whose cells are never cut.

    The first columns are ``names``; the others are numbers, aligned on the right, or words, which wrap. ``styles`` are
    those of some rows, by their place; ``links`` the addresses behind some cells, by row and column.
    """
    from rich import box
    from rich.table import Table  # an import that the program's help need not wait for
    from rich.text import Text

    look: dict[str, Any] = {"title_justify": "left", "title_style": "bold", "pad_edge": False, "padding": (0, 1, 0, 0)}
    columns, head = [printable(column) for column in columns], None if title is None else Text(printable(title))
    made, rows = Table(title=head, box=box.SIMPLE_HEAD, **look), list(rows)
    for index, column in enumerate(columns):
        fixed = numbers or index < names
        width = max(len(line) for cell in (column, *(row[index] for row in rows)) for line in cell.split("\n"))
        right = index and numbers
        made.add_column(column, justify="right" if right else "left", no_wrap=fixed, min_width=width if fixed else None)
    for at, row in enumerate(rows):
        linked = {column: f" link {address}" for (row_at, column), address in (links or {}).items() if row_at == at}
        style = (styles or {}).get(at, "")
        made.add_row(*(Text(printable(cell), style=style + linked.get(column, "")) for column, cell in enumerate(row)))
    return made


def arrows(modalities: Sequence[str]) -> tuple[str, str]:
    """The two directions as narrow headings: ``audio →`` above ``visual``, and back."""
    first, second = modalities
    return f"{first} →\n{second}", f"{second} →\n{first}"


def evaluation_table(evaluation: Evaluation, title: str = "Retrieval") -> list[RenderableType]:
    """One evaluation: a row per metric, both directions, and the interval where there is one."""
    from overtone.evaluation import metric_order
    from overtone.report.evaluation_words import count_queries
    from overtone.report.space_words import leakage_in_words, space_in_words

    rows = []
    for key in sorted(evaluation.scores, key=metric_order):
        score = evaluation[key]
        cells = map(number, (*score.directions.values(), score.mean))
        rows.append((metric_name(key), *cells, span(score.ci95) if score.ci95 else ""))
    title = f"{title}, {count_queries(evaluation)}"
    shown: list[RenderableType] = [table(("", *arrows(evaluation.modalities), "mean", _INTERVAL), rows, title)]
    skipped = sum(evaluation.skipped_queries.values())
    if skipped:
        were = "query has" if skipped == 1 else "queries have"
        shown.append(f"{skipped:,} {were} nothing relevant in the gallery and count in no mean.")
    if evaluation.space is not None:
        found = None if evaluation.sample else evaluation.get("map")  # of a sample it is no figure to set beside others
        shown += space_in_words(evaluation.space, evaluation.modalities, None if found is None else found.mean)
    if evaluation.leakage is not None:
        shown.append(leakage_in_words(evaluation.leakage))
    return shown


def diffusion_table(evaluation: Evaluation) -> list[RenderableType]:
    """The same metrics after diffusion; nothing unless it was asked for."""
    from overtone.report.evaluation_words import reranking_in_words

    found = evaluation.diffusion
    if found is None:
        return []
    return evaluation_table(found.evaluation, f"Retrieval {reranking_in_words(found)}")


def class_table(evaluation: Evaluation) -> list[RenderableType]:
    """The mAP of each class, the best first; nothing without labels."""
    scores = evaluation.per_class
    ranked = sorted(scores, key=lambda name: 0.0 if math.isnan(scores[name].mean) else -scores[name].mean)
    rows = [
        (name, *map(number, (*scores[name].directions.values(), scores[name].mean, scores[name].queries)))
        for name in ranked
    ]
    columns = ("class", *arrows(evaluation.modalities), "mean", "queries")
    return [table(columns, rows, "mAP per class")] if rows else []


def comparison_table(comparison: Comparison) -> list[RenderableType]:
    """The table of a paper: the best method first and marked, mean ± std over seeds, intervals, ablations, chance."""
    from overtone.report.comparison_words import difference_in_words, headline_tests, verdicts

    metric = comparison.metric
    columns = ["method", f"{metric_name(metric)}\n± std", _INTERVAL, *arrows(comparison.modalities), "R@1", "time"]
    results = {**comparison.ranked(), **comparison.ablation}
    rows = [_method_row(name, result, metric) for name, result in results.items()]
    styles = {at: "bold" for at, name in enumerate(results) if name == comparison.best}
    for at in styles:  # the star marks the best where the terminal has no bold
        rows[at][0] += " *"
    if comparison.chance_map:
        ways = [number(comparison.chance_map[way]) for way in ("a2v", "v2a")]
        styles[len(rows)] = "dim"
        rows.append(["chance", number(comparison.chance), "", *ways, "", ""])
    if all("map_events" in result.scores for result in results.values()):  # all events are known
        columns.insert(-2, "mAP,\nall events")
        cells = [number(result.scores["map_events"].mean) for result in results.values()]
        for row, cell in zip(rows, [*cells, *[""] * (len(rows) - len(cells))]):
            row.insert(-2, cell)
    queries = plural(comparison.queries or 0, "test query", "test queries")
    title = f"{comparison.corpus}: {queries} in each direction, mean over {plural(len(comparison.seeds), 'seed')}"
    tests = [difference_in_words(test) for test in headline_tests(comparison)]
    return [table(columns, rows, title, styles=styles), *tests, *verdicts(comparison)]


def _method_row(name: str, result: MethodResult, metric: str) -> list[str]:
    """A row of the comparison."""
    score = result.scores[metric]
    recall = result.scores.get("recall@1") or result.scores.get("instance_recall@1")
    return [
        name,
        number(score.mean) + ("" if score.std is None else f" ± {number(score.std)}"),
        span(score.ci95),
        number(score.directions["a2v"]),
        number(score.directions["v2a"]),
        number(recall.mean if recall else None),
        duration(result.seconds),
    ]


def diagnosis_table(diagnosis: Diagnosis) -> list[RenderableType]:
    """The table of losses, the verdict on each, and which to take for what."""
    rows = [
        [name, *(_with_spread(result, key) for key in _DIAGNOSED.values())] for name, result in diagnosis.losses.items()
    ]
    if diagnosis.features is not None:
        rows.append(["(features)", *(_with_spread(diagnosis.features, key) for key in _DIAGNOSED.values())])
    judged = "across " + " and ".join(diagnosis.modalities) if diagnosis.protocol == "across" else "one view"
    classes = plural(diagnosis.classes["test"], "class", "classes")
    title = f"{plural(diagnosis.rows['test'], 'test row')} of {classes}, {judged}"
    if diagnosis.seeds:
        title += f"; mean of {plural(len(diagnosis.seeds), 'seed')} ± standard deviation, last epoch"
    shown: list[RenderableType] = [table(("loss", *_DIAGNOSED), rows, title)] if rows else []
    features = {} if diagnosis.features is None else {"features": diagnosis.features}
    spaces: dict[str, SpaceResult] = {**diagnosis.losses, **features}
    for name, space in spaces.items():
        shown += [f"{name}: {finding.says} {finding.advice}" for finding in space.verdict or ()]
    sentences = diagnosis.recommendation.sentences
    return [*shown, *(["", *sentences] if sentences else ())]


def _with_spread(space: SpaceResult, key: str) -> str:
    measured = space.measured(key)
    value = number(measured.mean)
    return value if measured.std is None or key not in _WITH_SPREAD else f"{value} ± {number(measured.std)}"


def inspection_table(found: Inspection) -> list[RenderableType]:
    """What is in a source: a line for every fact, a line for every part of one; then warnings and problems."""
    from rich.table import Table
    from rich.text import Text

    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_column(no_wrap=True, style="bold")
    facts.add_column()
    for key, value in found.to_dict().items():
        if key not in ("notes", "warnings", "problems", "checksum", "unused") and value not in (None, {}, [], ""):
            entries = shorten(value).items() if isinstance(value, Mapping) else ()
            parts = [
                f"{name}: {plainly(shorten(part) if isinstance(part, Mapping) else part)}" for name, part in entries
            ]
            facts.add_row(key.replace("_", " "), Text(printable("\n".join(parts) or plainly(value))))
    shown: list[RenderableType] = [facts]
    for kind, sentences in (("note", found.notes), ("warning", found.warnings), ("problem", found.problems)):
        shown += [f"{kind}: {sentence}" for sentence in sentences]
    if not found.problems:
        alone = "a single view, for overtone diagnose; training takes two modalities"
        shown.append(f"No problems: {alone if len(found.modalities) == 1 else 'this can be trained on'}.")
    return shown


def shorten(value: Mapping[str, object]) -> Mapping[str, object]:
    """The first entries of a long mapping, and how many more there are, so that what is shown fits one screen.

    Example:
        >>> shorten({number: "x" for number in range(12)})["..."]
        '12 in all'
    """
    if len(value) <= _ENTRIES + 1:
        return value
    return {**dict(list(value.items())[:_ENTRIES]), "...": f"{len(value):,} in all"}


def plainly(value: object) -> str:
    """A value without brackets and quotes.

    Example:
        >>> plainly({"train": 3, "sizes": [2, 4]}), plainly(["a", "b"]), plainly([])
        ('train 3, sizes 2 × 4', 'a, b', '–')
    """
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {plainly(item)}" for name, item in value.items()) or DASH
    if isinstance(value, (list, tuple)):
        sizes = bool(value) and all(isinstance(item, int) for item in value)
        return (" × " if sizes else ", ").join(plainly(item) for item in value) or DASH
    return number(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)


def settings_table(rows: Iterable[tuple[str, str, str, str]], title: str) -> Table:
    """Settings with default and description, of rows as :meth:`overtone.core.Settings.table` gives them."""
    shown = [(name, default, text) for name, _, default, text in rows]
    return table(("setting", "default", "what it does"), shown, title, names=2, numbers=False)


def graph_table(found: Graph) -> list[RenderableType]:
    """The edges as a table, the surest first, and what should be known about them."""
    arrows = {"directed": "→", "undirected": "–"}
    edges = found.edges
    numbers = [(number(edge.weight), number(edge.presence), number(edge.direction)) for edge in edges[:_EDGES]]
    rows = [(edge.source, arrows[edge.kind], edge.target, *cells) for edge, cells in zip(edges, numbers)]
    columns = ("from", "", "to", "weight", "presence", "direction")
    kept = 6 if found.presence is not None else 4
    title = (
        f"{plural(len(found.nodes), 'node')}, {plural(len(edges), 'edge')}, score {number(found.score)}, "
        f"{duration(found.seconds)}"
    )
    cut, heads = [row[:kept] for row in rows], columns[:kept]
    if found.support:
        heads = (*heads, "best shown by")
        cut = [(*row, ", ".join(name for name, _ in entry.rows[:3])) for row, entry in zip(cut, found.support)]
    shown: list[RenderableType] = [table(heads, cut, title)] if rows else [f"{title}: no edges."]
    if len(edges) > _EDGES:
        shown.append(f"... and {plural(len(edges) - _EDGES, 'edge')} more; --out FILE.json has all of them.")
    return shown + [f"note: {note}" for note in _remarks(found)]  # the graph's own notes were logged already


def _remarks(found: Graph) -> list[str]:
    """What was found beside the edges, in sentences."""
    said = []
    if not found.complete:
        said.append("the time was over before the search was: this is the best graph so far")
    if found.halves is not None:
        said.append(
            f"graphs of two halves of the rows share {percent(found.halves.jaccard)} of their edges (random graphs of "
            f"that size: {percent(found.halves.random, 1)}; {number(found.halves.edges)} edges in a half)"
        )
    return said
