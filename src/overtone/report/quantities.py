"""How the reports write the quantities of a diagnosis."""

from __future__ import annotations

from overtone.experiments import Quantity
from overtone.report.words import number, significant, tenths

_WRITERS = {"significant": significant, "places": number, "tenths": tenths}


def write(about: Quantity, value: float | None) -> str:
    """A number of a quantity as tables have it; a dash for none.

    Example:
        >>> from overtone.experiments import quantity
        >>> write(quantity("map"), 0.51234), write(quantity("intra_variance"), 0.0051234)
        ('0.512', '0.00512')
    """
    return _WRITERS[about.style](value)
