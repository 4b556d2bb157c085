"""What the explorer answers: one function an endpoint, from a session and a checked request to typed results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from overtone.core import InputError
from overtone.core.files import json_text
from overtone.core.printable import format_csv, printable
from overtone.core.version import __version__
from overtone.explorer import requests
from overtone.explorer.clips import MEDIA
from overtone.explorer.jobs import Report
from overtone.explorer.media import media_type
from overtone.explorer.session import Session
from overtone.explorer.space import Space
from overtone.explorer.training import describe_training
from overtone.search.listing import Found, list_rows

R = TypeVar("R", bound=requests.Asked)
Json = Mapping[str, Any] | Sequence[Any]

_WAIT = 0.2
"""Seconds that a request waits for a job, so that short ones need no second request."""


class NotFound(InputError):
    """What was asked for is not there."""


@dataclass(frozen=True)
class Download:
    """A file that the browser saves.

    Attributes:
        name: Its name.
        text: What is in it.
        media_type: Of which type it is.
    """

    name: str
    text: str
    media_type: str


Answer = Json | NDArray[Any] | Path | Download
"""JSON, numbers as they are in memory (little-endian), a file to be streamed, or one to be saved."""


@dataclass(frozen=True)
class Endpoint:
    """One address.

    Attributes:
        path: Its path.
        method: Of HTTP.
        request: The type of its parameters: of the query string, or of a JSON body.
        function: Gives the answer.
        gives: In which form.
    """

    path: str
    method: Literal["GET", "POST"]
    request: type[requests.Asked]
    function: Callable[[Session, Any], Answer]
    gives: Literal["json", "numbers", "file"]

    @property
    def summary(self) -> str:
        """What it answers, in a sentence."""
        return (self.function.__doc__ or "").partition("\n")[0]


ENDPOINTS: list[Endpoint] = []


def endpoint(
    path: str, method: Literal["GET", "POST"] = "GET", gives: Literal["json", "numbers", "file"] = "json"
) -> Callable[[Callable[[Session, R], Answer]], Callable[[Session, R], Answer]]:
    """Register a function as an endpoint; its second parameter says what may be asked."""

    def register(function: Callable[[Session, R], Answer]) -> Callable[[Session, R], Answer]:
        request = getattr(requests, function.__annotations__["asked"].rpartition(".")[2])
        ENDPOINTS.append(Endpoint(path, method, request, function, gives))
        return function

    return register


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
        "runs": [_describe(space) for space in session.spaces],
    }


def _describe(space: Space) -> dict[str, Any]:
    run = space.run
    return {
        "number": space.number,
        "method": run.name,
        "folder": None if run.folder is None else str(run.folder),
        "name": run.name if run.folder is None else run.folder.name,
        "modalities": list(space.modalities),
        "source": run.info.get("data", {}).get("source"),
        "store": space.store.uri,
        "share": space.projection.share,
        "gap": None if space.gap is None else space.gap.to_dict(),
        "has_graph": run.folder is not None and (run.folder / "soft_labels.safetensors").is_file(),
    }


@endpoint("/api/ids")
def ids(session: Session, asked: requests.Nothing) -> Answer:
    """The ids of all clips, in order."""
    return session.clips.ids


@endpoint("/api/places", gives="numbers")
def places(session: Session, asked: requests.OfRun) -> Answer:
    """Places on the map: float32, clip by clip x and y, the first modality's clips before the second's."""
    return session.space(asked.run).projection.places


@endpoint("/api/values", gives="numbers")
def values(session: Session, asked: requests.OfColumn) -> Answer:
    """Values of a column: int32 numbers of levels, -1 for none, or float32 numbers."""
    return session.values(asked.name, asked.run)


@endpoint("/api/filter", gives="numbers")
def passing(session: Session, asked: requests.Where) -> Answer:
    """Clips that pass a filter: int32 rows."""
    return session.clips.passing(asked.where).astype(np.int32)


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
        "measures": {name: float(column[row]) for name, column in space.columns.items()},
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


@endpoint("/api/found")
def found(session: Session, asked: requests.Find) -> Answer:
    """What was found among the clips with a run, if somebody has looked."""
    return _job(session, asked, search=False)


@endpoint("/api/found", "POST")
def find(session: Session, asked: requests.Find) -> Answer:
    """Look for something among the clips; asked again, how far that is."""
    return _job(session, asked, search=True)


def _job(session: Session, asked: requests.Find, *, search: bool) -> Answer:
    name = f"{'find' if search else 'found'} {asked.kind} {asked.run}"
    job = session.jobs.begin(name, lambda _: session.found(asked.kind, asked.run, search=search))
    return _reported(job.report(_WAIT), lambda result: _listed(session, result))


def _listed(session: Session, result: object) -> dict[str, Any] | None:
    """A result as a table."""
    if result is None:
        return None
    assert isinstance(result, Found)
    known = session.clips.rows
    listed = [one for one in list_rows(result) if one.clip.id in known]
    summary = {name: value for name, value in result.to_dict().items() if isinstance(value, (int, float, str, bool))}
    return {
        "modalities": list(result.modalities),
        "summary": summary,
        "rows": [{"row": known[one.clip.id], "id": one.clip.id, **one.values} for one in listed],
    }


@endpoint("/api/graph")
def graph(session: Session, asked: requests.OfRun) -> Answer:
    """The class graph of a run, with the clips that support its edges."""
    job = session.jobs.begin(f"graph {asked.run}", lambda _: session.graph(asked.run).to_dict())

    def shown(result: object) -> object:
        assert isinstance(result, dict)
        known = session.clips.rows
        support = result["found"].get("support", [])
        rows = [[{**one, "row": known.get(one["id"])} for one in edge["clips"]] for edge in support]
        edges = [{**edge, "clips": clips} for edge, clips in zip(result["edges"], rows or [[]] * len(result["edges"]))]
        return {"nodes": result["nodes"], "edges": edges, "notes": result["notes"]}

    return _reported(job.report(_WAIT), shown)


def _reported(report: Report[object], shown: Callable[[object], object]) -> dict[str, Any]:
    done = report.state == "done"
    result = shown(report.result) if done else None
    return {"state": report.state, "result": result, "error": report.error, "share": report.share}


@endpoint("/api/training")
def training(session: Session, asked: requests.OfRun) -> Answer:
    """How a run was trained, and its evaluation on the test split."""
    return describe_training(session.space(asked.run).run).to_dict()


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
