"""The verb that labels clips by a few that have a label."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

from typing_extensions import Unpack

from overtone.api.parameters import Data, Flag, PairReading, Param, ViewReading
from overtone.api.reading import read, read_one
from overtone.api.running import require_run
from overtone.core import InputError, unknown_name
from overtone.core.arguments import checks_types
from overtone.core.outputs import check_file
from overtone.core.printable import format_csv

if TYPE_CHECKING:
    from torch import Tensor

    from overtone.features import Features
    from overtone.search.labelling import Labelling
    from overtone.training import Run


@checks_types
def label(
    run: Annotated[str | Path | Run, Param("RUN")],
    data: Data,
    *,
    labels: Annotated[str | Path | None, Param("F.csv")] = None,
    classes: Annotated[str | Path | Features | None, Param("FILE")] = None,
    classes_modality: Annotated[str | None, Param("MODALITY")] = None,
    only: Annotated[str | None, Param("MODALITY")] = None,
    by: Annotated[Literal["neighbours", "prototypes"], Param("neighbours|prototypes")] = "neighbours",
    neighbours: Annotated[int, Param("N", minimum=1)] = 10,
    error: Annotated[float, Param("SHARE")] = 0.1,
    csv: Annotated[str | Path | None, Param("F.csv")] = None,
    overwrite: Flag = False,
    device: Annotated[str, Param("NAME")] = "cpu",
    **reading: Unpack[ViewReading],
) -> Labelling:
    """Label the clips of DATA that have no label, by a few that have one, and say "don't know" where that is not sure.

    Clips are compared in the embedding of a RUN, with both modalities fused. Labels come from a table, or else from
    DATA. With --classes each class is a row of features instead, such as its name in a run of texts and images.

    Args:
        run: The folder of a finished run. In Python also a run.
        data: A feature file, a folder, or a corpus, of the kind that the run was trained on.
        labels: A table of the known labels, with columns id and label; by default the labels in DATA.
        classes: A feature file of one modality with a row for each class, whose ids are the classes' names.
        classes_modality: The modality of --classes; by default the one that --only is not.
        only: The one modality of DATA to look at.
        by: Compare with the nearest labelled clips, or with the mean of each class.
        neighbours: Labelled clips that vote.
        error: Largest share of wrong labels among those given.
        csv: Also write a table with a row for each clip.
        overwrite: Replace the table that is there.
        device: Where to embed: cpu, cuda, cuda:1 or auto.
        reading: How to read the data; see :func:`overtone.features.load_views`.

    Returns:
        A label or None for each clip without one, and the error and coverage measured on the labelled ones.

    Raises:
        InputError: The run, the data, the labels or the classes cannot be used.
    """
    require_run(run)
    if csv is not None:
        check_file(csv, inputs=(run, data, labels, classes), overwrite=overwrite)
    from overtone.core.files import write_text
    from overtone.search.clips import name_clips
    from overtone.search.labelling import label_clips
    from overtone.training import Run

    run = run if isinstance(run, Run) else Run.load(run, device)
    features, embeddings = _embedded(run, data, only, reading)
    prototypes, names = None, None
    if classes is not None:
        side = classes_modality or next((name for name in run.modalities if name != only), "")
        rows = read_one(classes, side, run.modalities, {}, splits=False)
        prototypes, names = run.embed_one(side, rows), rows.ids
    numbers, names = _known(features, labels, names)
    found = label_clips(
        name_clips(features),
        embeddings,
        numbers,
        names,
        by=by,
        neighbours=neighbours,
        error=error,
        prototypes=prototypes,
    )
    if csv is not None:
        write_text(csv, _csv_text(found))
    return found


def _embedded(run: Run, data: str | Path | Features, only: str | None, reading: ViewReading) -> tuple[Features, Tensor]:
    """The clips, and rows of unit length: of one modality, or the mean of both that a clip has."""
    import torch

    if only is not None:
        single = read_one(data, only, run.modalities, reading, splits=False)
        return single, run.embed_one(only, single)
    pairs = read(data, cast(PairReading, {"modalities": run.modalities, **reading}), splits=False)
    first, second = run.embed(pairs).values()
    return pairs, torch.nn.functional.normalize(first + second, dim=1)


def _known(
    features: Features, table: str | Path | None, names: tuple[str, ...] | None
) -> tuple[Tensor, tuple[str, ...]]:
    """(N,) class numbers, -1 where there is none, and the classes' names."""
    import torch

    from overtone.features.class_order import sort_classes

    numbers = torch.full((len(features),), -1)
    if table is not None:
        given = _read_labels(table)
        names = names or tuple(sort_classes(given.values()))
        place = {name: row for row, name in enumerate(features.ids)}
        code = {name: number for number, name in enumerate(names)}
        for clip, name in given.items():
            if clip not in place:
                raise InputError(f"{table}: no clip {clip!r} in {features.provenance.source}", fix="use its ids")
            if name not in code:
                raise unknown_name(f"class in {table}", name, names)
            numbers[place[clip]] = code[name]
        return numbers, names
    if features.labels is None or features.label_kind != "single":
        if names is None:
            what = f"{features.provenance.source}: no labels of one class a clip"
            raise InputError(what, got=f"{features.label_kind} labels", fix="bring a table: --labels F.csv")
        return numbers, names
    codes = features.labels
    if names is None:
        return codes, features.class_names
    code = {name: number for number, name in enumerate(names)}
    order = torch.tensor([code.get(name, -1) for name in features.class_names])
    return torch.where(codes >= 0, order[codes.clamp_min(0)], -1), names


def _read_labels(path: str | Path) -> dict[str, str]:
    """Id to label, from a table with these two columns."""
    from overtone.features.metadata import read_metadata

    found = read_metadata(path, words=True, what="a table of labels")
    if found.id_column is None or "label" not in found.columns:
        got = ", ".join([*([found.id_column] if found.id_column else []), *found.columns]) or "no columns"
        raise InputError(f"{path}: needs the columns id and label", got=got)
    twice = [name for name, count in Counter(found.ids).items() if name and count > 1]
    if twice:
        raise InputError(f"{path}: id {twice[0]!r} stands twice", fix="one row per clip")
    return {name: str(label) for name, label in zip(found.ids, found.columns["label"]) if name and label is not None}


def _csv_text(found: Labelling) -> str:
    rows = [(one.clip.id, one.label or "", one.best, f"{one.probability:.4f}") for one in found.labels]
    return format_csv([("id", "label", "best", "probability"), *rows])
