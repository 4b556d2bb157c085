"""What single queries of a run retrieve: examples, the rank of the true counterpart, and classes confused."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from overtone.report.figures import ROOM_FOR_NUMBERS, heat
from overtone.report.maps import Floats
from overtone.report.markup import Child, Columns, Markup, el, link_to_media, table, texts
from overtone.report.page import Section, draw, section
from overtone.report.run_figures import rank_bars
from overtone.report.run_result import Hit, RunResult
from overtone.report.words import class_of, listed, number, prose, rank

_LENGTH = 10  # items shown of a ranking
MOST_CELLS = 60
"""Classes of a drawn confusion matrix; of more, only the table of the most frequent confusions is given."""
_MOST_CONFUSIONS = 8  # rows of that table


def confusions(result: RunResult) -> Section | None:
    """The class of the first item found, by the class of the query."""
    names, shares = result.evaluation.class_names, confusion_shares(result)
    if len(names) < 2 or not shares:
        return None
    text = (
        "Each row is the class of the query, each column the class of the first item it finds. A row adds up to one. "
        "On the diagonal, query and item are of the same class. An item of several classes counts for each of them."
    )
    asked = [at for at in range(len(names)) if any(not np.isnan(matrix[at, at]) for matrix in shares.values())]
    matrices: list[Child] = []
    for way, arrow in result.arrows.items() if 2 <= len(asked) <= MOST_CELLS else ():
        (first, second), shown = result.modalities(way), [names[at] for at in asked]
        titles, alt = (f"{first} query", f"{second} found first"), f"Confusion of classes, {arrow}"
        figure = heat(shown, shown, shares[way][np.ix_(asked, asked)], titles=titles, alt=alt)
        matrices.append(draw(figure, arrow))
    drawn = el("div", matrices, class_="pair" if len(asked) <= ROOM_FOR_NUMBERS else "wide") if matrices else None
    return section("Which classes are confused?", text, drawn, _most_frequent(result, shares))


def confusion_shares(result: RunResult) -> dict[str, Floats]:
    """Direction to (C, C) shares of the classes found first; a row sums to 1, or is NaN without queries."""
    shares = {}
    for way, matrix in result.evaluation.confusion.items():
        counted = matrix.cpu().numpy().astype(np.float64)
        total = counted.sum(1, keepdims=True)
        shares[way] = np.divide(counted, total, out=np.full_like(counted, np.nan), where=total > 0)
    return shares


def _most_frequent(result: RunResult, shares: dict[str, Floats]) -> Child:
    """The most frequent confusions, over both directions."""
    names = result.evaluation.class_names
    found = [
        (float(matrix[asked, got]), result.arrows[way], names[asked], names[got])
        for way, matrix in shares.items()
        for asked, got in np.argwhere(np.nan_to_num(matrix) > 0)
        if asked != got
    ]
    found.sort(key=lambda one: (-one[0], *one[1:]))
    columns: Columns = ["query", *texts("found first", "direction"), "share"]
    rows = [[asked, got, arrow, share] for share, arrow, asked, got in found[:_MOST_CONFUSIONS]]
    return table(columns, rows, caption="The most frequent confusions") if rows else None


def examples(result: RunResult) -> Section:
    """The best, the median and the worst query of each direction with the first items they find."""
    judged = "average precision" if result.average_precision else "the rank of their true counterpart"
    text = (
        f"The best, the median and the worst query of each direction by {judged}; of equal ones, the first. "
        "✓ marks a relevant item. The shaded row is the query's true counterpart."
    )
    body: list[Child] = []
    for way, arrow in result.arrows.items():
        scores = result.average_precision[way] if result.average_precision else -result.ranks[way]
        cards = [_card(result, way, name, row) for name, row in telling(scores).items()]
        body += [el("h3", arrow), el("div", cards, class_="cards")]
    return section("What do queries retrieve?", text, body)


def telling(scores: Floats) -> dict[str, int]:
    """The rows of the best, the median and the worst query: by score (NaN: not judged), equal ones by row.

    Example:
        >>> telling(np.array([0.5, float("nan"), 1.0, 0.1]))
        {'best': 2, 'median': 0, 'worst': 3}
    """
    judged = np.flatnonzero(~np.isnan(scores))
    order = judged[np.argsort(-scores[judged], kind="stable")]
    if not len(order):
        return {}
    once: dict[str, int] = {}
    for name, row in {"best": order[0], "median": order[len(order) // 2], "worst": order[-1]}.items():
        if row not in once.values():
            once[name] = int(row)
    return once


def _card(result: RunResult, way: str, name: str, row: int) -> Markup:
    asks, answers = result.modalities(way)
    precision = result.average_precision.get(way)
    about = [
        class_of(result.labels[row]),
        f"AP {number(float(precision[row]))}" if precision is not None else "",
        f"true counterpart at rank {rank(float(result.ranks[way][row]))}",
    ]
    labelled = result.labelled
    head = el(
        "tr",
        el("th", "#", class_="number rank"),
        el("th", "found"),
        el("th", "class") if labelled else None,
        el("th", "cosine", class_="number similarity"),
        el("th", "", class_="hit", aria_label="relevant"),
    )
    hits = enumerate(result.ranking(way, row, _LENGTH), 1)
    return el(
        "div",
        el("h4", f"{name.capitalize()}: ", _linked(result, row, asks), title=result.test.ids[row]),
        el("p", " · ".join(filter(None, about)), class_="muted"),
        el("p", result.described(row), class_="muted") if result.described(row) else None,
        el("table", el("thead", head), el("tbody", [_line(result, row, place, hit, answers) for place, hit in hits])),
        class_="card",
    )


def _line(result: RunResult, query: int, place: int, hit: Hit, modality: str) -> Markup:
    classes = result.labels[hit.row]
    relevant = result.share_class(query, hit.row) if result.labelled else hit.row == query
    return el(
        "tr",
        el("td", place, class_="number rank"),
        el("td", _linked(result, hit.row, modality), title=result.described(hit.row) or result.test.ids[hit.row]),
        el("td", classes, title=classes) if result.labelled else None,
        el("td", number(hit.similarity, 2), class_="number similarity"),
        el("td", "✓" if relevant else "", class_="hit relevant"),
        class_="partner" if hit.row == query else None,
    )


def _linked(result: RunResult, row: int, modality: str) -> Child:
    """The id of a row, linked to its media file where there is one."""
    paths, name = result.test.media.get(modality), result.test.ids[row]
    return link_to_media(paths[row], name) if paths and paths[row] else name


def counterparts(result: RunResult) -> Section:
    """Histogram of the rank of the true counterpart, beside what chance would give."""
    gallery = len(result.test)
    bins = rank_bins(gallery)
    groups = {arrow: rank_shares(result.ranks[way], bins).tolist() for way, arrow in result.arrows.items()}
    chance = np.array([high - low + 1 for low, high in bins]) / gallery
    written = [str(low) if low == high else f"{low:,} to {high:,}" for low, high in bins]
    figure = rank_bars(written, {**groups, "by chance": chance.tolist()})
    medians = [f"{rank(float(np.median(result.ranks[way])))} for {arrow}" for way, arrow in result.arrows.items()]
    others = "Other items of the same class are relevant, too, and may well come first."
    text = prose(
        f"The strictest measure: the rank of the query's true counterpart (its pair) among {gallery:,} items. The "
        f"median rank is {listed(medians)}. In a random order it is {rank((gallery + 1) / 2)}.",
        others if result.labelled else "",
    )
    return section("At what rank is the true counterpart?", text, draw(figure))


def rank_bins(longest: int) -> list[tuple[int, int]]:
    """Bins of ranks that grow with the rank: 1, 2 to 3, 4 to 10, 11 to 30, ...

    Example:
        >>> rank_bins(50)
        [(1, 1), (2, 3), (4, 10), (11, 30), (31, 50)]
    """
    edges, upper = [(1, 1)], [3, 10]
    while edges[-1][1] < longest:
        edges.append((edges[-1][1] + 1, min(upper[0], longest)))
        upper = [upper[1], upper[0] * 10]
    return edges


def rank_shares(ranks: Floats, bins: list[tuple[int, int]]) -> NDArray[np.float64]:
    """Share of the ranks in each bin; a shared place counts for the later whole one."""
    edges = [low - 0.5 for low, _ in bins] + [bins[-1][1] + 0.5]
    return np.asarray(np.histogram(np.ceil(ranks), edges)[0] / max(1, len(ranks)))
