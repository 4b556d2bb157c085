"""``overtone methods``: which methods there are, and what can be set."""

from __future__ import annotations

from typing import Annotated

import typer

from overtone.cli.options import Json
from overtone.cli.output import results


def methods(
    name: Annotated[str | None, typer.Argument(metavar="[METHOD]", help="Show this method's settings.")] = None,
    losses: Annotated[
        bool, typer.Option("--losses", help="The losses of `overtone diagnose` and the budget, in place of methods.")
    ] = False,
    json: Json = False,
) -> None:
    """List the methods, or with METHOD everything that --set can set, with defaults and meanings."""
    with results(json) as output:
        from overtone.cli.tables import settings_table, table
        from overtone.experiments import HeadSettings
        from overtone.methods.base import methods as registry
        from overtone.objectives import loss_choices, loss_kind, metric_losses
        from overtone.training import TrainingSettings

        columns = ("name", "type", "default", "description")
        if losses:
            kinds = metric_losses() if name is None else {name: loss_kind(name)}
            parts = {
                each: [row for row in kind.settings_type.table() if row[0] in loss_choices(kind)]
                for each, kind in kinds.items()
            }
            parts["budget"] = HeadSettings.table()
            output.document({part: [dict(zip(columns, row)) for row in rows] for part, rows in parts.items()})
            for part, rows in parts.items():
                output.say(settings_table(rows, f"Settings of {part}"))
            return
        if name is None:
            found = {each: summary(kind.__doc__) for each, kind in registry.items()}
            output.document(found)
            output.say(table(("method", "what it does"), found.items(), numbers=False))
            output.say("overtone methods METHOD shows what can be set.")
            return
        kind = registry[name]
        parts = {name: kind.settings_type.table(), "training": TrainingSettings.table()}
        output.document({part: [dict(zip(columns, row)) for row in rows] for part, rows in parts.items()})
        output.say(f"{name}: {summary(kind.__doc__)}")
        for part, rows in parts.items():
            output.say(settings_table(rows, f"Settings of {part}"))


def summary(text: str | None) -> str:
    """The first paragraph of a docstring on one line.

    Example:
        >>> summary("Does this\\n    and that.\\n\\n    More.")
        'Does this and that.'
    """
    return " ".join((text or "").split("\n\n")[0].split())
