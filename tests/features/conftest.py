"""Arrays that the tests of formats write."""

import numpy as np
import pytest

WRITABLE = ["npz", "h5", "parquet", "safetensors"]


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {
        "audio": generator.standard_normal((40, 3)).astype(np.float32),
        "visual": generator.standard_normal((40, 5)),
        "y": generator.integers(0, 4, 40),
        "is_test": np.arange(40) >= 30,
    }
