"""What the graph tests share: the slow oracle."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def oracle() -> ModuleType:
    """The functions of ``oracle.py``, which is no test and so not imported by itself."""
    spec = importlib.util.spec_from_file_location("graph_oracle", Path(__file__).with_name("oracle.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["graph_oracle"] = module
    spec.loader.exec_module(module)
    return module
