"""The filter language: what it means, and where it says that a filter is wrong."""

from __future__ import annotations

import contextlib

import numpy as np
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overtone.core import InputError
from overtone.search.expression import evaluate_filter
from overtone.search.filters import Both, Comparison, Either, IsNull, Like, Not, OneOf, check_where, columns_of
from overtone.search.where import parse_where

COLUMNS = {"duration": "double", "count": "int64", "label": "string", "good": "bool", "two words": "string"}
ROWS = [
    {"duration": 1.5, "count": 1, "label": "dog", "good": True, "two words": "a"},
    {"duration": 3.5, "count": 2**53 + 1, "label": "it's", "good": False, "two words": "b"},
    {"duration": None, "count": None, "label": None, "good": None, "two words": None},
    {"duration": -2.0, "count": 7, "label": "Dog 50%", "good": True, "two words": "c"},
]


def kept(text: str) -> list[int]:
    """Rows that pass a filter."""
    found = parse_where(text)
    check_where(found, COLUMNS, text)
    table = pyarrow.Table.from_pylist([{**row, "row": at} for at, row in enumerate(ROWS)])
    return table.filter(evaluate_filter(found, table, COLUMNS))["row"].to_pylist()


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("duration > 1", [0, 1]),
        ("duration >= 1.5 and label = 'dog'", [0]),
        ("duration>3 or label='dog'", [0, 1]),
        ("label = 'dog' or label = 'it''s' and duration < 0", [0]),
        ("(label = 'dog' or label = 'it''s') and duration < 2", [0]),
        ("label != 'dog'", [1, 3]),
        ("label <> 'dog'", [1, 3]),
        ("not label = 'dog'", [1, 3]),
        ("label in ('dog', 'cat')", [0]),
        ("label not in ('dog', 'cat')", [1, 3]),
        ("not (label in ('dog', 'cat'))", [1, 3]),
        ("count in (1, 7.0)", [0, 3]),
        ("count = 9007199254740993", [1]),
        ("count = 9007199254740992", []),
        ("count < 1.5", [0]),
        ("count > 99999999999999999999999", []),
        ("label like 'd%'", [0]),
        ("label not like '%o_'", [1, 3]),
        ("label is null", [2]),
        ("label IS NOT NULL AND good", [0, 3]),
        ("good", [0, 3]),
        ("not good", [1]),
        ("good = false", [1]),
        ("\"two words\" = 'b'", [1]),
        ("duration = -2e0", [3]),
        ("duration < -.5", [3]),
        ("not not good", [0, 3]),
    ],
)
def test_meaning(text: str, rows: list[int]) -> None:
    assert kept(text) == rows


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"character 1: the filter is empty"),
        ("duration >", r"character 11: a number, text in single quotes, true or false is needed, got the end"),
        ("duration > 3 and", r"character 17: the name of a column is needed, got the end"),
        ("duration > 3 label = 'dog'", r"character 14: and, or, or the end is needed, got label"),
        ("label = dog", r"character 9: a value is needed, got dog; text stands in single quotes: 'dog'"),
        ("label = 'dog", r"character 9: a quote that is not closed"),
        ("label = null", r"character 9: a comparison with null is never true; write: is null"),
        ("(label = 'dog'", r"character 15: \) is needed, got the end"),
        ("label in 'dog'", r"character 10: \( is needed, got 'dog'"),
        ("label not = 'dog'", r"character 11: in or like is needed, got ="),
        ("label like 3", r"character 12: text in single quotes is needed, got 3"),
        ("duration > 3; drop", r"character 13: unexpected ';'"),
        ("3 < duration", r"character 1: the name of a column is needed, got 3"),
        ("__import__('os')", r"character 11: and, or, or the end is needed, got \("),
        ("not " * 200 + "good", r"nested more than 100 times"),
    ],
)
def test_what_cannot_be_parsed_is_refused_by_position(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse_where(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lable = 'dog'", r"character 1: unknown column 'lable'.*did you mean 'label'"),
        ("good and label = 3", r"character 10: 'label' holds text; got 3"),
        ("duration = 'long'", r"'duration' holds numbers; got 'long'"),
        ("duration in (1, true)", r"'duration' holds numbers; got true"),
        ("good = 1", r"'good' holds true and false; got 1"),
        ("count like '1%'", r"'count' holds whole numbers; got '1%'"),
        ("label", r"'label' holds text; got true"),
    ],
)
def test_what_does_not_fit_the_columns_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        check_where(parse_where(text), COLUMNS, text)


def test_tree() -> None:
    found = parse_where("a = 1 and not b in ('x') or c is not null and d like 'y'")
    assert found == Either(
        Both(Comparison("a", "=", 1), Not(OneOf("b", ("x",)))), Both(Not(IsNull("c")), Like("d", "y"))
    )
    assert columns_of(found) == {"a", "b", "c", "d"}


@given(st.text(max_size=40))
def test_any_text_is_parsed_or_refused_in_one_sentence(text: str) -> None:
    with contextlib.suppress(InputError):
        parse_where(text)


@given(st.lists(st.one_of(st.none(), st.integers(-3, 3)), min_size=1, max_size=20), st.integers(-3, 3))
def test_logic_of_null_is_that_of_sql(values: list[int | None], bound: int) -> None:
    table = pyarrow.table({"x": pyarrow.array(values, pyarrow.int64()), "row": np.arange(len(values))})

    def rows(text: str) -> set[int]:
        return set(table.filter(evaluate_filter(parse_where(text), table, {"x": "int64"}))["row"].to_pylist())

    known = {row for row, value in enumerate(values) if value is not None}
    less = {row for row in known if values[row] < bound}
    assert rows(f"x < {bound}") == less
    assert rows(f"not x < {bound}") == known - less
    assert rows(f"x < {bound} or x is null") == less | (set(range(len(values))) - known)
    assert rows(f"not (x in ({bound}))") == {row for row in known if values[row] != bound}
