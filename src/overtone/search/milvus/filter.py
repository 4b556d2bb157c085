"""A filter in Milvus's own language, with SQL's logic of null, which Milvus does not have."""

from __future__ import annotations

import json

from overtone.search.filters import Both, Comparison, Either, Filter, IsNull, Like, Not, Value


def to_milvus(found: Filter, negated: bool = False) -> str:
    """A filter, or its opposite, over the metadata in the JSON field ``meta``, where null is left out.

    ``not`` is moved down to the comparisons, each of which asks whether there is a value: so null passes neither a
    comparison nor its opposite.

    Args:
        found: The filter.
        negated: Whether the opposite is meant.

    Returns:
        An expression of Milvus.

    Example:
        >>> from overtone.search.where import parse_where
        >>> print(to_milvus(parse_where("not (a > 3 or b is null)")))
        (exists meta["a"] and not (meta["a"] > 3)) and (exists meta["b"])
    """
    if isinstance(found, Not):
        return to_milvus(found.part, not negated)
    if isinstance(found, (Both, Either)):
        word = "and" if isinstance(found, Both) != negated else "or"
        return f"({to_milvus(found.first, negated)}) {word} ({to_milvus(found.second, negated)})"
    field = f"meta[{quote(found.column)}]"
    there = f"exists {field}"
    if isinstance(found, IsNull):
        return there if negated else f"not {there}"
    if isinstance(found, Comparison):
        sign = "==" if found.sign == "=" else found.sign
        test = f"{field} {sign} {quote(found.value)}"
    elif isinstance(found, Like):
        test = f"{field} like {quote(found.pattern)}"
    else:
        test = " or ".join(f"{field} == {quote(value)}" for value in found.values)
        test = f"({test})"
    return f"{there} and not ({test})" if negated else f"{there} and {test}"


def quote(value: Value) -> str:
    """A value as Milvus reads it."""
    return json.dumps(value, ensure_ascii=False)
