"""From a run, its data and its evaluation to the plain facts that a report speaks about."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import numpy as np
import torch

from overtone.core import InputError
from overtone.evaluation import mean_interval
from overtone.report.facts import RunFacts
from overtone.report.retrieval import Floats

NO_MEANS = ("median_rank", "mean_rank", "chance_map")
"""Metrics whose interval would not be that of a mean over queries, or that nobody needs one of."""
MOST_DRAWN = 20_000
"""Queries up to which metrics other than mAP get an interval: a thousand draws of more take too long for a page."""


def gather(run: Any, data: Any, evaluation: Any) -> RunFacts:
    """The facts of a run on the test rows of ``data``.

    Args:
        run: An :class:`overtone.training.Run`.
        data: :class:`overtone.features.PairedFeatures`; its split ``"test"`` is used, all rows if it has no splits.
        evaluation: An :class:`overtone.evaluation.Evaluation` of the run's embeddings of these rows, or its
            dictionary, which knows nothing of single queries.

    Returns:
        Plain data; embeddings as arrays.

    Raises:
        InputError: The evaluation is of another number of rows.
    """
    test = data.split("test") if data.splits else data
    summary, per_query = _judged(evaluation)
    if summary.get("gallery", len(test)) != len(test):
        raise InputError(
            "report: the evaluation is not of these rows",
            got=f"{summary['gallery']} items evaluated and {len(test)} test rows",
            fix="evaluate the same split of the same data",
        )
    embeddings = run.embed(test)
    first, second = (rows.detach().cpu().numpy().astype(np.float64) for rows in embeddings.values())
    info, settings = dict(run.info), dict(run.settings)
    select = settings.get("select", "last")
    history = [record for record in run.history if record.get("epoch", 1) > 0]
    source = data.provenance
    return RunFacts(
        method=run.name,
        corpus=PurePath(source.source).name or source.source,
        modalities=tuple(data.names),
        ids=tuple(test.ids),
        embeddings=(first, second),
        evaluation=_with_intervals(summary, per_query),
        average_precision=per_query.get("map", {}),
        targets=None if test.targets is None else test.targets.cpu().numpy(),
        class_names=tuple(test.class_names),
        media=test.media,
        history=history,
        chosen=info.get("chosen_epoch") if history and select != "last" else None,
        criterion=f"val_{select}" if select != "last" else None,
        supervised=bool(run.method.supervised),
        counts=info.get("splits") or {name: len(rows) for name, rows in data.splits.items()},
        settings=settings,
        provenance=_provenance(info, source),
        notes=tuple(source.notes),
        warnings=tuple(source.warnings),
    )


def _judged(evaluation: Any) -> tuple[dict[str, Any], dict[str, dict[str, Floats]]]:
    """The summary of an evaluation, and its values per metric, direction and query, as far as it has them."""
    if isinstance(evaluation, Mapping):
        return dict(evaluation), {}
    per_query = {
        key: {direction: torch.as_tensor(values).cpu().numpy() for direction, values in directions.items()}
        for key, directions in evaluation.per_query.items()
    }
    return dict(evaluation.to_dict()), per_query


def _with_intervals(summary: dict[str, Any], per_query: Mapping[str, Mapping[str, Floats]]) -> dict[str, Any]:
    """The summary with an interval for every metric that is a mean over queries."""
    if summary.get("gallery", 0) > MOST_DRAWN:
        return summary
    missing = {
        key: list(mean_interval(dict(values)))
        for key, values in per_query.items()
        if key not in NO_MEANS and key in summary and "ci95" not in summary[key]
    }
    return summary | {key: {**summary[key], "ci95": interval} for key, interval in missing.items()}


def _provenance(info: Mapping[str, Any], source: Any) -> dict[str, Any]:
    """What the last section lists of a run's own record, in the order of a reader's interest."""
    shapes = [" × ".join(map(str, shape)) for shape in info.get("shapes", ())]
    return {
        "source": source.source,
        "read as": source.reader,
        "checksum": source.checksum,
        "dimensions": shapes,
        "training seconds": info.get("seconds"),
        "device": info.get("device"),
        "threads": info.get("threads"),
        "processes": info.get("processes"),
        "versions": info.get("versions"),
    }
