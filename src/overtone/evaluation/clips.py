"""The clips of an evaluation: which of them query and are found in which modality, and which belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from overtone.core import InputError
from overtone.evaluation.arrays import ArrayLike, Floats, Ints, as_tensor, refuse_rows, whole_number
from overtone.evaluation.result import Sizes
from overtone.evaluation.retrieval import Search, match_groups, own_items
from overtone.features.splitting import group_numbers

_ASKED = {"a2v": (0, 1), "v2a": (1, 0)}
"""Direction to the modality of its queries and that of its gallery."""


@dataclass(frozen=True)
class Clips:
    """N clips, their presence in each of two modalities, and their groups.

    Attributes:
        count: N.
        there: (N,) bool of either modality; empty where all clips have both.
        groups: (N,) number of each clip's group; None where all stand alone.
        asking: Numbers of the clips that query, in order; None of all.
    """

    count: int
    there: tuple[NDArray[np.bool_], ...] = field(default=())
    groups: Ints | None = None
    asking: Ints | None = None

    def whole(self) -> NDArray[np.intp]:
        """Numbers of the clips that have both modalities."""
        return np.flatnonzero(np.logical_and(*self.there)) if self.there else np.arange(self.count)

    @classmethod
    def of(
        cls,
        names: tuple[str, str],
        embeddings: tuple[ArrayLike, ArrayLike],
        present: Mapping[str, ArrayLike],
        groups: Sequence[str] | None,
    ) -> Clips:
        """From what :func:`~overtone.evaluation.evaluate` is given; InputError where it does not fit."""
        groups = () if groups is None else groups
        leading = as_tensor(embeddings[0], names[0])
        rows = len(leading) if leading.dim() else 0
        masks = {name: _flags(flags, f"presence of {name}") for name, flags in present.items()}
        for what, part in {**masks, **({"groups": groups} if len(groups) else {})}.items():
            if what not in (*names, "groups"):
                raise InputError("presence of an unknown modality", got=what, valid=", ".join(names))
            if len(part) != rows:
                raise InputError(f"{what}: one entry per clip is needed", got=f"{len(part)} for {rows} clips")
        there: tuple[NDArray[np.bool_], ...] = ()
        if any(not mask.all() for mask in masks.values()):
            there = tuple(masks.get(name, np.ones(rows, dtype=bool)) for name in names)
            for name, mask in zip(names, there):
                if not mask.any():
                    raise InputError(f"no clip has {name}", fix="evaluate rows of both modalities")
        return cls(rows, there, group_numbers(groups) if len(groups) else None)

    def sampled(self, queries: int | None, seed: int) -> Clips:
        """The same, with so many clips drawn at random that query; all that are there are found as before.

        Raises:
            InputError: The number is not a whole one from 1.
        """
        if queries is not None and whole_number(queries, "queries") < 1:
            raise InputError("queries: at least one clip must query", got=queries)
        if queries is None or queries >= self.count:
            return self
        drawn = np.random.default_rng((seed, 1)).choice(self.count, queries, replace=False)
        return replace(self, asking=np.sort(drawn))

    def filled(self, first: ArrayLike, second: ArrayLike) -> tuple[ArrayLike, ArrayLike]:
        """The embeddings with ones in the place of rows that are not there, which nothing looks at."""
        if not self.there:
            return first, second
        parts = [
            torch.where(torch.from_numpy(mask)[:, None], as_tensor(rows, "embeddings"), 1.0)
            for rows, mask in zip((first, second), self.there)
        ]
        return parts[0], parts[1]

    def searches(self, first: Tensor, second: Tensor, targets: Tensor | None) -> dict[str, Search]:
        """Both directions over (N, d) unit rows of either modality."""
        rows = first, second
        found = {}
        for way, (asking, asked) in _ASKED.items():
            queries, items = self._queries(asking), self._rows(asked)
            if queries is None and items is None:
                own = own_items(self.count) if self.groups is None else match_groups(self.groups, self.groups)
                found[way] = Search(rows[asking], rows[asked], counterparts=own)
            else:
                names = np.arange(self.count) if self.groups is None else self.groups
                own = match_groups(names[_all_if_none(queries)], names[_all_if_none(items)])
                asks, gives = rows[asking][_all_if_none(queries)], rows[asked][_all_if_none(items)]
                found[way] = Search(asks, gives, counterparts=own)
        return self.with_targets(found, targets)

    def with_targets(self, searches: Mapping[str, Search], targets: Tensor | None) -> dict[str, Search]:
        """The same searches for other (N, C) targets."""
        found = {}
        for way, search in searches.items():
            asking, asked = self._queries(_ASKED[way][0]), self._rows(_ASKED[way][1])
            query = targets if targets is None or asking is None else targets[asking]
            gallery = targets if targets is None or asked is None else targets[asked]
            found[way] = replace(search, query_targets=query, gallery_targets=gallery)
        return found

    def spread(self, way: str, values: Floats) -> Tensor:
        """(N,) values of all clips from those of a direction's queries; NaN of clips that do not query."""
        rows = self._queries(_ASKED[way][0]) if way in _ASKED else None
        if rows is None:
            return torch.from_numpy(values)
        spread = np.full(self.count, np.nan)
        spread[rows] = values
        return torch.from_numpy(spread)

    def sizes(self, searches: Mapping[str, Search]) -> dict[str, Sizes]:
        """Direction to its numbers, if some clips lack a modality."""
        if not self.there:
            return {}
        counts = {
            way: 0 if search.counterparts is None else int((search.counterparts >= 0).any(axis=1).sum())
            for way, search in searches.items()
        }
        return {way: Sizes(len(s.queries), s.candidates, counts[way]) for way, s in searches.items()}

    def _rows(self, side: int) -> NDArray[np.intp] | None:
        """Numbers of the clips that have a modality; None of all."""
        return np.flatnonzero(self.there[side]) if self.there else None

    def _queries(self, side: int) -> NDArray[np.intp] | None:
        """Numbers of the clips that query by a modality; None of all."""
        if self.asking is None:
            return self._rows(side)
        return self.asking[self.there[side][self.asking]] if self.there else self.asking


def _all_if_none(rows: NDArray[np.intp] | None) -> NDArray[np.intp] | slice:
    return slice(None) if rows is None else rows


def _flags(values: ArrayLike, name: str) -> NDArray[np.bool_]:
    """(N,) truth values, of booleans or of zeros and ones."""
    flags = as_tensor(values, name)
    refuse_rows((flags != 0) & (flags != 1), name, "is neither true nor false", "give true or false, or 1 or 0")
    found: NDArray[np.bool_] = flags.bool().numpy()
    return found
