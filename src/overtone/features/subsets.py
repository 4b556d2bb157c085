"""Published subsets of a corpus, by name: some of its classes, under the corpus's own splits."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from overtone.core import InputError, unknown_name

log = logging.getLogger("overtone")


@dataclass(frozen=True)
class Subset:
    """The clips of some classes."""

    classes: tuple[str, ...]
    """Names of the classes that are kept, in their new order."""
    note: str
    """What a reader of the results must know."""


SUBSETS = {
    "ave-15": Subset(
        classes=(
            *("Goat", "Motorcycle", "Train horn", "Bark", "Cat", "Bus", "Rodents, rats, mice", "Toilet flush"),
            *("Acoustic guitar", "Frying (food)", "Chainsaw", "Horse", "Helicopter", "Baby cry, infant cry", "Truck"),
        ),
        note="AVE-15: the class that its authors call 'Clock' is the official class 'Goat'; with the official "
        "'Clock' the corpus would have 2,015 clips, not the published 1,955",
    )
}
"""All subsets by name. AVE-15 is the part of AVE used in cross-modal retrieval, 1,577/189/189 clips."""


def find_subset(name: str | None, former: str | None = None) -> Subset | None:
    """The subset of that name, which may be given as ``view``, the option's former name; None for None."""
    if former is not None:
        if name is not None:
            raise InputError("'view' is the former name of 'subset'", got="both", fix="leave 'view' out")
        log.info("'view' is now called 'subset'")
        name = former
    if name is not None and name not in SUBSETS:
        raise unknown_name("subset", name, SUBSETS)
    return None if name is None else SUBSETS[name]
