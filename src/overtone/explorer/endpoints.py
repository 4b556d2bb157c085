"""What the explorer answers at once: one function an endpoint, from a session and a checked request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from overtone.core import InputError
from overtone.core.files import json_text
from overtone.core.printable import format_csv, printable
from overtone.core.version import __version__
from overtone.explorer import requests
from overtone.explorer.clips import MEDIA
from overtone.explorer.layouts import offer_layouts
from overtone.explorer.losses import find_diagnosis, how_to_diagnose
from overtone.explorer.media import media_type
from overtone.explorer.registration import Answer, Download, NotFound, endpoint
from overtone.explorer.session import Session
from overtone.explorer.space import Space
from overtone.explorer.training import describe_training


@endpoint("/api/session")
def session(session: Session, asked: requests.Nothing) -> Answer:
    """What is explored: the clips, their columns, and the runs."""
    media = [name.removeprefix(MEDIA) for name in session.clips.table.column_names if name.startswith(MEDIA)]
    return {
        "version": __version__,
        "clips": len(session.clips),
        "columns": [one.to_dict() for one in session.columns],
        "media": media,
        "media_folders": len(session.media.folders),
        "can_find": session.read_data is not None,
        "runs": [_describe(session, space) for space in session.spaces],
    }


def _describe(session: Session, space: Space) -> dict[str, Any]:
    run, most = space.run, space.columns.most_clusters
    diagnosis = session.diagnosis or find_diagnosis(run)
    return {
        "number": space.number,
        "method": run.name,
        "folder": None if run.folder is None else str(run.folder),
        "name": run.name if run.folder is None else run.folder.name,
        "modalities": list(space.modalities),
        "source": run.info.get("data", {}).get("source"),
        "store": space.store.uri,
        "share": space.projection.joint.share,
        "centred_share": space.projection.centred.share,
        "gap": None if space.gap is None else space.gap.to_dict(),
        "layouts": [one.to_dict() for one in offer_layouts(len(space.records.ids))],
        "on_demand": list(space.columns.offered),
        "clusters": {"usual": min(space.columns.classes.usual, most), "most": most},
        "diagnosis": None if diagnosis is None else str(diagnosis),
        "has_graph": run.folder is not None and (run.folder / "soft_labels.safetensors").is_file(),
    }


@endpoint("/api/ids")
def ids(session: Session, asked: requests.Nothing) -> Answer:
    """The ids of all clips, in order."""
    return session.clips.ids


@endpoint("/api/places", gives="numbers")
def places(session: Session, asked: requests.OfMap) -> Answer:
    """Places on the map: float32, clip by clip x and y, the first modality's clips before the second's."""
    return session.space(asked.run).places(asked.layout, centred=asked.centred)


@endpoint("/api/values", gives="numbers")
def values(session: Session, asked: requests.OfColumn) -> Answer:
    """Values of a column: int32 numbers of levels, -1 for none, or float32 numbers."""
    return session.values(asked.name, asked.run)


@endpoint("/api/filter", gives="numbers")
def passing(session: Session, asked: requests.Where) -> Answer:
    """Clips that pass a filter: int32 rows."""
    return session.clips.passing(asked.where).astype(np.int32)


@endpoint("/api/where")
def where(session: Session, asked: requests.Where) -> Answer:
    """How many clips pass a filter, or what is wrong with it, which is no error while it is being typed."""
    try:
        return {"error": None, "clips": len(session.clips.passing(asked.where))}
    except InputError as error:
        return {"error": str(error), "clips": None}


@endpoint("/api/matches", gives="numbers")
def matches(session: Session, asked: requests.Text) -> Answer:
    """Clips whose id or metadata holds all words: int32 rows, ids that begin with the text first."""
    return session.clips.containing(asked.text).astype(np.int32)


@endpoint("/api/rows", "POST")
def rows(session: Session, asked: requests.Rows) -> Answer:
    """Metadata of some clips."""
    return session.clips.describe(_known(session, asked.rows))


@endpoint("/api/clip")
def clip(session: Session, asked: requests.OfClip) -> Answer:
    """All that is known of a clip."""
    row, space = session.row(asked.id), session.space(asked.run)
    (metadata,) = session.clips.describe([row])
    named = [(name, session.clips.media_path(row, name)) for name in space.modalities]
    return {
        "row": row,
        "id": asked.id,
        "metadata": {name: value for name, value in metadata.items() if name not in ("row", "id")},
        "present": [name for name in space.modalities if space.records.present[name][row]],
        "media": [session.media.describe(name, path).to_dict() for name, path in named if path],
        "measures": {name: float(space.columns.values[name][row]) for name in space.columns.measures},
        "chances": [one.to_dict() for one in session.chances(asked.run, row)[:12]],
    }


@endpoint("/api/neighbours")
def neighbours(session: Session, asked: requests.OfClip) -> Answer:
    """The clips near a clip, from each modality to each."""
    found = session.space(asked.run).neighbours(session.row(asked.id), asked.k)
    return [_rowed(session, one.to_dict()) for one in found.ways]


@endpoint("/api/like", "POST")
def like(session: Session, asked: requests.Like) -> Answer:
    """The clips nearest to the mean of some clips."""
    space = session.space(asked.run)
    found = space.like(_known(session, asked.rows), asked.k, asked=asked.from_modality, sought=asked.to_modality)
    return _rowed(session, found.to_dict())


@endpoint("/api/upload", "POST", takes="file")
def upload(session: Session, asked: requests.Upload) -> Answer:
    """The clips nearest to those of a file: features, or an image, a sound, a video or a text."""
    found = session.answer_file(asked.run, asked.name, asked.content, asked.k).to_dict()
    return [
        {"query": one["query"], **_rowed(session, {**found, "queries": [one]})}
        for one in found["queries"][: requests.MOST_QUERIES]
    ]


def _rowed(session: Session, result: dict[str, Any]) -> dict[str, Any]:
    """A search result with the row of each hit; hits that are not explored are left out."""
    (answer,) = result["queries"]
    known = session.clips.rows
    hits = [
        {"row": known[hit["id"]], "id": hit["id"], "score": hit["score"], "above_chance": hit["above_chance"]}
        | {"label": hit["metadata"].get("label")}
        for hit in answer["hits"]
        if hit["id"] in known
    ]
    return {"from": result["from_modality"], "to": result["to_modality"], "chance": result["chance"], "hits": hits}


@endpoint("/api/training")
def training(session: Session, asked: requests.OfRun) -> Answer:
    """How a run was trained, and its evaluation on the test split."""
    return describe_training(session.space(asked.run).run).to_dict()


@endpoint("/api/losses")
def losses(session: Session, asked: requests.OfRun) -> Answer:
    """The diagnosis of losses, or the command that makes one."""
    found = session.losses(asked.run)
    make = how_to_diagnose(session.space(asked.run).run)
    return {"found": None if found is None else found.to_dict(), "make": make}


@endpoint("/api/export", "POST", gives="file")
def export(session: Session, asked: requests.Export) -> Answer:
    """A file with some clips: ids, metadata and paths of media."""
    chosen = _known(session, asked.rows)
    if asked.format == "txt":
        return Download("clips.txt", "".join(f"{printable(session.clips.ids[row])}\n" for row in chosen), "text/plain")
    part = session.clips.table.take(chosen).to_pylist()
    found = [{"id": session.clips.ids[row], **values} for row, values in zip(chosen, part)]
    if asked.format == "json":
        return Download("clips.json", json_text(found, indent=1) + "\n", "application/json")
    heads = ["id", *session.clips.table.column_names]
    return Download("clips.csv", format_csv([heads, *([one[head] for head in heads] for one in found)]), "text/csv")


@endpoint("/api/media", gives="file")
def medium(session: Session, asked: requests.OfMedium) -> Answer:
    """A medium of a clip, from a declared folder."""
    path = session.clips.media_path(session.row(asked.id), asked.modality)
    place = session.media.find(path) if path else None
    if place is None or media_type(place) is None:
        raise NotFound(f"{asked.id}: no {asked.modality} to show", fix="start the explorer with --media FOLDER")
    return place


def _known(session: Session, chosen: Sequence[int]) -> list[int]:
    """Rows that there are."""
    if chosen and max(chosen) >= len(session.clips):
        raise InputError("no such row", got=max(chosen), valid=f"0 to {len(session.clips) - 1}")
    return list(chosen)
