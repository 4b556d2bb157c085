"""Numbers and findings in words: how the report writes them, in one place."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

DASH = "–"
"""What stands where there is no number."""

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

METRICS: dict[str, tuple[str, str]] = {
    "map": ("mAP", "mean over the queries of the average precision over all ranks"),
    "map_events": ("mAP, all events", "relevant is what shares any event, annotated or not"),
    "chance_map": ("mAP by chance", "what a random order would get"),
    "map_running": ("mAP, running", "averaged over every cutoff, as some papers report it; optimistic"),
    "map@r": ("mAP@R", "only the first R ranks, R being the number of relevant items"),
    "ndcg": ("nDCG", "early ranks count more, and degrees of relevance count"),
    "recall@": ("R@{k}", "queries with a relevant item among the first {k}"),
    "instance_recall@": ("own partner R@{k}", "queries that find their own other half among the first {k}"),
    "median_rank": ("own partner median rank", "where half of the queries find their own other half, or earlier"),
    "mean_rank": ("own partner mean rank", "pulled up by the queries that miss"),
}
"""Name and meaning of the entries of an evaluation, in reading order; an unknown one is shown by its own name."""


def metric_name(key: str) -> tuple[str, str]:
    """The name and the meaning of an evaluation's entry.

    Example:
        >>> metric_name("recall@5")
        ('R@5', 'queries with a relevant item among the first 5')
    """
    kind, at, cutoff = key.partition("@")
    if at and cutoff.isdigit():
        name, meaning = METRICS.get(f"{kind}@", (key, ""))
        return name.format(k=cutoff), meaning.format(k=cutoff)
    return METRICS.get(key, (key.replace("_", " "), ""))


def reading_order(key: str) -> tuple[int, int]:
    """Where an entry of an evaluation stands in a table.

    Example:
        >>> sorted(["median_rank", "recall@10", "map", "recall@5"], key=reading_order)
        ['map', 'recall@5', 'recall@10', 'median_rank']
    """
    kind, at, cutoff = key.partition("@")
    names = list(METRICS)
    known = f"{kind}@" if at and cutoff.isdigit() else key
    return (names.index(known) if known in names else len(names), int(cutoff) if cutoff.isdigit() else 0)


def number(value: Any, digits: int = 3) -> str:
    """A number as the tables write it: ``digits`` places below ten, fewer above; a dash for none.

    Example:
        >>> number(0.12345), number(12.34), number(1234.5), number(None), number(float("nan"))
        ('0.123', '12.3', '1,234', '–', '–')
    """
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        return DASH
    if isinstance(value, int):
        return f"{value:,}"
    places = digits if abs(value) < 10 else 1 if abs(value) < 1000 else 0
    return minus(f"{value:,.{places}f}")


def significant(value: Any, digits: int = 3) -> str:
    """A number whose size is not known beforehand, with ``digits`` significant digits; tiny ones as a power of ten.

    Example:
        >>> significant(0.011834), significant(1.2614), significant(12345.6), significant(0.0000123)
        ('0.0118', '1.26', '12,346', '1.23 × 10⁻⁵')
    """
    if number(value) == DASH or isinstance(value, int) or value == 0:
        return number(value)
    size = math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}"))))
    if size < -4:
        return minus(f"{value / 10.0**size:.{digits - 1}f} × 10{str(size).translate(RAISED)}")
    return minus(f"{value:,.{max(0, digits - 1 - size)}f}")


def tenths(value: Any) -> str:
    """A count that was averaged, with one place.

    Example:
        >>> tenths(14.02), tenths(1204.56)
        ('14.0', '1,204.6')
    """
    return minus(f"{value:,.1f}") if number(value) != DASH else DASH


def writer(key: str) -> Callable[[Any], str]:
    """How the numbers of an evaluation's entry are written: ranks as ranks, all others with three places."""
    return rank if key.endswith("_rank") else number


def rank(value: Any) -> str:
    """A rank, which is whole, or halfway between two that are tied.

    Example:
        >>> rank(3.0), rank(1204.5)
        ('3', '1,204.5')
    """
    return f"{value:,.1f}".removesuffix(".0") if number(value) != DASH else DASH


