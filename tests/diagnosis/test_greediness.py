"""What is derived from a series."""

from __future__ import annotations

from overtone.diagnosis.greediness import late_fall


def test_the_way_down_begins_at_the_top() -> None:
    """A loss that rises before it falls has not fallen by more than all of its way."""
    hill = [1.0] * 10 + [9.0] * 80 + [0.0] * 10
    assert late_fall(hill) == 1.0
    assert late_fall([5.0] * 50 + [1.0] * 50) == 0.0
    assert late_fall([1.0] * 50 + [2.0] * 50) is None
