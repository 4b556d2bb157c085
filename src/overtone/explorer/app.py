"""The explorer as a web application: static files, the endpoints, and their description."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from importlib.resources import files
from pathlib import Path

import numpy as np
import pydantic
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from overtone.core import InputError
from overtone.core.files import json_text
from overtone.explorer import endpoints as endpoints
from overtone.explorer import endpoints_jobs as endpoints_jobs
from overtone.explorer.guard import SANDBOX, Access, BodyTooLarge, Guard, policy
from overtone.explorer.media import media_type
from overtone.explorer.openapi import describe_endpoints
from overtone.explorer.registration import ENDPOINTS, Answer, Download, Endpoint, NotFound
from overtone.explorer.requests import explain
from overtone.explorer.session import Session

STATIC = Path(str(files("overtone.explorer") / "static"))
"""The folder of the page's own files."""


class _PageFiles(StaticFiles):
    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Nothing for a name that no file can have; Starlette before 1.0 fails on it."""
        return ("", None) if "\0" in path else super().lookup_path(path)


def make_app(session: Session, access: Access) -> Starlette:
    """The application that shows a session.

    Args:
        session: What is shown.
        access: Who may ask.

    Returns:
        An ASGI application.
    """
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    inline = re.findall(r"<script type=\"importmap\">(.*?)</script>", page, flags=re.S)
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in inline]

    async def index(_: Request) -> Response:
        nonce = secrets.token_urlsafe(16)
        headers = {"content-security-policy": policy(hashes, nonce)}
        return HTMLResponse(page.replace("NONCE", nonce), headers=headers)

    async def description(_: Request) -> Response:
        return JSONResponse(describe_endpoints(ENDPOINTS))

    routes = [Route("/", index), Route("/api/openapi.json", description)]
    routes += [Route(one.path, _handler(session, one), methods=[one.method]) for one in ENDPOINTS]
    return Starlette(
        routes=[*routes, Mount("/static", _PageFiles(directory=STATIC))],
        middleware=[Middleware(Guard, access=access, policy=policy(hashes))],
    )


def _handler(session: Session, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    """Parses a request, asks the endpoint in a thread, and writes its answer; wrong requests get one sentence."""

    async def handle(request: Request) -> Response:
        try:
            asked = endpoint.request.model_validate(await _parameters(request, endpoint))
            return _response(await run_in_threadpool(partial(endpoint.function, session, asked)))
        except pydantic.ValidationError as error:
            return _refuse(explain(error), 400)
        except NotFound as error:
            return _refuse(str(error), 404)
        except InputError as error:
            return _refuse(str(error), 400)
        except BodyTooLarge:
            return _refuse("The request is too large.", 413)
        except MemoryError:
            return _refuse("The answer needs more memory than there is.", 413)

    return handle


async def _parameters(request: Request, endpoint: Endpoint) -> object:
    """The query string, or the JSON body."""
    if endpoint.method == "GET":
        return dict(request.query_params)
    body = await request.body()
    if endpoint.takes == "file":
        return {**request.query_params, "content": body}
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise InputError("the body of the request is not JSON") from None


def _response(answer: Answer) -> Response:
    if isinstance(answer, Download):
        headers = {"content-disposition": f'attachment; filename="{answer.name}"'}
        return Response(answer.text.encode("utf-8", "backslashreplace"), media_type=answer.media_type, headers=headers)
    if isinstance(answer, Path):
        return FileResponse(answer, media_type=media_type(answer), headers={"content-security-policy": SANDBOX})
    if isinstance(answer, np.ndarray):
        little = answer.astype(answer.dtype.newbyteorder("<"), copy=False)
        return Response(np.ascontiguousarray(little).tobytes(), media_type="application/octet-stream")
    if isinstance(answer, tuple):  # of text: ids, which may be a million
        return Response(json.dumps(answer).encode(), media_type="application/json")
    return Response(json_text(answer).encode("utf-8", "backslashreplace"), media_type="application/json")


def _refuse(sentence: str, status: int) -> Response:
    return JSONResponse({"error": sentence}, status)
