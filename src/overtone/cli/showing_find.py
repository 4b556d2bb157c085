"""What `find`, `label` and `events` show: a table of clips, and how sure it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from overtone.cli.output import Output
from overtone.cli.tables import table
from overtone.report.words import number, percent, plural, significant

if TYPE_CHECKING:
    from overtone.interactions.missing_events import MissingEvents
    from overtone.search.labelling import Labelling
    from overtone.search.listing import Found

_SHOWN = 20  # clips in the table


def show_found(output: Output, found: Found, arguments: Mapping[str, Any]) -> None:
    """The first clips, what was found in a sentence, and which files were written."""
    from overtone.report.finding_words import found_in_words, title_of
    from overtone.search.listing import list_rows

    output.document(found.to_dict())
    rows = list_rows(found)
    if rows:
        files = any(row.clip.file for row in rows)
        heads = ["", "id", *(["file"] if files else []), *rows[0].values]
        cells = [
            (str(at), row.clip.id, *([row.clip.file] if files else []), *map(_written, row.values.values()))
            for at, row in enumerate(rows[:_SHOWN], 1)
        ]
        output.say(table(heads, cells, title_of(found), names=3 if files else 2))
    if len(rows) > _SHOWN:
        output.say(f"... and {plural(len(rows) - _SHOWN, 'clip')} more; --csv F.csv or --json has all of them.")
    output.say(*found_in_words(found))
    output.say(*(f"Written: {arguments[name]}" for name in ("csv", "report") if name in arguments))


def show_labelling(output: Output, found: Labelling, arguments: Mapping[str, Any]) -> None:
    """How many clips of each class were found, how many are not sure enough, and what was measured."""
    output.document(found.to_dict())
    counts = Counter(one.label for one in found.labels)
    rows = [(name, f"{counts[name]:,}") for name in found.classes]
    output.say(f"{plural(len(found.labels), 'clip')}, by {found.by}:")
    output.say(table(("label", "clips"), [*rows, ("don't know", f"{counts[None]:,}")]))
    if not found.references:
        output.say("No clip has a label, so nothing is calibrated: every clip gets its nearest class.")
    elif found.measured_error is None:
        output.say(f"No label is sure enough for an error of {percent(found.error)}: label more clips, or allow more.")
    else:
        output.say(
            f"Of {plural(found.references, 'labelled clip')}, each left out in turn, "
            f"{percent(found.measured_coverage)} would get a label and {percent(found.measured_error, 1)} of these a "
            f"wrong one (asked for: at most {percent(found.error)}). A label needs a probability of "
            f"{number(found.threshold)}."
        )
    output.say(*(f"Written: {arguments[name]}" for name in ("csv",) if name in arguments))


def show_events(output: Output, found: MissingEvents, arguments: Mapping[str, Any]) -> None:
    """The surest events, how many are expected, and what the training has made of them."""
    output.document(found.to_dict())
    if found.events:
        heads = ("", "id", "event", "chance", *found.events[0].modalities, "annotated", "brought by")
        rows = [
            (
                str(at),
                one.id,
                one.event,
                *(number(value) for value in (one.chance, *one.modalities.values())),
                ", ".join(one.annotated) or "nothing",
                one.brought_by or "",
            )
            for at, one in enumerate(found.events[:_SHOWN], 1)
        ]
        output.say(table(heads, rows, "Events that nobody annotated", names=3))
    if len(found.events) > _SHOWN:
        output.say(f"... and {len(found.events) - _SHOWN:,} more; --csv F.csv or --json has all of them.")
    expected = sum(found.expected.values())
    output.say(
        f"{plural(len(found.events), 'event')} with a chance of {number(found.chance)} or more in "
        f"{plural(found.clips, 'training clip')}; {expected:,.0f} are expected in all, at any chance."
    )
    calibration = None if found.calibration is None else found.calibration.said
    gate = None if found.gate is None else found.gate.said
    output.say(*filter(None, (found.doubt, found.effect_said, gate, calibration)))
    output.say(*(f"Written: {arguments[name]}" for name in ("csv",) if name in arguments))


def _written(value: str | float | int) -> str:
    return value if isinstance(value, str) else significant(value)
