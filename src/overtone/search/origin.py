"""What a store knows of the run that embedded its items, and whether another run's vectors belong beside them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from overtone.core import InputError
from overtone.core.files import checksum, json_text
from overtone.core.sources import expand_home
from overtone.media.recipes import Recipe, check_recipes, recipes_from, recipes_of

if TYPE_CHECKING:
    from overtone.features import Features
    from overtone.search.base import Store
    from overtone.training import Run

_RUN = "run"
"""The attribute of a store with the folder of the run."""
_AROUND = "run_around"
"""The attribute with the way from the folder that holds the store to the run's, where the store lies in that."""
_WEIGHTS = "weights"
"""The attribute with the checksum of the run's weights and scalers; stores of an older version have none."""
_RECIPES = "recipes"
"""The attribute with the recipes of the items' features, as JSON."""
_SHOWN = 12
"""Characters of a checksum that a message shows."""


def embedding_checksum(run: Run) -> str:
    """SHA-256 of a run's weights and scalers, without their names: runs of equal checksum embed alike."""
    weights = run.method.weights_state()
    scalers = [run.scalers[name].state() for name in run.modalities]
    return checksum(*(state[name] for state in (weights, *scalers) for name in sorted(state)))


def embedding_run(store: Store) -> Path | None:
    """The folder of the run that embedded a store's items; None if that is not known.

    A store that lies in the folder of its run, as it usually does, may be moved and copied with it.
    """
    known = store.info().attributes
    around = Path(os.path.normpath(_place(store) / known.get(_AROUND, "")))
    if known.get(_AROUND) and (around / "run.json").is_file():
        return around
    return Path(known[_RUN]) if known.get(_RUN) else None


def _place(store: Store) -> Path:
    """The folder that a store is in."""
    return expand_home(store.uri.partition(":")[2]).resolve().parent


def check_origin(store: Store, run: Run) -> None:
    """Whether vectors of a run can be compared with those of a store; yes, if the store does not know.

    Raises:
        InputError: The store's items were embedded with other weights.
    """
    known, own = store.info().attributes.get(_WEIGHTS), embedding_checksum(run)
    if known and known != own and store.count():
        what = f"{store.uri}: its items were embedded with other weights than those of {run.folder or 'this run'}"
        maker = embedding_run(store)
        other = maker is not None and run.folder is not None and Path(maker).resolve() != Path(run.folder).resolve()
        raise InputError(
            what,
            got=None if other else f"weights {own[:_SHOWN]}",
            valid=str(maker) if other else known[:_SHOWN],
            fix="index the clips again with --overwrite, or name the run that embedded them; "
            "items of the store can be searched by id",
        )


def read_recipes(store: Store) -> dict[str, Recipe]:
    """Modality to how the features of a store's items were made from media; none where that is not known.

    Raises:
        InputError: The store's note of it is damaged.
    """
    text = store.info().attributes.get(_RECIPES)
    try:
        stored = json.loads(text) if text else None
    except (ValueError, RecursionError):
        raise InputError(
            f"{store.uri}: its recipes are damaged", fix="index the clips again with --overwrite"
        ) from None
    return recipes_from(stored, store.uri)


def set_origin(store: Store, run: Run, data: Features) -> None:
    """Write down, before the first item, which run embeds a store's items, and how their features were made.

    A store that has items of unknown weights keeps them unknown.

    Args:
        store: The store.
        run: The run.
        data: The features of the items.

    Raises:
        InputError: The store's items were made from media in another way.
    """
    check_recipes(data, read_recipes(store))
    folder, place = run.folder.resolve() if run.folder else None, _place(store)
    around = os.path.relpath(folder, place) if folder and place.is_relative_to(folder) else ""
    known = {_RUN: str(folder or ""), _AROUND: around, "method": run.name, "source": data.provenance.source}
    if recipes := {**run.recipes, **recipes_of(data)}:
        known[_RECIPES] = json_text({name: recipe.to_dict() for name, recipe in recipes.items()})
    if not store.count() or store.info().attributes.get(_WEIGHTS):
        known[_WEIGHTS] = embedding_checksum(run)
    store.set_attributes(known)
