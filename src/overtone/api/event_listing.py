"""The verb that lists what is missing in an annotation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from overtone.api.parameters import Flag, Param
from overtone.api.running import require_run
from overtone.core.arguments import checks_types
from overtone.core.outputs import check_file
from overtone.core.printable import format_csv

if TYPE_CHECKING:
    from overtone.interactions.missing_events import MissingEvents


@checks_types
def events(
    run: Annotated[str | Path, Param("RUN")],
    *,
    chance: Annotated[float, Param("CHANCE")] = 0.9,
    event: Annotated[str | None, Param("CLASS")] = None,
    csv: Annotated[str | Path | None, Param("F.csv")] = None,
    overwrite: Flag = False,
) -> MissingEvents:
    """List the training clips that probably hold an event nobody annotated, with the chance and the reason.

    The chances are those that `overtone train interactions` has inferred: from what teachers say that have not seen
    the clip, from its labels, and from the class graph.

    Args:
        run: The folder of a run of interactions.
        chance: Least chance of what is listed.
        event: The one class to list.
        csv: Also write a table with a row for each event.
        overwrite: Replace the table that is there.

    Returns:
        The events, the surest first, and how many are expected of each class.

    Raises:
        InputError: The run has no event chances, or the chance or the class cannot be used.
    """
    require_run(run)
    if csv is not None:
        check_file(csv, inputs=(run,), overwrite=overwrite)
    from overtone.core.files import write_text
    from overtone.interactions.missing_events import find_missing_events

    found = find_missing_events(run, chance, event)
    if csv is not None:
        write_text(csv, _csv_text(found))
    return found


def _csv_text(found: MissingEvents) -> str:
    """The events as a table."""
    modalities = list(found.events[0].modalities) if found.events else []
    rows: list[list[object]] = [["id", "event", "chance", *modalities, "annotated", "brought_by"]]
    for one in found.events:
        chances = [f"{value:.4f}" for value in (one.chance, *one.modalities.values())]
        rows.append([one.id, one.event, *chances, ";".join(one.annotated), one.brought_by or ""])
    return format_csv(rows)
