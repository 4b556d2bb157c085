"""A filter as an expression of pyarrow, with SQL's logic of null."""

from __future__ import annotations

import operator

import pyarrow
import pyarrow.compute

from overtone.search.filters import Both, Comparison, Either, Filter, IsNull, Like, Not
from overtone.search.records import COLUMN_TYPES

_OPERATORS = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def to_expression(found: Filter, columns: dict[str, str]) -> pyarrow.compute.Expression:
    """The expression of a filter that :func:`overtone.search.where.check_where` has passed.

    Args:
        found: The filter.
        columns: Column to its type.

    Returns:
        True, false or null for each row.
    """
    if isinstance(found, Not):
        return ~to_expression(found.part, columns)
    if isinstance(found, Both):
        return to_expression(found.first, columns) & to_expression(found.second, columns)
    if isinstance(found, Either):
        return to_expression(found.first, columns) | to_expression(found.second, columns)
    column = pyarrow.compute.field(found.column)
    if isinstance(found, IsNull):
        return column.is_null()
    if isinstance(found, Like):
        return pyarrow.compute.match_like(column, found.pattern)
    kind = COLUMN_TYPES[columns[found.column]]
    values = [found.value] if isinstance(found, Comparison) else list(found.values)
    if pyarrow.types.is_integer(kind) and not all(isinstance(value, int) and abs(value) < 2**63 for value in values):
        column, kind = column.cast(pyarrow.float64(), safe=False), pyarrow.float64()
    if pyarrow.types.is_floating(kind):
        values = [float(value) for value in values]
    if isinstance(found, Comparison):
        return _OPERATORS[found.sign](column, pyarrow.scalar(values[0], kind))
    member = column.isin(pyarrow.array(values, kind))
    return pyarrow.compute.if_else(column.is_valid(), member, pyarrow.scalar(None, pyarrow.bool_()))
