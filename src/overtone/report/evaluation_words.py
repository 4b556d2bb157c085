"""An evaluation in words: what was ranked, and how."""

from __future__ import annotations

from overtone.evaluation import Evaluation
from overtone.evaluation.result import Reranking
from overtone.report.words import plural


def count_queries(evaluation: Evaluation) -> str:
    """How many queries there are; of each direction, where some clips have one modality only."""
    sample = evaluation.sample
    drawn = "" if sample is None else f", drawn from {sample.of:,} with seed {sample.seed}"
    if not evaluation.sizes:
        return f"{plural(evaluation.queries, 'query', 'queries')} in each direction{drawn}"
    ways = {"a2v": evaluation.modalities, "v2a": evaluation.modalities[::-1]}
    counts = (
        f"{size.queries:,} {ways[way][0]} queries among {size.gallery:,} {ways[way][1]} items ({size.paired:,} paired)"
        for way, size in evaluation.sizes.items()
    )
    return ", ".join(counts) + drawn


def reranking_in_words(found: Reranking) -> str:
    """The name of a second ranking, with its settings."""
    settings = ", ".join(f"{name} {value:g}" for name, value in found.settings.items())
    return f"after diffusion ({settings})"
