"""The endpoints described in OpenAPI 3.1, from the types of their parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from overtone.core.version import __version__
from overtone.explorer.registration import Endpoint

_TYPES = {"json": "application/json", "numbers": "application/octet-stream", "file": "*/*"}
_ERRORS = {"400": "The request is wrong: one sentence says how.", "403": "Another host or origin."}
_ERRORS |= {"404": "Not there.", "413": "The request is too large."}


def describe_endpoints(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """The OpenAPI document.

    Args:
        endpoints: All of them.

    Returns:
        The document.
    """
    paths: dict[str, dict[str, Any]] = {}
    for one in endpoints:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one)
    info = {"title": "Overtone explorer", "version": __version__}
    return {"openapi": "3.1.0", "info": info, "paths": paths}


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    schema = endpoint.request.model_json_schema()
    answers = {"200": {"description": "The answer.", "content": {_TYPES[endpoint.gives]: {}}}}
    errors = {code: {"description": text} for code, text in _ERRORS.items()}
    found: dict[str, Any] = {"summary": endpoint.summary, "responses": answers | errors}
    if endpoint.method == "POST":
        body = (
            {"application/json": {"schema": schema}} if endpoint.takes == "json" else {"application/octet-stream": {}}
        )
        found["requestBody"] = {"required": True, "content": body}
        if endpoint.takes == "json":
            return found
    required = schema.get("required", [])
    parameters = [
        {"name": name, "in": "query", "required": name in required, "schema": entry}
        for name, entry in schema.get("properties", {}).items()
        if name != "content"
    ]
    return found | ({"parameters": parameters} if parameters else {})
