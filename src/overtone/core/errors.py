"""The one exception that means "your input is wrong" and how its sentence is made."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from overtone.core.printable import printable

_LONGEST = 1500
"""Characters of each part of a sentence."""


class InputError(ValueError):
    """Input from a user cannot be used; the message is one sentence a newcomer can act on.

    The command line prints the message without a traceback and ends with exit code 2; in Python it is an
    ordinary :class:`ValueError`. Build the sentence from its parts so that none is forgotten.

    Args:
        what: What is wrong, starting with where: file, key, row (``"clips.h5, key 'audio', row 17: NaN"``).
        got: The offending value, if showing it helps.
        valid: What would have been accepted.
        fix: What the user can do about it.

    Example:
        >>> print(InputError("clips.npz: no key 'audio'", got="keys 'a', 'b'", fix="name them with --modalities a,b"))
        clips.npz: no key 'audio'; got keys 'a', 'b'; name them with --modalities a,b.
    """

    placed = False
    """Whether :func:`about` has said where."""

    def __init__(self, what: str, *, got: object = None, valid: object = None, fix: str | None = None) -> None:
        parts = [what.rstrip(".")]
        if got is not None:
            parts.append(f"got {got}")
        if valid is not None:
            parts.append(f"valid: {valid}".rstrip("."))
        if fix is not None:
            parts.append(fix.rstrip("."))
        sentence = "; ".join(printable(_shorten(part), lines=False) for part in parts)
        super().__init__(sentence if sentence.endswith("?") else sentence + ".")


def _shorten(part: str) -> str:
    """A part of a sentence, without its middle if it is very long: names from files may be of any length."""
    if len(part) <= _LONGEST:
        return part
    half = _LONGEST // 2
    return f"{part[:half]} ... {part[-half:]}"


def unknown_name(kind: str, name: str, valid: Iterable[str], *, fix: str | None = None) -> InputError:
    """The error for a name that does not exist: lists what does, the closest first in the advice.

    Args:
        kind: What the name is of (``"method"``).
        name: What was asked for.
        valid: The names that exist.
        fix: What to do if none of them is close.

    Returns:
        The error, to be raised.

    Example:
        >>> print(unknown_name("method", "hsc-mea", ["cca", "hsc-mae"]))
        unknown method 'hsc-mea'; valid: cca, hsc-mae; did you mean 'hsc-mae'?
    """
    names = sorted(valid)
    close = difflib.get_close_matches(str(name), names, n=1)
    return InputError(
        f"unknown {kind} {name!r}",
        valid=", ".join(names) or "none",
        fix=f"did you mean {close[0]!r}?" if close else fix,
    )


def refuse_repeated(
    things: str, names: Iterable[str], *, where: object = None, fix: str = "give each a name of its own"
) -> None:
    """Refuse two things of one name, which nothing that goes by names could tell apart.

    Args:
        things: What has the names (``"classes"``).
        names: The names.
        where: Where they are, such as a file.
        fix: What to do; ``{name}`` stands for the name.

    Raises:
        InputError: A name stands twice.

    Example:
        >>> refuse_repeated("classes", ["dog", "cat", "dog"])
        Traceback (most recent call last):
        overtone.core.errors.InputError: two classes are called 'dog'; give each a name of its own.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            place = "" if where is None else f"{where}: "
            raise InputError(f"{place}two {things} are called {name!r}", fix=fix.replace("{name}", name))
        seen.add(name)


def require_kind(value: object, kinds: type | tuple[type, ...], what: str, *, fix: str) -> None:
    """Refuse a value of another type than is needed, which Python would only notice much later.

    Args:
        value: What was given.
        kinds: The types that it may have.
        what: What is needed.
        fix: What to do.

    Raises:
        InputError: It has none of these types.

    Example:
        >>> require_kind([1, 2], dict, "arrays need names", fix="give a mapping of names to arrays")
        Traceback (most recent call last):
        overtone.core.errors.InputError: arrays need names; got list; give a mapping of names to arrays.
    """
    if not isinstance(value, kinds):
        raise InputError(what, got=in_short(value), fix=fix)


def in_short(value: object) -> str:
    """A value as a sentence shows it: what is short as it is, otherwise its type.

    Args:
        value: Anything.
    """
    return repr(value) if value is None or isinstance(value, (bool, int, float, str)) else type(value).__name__


@contextmanager
def about(where: object) -> Iterator[None]:
    """Put a place, such as a file, before the message of any :class:`InputError` that does not name one itself.

    Of places within each other the innermost is named.

    Args:
        where: The place.

    Returns:
        A context manager.

    Raises:
        InputError: One was raised inside.

    Example:
        >>> with about("table.npz"):
        ...     raise InputError("a graph needs at least 4 rows", got=1)
        Traceback (most recent call last):
        overtone.core.errors.InputError: table.npz: a graph needs at least 4 rows; got 1.
    """
    try:
        yield
    except InputError as error:
        if error.placed or str(where) in str(error):
            raise
        placed = InputError(f"{where}: {error}")
        placed.placed = True
        raise placed from None
