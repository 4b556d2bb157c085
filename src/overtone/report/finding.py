"""The report of what was found in a corpus: near-duplicates, outliers or mismatched pairs."""

from __future__ import annotations

from overtone.report.finding_words import found_in_words, title_of
from overtone.report.markup import Column, Columns, Markup, link_to_media, markup, table, texts
from overtone.report.page import Section, page, provenance, section, summary, tile
from overtone.report.words import corpus_name, number, percent
from overtone.search.clips import Clip
from overtone.search.listing import Found, list_rows
from overtone.search.mismatched import Mismatches

_MOST_ROWS = 500  # clips that are listed


def finding_report(found: Found, *, source: str = "") -> str:
    """The report of what was found, as one HTML file that needs no network.

    Args:
        found: The result.
        source: Where the clips came from.

    Returns:
        HTML; the same for the same input.
    """
    lead, *more = found_in_words(found)
    tiles = [tile(number(len(list_rows(found))), "clips listed"), tile(number(found.expected), "of them by chance")]
    if isinstance(found, Mismatches):
        what = "of all pairs are wrong, estimated" if found.judged else "of all pairs are wrong, at most"
        tiles.append(tile(percent(found.wrong_share, 1), what))
    facts = {
        "source": source,
        "clips": found.clips,
        "modalities": found.modalities,
        "fdr": found.share,
    }
    return page(
        title=f"{title_of(found)} in {corpus_name(source)}",
        kind="find",
        head=summary(lead, tiles, more[1:], calm=more[0] if more else "Nothing to look at."),
        sections=[finding_section(found), provenance(facts, notes=None)],
    )


def finding_section(found: Found) -> Section:
    """The clips as a table, with links to their media.

    Args:
        found: The result.
    """
    rows = list_rows(found)
    question = "Which clips are they?"
    if not rows:
        return section(question, "None.")
    words = [name for name, value in rows[0].values.items() if isinstance(value, str)]
    linked = any(row.clip.media for row in rows)
    columns: Columns = ["clip", *(texts("media") if linked else [])]
    columns += [Column(name, "text" if name in words else "number") for name in rows[0].values]
    cells = [[row.clip.id, *([_media(row.clip)] if linked else []), *row.values.values()] for row in rows[:_MOST_ROWS]]
    some = f"The first {_MOST_ROWS:,} of {len(rows):,}, the surest first." if len(rows) > _MOST_ROWS else ""
    return section(question, some, table(columns, cells))


def _media(clip: Clip) -> Markup:
    return markup([[link_to_media(path, name), " "] for name, path in clip.media.items() if path])