def percent(share: float, places: int = 0) -> str:
    """A share in per cent.

    Example:
        >>> percent(0.256), percent(0.0186, 1)
        ('26 %', '1.9 %')
    """
    return f"{100 * share:.{places}f} %"


def signed(value: Any) -> str:
    """A difference, with its sign.

    Example:
        >>> signed(0.0312), signed(-0.2)
        ('+0.031', '−0.200')
    """
    written = number(value)
    return f"+{written}" if written != DASH and value > 0 else written


def minus(written: str) -> str:
    """A number with the typographic minus, and without a minus where only zeros follow."""
    return written.replace("-", "−" if any(digit in written for digit in "123456789") else "")


def span(interval: Sequence[float] | None) -> str:
    """An interval as the tables write it.

    Example:
        >>> span((0.1, 0.25)), span(None)
        ('0.100 to 0.250', '–')
    """
    if not known_interval(interval):
        return DASH
    assert interval is not None
    return f"{number(interval[0])} to {number(interval[1])}"


def known_interval(interval: Any) -> bool:
    """Whether something is a pair of finite numbers."""
    return (
        isinstance(interval, (list, tuple))
        and len(interval) == 2
        and all(isinstance(end, (int, float)) and math.isfinite(end) for end in interval)
    )


def has_number(entry: Mapping[str, Any], name: str) -> bool:
    """Whether an entry of a history or an evaluation holds a finite number under this name."""
    value = entry.get(name)
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def p_value(value: Any) -> str:
    """A p-value; tiny ones only as a bound.

    Example:
        >>> p_value(0.0002), p_value(0.034)
        ('p < 0.001', 'p = 0.034')
    """
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        return f"p {DASH}"
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def duration(seconds: Any) -> str:
    """A time span as people say it.

    Example:
        >>> duration(0.42), duration(75), duration(4000)
        ('0.4 s', '1 min 15 s', '1 h 7 min')
    """
    if not isinstance(seconds, (int, float)) or not math.isfinite(seconds):
        return DASH
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min"


def listed(items: Sequence[str], *, last: str = "and") -> str:
    """Items as a sentence lists them.

    Example:
        >>> listed(["a", "b", "c"]), listed(["a"])
        ('a, b and c', 'a')
    """
    return f" {last} ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def capital(text: str) -> str:
    """Text as a heading begins; names that mix their letters keep them.

    Example:
        >>> capital("effective rank"), capital("mAP")
        ('Effective rank', 'mAP')
    """
    return text[:1].upper() + text[1:] if text[:2].islower() else text


def plural(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun.

    Example:
        >>> plural(1, "query", "queries"), plural(1200, "row")
        ('1 query', '1,200 rows')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def difference_in_words(first: str, second: str, test: Mapping[str, Any]) -> str:
    """A paired test as a sentence: who is ahead, by how much, and whether the queries could have done that by chance.

    Args:
        first: The method whose mAP is taken.
        second: The method it is compared with.
        test: ``difference`` (first minus second), ``ci95`` and ``p_value``; ``metric``, if it is not mAP.

    Example:
        >>> test = {"difference": 0.02, "ci95": [-0.01, 0.05], "p_value": 0.2}
        >>> print(difference_in_words("cca", "dcca", test))
        cca and dcca cannot be told apart: +0.020 mAP, interval −0.010 to +0.050 (p = 0.200).
    """
    difference, interval = test.get("difference"), test.get("ci95")
    probability, metric = p_value(test.get("p_value")), metric_name(str(test.get("metric", "map")))[0]
    if not isinstance(difference, (int, float)) or not known_interval(interval):
        return f"{first} and {second} were not compared query by query."
    assert interval is not None
    low, high = interval
    if low <= 0 <= high:
        return (
            f"{first} and {second} cannot be told apart: {signed(difference)} {metric}, interval "
            f"{signed(low)} to {signed(high)} ({probability})."
        )
    ahead, behind = (first, second) if difference > 0 else (second, first)
    near, far = sorted((abs(low), abs(high)))
    interval_in_words = f"{number(near)} to {number(far)}"
    return f"{ahead} is ahead of {behind} by {number(abs(difference))} {metric} ({interval_in_words}, {probability})."
