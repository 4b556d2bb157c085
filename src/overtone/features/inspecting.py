"""``inspect``: what is in a source, and everything that is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from overtone.core import InputError
from overtone.features.base import Features
from overtone.features.checks import check
from overtone.features.draft import Draft, Sequences
from overtone.features.layout import lay_out
from overtone.features.loading import assemble, opened
from overtone.features.views import view_of


def inspect(
    source: str | Path,
    *,
    modalities: tuple[str, ...] | None = None,
    view: str | None = None,
    sequences: Sequences = "mean",
    seed: int = 0,
) -> dict[str, Any]:
    """Describe a source and collect all its problems; problems of the data are listed, not raised.

    Args:
        source: As for :func:`overtone.features.load_views`, and so are the others.
        modalities: Key of the one view, or keys of the two modalities.
        view: A published part of the corpus.
        sequences: ``"mean"`` or ``"keep"``.
        seed: Of a made split or corpus.

    Returns:
        Plain values, ready for JSON: ``source``, ``reader``, ``keys`` (key to shape and type), ``rows``,
        ``modalities`` (name to shape, mean, standard deviation, minimum, maximum), ``labels`` (kind, classes, clips
        per class, clips without one), ``splits``, ``ids`` (the first three), ``truth``, ``checksum``, ``notes``,
        ``problems`` and ``warnings`` (sentences). What cannot be told because of a problem is None or empty.

    Raises:
        InputError: There is no such source.

    Example:
        >>> summary = inspect("split-digits")
        >>> summary["rows"], summary["splits"], summary["problems"]
        (1797, {'train': 1257, 'test': 540}, [])
    """
    summary: dict[str, Any] = {"source": str(source), "reader": None, "keys": {}, "rows": None}
    summary |= {"modalities": {}, "labels": None, "splits": {}, "ids": [], "truth": {}, "checksum": None}
    summary |= {"notes": [], "problems": [], "warnings": []}
    part = view_of(view)
    try:
        with opened(source, seed) as table:
            summary["reader"] = table.reader
            summary["keys"] = {key: str(array) for key, array in table.arrays.items()}
            draft = lay_out(table, modalities, sequences, seed)
            summary["rows"] = draft.first.rows
            if _sound(draft, summary):
                summary |= _described(assemble(draft, part))
            summary["notes"] = list(dict.fromkeys(draft.notes))
    except InputError as error:
        if summary["reader"] is None and not Path(source).exists():
            raise
        summary["problems"].append(str(error))
    return summary


def _sound(draft: Draft, summary: dict[str, Any]) -> bool:
    """Sort all findings into the summary; whether features can be made of the draft."""
    for finding in check(draft):
        summary["problems" if finding.fatal else "warnings"].append(str(finding.error))
    return not summary["problems"]


def _described(data: Features) -> dict[str, Any]:
    figures = {}
    for name, tensor in data.modalities.items():
        mean, spread = tensor.mean().item(), tensor.std(correction=0).item()
        low, high = (bound.item() for bound in tensor.aminmax())
        figures[name] = {"shape": list(tensor.shape), "mean": mean, "std": spread, "min": low, "max": high}
    labels = None
    if data.targets is not None:
        counts = (data.targets > 0).sum(dim=0).tolist()
        labels = {
            "kind": data.label_kind,
            "classes": data.classes,
            "clips": dict(zip(data.class_names, counts)),
            "without": int((data.targets == 0).all(dim=1).sum()),
        }
    return {
        "rows": len(data),
        "modalities": figures,
        "labels": labels,
        "splits": {name: len(rows) for name, rows in data.splits.items()},
        "ids": list(data.ids[:3]),
        "truth": {key: list(tensor.shape) for key, tensor in data.truth.items()},
        "checksum": data.provenance.checksum,
    }
