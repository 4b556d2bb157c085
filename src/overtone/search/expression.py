"""Which rows of a table pass a filter, with SQL's logic of null."""

from __future__ import annotations

import pyarrow
import pyarrow.compute as compute

from overtone.search.filters import Both, Comparison, Either, Filter, IsNull, Like, Not
from overtone.search.records import COLUMN_TYPES

_SIGNS = {
    "=": "equal",
    "!=": "not_equal",
    "<": "less",
    "<=": "less_equal",
    ">": "greater",
    ">=": "greater_equal",
}


def evaluate_filter(found: Filter, table: pyarrow.Table, columns: dict[str, str]) -> pyarrow.ChunkedArray:
    """Evaluate a filter that :func:`overtone.search.where.check_where` has passed.

    Args:
        found: The filter.
        table: N rows with all columns that the filter looks at.
        columns: Column to its type.

    Returns:
        (N,) booleans of pyarrow: true, false or null for each row.
    """
    if isinstance(found, Not):
        return compute.invert(evaluate_filter(found.part, table, columns))
    if isinstance(found, (Both, Either)):
        first, second = (evaluate_filter(part, table, columns) for part in (found.first, found.second))
        return compute.and_kleene(first, second) if isinstance(found, Both) else compute.or_kleene(first, second)
    column = table[found.column]
    if isinstance(found, IsNull):
        return compute.is_null(column)
    if isinstance(found, Like):
        return compute.match_like(column, found.pattern)
    kind = COLUMN_TYPES[columns[found.column]]
    values = [found.value] if isinstance(found, Comparison) else list(found.values)
    if pyarrow.types.is_integer(kind) and not all(isinstance(value, int) and abs(value) < 2**63 for value in values):
        column, kind = compute.cast(column, pyarrow.float64(), safe=False), pyarrow.float64()
    if pyarrow.types.is_floating(kind):
        values = [float(value) for value in values]
    if isinstance(found, Comparison):
        return compute.call_function(_SIGNS[found.sign], [column, pyarrow.scalar(values[0], kind)])
    member = compute.is_in(column, value_set=pyarrow.array(values, kind))
    return compute.if_else(compute.is_valid(column), member, pyarrow.scalar(None, pyarrow.bool_()))
