"""Numbers, metrics and findings in words: how the reports and the command line write them.

Example:
    >>> metric_name("recall@5"), metric_name("my_own")
    ('R@5', 'my own')
    >>> directions_of(("audio", "visual"))
    {'a2v': 'audio → visual', 'v2a': 'visual → audio'}
    >>> better_direction({"a2v": 0.5, "v2a": 0.25}, ("audio", "visual"))
    'The better direction is audio → visual (0.500 against 0.250).'
    >>> corpus_name("data/clips.h5"), corpus_name("")
    ('clips.h5', 'a corpus')
    >>> number(0.12345), number(12.34), number(1234.5), number(None), number(float("nan"))
    ('0.123', '12.3', '1,234', '–', '–')
    >>> significant(0.011834), significant(1.2614), significant(12345.6), significant(0.0000123)
    ('0.0118', '1.26', '12,346', '1.23 × 10⁻⁵')
    >>> tenths(14.02), tenths(1204.56)
    ('14.0', '1,204.6')
    >>> rank(3.0), rank(1204.5)
    ('3', '1,204.5')
    >>> percent(0.256), percent(0.0186, 1)
    ('26 %', '1.9 %')
    >>> signed(0.0312), signed(-0.2)
    ('+0.031', '−0.200')
    >>> span((0.1, 0.25)), span(None)
    ('0.100 to 0.250', '–')
    >>> p_value(0.0002), p_value(0.034)
    ('p < 0.001', 'p = 0.034')
    >>> duration(0.42), duration(75), duration(4000)
    ('0.4 s', '1 min 15 s', '1 h 7 min')
    >>> listed(["a", "b", "c"]), listed(["a"])
    ('a, b and c', 'a')
    >>> capital("effective rank"), capital("mAP")
    ('Effective rank', 'mAP')
    >>> plural(1, "query", "queries"), plural(1200, "row")
    ('1 query', '1,200 rows')
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, TypeGuard

from overtone.core.results import counted

if TYPE_CHECKING:  # importing numpy is felt at every call of the command line
    from overtone.features import Scalar

DASH = "–"
"""What stands where there is no number."""
SAME = 0.005
"""Difference of two directions below which they count as equally good."""
_TINY, _NOTHING = 0.0005, 1e-7
"""Differences between these are written with one digit; smaller ones are rounding."""
_COLUMNS, _LONGEST = 4, 80
"""Columns of metadata that are shown of a clip, and characters of a value."""
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def metric_name(key: str) -> str:
    """What a metric of an evaluation is called; an unknown one goes by its key."""
    from overtone.evaluation import find_metric  # loads torch, which words without metrics do not need

    metric = find_metric(key)
    return key.replace("_", " ") if metric is None else metric.title


def writer(key: str) -> Callable[[float | None], str]:
    """How the numbers of a metric are written: ranks as ranks, all others with three places."""
    return rank if key.endswith("_rank") else number


def directions_of(modalities: Sequence[str]) -> dict[str, str]:
    """The directions of retrieval by their key."""
    first, second = modalities
    return {"a2v": f"{first} → {second}", "v2a": f"{second} → {first}"}


def better_direction(values: Mapping[str, float | None], modalities: Sequence[str]) -> str:
    """Which direction of retrieval is better, as a sentence; empty where one is unknown."""
    both = {way: value for way, value in values.items() if known(value)}
    if len(both) < 2:
        return ""
    worse, better = sorted(both, key=lambda way: both[way])
    if both[better] - both[worse] < SAME:
        return "Both directions are equally good."
    figures = f"{number(both[better])} against {number(both[worse])}"
    return f"The better direction is {directions_of(modalities)[better]} ({figures})."


def corpus_name(source: str) -> str:
    """What a corpus is called: its source without the folder it lies in."""
    return PurePath(source or "a corpus").name or source


def known(value: object) -> TypeGuard[float]:
    """Whether something is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def number(value: float | None, digits: int = 3) -> str:
    """A number as the tables write it: ``digits`` places below ten, fewer above; a dash for none."""
    if not known(value):
        return DASH
    if isinstance(value, int):
        return f"{value:,}"
    places = digits if abs(value) < 10 else 1 if abs(value) < 1000 else 0
    return minus(f"{value:,.{places}f}")


def significant(value: float | None, digits: int = 3) -> str:
    """A number whose size is not known beforehand, with ``digits`` significant digits; tiny ones as a power of ten."""
    if not known(value) or isinstance(value, int) or value == 0:
        return number(value)
    size = math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}"))))
    if size < -4:
        return minus(f"{value / 10.0**size:.{digits - 1}f} × 10{str(size).translate(_RAISED)}")
    return minus(f"{value:,.{max(0, digits - 1 - size)}f}")


def tenths(value: float | None) -> str:
    """A count that was averaged, with one place."""
    return minus(f"{value:,.1f}") if known(value) else DASH


def rank(value: float | None) -> str:
    """A rank, which is whole, or halfway between two that are tied."""
    return f"{value:,.1f}".removesuffix(".0") if known(value) else DASH


def size_of(value: float | None) -> str:
    """A difference without its sign; one that three places would write as zero has one digit that counts.

    Example:
        >>> size_of(0.0312), size_of(0.00021), size_of(0.0)
        ('0.031', '0.0002', '0.000')
    """
    if known(value) and _NOTHING < abs(value) < _TINY:
        return significant(value, 1)
    return number(value)


def percent(share: float, places: int = 0) -> str:
    """A share in per cent."""
    return f"{100 * share:.{places}f} %"


def signed(value: float | None) -> str:
    """A difference, with its sign."""
    written = number(value)
    return f"+{written}" if known(value) and value > 0 else written


def minus(written: str) -> str:
    """A number with the typographic minus, and without a minus where only zeros follow."""
    return written.replace("-", "−" if any(digit in written for digit in "123456789") else "")


def span(interval: Sequence[float] | None) -> str:
    """An interval as the tables write it."""
    if interval is None or not all(map(known, interval)):
        return DASH
    return f"{number(interval[0])} to {number(interval[1])}"


def class_of(label: str) -> str:
    """A label with the word class before it, unless that is its first word.

    Example:
        >>> class_of("dog"), class_of("class 07"), class_of("")
        ('class dog', 'class 07', '')
    """
    return label if not label or label.lower().split()[0] == "class" else f"class {label}"


def p_value(value: float | None) -> str:
    """A p-value; tiny ones only as a bound."""
    if not known(value):
        return f"p {DASH}"
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def duration(seconds: float | None) -> str:
    """A time span as people say it."""
    if not known(seconds):
        return DASH
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min"


def listed(items: Sequence[str], *, last: str = "and") -> str:
    """Items as a sentence lists them."""
    return f" {last} ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def metadata_in_words(metadata: Mapping[str, Scalar]) -> str:
    """What is known of a clip beside its label, on one line; the first few columns.

    Example:
        >>> metadata_in_words({"title": "a dog", "seconds": 3.25, "note": None})
        'title: a dog · seconds: 3.25'
    """
    known = [(name, value) for name, value in metadata.items() if value is not None]
    return " · ".join(f"{name[:_LONGEST]}: {str(value)[:_LONGEST]}" for name, value in known[:_COLUMNS])


def prose(*sentences: str) -> str:
    """Sentences in a row; empty ones are left out."""
    return " ".join(filter(None, sentences))


def capital(text: str) -> str:
    """Text as a heading begins; names that mix their letters keep them."""
    return text[:1].upper() + text[1:] if text[:2].islower() else text


plural = counted
"""A count with its noun."""
