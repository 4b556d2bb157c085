"""How verbs read their features, and what they log about them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar, cast

from typing_extensions import Unpack

from overtone.api.parameters import Flag, PairReading, Param, ViewReading
from overtone.core import unknown_name
from overtone.core.arguments import checks_types

if TYPE_CHECKING:
    from overtone.features import Features, Inspection, PairedFeatures

F = TypeVar("F", bound="Features")

log = logging.getLogger("overtone")


@checks_types
def inspect(
    data: Annotated[str | Path, Param("DATA")], *, training: Flag = False, **reading: Unpack[ViewReading]
) -> Inspection:
    """Show what is in DATA and list everything that is wrong with it.

    Args:
        data: A feature file, a folder, or a built-in corpus such as split-digits.
        training: Show also what label-free training would find: the scaling, how many pairs look wrong, how large
            clusters are, and near-duplicates between the splits. Takes seconds.
        reading: How to read them; see :func:`overtone.features.load_views`.

    Returns:
        What was found; problems of the data are listed in it, not raised.

    Raises:
        InputError: There is no such source.
    """
    from overtone import features

    found = features.inspect(data, **reading)
    if not training or found.problems or len(found.modalities) == 1:
        return found
    from overtone.report.space_words import leakage_in_words
    from overtone.search import find_leakage
    from overtone.training import foresee

    loaded = features.require_pairs(features.load_views(data, **reading))
    leakage = find_leakage(loaded)
    if leakage is not None and leakage.found > leakage.copies:  # copies are told without this
        found = replace(found, warnings=(*found.warnings, leakage_in_words(leakage)))
    return replace(found, training=foresee(loaded)) if "train" in loaded.splits else found


def read(data: str | Path | Features, reading: PairReading, *, splits: bool = True) -> PairedFeatures:
    """Features as they are, or loaded; decisions and doubts are logged, a single view is refused.

    Args:
        data: Features or their source.
        reading: How to read the source.
        splits: Whether splits matter to what follows.
    """
    from overtone.features import Features, add_metadata, load, require_pairs

    if not isinstance(data, Features):
        return logged(load(data, **reading), splits=splits)
    beside = reading.get("metadata")
    return require_pairs(data if beside is None else logged(add_metadata(data, beside), splits=splits))


def read_one(
    data: str | Path | Features,
    modality: str,
    names: tuple[str, str],
    reading: ViewReading,
    *,
    splits: bool = True,
) -> Features:
    """One modality of features as they are, or loaded; a source need not have the other one.

    Args:
        data: As :func:`read` takes it, or features of one view.
        modality: The one that is wanted.
        names: The two modalities of the run that asks.
        reading: Its ``modalities`` are keys of the source: of both modalities in the order of ``names``, or of this
            one alone. The features bear the name ``modality`` all the same.
        splits: Whether splits matter to what follows.

    Returns:
        The clips that have the modality.

    Raises:
        InputError: The run or the data has no such modality, or the data cannot be read.
    """
    from overtone.features import Features, load_views

    if modality not in names:
        raise unknown_name("modality of the run", modality, names)
    key = modality
    if not isinstance(data, Features):
        keys = reading.get("modalities") or names
        key = keys[names.index(modality)] if len(keys) == len(names) else keys[0]
        both = tuple(keys) if len(keys) == len(names) else names
        in_part = is_in_part(data, key, both, reading)
        reading = {**reading, "modalities": both if in_part else (key,)}
        found = load_views(data, **reading)
        data = logged(_those_with(found, key) if in_part else found, splits=splits)
    if key not in data.modalities:
        raise unknown_name(f"modality of {data.provenance.source}", key, data.names)
    known = {field.name: getattr(data, field.name) for field in fields(data)}
    by_modality = {name: {modality: known[name][key]} if key in known[name] else {} for name in ("media", "present")}
    return Features(**{**known, "modalities": {modality: data.modalities[key]}, **by_modality})


def is_in_part(source: str | Path, key: str, both: Sequence[str], reading: ViewReading | PairReading) -> bool:
    """Whether a source of pairs may say that some clips lack a modality."""
    from overtone.features.keys import PRESENT
    from overtone.features.loading import open_source
    from overtone.features.reading import Reading, check_reading

    how = check_reading(**cast(Reading, {name: value for name, value in reading.items() if name != "modalities"}))
    with open_source(source, how) as table:
        said = PRESENT + key in table.arrays or how.missing == "nan"
        return said and set(both) <= set(table.arrays)


def _those_with(features: Features, key: str) -> Features:
    """The clips that have a modality, after a note on the others."""
    found = features.subset(features.has(key).nonzero().flatten())
    known = features.provenance
    note = f"{len(features) - len(found)} of {len(features)} clips without {key} are left out"
    return replace(found, provenance=replace(known, notes=(*known.notes, note)))


def logged(features: F, *, splits: bool = True) -> F:
    """The features themselves, after what was decided and what looks doubtful was logged.

    Args:
        features: Just loaded.
        splits: Whether splits matter to what follows; else remarks on them are left out.
    """
    found = features.provenance
    unsaid = () if splits else found.split_remarks
    for level, sentences in ((logging.INFO, found.notes), (logging.WARNING, found.warnings)):
        for sentence in sentences:
            if sentence not in unsaid:
                log.log(level, sentence)
    return features
