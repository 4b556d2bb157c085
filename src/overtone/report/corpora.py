"""The report of a comparison over several corpora: scores and ranks of all methods, and a link to each corpus."""

from __future__ import annotations

from overtone.experiments import CorpusComparison
from overtone.report.comparison_words import in_words, score_of
from overtone.report.corpora_words import ranks_in_words
from overtone.report.markup import Column, Columns, Markup, el, link_to_media, table
from overtone.report.page import Section, answer, page, section, summary, tile
from overtone.report.words import duration, metric_name, number, p_value


def corpora_report(result: CorpusComparison) -> str:
    """The report, as one HTML file that needs no network; the reports of single corpora lie below it.

    Args:
        result: The comparison over several corpora.

    Returns:
        HTML; the same for the same input.
    """
    return page(
        title=f"{len(result.methods)} methods on {len(result.corpora)} corpora",
        kind="comparison",
        head=summary(
            ranks_in_words(result), _tiles(result), [], calm="See the single corpora for what to keep in mind."
        ),
        sections=answer((_scores, _ranks, _corpora), result),
    )


def _tiles(result: CorpusComparison) -> list[Markup]:
    ranking = result.ranking
    tiles = [tile(str(len(result.methods)), "methods"), tile(str(len(result.corpora)), "corpora")]
    if ranking is not None and ranking.p_value is not None:
        tiles.append(tile(p_value(ranking.p_value), "all methods equal"))
    return [*tiles, tile(duration(result.seconds), "total time")]


def _scores(result: CorpusComparison) -> Section:
    """Methods by corpora."""
    columns: Columns = ["method", *(Column(name, best="high") for name in result.corpora), Column("mean", best="high")]
    rows = [
        [method, *(score_of(one, method, result.metric).mean for one in result.corpora.values()), result.mean(method)]
        for method in result.methods
    ]
    caption = f"{metric_name(result.metric)} on the test rows, mean of both directions and of the seeds"
    return section("How good is each method on each corpus?", table(columns, rows, caption=caption))


def _ranks(result: CorpusComparison) -> Section | None:
    """The critical difference diagram, and its numbers."""
    if result.ranking is None:
        return None
    words = "The mean rank of each method, 1 the best. A bar joins methods that do not differ significantly."
    rows = [[name, number(rank, 2)] for name, rank in result.ranking.ranks.items()]
    drawing = el("div", Markup(result.plot().svg), class_="scroll")
    return section("Which methods rank best over all corpora?", words, drawing, table(["method", "mean rank"], rows))


def _corpora(result: CorpusComparison) -> Section:
    """What each corpus says alone."""
    parts = []
    for name, one in result.corpora.items():
        report = None if one.report is None else f"corpora/{name}/report.html"
        link = el("h3", name) if report is None else el("h3", link_to_media(report, name))
        parts += [link, el("p", in_words(one))]
    return section("What does each corpus say?", parts)
