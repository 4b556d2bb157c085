"""The card of a model: what it is, how it is used, what it was trained on, and how well it retrieves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from overtone.core.printable import printable
from overtone.core.results import format_cell
from overtone.evaluation import Evaluation, find_metric, metric_order

_USE = """\
The model maps {first} and {second} features into one space, in which the cosine says how well two items fit. It is
made for retrieval between the two, for near-duplicates, and for finding pairs that do not belong together, on data like
those it was trained on. How well it does on other data is unknown: evaluate it there first. It is not made for
decisions about people."""
_HOW = """\
```python
from overtone.training import Run

run = Run.from_pretrained("FOLDER")  # or OWNER/NAME on the hub
rows = run.embed_one({modality!r}, features)  # (N, ...) features of the shape below to rows of unit length
```"""


def write_card(
    method: str,
    info: Mapping[str, Any],
    settings: Mapping[str, Any],
    evaluation: Evaluation | None,
    licence: str | None = None,
) -> str:
    """The card as Markdown, with the metadata that the hub reads in front.

    Args:
        method: The method's name.
        info: What ``run.json`` holds.
        settings: All settings.
        evaluation: Of the test split, if there was one.
        licence: Identifier of the model's licence.
    """
    first, second = info["modalities"]
    data = info.get("data") or {}
    corpus = str(data.get("source") or "a corpus")
    splits = ", ".join(f"{count:,} {name}" for name, count in (info.get("splits") or {}).items())
    shapes = ", ".join(f"{name} {'×'.join(map(str, shape))}" for name, shape in zip(info["modalities"], info["shapes"]))
    facts = {
        "method": method,
        "features": shapes,
        "data": f"{corpus}, {splits} clips" if splits else corpus,
        "checksum (SHA-256)": data.get("checksum") or "unknown",
        "epochs": info.get("epochs") or "closed form",
        "versions": ", ".join(f"{name} {version}" for name, version in (info.get("versions") or {}).items()),
    }
    parts = [
        f"---\n{yaml.safe_dump(_metadata(method, corpus, info, evaluation, licence), sort_keys=False)}---\n",
        f"# {method} on {_text(corpus)}",
        f"A space of {_text(first)} and {_text(second)}, learnt by the method `{method}` of Overtone.",
        "## Use",
        _HOW.format(modality=str(first)),
        "## Intended use",
        _USE.format(first=_text(first), second=_text(second)),
        "## Training",
        _table(("what", "value"), [(name, _text(value)) for name, value in facts.items()]),
        "## Evaluation",
        _evaluation(evaluation),
        "## Settings",
        "```yaml\n" + yaml.safe_dump(dict(settings), sort_keys=True) + "```",
    ]
    return "\n\n".join(parts) + "\n"


def _metadata(
    method: str, corpus: str, info: Mapping[str, Any], evaluation: Evaluation | None, licence: str | None
) -> dict[str, Any]:
    """What the hub reads."""
    found: dict[str, Any] = {"library_name": "overtone", "tags": ["cross-modal-retrieval", method, *info["modalities"]]}
    if licence is not None:
        found["license"] = licence
    if evaluation is not None:
        metrics = [
            {"type": key, "name": key, "value": round(score.mean, 5)}
            for key, score in evaluation.scores.items()
            if score.mean == score.mean and key != "chance_map"
        ]
        task = {"type": "cross-modal-retrieval", "name": "Retrieval in both directions"}
        results = [{"task": task, "dataset": {"name": corpus, "type": corpus, "split": "test"}, "metrics": metrics}]
        found["model-index"] = [{"name": method, "results": results}]
    return found


def _evaluation(evaluation: Evaluation | None) -> str:
    """The table of metrics of the test split."""
    if evaluation is None:
        return "There was no test split."
    first, second = evaluation.modalities
    rows = []
    for key in sorted(evaluation.scores, key=metric_order):
        score, metric = evaluation[key], find_metric(key)
        interval = "" if score.ci95 is None else f"{score.ci95[0]:.3f} to {score.ci95[1]:.3f}"
        title = key if metric is None else metric.title
        rows.append((title, *map(format_cell, (*score.directions.values(), score.mean)), interval))
    heads = (
        "metric",
        f"{_text(first)} → {_text(second)}",
        f"{_text(second)} → {_text(first)}",
        "mean",
        "95 % interval",
    )
    return f"{evaluation.queries:,} test queries in each direction.\n\n{_table(heads, rows)}"


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _text(value: object) -> str:
    """Text that neither Markdown nor HTML takes for anything else."""
    shown = printable(str(value), lines=False)
    return "".join(f"\\{char}" if char in "\\|*_`<[" else char for char in shown)
