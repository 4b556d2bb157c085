"""No request makes the server fail, whatever it asks; and many clients at once get what one gets."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

import overtone.explorer.app  # noqa: F401 - registers the endpoints
from overtone.explorer import Explorer, Session
from overtone.explorer.app import make_app
from overtone.explorer.guard import Access
from overtone.explorer.registration import ENDPOINTS, Endpoint

from .conftest import PORT

NAMES = st.sampled_from(["clip-1", "label", "duration", "similarity of the pair", "audio", "visual", "duplicates"])
TEXTS = st.one_of(NAMES, st.text(max_size=30), st.sampled_from(["label = 'dog'", "not (", "duration < 1e400", "\0"]))
NUMBERS = st.one_of(st.integers(-2, 100), st.integers(), st.floats(), st.sampled_from(["1e3", "0x1", "٣", "NaN"]))
VALUES = st.one_of(TEXTS, NUMBERS, st.none(), st.booleans())
BODIES = st.recursive(VALUES, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=3))


def parameters(endpoint: Endpoint) -> st.SearchStrategy[dict[str, Any]]:
    """Some of the parameters that it has, mostly with values of the right kind, and sometimes another one."""
    kinds: dict[str, st.SearchStrategy[Any]] = {}
    for name, field in endpoint.request.model_fields.items():
        right = (
            st.lists(st.integers(0, 90), max_size=6) if "list" in str(field.annotation) else st.one_of(TEXTS, NUMBERS)
        )
        kinds[name] = st.one_of(right, BODIES)
    return st.fixed_dictionaries({}, optional={**kinds, "more": VALUES})


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: f"{one.method} {one.path}")
def test_no_request_makes_the_server_fail(session: Session, endpoint: Endpoint) -> None:
    client = TestClient(make_app(session, Access(PORT)), f"http://localhost:{PORT}", raise_server_exceptions=False)

    @settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(parameters(endpoint))
    def ask(asked: dict[str, Any]) -> None:
        if endpoint.method == "GET":
            answer = client.get(endpoint.path, params={name: str(value) for name, value in asked.items()})
        elif endpoint.takes == "file":
            given = {name: str(value) for name, value in asked.items() if name != "content"}
            answer = client.post(
                endpoint.path, params=given, content=str(asked.get("content", "")).encode("utf-8", "replace")
            )
        else:
            import json

            answer = client.post(endpoint.path, content=json.dumps(asked).encode())
        assert answer.status_code < 500, (asked, answer.text)
        if answer.status_code >= 400:
            assert answer.json()["error"].endswith((".", "?"))

    ask()


def test_many_clients_at_once(session: Session) -> None:
    import urllib.request

    asked = ("api/session", "api/neighbours?id=clip-7&k=5", "api/places?run=1", "api/where?where=duration+%3C+1", "")
    with Explorer(session, port=0) as explorer:
        expected = {path: urllib.request.urlopen(explorer.url + path).read() for path in asked[:-1]}
        wrong: list[str] = []

        def client() -> None:
            for _ in range(5):
                for path in asked:
                    with urllib.request.urlopen(explorer.url + path) as answer:
                        found = answer.read()
                    if path in expected and found != expected[path]:
                        wrong.append(path)

        threads = [threading.Thread(target=client) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
