"""The verb that learns a graph from a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from overtone.api.parameters import GRAPHS, Flag, Param, Settable, Settings, named
from overtone.api.reading import log
from overtone.api.running import is_run
from overtone.core import InputError, ProgressCallback, about, require_kind
from overtone.core.arguments import checks_types
from overtone.core.outputs import check_file
from overtone.core.progress import shows_progress

if TYPE_CHECKING:
    from overtone.graphs import Graph, Knowledge
    from overtone.graphs.soft_labels import Kind as SoftLabelKind
    from overtone.graphs.soft_labels import Representation

_OPTIONS = named("penalty", "bootstrap", "halves", "seconds", "processes", seed="random_state")


@checks_types
@shows_progress
def graph(
    data: Annotated[str | Path, Param("DATA")],
    *,
    soft: Annotated[SoftLabelKind | None, Param("KIND")] = None,
    modalities: Annotated[tuple[str, ...], Param("A,B")] = ("audio", "visual"),
    split: Annotated[str | None, Param("NAME")] = None,
    representation: Annotated[Representation, Param("NAME")] = "auto",
    centre: Flag = False,
    interactions: Flag = False,
    clips: Annotated[int | None, Param("K", minimum=1)] = None,
    only: Annotated[tuple[str, ...], Param("A,B")] = (),
    drop: Annotated[tuple[str, ...], Param("A,B")] = (),
    missing: Annotated[Literal["refuse", "drop", "impute"], Param("refuse|drop|impute")] = "refuse",
    missing_values: Annotated[tuple[str, ...], Param("V,W")] = (),
    one_hot: Annotated[tuple[str, ...], Param("A,B")] = (),
    knowledge: Annotated[str | Path | Knowledge | None, Param("F.yaml")] = None,
    settings: Annotated[Settings, Settable(GRAPHS, _OPTIONS)] = None,
    out: Annotated[str | Path | Sequence[str | Path], Param("FILE", many=True)] = (),
    overwrite: Flag = False,
    progress: ProgressCallback | None = None,
) -> Graph:
    """Learn a directed graph from DATA, with a confidence for every edge if --bootstrap is given.

    From soft labels the nodes are modality:class, and an edge says that the classes occur together beyond chance. Of a
    run it is the stored graph, or with any setting a new one from the soft labels that are stored there. What --set
    takes is in the docs, page graphs.

    Args:
        data: A table (.npz with data and names, .csv, .tsv, .txt, .parquet), with --soft a file of soft labels, or a
            run of interactions. For arrays in memory see :func:`overtone.graphs.learn_graph`.
        soft: DATA holds soft labels: softmax, logits, sigmoid or sigmoid-logits.
        modalities: Of soft labels: names of the two modalities in DATA.
        split: Rows to take, of soft labels and of tables with a column split or is_test; by default train, if there is
            one.
        representation: Of soft labels: auto, log-ratio, logit or linear.
        centre: Of soft labels: use only the variation within the annotated class.
        interactions: Of soft labels with labels: infer which classes occur together, as a run does.
        clips: Of interactions: example clips named for each edge; by default 5.
        only: Of a table: the columns that are variables; by default all.
        drop: Of a table: columns that are left out.
        missing: Of a table: refuse a missing value, drop rows with one, or impute the mean of the column.
        missing_values: Of a table: numbers or words that mean missing, such as -999, besides the usual words.
        one_hot: Of a table: columns of text or codes that become 0 and 1 for each kind but the first; text for all
            columns of text.
        knowledge: Tiers, forbidden and required edges, by names, from a YAML file.
        settings: Names and values of :class:`overtone.graphs.GraphSettings`, for interactions of
            :class:`overtone.graphs.InferenceSettings`.
        out: File to write: .json, .graphml, .dot, .npz or a report .html; may be repeated.
        overwrite: Replace files that are at --out.
        progress: Called after each step; an answer that is true ends the search.

    Returns:
        The graph.

    Raises:
        InputError: The file, a setting or the knowledge cannot be used.
    """
    from overtone import graphs
    from overtone.graphs.columns import TableOptions
    from overtone.graphs.graph import check_format
    from overtone.graphs.reading import read_soft_labels, read_table
    from overtone.interactions import SoftLabels, infer_graph, read_run_graph

    fix = "for arrays in memory call overtone.graphs.learn_graph"
    require_kind(data, (str, Path), "a graph is learnt from a file or a run", fix=fix)
    files = [Path(one) for one in ([out] if isinstance(out, (str, Path)) else out)]
    for file in files:  # a wrong suffix is refused before the search
        if file.suffix.lower() != ".html":
            check_format(file)
        check_file(file, inputs=(data, knowledge), overwrite=overwrite)
    known = graphs.Knowledge.read(knowledge) if isinstance(knowledge, (str, Path)) else knowledge
    options: dict[str, Any] = {"knowledge": known, "settings": settings, "progress": progress}
    kind = graphs.InferenceSettings if interactions or is_run(data) else graphs.GraphSettings
    kind.build(settings, where="graph settings")  # its errors do not concern the file
    columns = {"only": only, "drop": drop, "missing": missing != "refuse", "missing-values": missing_values}
    columns["one-hot"] = one_hot
    shown: dict[str, Any] = {} if clips is None else {"clips": clips}
    with about(data):
        if is_run(data):
            also = {"soft": soft, "split": split, "interactions": interactions, **columns}
            _refuse_options(data, "a run", **also, centre=centre, representation=representation != "auto")
            found = read_run_graph(Path(data), **shown, **options)
        elif soft is None:
            _refuse_options(data, "a table", interactions=interactions, clips=clips)
            table = read_table(data, TableOptions(only, drop, missing, missing_values, one_hot, split))
            rows = table.chunks() if table.covariance is None else table.covariance
            found = graphs.learn_graph(rows, table.names, rows=table.rows, **options)
            found = replace(found, notes=(*table.notes, *found.notes))
        else:
            _refuse_options(data, "soft labels", **columns)
            taken = read_soft_labels(data, tuple(modalities), split)
            taken.check(soft, "logit" if interactions else representation)
            if interactions:
                _refuse_options(data, "interactions", centre=centre, representation=representation != "auto")
                found = infer_graph(SoftLabels.from_file(taken, soft, data), **shown, **options)
            else:
                _refuse_options(data, "soft labels without --interactions", clips=clips)
                options |= {"classes": taken.classes, "labels": taken.labels, "kind": soft}
                found = graphs.interaction_graph(taken.parts, representation=representation, centre=centre, **options)
    return _written(found, files, data)


def _written(found: Graph, files: Sequence[Path], source: str | Path) -> Graph:
    """The graph itself, after its notes were logged and its files written."""
    from overtone import report
    from overtone.core.files import write_text

    for note in found.notes:
        log.warning(note)
    for file in files:
        if file.suffix.lower() == ".html":
            write_text(file, report.graph_report(found, source=str(source)))
        else:
            found.save(file)
    return found


def _refuse_options(source: str | Path, what: str, **given: object) -> None:
    """Refuse options that have no meaning for this kind of data, rather than ignore them."""
    for name, value in given.items():
        if value:
            raise InputError(f"{source}: --{name} does not apply to {what}", fix="leave it out")
