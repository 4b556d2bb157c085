"""The verb that learns a graph from a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from overtone.api.class_graphs import graph_of_run, refuse_options, soft_labels_of
from overtone.api.reading import log
from overtone.api.running import is_run
from overtone.core import about
from overtone.core.files import write_text

if TYPE_CHECKING:
    from overtone.graphs import Graph, Knowledge


def graph(
    data: str | Path,
    *,
    soft: Any = None,
    modalities: Sequence[str] = ("audio", "visual"),
    split: str | None = None,
    representation: Any = "auto",
    centre: bool = False,
    interactions: bool = False,
    clips: int = 5,
    knowledge: str | Path | Knowledge | None = None,
    settings: Mapping[str, Any] | None = None,
    out: str | Path | Sequence[str | Path] = (),
    progress: Callable[[Any], object] | None = None,
) -> Graph:
    """Learn a graph from a file: a table of numbers, or soft labels; or give that of a run.

    For arrays in memory see :func:`overtone.graphs.learn_graph` and :func:`overtone.graphs.interaction_graph`.

    Args:
        data: An npz, CSV or Parquet file; or the folder of a run of ``interactions``. Of a run it is the stored graph,
            or with ``settings`` or ``knowledge`` a new one of its soft labels.
        soft: What kind of soft labels the file holds: ``"softmax"``, ``"logits"``, ``"sigmoid"`` or
            ``"sigmoid-logits"``; None for a table of numbers.
        modalities: Of soft labels: the keys of the modalities.
        split: Of soft labels: the rows to take; by default ``"train"`` where the file has splits.
        representation: Of soft labels: ``"auto"``, ``"log-ratio"``, ``"logit"`` or ``"linear"``.
        centre: Of soft labels: whether to look only at what varies within the annotated class.
        interactions: Of soft labels with labels: infer which class brings which, as a run does
            (:func:`overtone.graphs.inference.infer_interactions`), instead of a graph of the numbers as they are.
        clips: Of interactions: how many clips to name for each edge.
        knowledge: Tiers, forbidden and required edges, or a YAML file of them.
        settings: Names and values of :class:`overtone.graphs.GraphSettings`, for interactions of
            :class:`overtone.graphs.InferenceSettings`.
        out: Files to write: ``.json``, ``.graphml``, ``.dot``, ``.npz``, or ``.html`` for a report.
        progress: Called after each step; an answer that is true ends the search.

    Returns:
        The graph.

    Raises:
        InputError: The file, a setting or the knowledge cannot be used.
    """
    from overtone import graphs
    from overtone.graphs.exports import writer
    from overtone.graphs.reading import read_soft_labels, read_table
    from overtone.interactions import infer_graph

    files = [Path(one) for one in ([out] if isinstance(out, (str, Path)) else out)]
    for file in files:  # a wrong suffix is better said before the search than after
        if file.suffix.lower() != ".html":
            writer(file)
    known = graphs.Knowledge.read(knowledge) if isinstance(knowledge, (str, Path)) else knowledge
    options: dict[str, Any] = {"knowledge": known, "settings": settings, "progress": progress}
    kind = graphs.InferenceSettings if interactions or is_run(data) else graphs.GraphSettings
    kind.build(settings, where="graph settings")  # its errors are none of the file's
    with about(data):
        if is_run(data):
            also = {"soft": soft, "split": split, "interactions": interactions}
            refuse_options(data, "a run", **also, centre=centre, representation=representation != "auto")
            found = graph_of_run(Path(data), clips=clips, **options)
        elif soft is None:
            refuse_options(data, "a table", interactions=interactions)
            table = read_table(data)
            rows = table.chunks() if table.covariance is None else table.covariance
            found = graphs.learn_graph(rows, table.names, rows=table.rows, **options)
        else:
            taken = read_soft_labels(data, tuple(modalities), split)
            if interactions:
                refuse_options(data, "interactions", centre=centre, representation=representation != "auto")
                found = infer_graph(soft_labels_of(taken, soft, data), clips=clips, **options)
            else:
                options |= {"classes": taken.classes, "labels": taken.labels, "kind": soft}
                found = graphs.interaction_graph(taken.parts, representation=representation, centre=centre, **options)
    return written(found, files, data)


def written(found: Graph, files: Sequence[Path], source: str | Path) -> Graph:
    """The graph itself, after its notes were said and its files written."""
    from overtone import report

    for note in found.notes:
        log.warning(note)
    for file in files:
        if file.suffix.lower() == ".html":
            write_text(file, report.graph_report(found, source=str(source)))
        else:
            found.save(file)
    return found
