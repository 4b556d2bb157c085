"""The report of what was found in a corpus: near-duplicates, outliers or mismatched pairs."""

from __future__ import annotations

from overtone.report.finding_words import by_chance, found_in_words, title_of
from overtone.report.markup import Child, Column, Columns, Markup, link_to_media, markup, table, texts
from overtone.report.page import Section, folded, page, provenance, section, summary, tile
from overtone.report.words import corpus_name, metadata_in_words, number, percent, significant
from overtone.search.clips import Clip
from overtone.search.duplicates import Duplicates
from overtone.search.listing import Found, list_rows
from overtone.search.mismatched import Mismatches
from overtone.search.outliers import Outliers

_MOST_ROWS = 500  # clips that are listed
_FIRST_ROWS = 20  # of these, what the report of a run shows at once


def finding_report(found: Found, *, source: str = "") -> str:
    """The report of what was found, as one HTML file that needs no network.

    Args:
        found: The result.
        source: Where the clips came from.

    Returns:
        HTML; the same for the same input.
    """
    lead, *more = found_in_words(found)
    tiles = [tile(number(len(list_rows(found))), "clips listed"), tile(by_chance(found.expected), "of them by chance")]
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
        sections=[section("Which clips are they?", *_listing(found, _MOST_ROWS)), provenance(facts, notes=None)],
    )


def finding_section(found: Found) -> Section:
    """What was found as a section of the report of a run: in words, and as a table with links to the media.

    Args:
        found: The result.
    """
    alone = f" in {found.modalities[0]} alone" if len(found.modalities) == 1 else ""
    question = {
        Duplicates: f"Which clips are near-duplicates{alone}?",
        Outliers: f"Which clips are outliers{alone}?",
        Mismatches: "Which pairs do not belong together?",
    }[type(found)]
    return section(question, *found_in_words(found), *_listing(found, _FIRST_ROWS))


def _listing(found: Found, shown: int) -> list[Child]:
    """The clips as a table, the first few at once and others folded away; "None." where there are none."""
    rows = list_rows(found)
    if not rows:
        return ["None."]
    words = [name for name, value in rows[0].values.items() if isinstance(value, str)]
    linked, described = any(row.clip.media for row in rows), any(row.clip.metadata for row in rows)
    columns: Columns = ["clip", *(texts("media") if linked else []), *(texts("metadata") if described else [])]
    columns += [Column(name, "text" if name in words else "number", write=significant) for name in rows[0].values]
    cells = [
        [
            row.clip.id,
            *([_media(row.clip)] if linked else []),
            *([metadata_in_words(row.clip.metadata)] if described else []),
            *row.values.values(),
        ]
        for row in rows[:_MOST_ROWS]
    ]
    some = f"The first {_MOST_ROWS:,} of {len(rows):,}, the surest first." if len(rows) > _MOST_ROWS else ""
    rest = cells[shown:]
    more = folded(f"The next {len(rest):,}", table(columns, rest)) if rest else None
    return [some, table(columns, cells[:shown]), more]


def _media(clip: Clip) -> Markup:
    return markup([[link_to_media(path, name), " "] for name, path in clip.media.items() if path])
