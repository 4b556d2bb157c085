"""What all tests share: the development corpora, where they exist, and calm settings for property-based tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from torch.utils._python_dispatch import TorchDispatchMode

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_SOFTWARE_GL = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]

# On a busy machine a single example may take long: time is no property of the code under test.
settings.register_profile(
    "overtone", deadline=None, max_examples=20, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("overtone")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real corpora beside the checkout; tests that ask for it carry the marker ``shared_data``."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the development corpora are not there ({folder.parent.name}/{folder.name})")
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium, without a screen; tests that ask for it are skipped where there is none.

    Of a module, not of the session: while it is open, no other test in the process can run an event loop.
    """
    program = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if program is None:
        pytest.skip("needs Chromium (apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_SOFTWARE_GL)
        yield browser
        browser.close()


class Syncs(TorchDispatchMode):
    """Notes the operations that make the host wait for a device."""

    waiting = ("_local_scalar_dense", "nonzero", "masked_select", "_unique2", "is_nonzero", "equal")

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.name().removeprefix("aten::").split(".")[0]
        if name in self.waiting:
            self.found.append(name)
        return function(*args, **(kwargs or {}))


@pytest.fixture
def watch_syncs():
    """``with watch_syncs() as syncs``: what in the block made the host wait stands in ``syncs.found``."""
    return Syncs
