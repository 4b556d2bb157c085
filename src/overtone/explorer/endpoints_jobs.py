"""Answers that take longer than a request: what is found among the clips, maps and columns, and the class graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from overtone.explorer import requests
from overtone.explorer.jobs import Report
from overtone.explorer.layouts import check_layout
from overtone.explorer.registration import Answer, endpoint
from overtone.explorer.session import Session
from overtone.search.listing import Found, list_rows

_WAIT = 0.2
"""Seconds that a request waits for a job, so that short ones need no second request."""


@endpoint("/api/found")
def found(session: Session, asked: requests.Find) -> Answer:
    """What was found among the clips with a run, if somebody has looked."""
    return _job(session, asked, search=False)


@endpoint("/api/found", "POST")
def find(session: Session, asked: requests.Find) -> Answer:
    """Look for something among the clips; asked again, how far that is."""
    return _job(session, asked, search=True)


def _job(session: Session, asked: requests.Find, *, search: bool) -> Answer:
    looking = f"find {asked.kind} {asked.run}"
    job = None if search else session.jobs.known(looking)  # what is being looked for here is not on disk yet
    if job is None:
        name = looking if search else f"found {asked.kind} {asked.run}"
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


@endpoint("/api/layout", "POST")
def lay_out(session: Session, asked: requests.LayOut) -> Answer:
    """Compute places of the clips, which then are at /api/places; asked again, how far that is."""
    space, centred = session.space(asked.run), asked.centred
    check_layout(asked.layout, len(session.clips))
    name = f"layout {asked.run} {asked.layout} {centred}"
    job = session.jobs.begin(name, lambda progress: space.lay_out(asked.layout, centred=centred, progress=progress))
    return _reported(job.report(_WAIT), lambda _: True)


@endpoint("/api/column", "POST")
def compute_column(session: Session, asked: requests.ComputedColumn) -> Answer:
    """Compute a column of a run, whose values then are at /api/values; asked again, how far that is."""
    columns = session.space(asked.run).columns
    columns.check(asked.name)
    name = f"column {asked.run} {asked.name}"
    job = session.jobs.begin(name, lambda progress: columns.compute(asked.name, progress).to_dict())
    return _reported(job.report(_WAIT), lambda column: column)


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
