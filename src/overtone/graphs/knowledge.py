"""What is known about a graph before the search: tiers, forbidden and required edges; contradictions are refused."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from overtone.core import InputError, about, unknown_name
from overtone.core.settings import read_yaml
from overtone.graphs.arrays import Bools, Ints

_STATEMENTS = ("tiers", "forbidden", "required")


@dataclass(frozen=True)
class Knowledge:
    """Background knowledge, by names of variables.

    Attributes:
        tiers: Groups of variables in order of time: no edge leads from a later one to an earlier one. Either none are
            given, or every variable is in exactly one.
        forbidden: Pairs ``(x, y)``: no edge x → y. Both directions together forbid that they are adjacent.
        required: Pairs ``(x, y)``: there is an edge x → y.
        where: What messages call it, such as the file that it was read from.

    Example:
        >>> known = Knowledge(tiers=[["rain"], ["wet", "slippery"]], required=[("wet", "slippery")])
        >>> known.constraints(["wet", "rain", "slippery"]).forbidden.astype(int)
        array([[0, 1, 0],
               [0, 0, 0],
               [1, 1, 0]])
    """

    tiers: Sequence[Sequence[str]] = ()
    forbidden: Sequence[tuple[str, str]] = ()
    required: Sequence[tuple[str, str]] = ()
    where: str = field(default="", compare=False)

    def constraints(self, names: Sequence[str], max_parents: int | None = None) -> Constraints:
        """What it means for variables in this order, whose parents may be limited in number.

        Raises:
            InputError: A name is unknown, or two statements contradict each other; both are named.
        """
        with about(self.where) if self.where else nullcontext():
            return self._constraints(names, max_parents)

    def _constraints(self, names: Sequence[str], max_parents: int | None) -> Constraints:
        p = len(names)
        place = {name: at for at, name in enumerate(names)}
        forbidden, required = (_pairs(kind, getattr(self, kind), place) for kind in ("forbidden", "required"))
        tier = self._tier_of(place)
        late = tier[:, None] > tier[None, :]
        _refuse(required & forbidden, names, "is required and forbidden")
        _refuse(required & late, names, "is required and leads from a later tier to an earlier one")
        before = required.copy()
        for middle in range(p):  # Warshall's closure, one matrix operation a variable
            before |= before[:, middle, None] & before[middle]
        _refuse(required & before.T, names, "is required and closes a cycle of required edges")
        if max_parents is not None and (required.sum(0) > max_parents).any():
            which, most = names[int(required.sum(0).argmax())], int(required.sum(0).max())
            raise InputError(f"{which!r} has more required parents than max_parents allows", got=most)
        before |= tier[:, None] < tier[None, :]
        return Constraints(forbidden | late | required.T, required, before)

    @classmethod
    def read(cls, path: str | Path) -> Knowledge:
        """Background knowledge from a YAML file: ``tiers`` are lists of names, ``forbidden`` and ``required`` pairs.

        Raises:
            InputError: The file cannot be read, or holds something else.
        """
        values = read_yaml(Path(path))
        for name, value in values.items():
            if name not in _STATEMENTS:
                raise unknown_name(f"entry in {path}", name, _STATEMENTS)
            if not isinstance(value, list) or not all(isinstance(item, list) for item in value):
                raise InputError(f"{path}, {name}: must be a list of lists of names", got=repr(value))
        given: dict[str, Any] = {name: [tuple(map(str, item)) for item in value] for name, value in values.items()}
        return cls(**given, where=str(path))

    def _tier_of(self, place: dict[str, int]) -> Ints:
        tier = np.full(len(place), -1)
        for number, members in enumerate(self.tiers):
            if isinstance(members, str):
                raise InputError("a tier is a list of variables", got=repr(members))
            for name in members:
                if name not in place:
                    raise unknown_name(f"variable in tier {number}", name, place)
                if tier[place[name]] >= 0:
                    raise InputError(f"variable {name!r} is in tier {tier[place[name]]} and in tier {number}")
                tier[place[name]] = number
        if len(self.tiers) and (tier < 0).any():
            missing = [name for name, at in place.items() if tier[at] < 0]
            raise InputError("tiers leave variables out", got=", ".join(missing[:8]), fix="put each into one tier")
        return tier


@dataclass(frozen=True, eq=False)
class Constraints:
    """Knowledge as matrices.

    Attributes:
        forbidden: (p, p) bool, [x, y]: no edge x → y.
        required: (p, p) bool, [x, y]: an edge x → y.
        before: (p, p) bool, [x, y]: x stands before y in every order that can be meant.
    """

    forbidden: Bools
    required: Bools
    before: Bools

    def permuted(self, order: Ints) -> Constraints:
        """The same with the variables in another order."""
        return Constraints(*(part[np.ix_(order, order)] for part in (self.forbidden, self.required, self.before)))


def _pairs(kind: str, given: Sequence[tuple[str, str]], place: dict[str, int]) -> Bools:
    matrix = np.zeros((len(place), len(place)), bool)
    for pair in given:
        if isinstance(pair, str) or len(pair) != 2:
            raise InputError(f"a {kind} edge is a pair of names", got=repr(pair))
        for name in pair:
            if name not in place:
                raise unknown_name(f"variable in a {kind} edge", name, place)
        x, y = pair
        if x == y:
            raise InputError(f"a {kind} edge joins two variables", got=repr(pair))
        matrix[place[x], place[y]] = True
    return matrix


def _refuse(wrong: Bools, names: Sequence[str], why: str) -> None:
    if wrong.any():
        x, y = np.argwhere(wrong)[0]
        raise InputError(f"the edge {names[x]!r} → {names[y]!r} {why}", fix="drop one of the two statements")
