"""What a store knows of the run that embedded its items, and whether another run's vectors belong beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from overtone.core import InputError
from overtone.core.files import checksum

if TYPE_CHECKING:
    from overtone.search.base import Store
    from overtone.training import Run

RUN = "run"
"""The attribute of a store with the folder of the run."""
_WEIGHTS = "weights"
"""The attribute with the checksum of the run's weights and scalers; stores of an older version have none."""
_SHOWN = 12
"""Characters of a checksum that a message shows."""


def embedding_checksum(run: Run) -> str:
    """SHA-256 of a run's weights and scalers, without their names: runs of equal checksum embed alike."""
    weights = run.method.weights_state()
    scalers = [run.scalers[name].state() for name in run.modalities]
    return checksum(*(state[name] for state in (weights, *scalers) for name in sorted(state)))


def check_origin(store: Store, run: Run) -> None:
    """Whether vectors of a run can be compared with those of a store; yes, if the store does not know.

    Raises:
        InputError: The store's items were embedded with other weights.
    """
    known, own = store.info().attributes.get(_WEIGHTS), embedding_checksum(run)
    if known and known != own and store.count():
        what = f"{store.uri}: its items were embedded with other weights than those of {run.folder or 'this run'}"
        raise InputError(
            what,
            got=f"weights {own[:_SHOWN]}",
            valid=known[:_SHOWN],
            fix="index the clips again with --overwrite, or name the run that embedded them; "
            "items of the store can be searched by id",
        )


def set_origin(store: Store, run: Run, source: str) -> None:
    """Write down, before the first item, which run embeds a store's items and what they are read from.

    A store that has items of unknown weights keeps them unknown.

    Args:
        store: The store.
        run: The run.
        source: Where the clips come from.
    """
    folder = run.folder.resolve() if run.folder is not None else ""
    known = {RUN: str(folder), "method": run.name, "source": source}
    if not store.count() or store.info().attributes.get(_WEIGHTS):
        known[_WEIGHTS] = embedding_checksum(run)
    store.set_attributes(known)
