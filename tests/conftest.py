"""What all tests share: the development corpora, where they exist, and calm settings for property-based tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# On a busy machine a single example may take long: time is no property of the code under test.
settings.register_profile(
    "overtone", deadline=None, max_examples=30, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("overtone")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real corpora beside the checkout; tests that ask for it carry the marker ``shared_data``."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the development corpora are not there ({folder.parent.name}/{folder.name})")
    return folder
