"""What cannot be searched, by name; and what can, but should be known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from overtone.core import InputError
from overtone.core.errors import refuse_repeated
from overtone.graphs.arrays import Floats, Numbers
from overtone.graphs.moments import correlation_of

_SAME = 1e-9
"""Two variables are one where 1 - |r| is less."""
_DETERMINED = 1e-8
"""A variable is determined by others where less than this share of its variance is left."""
_CONSTANT = 1e-12
"""A variable is constant where its standard deviation is less than this share of its mean."""
_ROUNDING = 1e-28
"""Of a covariance alone: a variance that is less than this share of the largest is rounding."""
_FEWEST_ROWS = 4
MOST_VARIABLES = 5_000
"""Variables of a graph; a search holds some ten (p, p) matrices, of 200 MB each for so many."""


def check_size(variables: int, what: str = "variables", fix: str = "leave some out (--only, --drop)") -> None:
    """Refuse so many variables that a graph of them would not fit into memory, before anything is computed.

    Args:
        variables: Their number p.
        what: What they are, with their number if it is another one, for the message.
        fix: What to do.
    """
    if variables > MOST_VARIABLES:
        got = f"{variables:,}, of which one matrix takes {8 * variables**2 / 1e9:,.1f} GB"
        raise InputError(f"too many {what} for a graph", got=got, valid=f"up to {MOST_VARIABLES:,}", fix=fix)


def check_classes(classes: int, modalities: int = 2) -> None:
    """Refuse so many classes that a graph of them, a node for each modality and class, would not fit into memory."""
    what = f"nodes ({classes:,} classes in {modalities} modalities)" if modalities > 1 else "classes"
    check_size(modalities * classes, what, "merge classes, or leave some out")


def check_chunk(values: Numbers, first: int, names: Sequence[str], where: str) -> None:
    """Refuse (m, p) rows, of which the first has the number ``first``, with NaN or infinite values; one is named."""
    wrong = ~np.isfinite(values)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        what = f"{where}, row {first + row}, variable {names[column]!r}: {values[row, column]}"
        raise InputError(what, valid="finite numbers", fix="leave such rows or variables out, or fill the gaps")


def check_names(names: Sequence[str], p: int) -> tuple[str, ...]:
    """p different names, or an error, also where p is too large; ``x0``, ``x1``, ... where none are given."""
    check_size(p)
    found = tuple(str(name) for name in names) or tuple(f"x{at}" for at in range(p))
    if len(found) != p:
        raise InputError("there must be one name a variable", got=f"{len(found)} names, {p} variables")
    refuse_repeated("variables", found)
    return found


def check_covariance(
    covariance: Floats, rows: float, names: Sequence[str], means: Floats | None = None
) -> tuple[Floats, list[str]]:
    """(p, p) correlations of a covariance of n rows, and what should be known about them, in sentences.

    A variable is constant if its standard deviation is nothing beside its own mean, where the (p,) means are known:
    other variables' units play no part.

    Raises:
        InputError: There are too few variables or rows, a variable is constant, or two are the same.
    """
    p = len(names)
    if p < 2:
        raise InputError("a graph needs at least two variables", got=p)
    if rows < _FEWEST_ROWS:
        raise InputError(f"a graph needs at least {_FEWEST_ROWS} rows", got=f"{rows:.0f}")
    infinite = np.flatnonzero(~np.isfinite(covariance).all(axis=1))
    if len(infinite):
        listed = ", ".join(repr(names[at]) for at in infinite[:8])
        raise InputError(f"variable {listed}: the variance is not a finite number", fix="divide it by a power of ten")
    variances = np.diag(covariance)
    least = _ROUNDING * variances.max() if means is None else np.square(_CONSTANT * means)
    constant = np.flatnonzero(variances <= least)
    if len(constant):
        listed = ", ".join(repr(names[at]) for at in constant[:8])
        raise InputError(f"variable {listed} is constant", fix="leave it out: nothing depends on it")
    correlation = correlation_of(covariance)
    same = np.argwhere(np.triu(1 - np.abs(correlation) < _SAME, 1))
    if len(same):
        x, y = same[0]
        how = "the same up to scale and sign" if len(same) == 1 else f"the same, and so are {len(same) - 1} more pairs"
        raise InputError(f"variables {names[x]!r} and {names[y]!r} are {how}", fix="leave one of them out")
    return correlation, _dependence(correlation, rows, names)


def _dependence(correlation: Floats, rows: float, names: Sequence[str]) -> list[str]:
    """What is doubtful about correlations: fewer rows than variables, variables that others determine."""
    p = len(correlation)
    if rows <= p:
        few = f"{rows:.0f} rows are few for {p} variables"
        return [f"{few}: choose an extended BIC (ebic 0.5 to 1) and look at the frequencies of a bootstrap"]
    values, vectors = np.linalg.eigh(correlation)
    null = vectors[:, values < _DETERMINED]
    if not null.shape[1]:
        return []
    involved = [names[int(at)] for at in np.flatnonzero(np.abs(null).max(1) > 1e-4)]
    shown = ", ".join(involved[:8]) + (", ..." if len(involved) > 8 else "")
    relations = f"{null.shape[1]} linear relation{'s' * (null.shape[1] > 1)}"
    which = "which of them are parents of which cannot be told from data"
    return [f"the variables {shown} determine each other ({relations}): {which}"]
