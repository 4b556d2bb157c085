"""The filter language of searches: ``duration > 3 and label = 'dog'``, parsed to a small tree; nothing is evaluated.

Grammar, with keywords in any case::

    filter     := all ("or" all)*              all := one ("and" one)*
    one        := "not" one | "(" filter ")" | column [test]
    test       := ("=" | "!=" | "<" | "<=" | ">" | ">=") value
                | ["not"] "in" "(" value ("," value)* ")" | ["not"] "like" text | "is" ["not"] "null"
    value      := number | 'text' | true | false

A column alone is true where it holds true. Text stands in single quotes, doubled inside (``'it''s'``); names of columns
with other characters than letters, digits and ``_`` in double quotes. As in SQL a comparison with null is neither true
nor false, so ``label != 'dog'`` leaves out items without a label; in a ``like`` pattern ``%`` stands for any characters
and ``_`` for one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from overtone.core import InputError
from overtone.core.printable import has_half_characters
from overtone.search.filters import Both, Comparison, Either, Filter, IsNull, Like, Not, OneOf, Value

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))|(?P<text>'(?:[^']|'')*')
    |(?P<quoted>"(?:[^"]|"")+")|(?P<word>[^\W\d]\w*)|(?P<sign><=|>=|!=|<>|==|[=<>(),]))""",
    re.VERBOSE,
)
_KEYWORDS = frozenset({"and", "or", "not", "in", "like", "is", "null", "true", "false"})
_SIGNS = {"==": "=", "<>": "!="}
_ORDER = ("=", "!=", "<", "<=", ">", ">=")
_DEPTH = 100


def parse_where(text: str) -> Filter:
    """Parse a filter.

    Args:
        text: In the language above.

    Returns:
        The filter as a tree.

    Raises:
        InputError: It cannot be parsed; names the position, counted from 1.

    Example:
        >>> parse_where("duration > 3 and label = 'dog'").second
        Comparison(column='label', sign='=', value='dog', at=18)
    """
    return _Parser(text).parse()


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


class _Parser:
    """Recursive descent over the tokens, one method a rule of the grammar."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._tokens()
        self.depth = 0

    def _tokens(self) -> list[_Token]:
        found, at = [], 0
        if has_half_characters(self.text):
            self._refuse(1, "text that is not UTF-8")
        while self.text[at:].strip():
            match = _TOKEN.match(self.text, at)
            if match is None:
                at += len(self.text[at:]) - len(self.text[at:].lstrip())
                opened = self.text[at] in "'\""
                self._refuse(at + 1, "a quote that is not closed" if opened else f"unexpected {self.text[at]!r}")
            group = kind = match.lastgroup or ""
            word = match[group]
            if kind == "word" and word.lower() in _KEYWORDS:
                kind, word = "keyword", word.lower()
            found.append(_Token(kind, _SIGNS.get(word, word), match.start(group) + 1))
            at = match.end()
        return [*found, _Token("end", "the end", len(self.text) + 1)]

    def parse(self) -> Filter:
        if len(self.tokens) == 1:
            self._refuse(1, "the filter is empty")
        found = self._either()
        if self.tokens[0].kind != "end":
            self._unexpected("and, or, or the end")
        return found

    def _either(self) -> Filter:
        found = self._both()
        while self._took("or"):
            found = Either(found, self._both())
        return found

    def _both(self) -> Filter:
        found = self._one()
        while self._took("and"):
            found = Both(found, self._one())
        return found

    def _one(self) -> Filter:
        self.depth += 1
        if self.depth > _DEPTH:
            self._refuse(self.tokens[0].at, f"nested more than {_DEPTH} times")
        if self._took("not"):
            found: Filter = Not(self._one())
        elif self._took("("):
            found = self._either()
            self._expect(")")
        else:
            found = self._test()
        self.depth -= 1
        return found

    def _test(self) -> Filter:
        token = self.tokens[0]
        if token.kind not in ("word", "quoted"):
            self._unexpected("the name of a column")
        self.tokens.pop(0)
        column = token.text[1:-1].replace('""', '"') if token.kind == "quoted" else token.text
        if self.tokens[0].text in _ORDER and self.tokens[0].kind == "sign":
            sign = self.tokens.pop(0).text
            return Comparison(column, sign, self._value(), token.at)
        if self._took("is"):
            negated = self._took("not")
            self._expect("null")
            return Not(IsNull(column, token.at)) if negated else IsNull(column, token.at)
        negated = self._took("not")
        found: Filter
        if self._took("in"):
            self._expect("(")
            values = [self._value()]
            while self._took(","):
                values.append(self._value())
            self._expect(")")
            found = OneOf(column, tuple(values), token.at)
        elif self._took("like"):
            if self.tokens[0].kind != "text":
                self._unexpected("text in single quotes")
            found = Like(column, str(self._value()), token.at)
        elif negated:
            self._unexpected("in or like")
        else:
            return Comparison(column, "=", True, token.at)
        return Not(found) if negated else found

    def _value(self) -> Value:
        token = self.tokens[0]
        if token.kind == "number":
            self.tokens.pop(0)
            whole = re.fullmatch(r"[-+]?\d+", token.text)
            return int(token.text) if whole else float(token.text)
        if token.kind == "text":
            self.tokens.pop(0)
            return token.text[1:-1].replace("''", "'")
        if token.kind == "keyword" and token.text in ("true", "false"):
            self.tokens.pop(0)
            return token.text == "true"
        if token.text == "null":
            self._refuse(token.at, "a comparison with null is never true", "write: is null")
        if token.kind in ("word", "quoted"):
            fix = f"text stands in single quotes: '{token.text}'"
            self._refuse(token.at, f"a value is needed, got {token.text}", fix)
        self._unexpected("a number, text in single quotes, true or false")

    def _took(self, text: str) -> bool:
        """Whether the next token is this keyword or sign, which is then passed."""
        if self.tokens[0].kind in ("keyword", "sign") and self.tokens[0].text == text:
            self.tokens.pop(0)
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._took(text):
            self._unexpected(text)

    def _unexpected(self, wanted: str) -> NoReturn:
        token = self.tokens[0]
        self._refuse(token.at, f"{wanted} is needed, got {token.text}")

    def _refuse(self, at: int, what: str, fix: str = "write for example: duration > 3 and label = 'dog'") -> NoReturn:
        raise InputError(f"--where {self.text!r}, character {at}: {what}", fix=fix)
