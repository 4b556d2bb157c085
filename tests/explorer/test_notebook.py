"""A run opens its explorer itself: inline in a notebook, until it is closed."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import overtone
from overtone.explorer import Explorer
from overtone.training import Run

from .conftest import CLIPS


def test_a_run_explores_itself(run: Run, media: Path) -> None:
    page = run.explore(media=media, port=0)
    try:
        (address,) = re.findall(r'<iframe src="([^"]+)"', page._repr_html_())
        assert address == page.url
        with urllib.request.urlopen(f"{page.url}api/session") as answer:
            assert json.load(answer)["media_folders"] == 1
            policy = answer.headers["content-security-policy"]
        assert "frame-ancestors 'self' http://localhost:*" in policy
    finally:
        page.close()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{page.url}api/session", timeout=2)
    page.close()  # again is no error


def test_a_run_without_a_folder_has_a_store_for_the_while(corpus: Path) -> None:
    run = overtone.train("cca", corpus)
    page = run.explore(port=0)
    assert isinstance(page, Explorer)
    store = Path(page.session.spaces[0].store.uri.removeprefix("flat:"))
    assert store.is_dir()
    with urllib.request.urlopen(f"{page.url}api/ids") as answer:
        assert len(json.load(answer)) == CLIPS
    page.close()
    assert not store.exists()


def test_a_store_is_free_after_the_page_is_closed(run: Run) -> None:
    for _ in range(2):
        page = overtone.explore(run, port=0, no_browser=True)
        page.close()
