"""The verb that lists methods, losses and what can be set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

from overtone.api.parameters import Flag, Param
from overtone.core.arguments import checks_types
from overtone.core.results import Record, Result

COLUMNS = ("name", "type", "default", "description")


@dataclass(frozen=True, repr=False)
class Catalogue(Result):
    """Methods with what they do, or what can be set.

    Attributes:
        methods: Name to a sentence; empty where settings were asked for.
        title: What the settings are of, in a sentence; empty for several things.
        settings: Part to rows ``(name, type, default, description)``.
    """

    methods: dict[str, str] = field(default_factory=dict)
    title: str = ""
    settings: dict[str, list[tuple[str, str, str, str]]] = field(default_factory=dict)

    def headline(self) -> str:
        """What is listed."""
        return self.title or (f"{len(self.methods)} methods" if self.methods else f"settings of {len(self.settings)}")

    def iter_records(self) -> Iterator[Record]:
        """A row per method, or per setting with what it is of."""
        if self.methods:
            yield from ({"method": name, "description": text} for name, text in self.methods.items())
        for part, rows in self.settings.items():
            yield from ({"of": part, **dict(zip(COLUMNS, row))} for row in rows)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain JSON-able values."""
        parts = {part: [dict(zip(COLUMNS, row)) for row in rows] for part, rows in self.settings.items()}
        return parts or dict(self.methods)


@checks_types
def catalogue(name: Annotated[str | None, Param("METHOD")] = None, *, losses: Flag = False) -> Catalogue:
    """List the methods, or with METHOD everything that --set can set, with defaults and meanings.

    Args:
        name: Show this method's settings. With --losses a loss.
        losses: The losses of `overtone diagnose` and their common budget, in place of methods.

    Returns:
        Methods, or settings.

    Raises:
        InputError: There is no such method or loss.
    """
    from overtone.experiments import HeadSettings
    from overtone.methods.base import methods
    from overtone.objectives import loss_choices, loss_kind, metric_losses
    from overtone.training import TrainingSettings

    if losses:
        kinds = metric_losses() if name is None else {name: loss_kind(name)}
        parts = {
            each: [row for row in kind.settings_type.table() if row[0] in loss_choices(kind)]
            for each, kind in kinds.items()
        }
        return Catalogue(settings={**parts, "budget": HeadSettings.table()})
    if name is None:
        return Catalogue({each: _summary(kind.__doc__) for each, kind in methods.items()})
    kind = methods[name]
    parts = {name: kind.settings_type.table(), "training": TrainingSettings.table()}
    return Catalogue(title=f"{name}: {_summary(kind.__doc__)}", settings=parts)


def _summary(text: str | None) -> str:
    """The first paragraph of a docstring on one line."""
    return " ".join((text or "").split("\n\n")[0].split())
